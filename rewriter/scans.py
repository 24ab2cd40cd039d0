"""Every base-table scan in a statement, resolved against the catalog, and what the statement can need of each.

Over-inclusion is the rule where the text leaves a doubt: a column that might be meant is taken as named, so a mask is
computed that nobody looks at. The opposite error would leave a sensitive column in a raw scan.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from masking.types import Dialect
from rewriter.errors import Reason, StatementRefused, UnknownRelation
from rewriter.resolution import Part, Resolver, SystemRelation
from rewriter.schema import Relation, RelationKind
from rewriter.statement import Statement
from rewriter.system_catalogs import is_readable_catalog, measured_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One read of a relation. `start`/`end`: the span of its name in the text, end exclusive.

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


@dataclass(frozen=True, slots=True)
class Mentions:
    """Which names a statement uses.

    `words`: word in lower case → the qualifiers it stands behind, None for none or for one that proves nothing.
    `everything`: aliases (lower case) of which all columns are used, None among them when it holds for every scan.
    """

    words: dict[str, set[str | None]] = field(default_factory=dict)
    everything: set[str | None] = field(default_factory=set)

    def with_inner(self, other: "Mentions") -> "Mentions":
        """These and, behind no qualifier, those of a text that will stand inside the statement."""
        words = {word: set(qualifiers) for word, qualifiers in self.words.items()}
        for word in other.words:
            words.setdefault(word, set()).add(None)
        return Mentions(words, self.everything | ({None} if other.everything else set()))

    def is_everything(self, scan: Scan) -> bool:
        """Whether the statement may use every column of `scan`."""
        is_spoken = None in self.everything or scan.word in self.everything
        # A full-text query names columns inside a string.
        is_virtual = scan.relation.kind is RelationKind.VIRTUAL
        return is_spoken or scan.has_column_list or scan.is_operand or is_virtual

    def names(self, word: str, scan: Scan) -> bool:
        """Whether the statement may name column `word` of `scan`."""
        qualifiers = self.words.get(word)
        return qualifiers is not None and (None in qualifiers or scan.word in qualifiers)


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
    found = list(_table_scans(statement, resolver))
    if statement.dialect == "sqlite":
        found.extend(_operand_scans(statement, resolver))
    return tuple(sorted(found, key=lambda scan: scan.start))


def _table_scans(statement: Statement, resolver: Resolver) -> Iterator[Scan]:
    assert statement.tree is not None
    for table in statement.nodes(exp.Table):
        name = table.this
        if isinstance(table.parent, exp.Lock) or table.arg_key == "indexed" or not isinstance(name, exp.Identifier):
            continue
        start = position(name)
        if statement.text[start] == "'":
            raise StatementRefused(Reason.CONSTRUCT, "Name a table; files cannot be read.")
        parts = _parts(table)
        if len(parts) == 1 and is_cte(table, parts[0], resolver):
            _check_shadowed(parts, resolver)
            continue
        relation = _resolved(parts, statement, resolver)
        if relation is not None:
            yield _scan(table, relation, statement)


def _parts(table: exp.Expr) -> tuple[Part, ...]:
    names = (table.args.get("catalog"), table.args.get("db"), table.this)
    return tuple(part(name) for name in names if name)


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
        raise UnknownRelation(".".join(p.text for p in parts), f"SELECT 1 FROM {written} WHERE 1 = 0")
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


def _scan(table: exp.Expr, relation: Relation, statement: Statement) -> Scan:
    names = [name for name in (table.args.get("catalog"), table.args.get("db"), table.this) if name]
    alias = table.args.get("alias")
    named = alias.this if alias is not None and alias.this else None
    spoken = named or table.this
    return Scan(
        relation=relation,
        start=position(names[0]),
        end=end_position(names[-1]),
        alias=statement.sql[position(spoken) : end_position(spoken)],
        word=spoken.name.lower(),
        has_alias=named is not None,
        has_column_list=bool(alias is not None and alias.args.get("columns")),
        is_qualified=len(names) > 1,
        node=table,
    )


def _operand_scans(statement: Statement, resolver: Resolver) -> Iterator[Scan]:
    """SQLite reads a table in `x IN tablename`; the parser calls that name a column."""
    assert statement.tree is not None
    for node in statement.nodes(exp.In):
        operand = node.args.get("field")
        if isinstance(operand, exp.Literal):
            raise StatementRefused(Reason.CONSTRUCT, "Write the table's name after IN without quotes.")
        if not isinstance(operand, exp.Column):
            continue
        names = [name for name in (operand.args.get("table"), operand.this) if name]
        if len(names) == 1 and is_cte(operand, part(names[0]), resolver):
            continue
        relation = _resolved(tuple(part(name) for name in names), statement, resolver)
        if relation is not None:
            start, end = position(names[0]), end_position(names[-1])
            yield Scan(
                relation=relation, start=start, end=end, alias=statement.sql[start:end], word=relation.name.lower(),
                has_alias=False, has_column_list=False, is_qualified=len(names) > 1, node=operand, is_operand=True,
            )  # fmt: skip


def is_cte(node: exp.Expr, name: Part, resolver: Resolver) -> bool:
    """Whether an unqualified name at `node` means a common table expression that is visible there."""
    folded = resolver.fold_relation(name)
    child, above = node, node.parent
    while above is not None:
        ctes: list[exp.Expr] = []
        if isinstance(above, exp.With):
            ctes = _visible_inside(above, child, resolver.dialect)
        elif not isinstance(child, exp.With) and (with_ := above.args.get("with_")) is not None:
            ctes = with_.expressions
        if any(resolver.fold_relation(part(cte.args["alias"].this)) == folded for cte in ctes):
            return True
        child, above = above, above.parent
    return False


def _visible_inside(with_: exp.With, member: exp.Expr, dialect: Dialect) -> list[exp.Expr]:
    """Which siblings, itself included, the body of one CTE can read: each engine's own rule."""
    ctes: list[exp.Expr] = with_.expressions
    index = next(i for i, cte in enumerate(ctes) if cte is member)
    is_recursive = bool(with_.args.get("recursive"))
    match dialect:
        case "sqlite":
            return ctes
        case "postgresql" | "mysql":
            return ctes if is_recursive else ctes[:index]
        case "duckdb":
            is_union = isinstance(member, exp.CTE) and isinstance(member.this, exp.SetOperation)
            return ctes[: index + 1] if is_recursive and is_union else ctes[:index]


