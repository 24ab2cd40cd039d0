"""Where MySQL and MariaDB answer otherwise over a derived table that they merge: it is kept whole there.

MySQL finds no column in HAVING that it groups by and that is computed below, unless the query also returns it. MariaDB
shows the last group's value of an expression in the rows that WITH ROLLUP adds, where a table would give NULL; and of
windows in a query that groups it finds a column twice, which is an error, or the end of the server.
"""

from collections.abc import Iterable

from sqlglot import exp

from rewriter.binding import Binding
from rewriter.scans import Scan
from rewriter.schema import RelationKind
from rewriter.statement import Statement

_MORE_ROWS_THAN_THERE_CAN_BE = " LIMIT 18446744073709551615"
_ANY_ROW = " HAVING TRUE"
"""MariaDB still moves conditions inside, so that indexes serve them; all but INTERVAL(…), of which it makes another."""


def keeping_whole(statement: Statement, scan: Scan, binding: Binding) -> str:
    """The end of the derived table in place of `scan` that keeps it from being merged into its query, if it must be."""
    query = scan.node.find_ancestor(exp.Select) if statement.dialect == "mysql" else None
    group = query.args.get("group") if query is not None else None
    if query is None or group is None:
        return ""
    if binding.catalog.is_mariadb:
        is_found_twice = scan.relation.kind is not RelationKind.VIEW and _has_windows_over_columns(query)
        whole = _MORE_ROWS_THAN_THERE_CAN_BE if "interval" in statement.words else _ANY_ROW
        return whole if is_found_twice or _has_computed_rollup(group) else ""
    return "" if _sought(query).isdisjoint(scan.relation.words) else _MORE_ROWS_THAN_THERE_CAN_BE


def _has_computed_rollup(group: exp.Expr) -> bool:
    return bool(group.args.get("rollup")) and not all(isinstance(item, exp.Column) for item in group.expressions)


def _has_windows_over_columns(query: exp.Select) -> bool:
    for window in query.find_all(exp.Window):
        order = window.args.get("order")
        ordered = [each.this for each in order.expressions] if order is not None else []
        items = (item.unnest() for item in (*(window.args.get("partition_by") or ()), *ordered))
        if window.find_ancestor(exp.Select) is query and any(isinstance(item, exp.Column) for item in items):
            return True
    return False


def _sought(query: exp.Select) -> set[str]:
    """The names in HAVING, in lower case, that are neither within an aggregate nor returned."""
    having = query.args.get("having")
    outputs = {item.alias_or_name.lower() for item in query.expressions}
    found: Iterable[exp.Column] = having.find_all(exp.Column) if having is not None else ()
    return {
        column.name.lower()
        for column in found
        if column.find_ancestor(exp.Select) is query and column.find_ancestor(exp.AggFunc, exp.Select) is query
    } - outputs
