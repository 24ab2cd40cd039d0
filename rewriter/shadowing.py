"""Common table expressions that bear a sensitive relation's name get another one.

Engines differ in where such a name means the expression and where the table (MariaDB forgets an outer one inside an
inner WITH, DuckDB reads the table where RECURSIVE has no UNION). Renamed, the expression can only be found or missed: a
place that the engine reads otherwise than this package becomes an error, never a read of the table.
"""

from collections.abc import Iterator

from sqlglot import exp

from rewriter.edits import Edit
from rewriter.errors import Reason, StatementRefused
from rewriter.resolution import Resolver
from rewriter.scans import Expressions, end_position, part, position
from rewriter.statement import Statement


def shadowing_edits(statement: Statement, words: frozenset[str], resolver: Resolver) -> Iterator[Edit]:
    """Edits that rename each expression called like one of `words` (lower case), where it is made and where it is read.

    Raises:
        StatementRefused: the new name is taken.
    """
    shadows = {cte.alias.lower() for cte in statement.nodes(exp.CTE) if cte.alias.lower() in words}
    if not shadows:
        return
    taken = {name.lower() for _, name in resolver.catalog.relations}.union(statement.words)
    for word in shadows:
        if f"unmask_{word}" in taken:
            raise StatementRefused(Reason.CONSTRUCT, f"Call the common table expression {word} something else.")
    expressions = Expressions(statement, resolver)
    for cte in statement.nodes(exp.CTE):
        if cte.alias.lower() in shadows:
            yield _renamed(statement, cte.args["alias"].this)
    for table in statement.nodes(exp.Table):
        name = table.this
        if (
            isinstance(name, exp.Identifier)
            and not table.args.get("db")
            and name.name.lower() in shadows
            and _reads(table, name, expressions)
        ):
            edit = _renamed(statement, name)
            written = statement.sql[edit.start : edit.end]
            has_alias = bool(table.alias) or _is_table_statement(statement, edit.start)
            yield edit if has_alias else Edit(edit.start, edit.end, f"{edit.replacement} AS {written}")
    for node in statement.nodes(exp.In):
        operand = node.args.get("field")
        if (
            isinstance(operand, exp.Column)
            and not operand.args.get("table")
            and operand.name.lower() in shadows
            and _reads(operand, operand.this, expressions)
        ):
            yield _renamed(statement, operand.this)


def _is_table_statement(statement: Statement, start: int) -> bool:
    """Whether the name at `start` stands in `TABLE name`, which takes no alias."""
    index = statement.places[start]
    return index > 0 and statement.words[index - 1] == "table"


def _reads(node: exp.Expr, name: exp.Expr, expressions: Expressions) -> bool:
    return not isinstance(node.parent, exp.Lock) and expressions.has(part(name), node)


def _renamed(statement: Statement, name: exp.Expr) -> Edit:
    """`customers` → `unmask_customers`, quotes kept."""
    start, end = position(name), end_position(name)
    written = statement.sql[start:end]
    mark = written[0] if start in statement.quoted else ""
    return Edit(start, end, f"{mark}unmask_{written[len(mark) :]}")