def mentions(statement: Statement, found: tuple[Scan, ...]) -> Mentions:
    """Which names the statement uses, and of which scans it uses every column."""
    assert statement.tree is not None
    result = Mentions()
    sources = _closed_sources(statement)
    qualifiers = _stars_and_qualifiers(statement, sources, result)
    _implicit_columns(statement, result)
    spoken = {scan.word for scan in found}
    definitions = {place for scan in found for place in _definition_places(scan)}
    tokens = statement.tokens
    columns = _column_words(found)
    for index, token in enumerate(tokens):
        # SQLite takes a string for a name where only a name can stand: c.'ssn', USING ('ssn').
        if not statement.is_word(token) and not (statement.dialect == "sqlite" and statement.is_string(token)):
            continue
        word = token.text.lower()
        qualifier = qualifiers.get(token.start)
        for name in word.split() or [word]:  # some tokens are two words
            result.words.setdefault(name, set()).add(qualifier)
        result.words.setdefault(word, set()).add(qualifier)
        if word in spoken and token.start not in definitions and not _is_before_dot(tokens, index):
            result.everything.add(word)
        if qualifier in columns and word not in columns[qualifier]:
            result.everything.add(qualifier)  # PostgreSQL: c.row_to_json is row_to_json(c)
        if not word.isascii() or len(word) > _SHORTEST_LIMIT:
            result.everything.add(None)
    return result


_SHORTEST_LIMIT = 62
"""Longer names may be cut by the engine (PostgreSQL: to 63 bytes), and mean another column than they say."""

_SYSTEM_WORDS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "rowid", "oid", "_rowid_"})


def _column_words(found: tuple[Scan, ...]) -> dict[str | None, frozenset[str]]:
    """Aliases → names, in lower case, of the columns that the relations so called have in common."""
    columns: dict[str | None, frozenset[str]] = {}
    for scan in found:
        own = frozenset(column.name.lower() for column in scan.relation.columns) | _SYSTEM_WORDS
        columns[scan.word] = columns.get(scan.word, own) & own
    return columns


