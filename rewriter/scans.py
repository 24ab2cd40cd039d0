"""Every base-table scan in a statement, resolved against the catalog as the engine resolves it."""

from collections.abc import Iterator

from sqlglot import exp

from rewriter.errors import Reason, StatementRefused, UnknownRelation
from rewriter.records import record
from rewriter.resolution import Part, Resolver, SystemRelation
from rewriter.schema import Relation
from rewriter.statement import Statement
from rewriter.system_catalogs import is_readable_catalog, measured_columns


@record(kw_only=True, eq=False)
class Scan:
    """One read of a relation, equal to itself alone. `start`/`end`: the span of its name in the text, end exclusive.

    `alias`: the name by which the statement calls it, as written; `word`: the same in lower case without quotes.
    `node`: the parser's node, read only. `is_operand`: SQLite's `x IN tablename`.
    """

    relation: Relation
    start: int
    end: int
    alias: str
    word: str
    has_alias: bool
    has_column_list: bool
    is_qualified: bool
    node: exp.Expr
    is_operand: bool = False


def part(identifier: exp.Expr) -> Part:
    """A parser's identifier as a name part."""
    return Part(identifier.name, bool(identifier.args.get("quoted")))


def position(identifier: exp.Expr) -> int:
    """Where an identifier begins in the text.

    Raises:
        StatementRefused: the parser made it up, so that nothing can be said of its place.
    """
    start = identifier.meta.get("start")
    if start is None:
        raise StatementRefused(Reason.CONSTRUCT, "Write the name of each table plainly.")
    return int(start)


def end_position(identifier: exp.Expr) -> int:
    """The place after an identifier in the text."""
    return int(identifier.meta["end"]) + 1


def scans(statement: Statement, resolver: Resolver) -> tuple[Scan, ...]:
    """Every scan of a user's relation in the statement, in the text's order.

    Raises:
        UnknownRelation: a name that the catalog does not know.
        StatementRefused: a system catalog that is not readable, or a table where none can be followed.
    """
    if statement.tree is None:
        return ()
    expressions = Expressions(statement, resolver)
    found = list(_table_scans(statement, expressions, resolver))
    if statement.dialect == "sqlite":
        found.extend(_operand_scans(statement, expressions, resolver))
    if len(found) > 1:
        found.sort(key=lambda scan: scan.start)
    return tuple(found)


def _table_scans(statement: Statement, expressions: "Expressions", resolver: Resolver) -> Iterator[Scan]:
    for table in statement.nodes(exp.Table):
        name = table.this
        if isinstance(table.parent, exp.Lock) or table.arg_key == "indexed" or not isinstance(name, exp.Identifier):
            continue
        if statement.dialect == "mysql" and _is_reference(table):
            continue
        start = position(name)
        names = [one for one in (table.args.get("catalog"), table.args.get("db"), name) if one]
        parts = tuple([part(one) for one in names])
        if statement.text[start] == "'" and (statement.dialect != "sqlite" and resolver.resolve(parts) is None):
            raise StatementRefused(Reason.CONSTRUCT, "Name a table; files cannot be read.")
        if len(parts) == 1 and expressions.has(parts[0], table):
            _check_shadowed(parts, resolver)
            continue
        relation = _resolved(parts, statement, resolver)
        if relation is not None and not _is_described(table):
            yield _scan(table, names, relation, statement=statement)


def _is_reference(table: exp.Expr) -> bool:
    """Whether a name says which of the tables listed elsewhere lose rows: MySQL's `DELETE c FROM`, `FROM c USING`."""
    delete = table.parent
    if not isinstance(delete, exp.Delete):
        return False
    using = delete.args.get("using")
    if table.arg_key == "tables":
        return True
    if table.arg_key != "this" or not isinstance(using, list):
        return False
    return any(
        other.alias_or_name.lower() == table.name.lower() for item in using for other in item.find_all(exp.Table)
    )


def _is_described(table: exp.Expr) -> bool:
    """Whether a name says whose definition is shown: DuckDB's `FROM (DESCRIBE t)`."""
    return isinstance(table.parent, exp.Describe) and not any(table.args.get(key) for key in _READING)


_READING = ("alias", "joins", "laterals", "pivots", "sample", "hints")


def _resolved(parts: tuple[Part, ...], statement: Statement, resolver: Resolver) -> Relation | None:
    """The relation that the parts mean; None for a readable system catalog."""
    relation = resolver.resolve(parts)
    if isinstance(relation, SystemRelation):
        if not is_readable_catalog(resolver.dialect, relation.schema, relation.name):
            raise StatementRefused(
                Reason.SYSTEM_CATALOG, f"{relation.name} is not among the catalogs open to everyone."
            )
        _check_measured(relation, statement)
        return None
    if relation is None:
        if resolver.dialect == "mysql" and parts[-1].text.lower() == "dual":
            return None
        quote = "`" if resolver.dialect == "mysql" else '"'
        written = ".".join(quote + p.text.replace(quote, 2 * quote) + quote if p.is_quoted else p.text for p in parts)
        raise UnknownRelation(tuple(p.text for p in parts), f"SELECT 1 FROM {written} WHERE 1 = 0")
    return relation


