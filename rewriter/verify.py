"""The check of the result: reads the produced text anew and fails unless every sensitive column is behind its mask.

It shares none of the passes: what a masked table must be to the letter, the binding says; what is left without those is
read by its tokens, and parsed where these do not tell. A scan left raw is allowed only where no word of the statement
can reach a masked column of it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sqlglot import exp
from sqlglot.tokenizer_core import Token

from masking.names import ColumnName
from rewriter.binding import Binding, Protected
from rewriter.errors import LeakError
from rewriter.kinds import StatementKind
from rewriter.masked_tables import STAND_IN, SetAside, masked_words, set_aside
from rewriter.reserved import is_keyword
from rewriter.statement import Statement, read_statement
from rewriter.token_check import IMPLICIT, SYSTEM_WORDS, by_word, is_behind_masks, is_harmless_star
from rewriter.verify_shields import out_of_reach
from rewriter.verify_writes import harmless

_TABLE_STATEMENT = re.compile(r"\btable\s+(?:only\s+)?\Z", re.IGNORECASE)
_QUERIES = (exp.Select, exp.SetOperation)
_ROWS = (*_QUERIES, exp.Values)
_TABLES = (exp.Query, exp.Values)
_FAR = 200
"""How many characters before a name the word TABLE is looked for."""


@dataclass(frozen=True, slots=True)
class _Raw:
    """A scan that is not behind a mask: of which relation, and as what the statement calls it.

    `columns`: what it has, in lower case, whichever relation of that name it is of. `hidden`: where it cannot be read.
    """

    protected: Protected
    alias: str
    columns: frozenset[str]
    hidden: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Outside:
    """What is left of a statement once its masked tables are set aside.

    `spoken`: its tokens' texts in lower case, and blanks around them. `starts`: where each begins. `sources`: names
    that stand for one FROM item each. `places`: where tables and outputs are only named, and keywords. `has_fields`:
    whether a column may stand before a dot. `has_rows`: whether a table's name may stand for its row.
    """

    spoken: list[str]
    starts: list[int]
    sources: set[str]
    places: frozenset[int]
    has_fields: bool
    has_rows: bool


def verify(
    sql: str,
    binding: Binding,
    *,
    revealed: frozenset[ColumnName] = frozenset(),
    returned: frozenset[ColumnName] = frozenset(),
    is_percent_doubled: bool = False,
) -> SetAside:
    """`sql` without its masked tables, when no sensitive column outside `revealed` can be read raw by it.

    `returned`: what the statement's own RETURNING may show besides.

    Raises:
        LeakError: a scan of a sensitive relation is not behind its masks.
    """
    aside = set_aside(sql, binding, revealed, is_percent_doubled=is_percent_doubled)
    if not is_behind_masks(aside, binding, revealed):
        check_parsed(aside, binding, revealed, returned=returned)
    return aside


def check_parsed(
    aside: SetAside,
    binding: Binding,
    revealed: frozenset[ColumnName],
    *,
    returned: frozenset[ColumnName] = frozenset(),
) -> None:
    """Every scan of a sensitive relation that was not set aside is known to be harmless.

    Raises:
        LeakError: one is not.
    """
    statement = read_statement(aside.sql, binding.dialect, is_percent_doubled=aside.is_percent_doubled)
    tables = [table for table in statement.nodes(exp.Table) if not _is_described(table)]
    _check_stand_ins(tables, {place + STAND_IN.rindex(" ") + 1 for place in aside.places})
    raw: list[_Raw] = []
    written: list[tuple[exp.Expr, Protected]] = []
    for table in tables:
        meant = list(_meant(table, binding))
        columns = SYSTEM_WORDS.union(column.word for protected in meant for column in protected.columns)
        for protected in meant:
            if masked_words(protected, revealed):
                _check_names(statement, table, protected)
                written.append((table, protected))
                raw.append(_Raw(protected, (table.alias or table.name).lower(), columns))
    if raw:
        outside = _outside(statement, tables)
        if statement.kind is StatementKind.WRITE:
            passed = harmless(statement, binding, raw=written, texts=aside.texts, returned=returned)
            raw = [
                replace(scan, hidden=out_of_reach(statement, binding, raw=each, known=written, returned=returned))
                for scan, each in zip(raw, written, strict=True)
            ]
            rows = {values.alias.lower() for values in statement.nodes(exp.Values) if values.alias}
            outside = replace(outside, sources=outside.sources | rows | {"excluded"}, places=outside.places | passed)
        _check_raw(raw, outside, revealed)
    _check_operands(statement, binding)


def _is_described(table: exp.Expr) -> bool:
    """DuckDB's `FROM (DESCRIBE t)`, which shows a definition and reads no row."""
    return isinstance(table.parent, exp.Describe) and table.args.keys() <= {"this", "db", "catalog"}


