"""How the work on a statement grows with its text: in steps, which no other load on the machine can change."""

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from masking import Policy
from masking.types import ColumnType, Dialect, Kind
from rewriter.binding import Binding, bind
from rewriter.errors import Reason, StatementRefused
from rewriter.rewrite import rewrite_bound
from rewriter.schema import Catalog, Column, Relation, RelationKind
from rewriter.statement import MAX_TOKENS
from tests.rewriter.shapes import SHAPES, Shape

_DIALECTS: tuple[Dialect, ...] = ("postgresql", "mysql", "sqlite", "duckdb")
_SMALL = 10
"""The size of the smaller statement: what is done once for each statement weighs little beside what its text costs."""


def _binding(dialect: Dialect) -> Binding:
    text = ColumnType(kind=Kind.TEXT, sql="text")
    tables = {"customers": ("id", "name", "email"), "orders": ("id", "a", "b", "c", "d", "e")}
    relations = [
        Relation(
            schema="main",
            name=name,
            kind=RelationKind.TABLE,
            columns=tuple(Column(name=column, type=text) for column in columns),
        )
        for name, columns in tables.items()
    ]
    catalog = Catalog(
        dialect=dialect,
        database="main",
        search_path=("main",),
        relations={relation.key: relation for relation in relations},
        builtins=frozenset({"max"}),
        default_schema="main",
    )
    return bind(Policy.parse("columns: {customers.email: redact}"), catalog)


def _steps(work: Callable[[], object]) -> int:
    """How many lines of Python `work` runs, each turn of a loop counted."""
    count = 0

    def traced(frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        nonlocal count
        count += 1
        return traced

    before = sys.gettrace()
    gc.disable()  # what it would collect may be anybody's, and run finalizers of theirs
    sys.settrace(traced)
    try:
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


@pytest.mark.parametrize("dialect", _DIALECTS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_work_grows_as_the_text_does(dialect: Dialect, shape: Shape) -> None:
    """Five times the statement takes at most five times the steps."""
    binding = _binding(dialect)
    small, large = shape.text(_SMALL), shape.text(5 * _SMALL)
    rewrite_bound(small, binding)
    few, many = (_steps(lambda sql=sql: rewrite_bound(sql, binding)) for sql in (small, large))  # type: ignore[misc]
    assert many <= 5 * few


def test_a_statement_of_very_many_tokens_is_refused() -> None:
    """Time and memory for one statement are bounded: the parser never sees it."""
    with pytest.raises(StatementRefused) as caught:
        rewrite_bound(f"SELECT {', '.join(['id'] * MAX_TOKENS)} FROM customers", _binding("postgresql"))
    assert caught.value.reason is Reason.TOO_LARGE