def _is_before_dot(tokens: tuple[Token, ...], index: int) -> bool:
    return index + 1 < len(tokens) and tokens[index + 1].token_type == TokenType.DOT


def _definition_places(scan: Scan) -> Iterator[int]:
    """Where the scan's own name and alias stand: those mentions do not read the whole row."""
    if scan.is_operand:
        yield scan.start
        return
    for key in ("catalog", "db", "this"):
        if (name := scan.node.args.get(key)) is not None:
            yield position(name)
    alias = scan.node.args.get("alias")
    if alias is not None and alias.this:
        yield position(alias.this)
    query = scan.node.find_ancestor(exp.Select)
    for lock in query.args.get("locks") or () if query else ():
        for table in lock.expressions:
            yield position(table.this)


def _closed_sources(statement: Statement) -> set[str]:
    """Names, in lower case, that each stand for one FROM item and nothing else.

    A column behind such a name belongs to that item. An alias over a join in parentheses does not count: columns behind
    it are those of the tables inside.
    """
    names: set[str] = set()
    for source in statement.nodes(exp.Table, exp.Subquery, exp.Lateral, exp.Unnest):
        alias = source.args.get("alias")
        word = alias.this.name.lower() if alias is not None and alias.this else ""
        if isinstance(source, exp.Table):
            word = word or source.name.lower()
        elif isinstance(source, exp.Subquery) and not isinstance(source.this, exp.Select | exp.SetOperation):
            continue
        names.add(word)
    opaque = {
        node.args["alias"].this.name.lower()
        for node in statement.nodes(exp.Subquery)
        if not isinstance(node.this, exp.Select | exp.SetOperation)
        and node.args.get("alias")
        and node.args["alias"].this
    }
    return names - opaque


def _stars_and_qualifiers(statement: Statement, sources: set[str], result: Mentions) -> dict[int, str | None]:
    """Places of column names → the source that they are behind; stars are noted in `result.everything`."""
    qualifiers: dict[int, str | None] = {}
    for column in statement.nodes(exp.Column):
        table = column.args.get("table")
        word = table.name.lower() if table is not None else None
        source = word if word in sources else None
        if isinstance(column.this, exp.Star):
            result.everything.add(source)
        elif source is not None and isinstance(column.this, exp.Identifier):
            qualifiers[position(column.this)] = source
    if any(not _is_harmless(star) for star in statement.nodes(exp.Star)):
        result.everything.add(None)
    return qualifiers


def _is_harmless(star: exp.Expr) -> bool:
    """A star that reads no column (`count(*)`, `EXISTS (SELECT * …)`) or that stands behind a qualifier."""
    above = star.parent
    if isinstance(above, exp.Count | exp.Column):
        return True
    if not isinstance(above, exp.Select) or not isinstance(above.parent, exp.Exists):
        return False
    # Where rows are put together by their columns, an OFFSET finds out how many there are.
    is_merged = any(above.args.get(clause) for clause in ("distinct", "group"))
    return above.expressions[0] is star and not is_merged


_WHOLE_ROW_NODES = (exp.Columns, exp.Pivot, exp.Summarize, exp.PositionalColumn)


def _implicit_columns(statement: Statement, result: Mentions) -> None:
    """Constructs that use columns without naming them."""
    assert statement.tree is not None
    is_implicit = any(True for _ in statement.nodes(*_WHOLE_ROW_NODES))
    for join in statement.nodes(exp.Join):
        is_implicit = is_implicit or (join.args.get("method") or "").upper() == "NATURAL"
    if is_implicit:
        result.everything.add(None)
    result.everything.update(_bracketed_tables(statement))


def _bracketed_tables(statement: Statement) -> Iterator[str]:
    """What a join in brackets reads: its alias stands for all of its columns, and may give them other names.

    SQLite does so without an alias too, where two columns in it have the same name.
    """
    for joined in statement.nodes(exp.Subquery):
        is_renamed = statement.dialect == "sqlite" or bool(joined.args.get("alias"))
        if is_renamed and not isinstance(joined.this, exp.Select | exp.SetOperation):
            yield from (table.alias_or_name.lower() for table in joined.find_all(exp.Table))
