"""References to the whole row of a table on PostgreSQL, where they have the type that bears the table's name.

A derived table has no such type: `SELECT c FROM (…) AS c` would give a `record`, which drivers read otherwise. Cast to
the table's type it is what it was.
"""

from collections.abc import Iterable, Iterator, Mapping

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from rewriter.binding import quoted
from rewriter.edits import Edit
from rewriter.scans import Scan, end_position, position
from rewriter.statement import Statement

_SOURCES = (exp.Table, exp.Subquery, exp.Lateral, exp.Unnest)


def whole_row_edits(statement: Statement, changed: Iterable[Scan]) -> Iterator[Edit]:
    """A cast for each whole-row reference to one of the `changed` scans."""
    if statement.dialect != "postgresql":
        return
    scans = {id(scan.node): scan for scan in changed}
    spoken = {scan.word for scan in scans.values()}
    words = spoken - _column_words(statement, scans.values()) if spoken else spoken
    places = statement.places
    called = _called(statement) if spoken else {}
    outer: dict[int, bool] = {}
    for column in statement.nodes(exp.Column) if spoken else ():
        name = _row_name(column)
        if name is None or name.name.lower() not in (words if name is column.this else spoken):
            continue
        scan = scans.get(id(_source(column, called.get(name.name.lower(), {}))))
        start, end = position(name), end_position(name)
        after = statement.tokens[places[start] + 1 : places[start] + 3]
        if scan is None or any(t.token_type in (TokenType.FARROW, TokenType.COLON_EQ) for t in after[:1]):
            continue
        end = end if name is column.this else after[-1].end + 1
        # The type knows its own columns' names, not the aliases that the statement gives them.
        if not (scan.has_column_list and isinstance(column.parent, exp.Paren)):
            if scan.start not in outer:
                outer[scan.start] = _is_outer(scan)
            row = statement.sql[start:end]
            yield Edit(start, end, _cast(statement, scan, row, is_outer=outer[scan.start]))


def _is_outer(scan: Scan) -> bool:
    query = scan.node.find_ancestor(exp.Select)
    return query is not None and any(join.args.get("side") for join in query.find_all(exp.Join))


def _row_name(column: exp.Column) -> exp.Expr | None:
    """The name of what may be a whole row: `c`, or the `c.*` of `f(c.*)`, which a list of outputs would take apart."""
    table = column.args.get("table")
    if not isinstance(column.this, exp.Star):
        return column.this if table is None else None
    above = column.parent
    if isinstance(above, exp.Order) and column.arg_key == "this":
        above = above.parent
    is_row = isinstance(above, exp.Func) and not isinstance(above, exp.Struct) and str(above.this).lower() != "row"
    return table if is_row else None


def _cast(statement: Statement, scan: Scan, row: str, *, is_outer: bool) -> str:
    """The row as the table's type.

    Where an outer join may have no row, the cast would make one of NULLs; the CASE keeps both the NULL and the name of
    the output column.
    """
    cast = f"{row}::{statement.written('.'.join(quoted(part, statement.dialect) for part in scan.relation.key))}"
    return f"(CASE WHEN {row} IS NOT DISTINCT FROM NULL THEN NULL ELSE {cast} END)" if is_outer else f"({cast})"


def _column_words(statement: Statement, scans: Iterable[Scan]) -> set[str]:
    """Names, in lower case, that may mean a column: where one does, it is not the whole row."""
    words = set[str]().union(*(scan.relation.words for scan in scans))
    words.update(alias.alias.lower() for alias in statement.nodes(exp.Alias))
    for alias in statement.nodes(exp.TableAlias):
        words.update(column.name.lower() for column in alias.args.get("columns") or ())
    return words


def _called(statement: Statement) -> dict[str, dict[int, list[exp.Expr]]]:
    """FROM items by what they are called, in lower case, and by the query that they are in."""
    called: dict[str, dict[int, list[exp.Expr]]] = {}
    for node in statement.nodes(*_SOURCES):
        queries = called.setdefault(node.alias_or_name.lower(), {})
        queries.setdefault(id(node.find_ancestor(exp.Select)), []).append(node)
    return called


def _source(column: exp.Expr, called: Mapping[int, list[exp.Expr]]) -> exp.Expr | None:
    """The FROM item that a name means: one so called in the nearest query around it that has any."""
    query = column.find_ancestor(exp.Select)
    while query is not None:
        here = called.get(id(query))
        if here:
            return here[0] if len(here) == 1 else None
        query = query.find_ancestor(exp.Select)
    return None