def _outside(statement: Statement, tables: Iterable[exp.Expr]) -> _Outside:
    keywords = (token.start for index, token in enumerate(statement.tokens) if is_keyword(statement, index))
    return _Outside(
        spoken=[*_EDGE, *(_spoken(statement, token) for token in statement.tokens), *_EDGE],
        starts=[*(-1 for _ in _EDGE), *(token.start for token in statement.tokens)],
        sources=_sources(statement),
        places=frozenset(place for table in tables for place in _places(table))
        | _names_given(statement)
        | frozenset(keywords),
        has_fields=statement.dialect == "duckdb",
        has_rows=statement.dialect != "mysql",
    )


_EDGE = ("", "", "", "")


def _spoken(statement: Statement, token: Token) -> str:
    """A token's text in lower case; SQLite alone takes a string for a name, where only a name can stand."""
    return "'" if statement.dialect != "sqlite" and statement.is_string(token) else token.text.lower()


def _check_operands(statement: Statement, binding: Binding) -> None:
    """SQLite reads a table in `x IN tablename`, which is a column to the parser."""
    for node in statement.nodes(exp.In) if statement.dialect == "sqlite" else ():
        operand = node.args.get("field")
        for protected in by_word(binding).get(operand.name.lower(), ()) if operand is not None else ():
            raise _left_raw(protected)


def _check_stand_ins(tables: Iterable[exp.Expr], places: set[int]) -> None:
    """Each masked table is a query of its own, in which nothing follows but what belongs to its relation."""
    found: set[int] = set()
    for table in tables:
        start = table.this.meta.get("start") if isinstance(table.this, exp.Identifier) else None
        query = table.parent.parent if isinstance(table.parent, exp.From) else None
        if start in places and isinstance(query, exp.Select):
            clauses = {name for node in (table, query) for name, value in node.args.items() if value}
            if clauses <= _OWN_CLAUSES and _is_every_row(query):
                found.add(start)
    if found != places:
        raise LeakError("something was added to a masked table; please report the statement's shape")


_KEEPING_WHOLE = ("limit", "having")
_OWN_CLAUSES = frozenset(
    ("this", "expressions", "from_", "locks", "hints", "sample", "partition", "indexed", *_KEEPING_WHOLE)
)


def _is_every_row(query: exp.Select) -> bool:
    """Whether a limit that it has is a number, and a condition TRUE."""
    limit, having = (query.args.get(name) for name in _KEEPING_WHOLE)
    is_number = not limit or (isinstance(limit.expression, exp.Literal) and not limit.expressions)
    return is_number and (not having or isinstance(having.this, exp.Boolean))


def _check_names(statement: Statement, table: exp.Expr, protected: Protected) -> None:
    """A raw scan is not read under names that are not its own.

    `TABLE t` reads every column, and so does the alias of a join in brackets; a list of columns renames them.
    """
    alias = table.args.get("alias")
    start = min(_places(table), default=0)
    is_statement = _TABLE_STATEMENT.search(statement.text, max(0, start - _FAR), start) is not None
    if is_statement or (alias is not None and alias.args.get("columns")):
        raise _left_raw(protected)
    inner, above = table, table.parent
    while above is not None and not isinstance(above, _QUERIES):
        # What a bracketed query is joined with stands under it in the tree, but not in its brackets.
        is_inside = isinstance(above, exp.Subquery) and inner.arg_key != "joins"
        if is_inside and above.alias:
            raise _left_raw(protected)
        inner, above = above, above.parent


def _left_raw(protected: Protected) -> LeakError:
    return LeakError(f"a scan of {protected.relation.name} was left raw; please report the statement's shape")