def _check_shadowed(parts: tuple[Part, ...], resolver: Resolver) -> None:
    """Engines differ in where such a name means the expression.

    DuckDB reads the catalog on the left of a recursive UNION.
    """
    relation = resolver.resolve(parts)
    if isinstance(relation, SystemRelation) and not is_readable_catalog(
        resolver.dialect, relation.schema, relation.name
    ):
        raise StatementRefused(
            Reason.SYSTEM_CATALOG, f"Call the common table expression {parts[0].text} something else."
        )


def _check_measured(relation: SystemRelation, statement: Statement) -> None:
    """Sizes and counts that the engine takes from stored values tell two databases apart."""
    measured = measured_columns(statement.dialect, relation.schema, relation.name)
    if measured and any(not isinstance(star.parent, exp.Count) for star in statement.nodes(exp.Star)):
        raise StatementRefused(Reason.SYSTEM_CATALOG, f"Name the columns of {relation.name} instead of writing *.")
    for token in statement.tokens if measured else ():
        if token.text.lower() in measured and statement.is_word(token):
            raise StatementRefused(
                Reason.SYSTEM_CATALOG, f"{relation.name}.{token.text} is measured from stored values."
            )


def _scan(table: exp.Expr, names: list[exp.Expr], relation: Relation, *, statement: Statement) -> Scan:
    alias = table.args.get("alias")
    named = alias.this if alias is not None and alias.this else None
    spoken = named or table.this
    return Scan(
        relation=relation,
        start=position(names[0]),
        end=end_position(names[-1]),
        alias=_as_name(statement.sql[position(spoken) : end_position(spoken)]),
        word=spoken.name.lower(),
        has_alias=named is not None,
        has_column_list=bool(alias is not None and alias.args.get("columns")),
        is_qualified=len(names) > 1,
        node=table,
    )


def _as_name(written: str) -> str:
    """A name as it can stand for an alias: SQLite and DuckDB take a string for the name of a table."""
    if not written.startswith("'"):
        return written
    name = written[1:-1].replace("''", "'").replace('"', '""')
    return f'"{name}"'


def _operand_scans(statement: Statement, expressions: "Expressions", resolver: Resolver) -> Iterator[Scan]:
    """SQLite reads a table in `x IN tablename`; the parser calls that name a column."""
    assert statement.tree is not None
    for node in statement.nodes(exp.In):
        operand = node.args.get("field")
        if isinstance(operand, exp.Literal):
            raise StatementRefused(Reason.CONSTRUCT, "Write the table's name after IN without quotes.")
        if not isinstance(operand, exp.Column):
            continue
        names = [name for name in (operand.args.get("table"), operand.this) if name]
        if len(names) == 1 and expressions.has(part(names[0]), operand):
            continue
        relation = _resolved(tuple(part(name) for name in names), statement, resolver)
        if relation is not None:
            start, end = position(names[0]), end_position(names[-1])
            yield Scan(
                relation=relation, start=start, end=end, alias=statement.sql[start:end], word=relation.name.lower(),
                has_alias=False, has_column_list=False, is_qualified=len(names) > 1, node=operand, is_operand=True,
            )  # fmt: skip


class Expressions:
    """The common table expressions of a statement, and where their names mean them."""

    __slots__ = ("_first", "_known", "_places", "_resolver")

    def __init__(self, statement: Statement, resolver: Resolver) -> None:
        self._resolver = resolver
        self._known: dict[tuple[int, str], bool] = {}
        self._places: dict[int, int] = {}
        self._first: dict[int, dict[str, int]] = {}
        for with_ in statement.nodes(exp.With):
            first = self._first[id(with_)] = {}
            for index, cte in enumerate(with_.expressions):
                self._places[id(cte)] = index
                first.setdefault(resolver.fold_relation(part(cte.args["alias"].this)), index)

    def has(self, name: Part, node: exp.Expr) -> bool:
        """Whether an unqualified name at `node` means one that is visible there."""
        if not self._places:
            return False
        folded = self._resolver.fold_relation(name)
        passed: list[tuple[int, str]] = []
        child, above, found = node, node.parent, False
        while above is not None and not found:
            key = (id(child), folded)
            if key in self._known:
                found = self._known[key]
                break
            passed.append(key)
            with_, end = None, len(self._places)
            if isinstance(above, exp.With):
                with_, end = above, self._visible(above, child)
            elif not isinstance(child, exp.With):
                with_ = above.args.get("with_")
            found = with_ is not None and self._first[id(with_)].get(folded, end) < end
            child, above = above, above.parent
        self._known.update(dict.fromkeys(passed, found))
        return found

    def _visible(self, with_: exp.With, member: exp.Expr) -> int:
        """How many siblings, itself included, the body of one can read: each engine's own rule."""
        index, every = self._places[id(member)], len(with_.expressions)
        is_recursive = bool(with_.args.get("recursive"))
        match self._resolver.dialect:
            case "sqlite":
                return every
            case "postgresql" | "mysql":
                return every if is_recursive else index
            case "duckdb":
                is_union = isinstance(member, exp.CTE) and isinstance(member.this, exp.SetOperation)
                return index + 1 if is_recursive and is_union else index
