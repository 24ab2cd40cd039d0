"""A binding in which some masks let some rows through: what a grant narrowed by rows comes to.

The mask of a granted column becomes `CASE WHEN <condition> THEN column ELSE <mask> END`, over the scan's own columns.
Every pass, and the check of the result, then treats it as the mask that it is.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from masking import ColumnName, PolicyError, RowCondition
from masking.row_conditions import either_sql, partly_masked, row_condition_sql
from masking.types import ColumnType, Dialect
from rewriter.binding import Binding, BoundColumn, Protected, quoted

Rows = frozenset[tuple[ColumnName, RowCondition]]
"""Columns, and conditions on the rows in which each may be revealed: any one of a column's is enough."""

_Comparable = Mapping[str, tuple[str, ColumnType]]
"""The columns that conditions may compare: name → quoted name, type."""

_MOST_KEPT = 64


def narrowed(binding: Binding, rows: Rows) -> Binding:
    """`binding`, with the columns of `rows` revealed in their rows."""
    kept = binding.memo.setdefault("narrowed", {})
    assert isinstance(kept, dict)
    found = kept.get(rows)
    if found is None:
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        protected = {key: _narrowed(one, rows, binding.dialect) for key, one in binding.protected.items()}
        found = kept[rows] = replace(binding, protected=protected, memo={})
    assert isinstance(found, Binding)
    return found


def misfits(binding: Binding, rows: Rows) -> tuple[PolicyError, ...]:
    """Why conditions of `rows` reveal nothing on this schema: masked or missing columns, unfit literals."""
    found = []
    for protected in binding.protected.values():
        comparable = _comparable(protected, binding.dialect)
        for column, condition in rows:
            if any(one.name == column for one in protected.columns):
                try:
                    row_condition_sql(condition, comparable, binding.dialect)
                except PolicyError as error:
                    found.append(error)
    return tuple(found)


def _narrowed(protected: Protected, rows: Rows, dialect: Dialect) -> Protected:
    conditions: dict[ColumnName | None, list[RowCondition]] = {}
    for column, condition in rows:
        conditions.setdefault(column, []).append(condition)
    comparable = _comparable(protected, dialect)
    types = {quoted(column.name, dialect): column.type for column in protected.relation.columns}

    def partly(column: BoundColumn) -> BoundColumn:
        shown = _shown_rows(conditions.get(column.name, ()), comparable, dialect)
        if not shown or column.mask is None:
            return column
        mask = partly_masked(shown, column.sql, column.mask, type_=types[column.sql], dialect=dialect)
        return replace(column, mask=mask, is_partly_shown=True)

    return replace(protected, columns=tuple(map(partly, protected.columns)))


def _shown_rows(conditions: Iterable[RowCondition], comparable: _Comparable, dialect: Dialect) -> str:
    """SQL for: one of `conditions` holds; empty where none of them fits the table."""
    fitting = set()
    for condition in conditions:
        # Fail closed: a condition that does not fit the table reveals no row of it.
        with suppress(PolicyError):
            fitting.add(row_condition_sql(condition, comparable, dialect))
    return either_sql(sorted(fitting)) if fitting else ""


def _comparable(protected: Protected, dialect: Dialect) -> _Comparable:
    """The columns that conditions may compare: neither masked nor computed from what is."""
    plain = {column.sql for column in protected.columns if column.name is None and column.generation is None}
    named = {column.name: (quoted(column.name, dialect), column.type) for column in protected.relation.columns}
    return {name: known for name, known in named.items() if known[0] in plain}
