"""`SET (a, b) = (SELECT …)`: a query that gives a row, in which sensitive columns keep what is stored.

`SET (ssn, name) = (SELECT …)` → `SET (ssn, name) = (WITH unmask_new (c1, c2) AS (SELECT …) SELECT <ssn if c1 is its
mask, else c1>, c2 FROM (SELECT 0) AS unmask_one LEFT JOIN unmask_new ON TRUE)`. Where the query gives no row, NULLs are
assigned: hence the join.
"""

from collections.abc import Iterator, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from rewriter.assignments import Assignment
from rewriter.binding import Binding, BoundColumn, Protected
from rewriter.edits import Edit
from rewriter.errors import Reason, StatementRefused
from rewriter.kept_value import KeptValue
from rewriter.scans import end_position
from rewriter.statement import Statement
from rewriter.token_runs import closing, is_at

_NEW = "unmask_new"


def place_in_list(name: exp.Expr) -> int:
    """Where a name stands in the list that is assigned at once."""
    return next(at for at, other in enumerate(_names(name)) if other is name)


def _names(name: exp.Expr) -> Sequence[exp.Expr]:
    return name.parent.expressions if isinstance(name.parent, exp.Tuple) else [name]


def row_edits(
    statement: Statement, assigned: Sequence[tuple[Assignment, Protected, BoundColumn]], binding: Binding
) -> Iterator[Edit]:
    """The edits that have each of the `assigned` columns keep what is stored, of every list.

    Raises:
        StatementRefused: what is assigned is no query in brackets.
    """
    lists: dict[int, dict[int, str]] = {}
    names: dict[int, exp.Expr] = {}
    for assignment, protected, column in assigned:
        assert assignment.name is not None
        at = place_in_list(assignment.name)
        key = id(_names(assignment.name)[0])
        kept = KeptValue(column, protected, assignment.target.alias, binding)
        lists.setdefault(key, {})[at] = kept.named(f"{_NEW}.c{at + 1}")
        names[key] = assignment.name
    for key, values in lists.items():
        yield from _around(statement, names[key], values)


def _around(statement: Statement, name: exp.Expr, values: dict[int, str]) -> Iterator[Edit]:
    """The query of a list that has `name` in it, with `values` for what it gives at some places."""
    listed = _names(name)
    opening = statement.after(end_position(listed[-1].this)) + 2
    equation = name.find_ancestor(exp.EQ)
    query = equation.expression.this if equation is not None and isinstance(equation.expression, exp.Subquery) else None
    if not isinstance(query, exp.Query) or not is_at(statement.tokens, opening, TokenType.L_PAREN):
        raise StatementRefused(Reason.WRITE, f"Assign {name.name} by itself, or from a SELECT in brackets.")
    start, end = statement.tokens[opening].end + 1, statement.tokens[closing(statement.tokens, opening)].start
    columns = ", ".join(f"c{at + 1}" for at in range(len(listed)))
    outputs = ", ".join(values.get(at, f"{_NEW}.c{at + 1}") for at in range(len(listed)))
    # SQLite takes the first row, and in a join sees no need for an order without a limit.
    is_first = statement.dialect == "sqlite" and query.args.get("order") and not query.args.get("limit")
    limit = " LIMIT 1" if is_first else ""
    joined = f"FROM (SELECT 0) AS unmask_one LEFT JOIN {_NEW} ON TRUE"
    yield Edit(start, start, f"WITH {_NEW} ({columns}) AS (")
    yield Edit(end, end, statement.written(f"{limit}) SELECT {outputs} {joined}"))
