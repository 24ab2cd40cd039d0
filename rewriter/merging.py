"""Where MySQL and MariaDB answer otherwise over a derived table that they merge: it is kept whole by a LIMIT there.

MySQL finds no column in HAVING that it groups by and that is computed below, unless the query also returns it. MariaDB
shows the last group's value of an expression in the rows that WITH ROLLUP adds, where a table would give NULL.
"""

from collections.abc import Iterable

from sqlglot import exp

from rewriter.binding import Binding
from rewriter.scans import Scan
from rewriter.statement import Statement

WHOLE = " LIMIT 18446744073709551615"
"""More rows than there can be."""


def is_kept_whole(statement: Statement, scan: Scan, binding: Binding) -> bool:
    """Whether the derived table in place of `scan` must not be merged into its query."""
    if statement.dialect != "mysql" or not ("having" in statement.words or "rollup" in statement.text.lower()):
        return False
    query = scan.node.find_ancestor(exp.Select)
    group = query.args.get("group") if query is not None else None
    if query is None or group is None:
        return False
    if binding.catalog.is_mariadb:
        return bool(group.args.get("rollup")) and not all(isinstance(item, exp.Column) for item in group.expressions)
    return not _sought(query).isdisjoint(scan.relation.words)


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
