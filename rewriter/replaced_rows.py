"""REPLACE that names a sensitive column: where the mask of what is stored comes back, what is stored stays.

`REPLACE INTO t (id, ssn) VALUES (1, :s)` → `REPLACE INTO t (id, ssn) WITH unmask_new (c1, c2) AS (VALUES (1, :s))
SELECT c1, <what the row in the way lends> FROM unmask_new` (`rewriter.lent_value`). Each value stands where it stood:
parameters keep their number and order.
"""

from collections.abc import Iterator, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from rewriter.assignments import Assignment
from rewriter.binding import Binding, BoundColumn, Protected
from rewriter.edits import Edit
from rewriter.lent_value import NEW, lent_value, refused
from rewriter.statement import Statement
from rewriter.token_runs import closing, is_at, word_at
from rewriter.writes import Write

_SOURCES = frozenset(("values", "select", "with", "from"))


def replacing_edits(
    write: Write,
    statement: Statement,
    binding: Binding,
    *,
    assigned: Sequence[tuple[Assignment, Protected, BoundColumn]],
    listed: Sequence[str],
) -> Iterator[Edit]:
    """The edits that have each of the `assigned` columns keep what is stored; none where there are none.

    Raises:
        StatementRefused: rows in a form that is not known.
    """
    if not assigned:
        return
    protected = assigned[0][1]
    lent = {column.word: lent_value(column, protected, listed=listed, binding=binding) for _, _, column in assigned}
    outputs = ", ".join(lent.get(word, f"{NEW}.c{at + 1}") for at, word in enumerate(listed))
    names = ", ".join(f"c{at + 1}" for at in range(len(listed)))
    first, last = _source(write, statement)
    start, end = statement.tokens[first].start, statement.end_of(statement.tokens[last])
    yield Edit(start, start, f"WITH {NEW} ({names}) AS (")
    yield Edit(end, end, statement.written(f") SELECT {outputs} FROM {NEW}"))
    rows = write.node.args["expression"]
    if isinstance(rows, exp.Values):
        _check_values(rows, statement)
        yield from _as_selects(statement, first, last) if statement.dialect == "mysql" else ()
    elif statement.dialect == "mysql" and rows.args.get("order"):
        raise refused("the rows without ORDER BY")


def _source(write: Write, statement: Statement) -> tuple[int, int]:
    """First and last token of the rows."""
    tokens = statement.tokens
    first = statement.after(write.targets[0].end)
    if is_at(tokens, first, TokenType.L_PAREN) and word_at(tokens, first + 1) not in _SOURCES:
        first = closing(tokens, first) + 1
    if word_at(tokens, first) not in _SOURCES or write.node.args.get("conflict") is not None:
        raise refused("the columns, then VALUES or a SELECT")
    depth = 0
    for index in range(first, len(tokens)):
        depth += is_at(tokens, index, TokenType.L_PAREN) - is_at(tokens, index, TokenType.R_PAREN)
        if depth == 0 and word_at(tokens, index) == "returning":
            return first, index - 1
    return first, len(tokens) - 1


def _as_selects(statement: Statement, first: int, last: int) -> Iterator[Edit]:
    """`VALUES (1, 2), (3, 4)` → `SELECT 1, 2 UNION ALL SELECT 3, 4`: MySQL and MariaDB spell rows in a query apart."""
    tokens = statement.tokens
    before, opening = tokens[first].start, first + 1
    while is_at(tokens, opening, TokenType.L_PAREN):
        select = "SELECT " if opening == first + 1 else " UNION ALL SELECT "
        yield Edit(before, tokens[opening].end + 1, select)
        end = closing(tokens, opening)
        before, opening = tokens[end].start, end + 2
        if end == last:
            yield Edit(before, tokens[end].end + 1, "")
            return
    raise refused("VALUES and rows in brackets")


def _check_values(values: exp.Expr, statement: Statement) -> None:
    """In a query, rows share one type for each column, but on SQLite; none can be a default or read another."""
    rows = [row.expressions for row in values.expressions]
    if any(_is_named(cell) for row in rows for cell in row) and statement.dialect != "sqlite":
        raise refused("values instead of DEFAULT and names of columns")
    if len(rows) == 1 or statement.dialect == "sqlite":
        return
    for cells in zip(*rows, strict=False):
        kinds = {(type(cell), cell.is_string) for cell in cells if not isinstance(cell, exp.Null)}
        if len(kinds) > 1 or not all(issubclass(kind, exp.Literal) for kind, _ in kinds):
            raise refused("one row in each statement")


def _is_named(cell: exp.Expr) -> bool:
    """Whether a value is a default, or reads another column of its row."""
    named = cell.find_all(exp.Column, exp.Var)
    return any(node.find_ancestor(exp.Query, exp.Tuple, exp.Values) is cell.parent for node in named)