def _meant(table: exp.Expr, binding: Binding) -> Iterator[Protected]:
    """Every protected relation that the name can mean, however the engine resolves it; no CTE is called so any more."""
    name = table.this
    if not isinstance(name, exp.Identifier) or isinstance(table.parent, exp.Lock) or table.arg_key == "indexed":
        return
    database, schema = table.args.get("catalog"), table.args.get("db")
    for protected in by_word(binding).get(name.name.lower(), ()):
        home, _, known = protected.relation.schema.lower().rpartition(".")
        home = home or binding.catalog.database.lower()
        if database is not None and database.name.lower() != home:
            continue
        if schema is None or schema.name.lower() in (known, home):
            yield protected


def _places(table: exp.Expr) -> frozenset[int]:
    alias = table.args.get("alias")
    names = [table.args.get("catalog"), table.args.get("db"), table.this, alias.this if alias is not None else None]
    return frozenset(
        int(name.meta["start"]) for name in names if isinstance(name, exp.Identifier) and "start" in name.meta
    )


def _names_given(statement: Statement) -> frozenset[int]:
    """Where outputs and derived tables get their names, which read nothing there."""
    names = [alias.args["alias"] for alias in statement.nodes(exp.Alias)]
    names += [alias.this for alias in statement.nodes(exp.TableAlias)]
    places = [name.meta.get("start") for name in names if isinstance(name, exp.Identifier)]
    return frozenset(int(place) for place in places if place is not None)


def _check_raw(raw: list[_Raw], outside: _Outside, revealed: frozenset[ColumnName]) -> None:
    """No token reads a masked column of a raw scan.

    What stands behind a name and a dot belongs to the scans so called, if the name is that of one FROM item; anything
    else may belong to any scan.
    """
    called: dict[str, list[_Raw]] = {}
    words: dict[str, list[_Raw]] = {}
    hidden = {scan.protected.relation.key: masked_words(scan.protected, revealed) for scan in raw}
    for scan in raw:
        called.setdefault(scan.alias, []).append(scan)
        for word in hidden[scan.protected.relation.key]:
            words.setdefault(word, []).append(scan)
    for word in ("*", *IMPLICIT):
        words.setdefault(word, raw)
    for index, word in enumerate(outside.spoken):
        qualifier = outside.spoken[index - 2] if outside.spoken[index - 1] == "." else None
        if qualifier in outside.sources:
            meant = called.get(qualifier, ())
        else:
            meant = (*words.get(word, ())[:1], *called.get(word, ()), *(called.get(qualifier, ()) if qualifier else ()))
        for scan in meant:
            if _reaches(outside, index, scan, words=hidden[scan.protected.relation.key]):
                raise _left_raw(scan.protected)


def _sources(statement: Statement) -> set[str]:
    """Names that stand for one FROM item, so that what is behind them belongs to no other."""
    assert statement.tree is not None
    names: set[str] = set()
    for node in statement.nodes(exp.Table, exp.Subquery, exp.Lateral, exp.Unnest, exp.CTE):
        if not isinstance(node, exp.Subquery) or isinstance(node.this, _ROWS):
            names.add(node.alias_or_name.lower())
    joined = {n.alias.lower() for n in statement.nodes(exp.Subquery) if not isinstance(n.this, _TABLES)}
    return names - joined


def _reaches(outside: _Outside, index: int, scan: _Raw, *, words: frozenset[str]) -> bool:
    """Whether the token at `index` can read one of `words` through the raw scan."""
    spoken = outside.spoken
    word = spoken[index]
    qualifier = spoken[index - 2] if spoken[index - 1] == "." else None
    is_elsewhere = qualifier is not None and qualifier != scan.alias and qualifier in outside.sources
    if outside.starts[index] in outside.places or outside.starts[index] in scan.hidden:
        return False
    if word == "*":
        return not is_elsewhere and not is_harmless_star(spoken, index)
    if qualifier == scan.alias and word not in scan.columns:
        return True
    is_followed_by_dot = spoken[index + 1] == "."
    # DuckDB: main.customers is the row of customers.
    is_row = word == scan.alias and not is_followed_by_dot and qualifier not in outside.sources
    if is_row and outside.has_rows and not _is_lock_target(spoken, index):
        return True
    is_column = word in words and (outside.has_fields or not is_followed_by_dot)
    return (is_column and not is_elsewhere) or (word in IMPLICIT and not is_followed_by_dot and qualifier is None)


def _is_lock_target(spoken: list[str], index: int) -> bool:
    before = spoken[index - 3 : index]
    return before[-1] in ("of", ",") and any(word in before for word in ("update", "share", "of", "key"))
