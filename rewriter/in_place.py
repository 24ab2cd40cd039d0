"""The mask of one column as an expression over a table that stands in the statement under a name."""

import re

from masking import ColumnName, mask_expression
from rewriter.binding import Binding, BoundColumn, Protected, quoted
from rewriter.errors import Reason, StatementRefused


def mask_of_value(column: BoundColumn, protected: Protected, *, value: str, binding: Binding) -> str:
    """The mask of `value`, an expression, as if the column held it. The mask must not read other columns."""
    assert column.form is not None
    own = next(own for own in protected.relation.columns if own.name.lower() == column.word)
    return mask_expression(column.form, value, own.type, binding.dialect, principal=binding.principal)


def mask_in_place(column: BoundColumn, protected: Protected, *, qualifier: str, binding: Binding) -> str:
    """The mask of `column` where the table is called `qualifier`, in brackets.

    Raises:
        StatementRefused: a generated column of which MySQL does not show what it is computed from.
    """
    if column.generation is not None:
        generated = _substituted if binding.dialect == "mysql" else _generated
        return generated(column, protected, qualifier=qualifier, binding=binding)
    if column.form is None:
        return f"{qualifier}.{column.sql}"
    own = next(own for own in protected.relation.columns if own.name.lower() == column.word)
    siblings = {own.name: f"{qualifier}.{quoted(own.name, binding.dialect)}" for own in protected.relation.columns}
    text = mask_expression(
        column.form, siblings[own.name], own.type, binding.dialect, principal=binding.principal, columns=siblings
    )
    return f"({text})"


def masked_row(
    protected: Protected, *, qualifier: str, binding: Binding, revealed: frozenset[ColumnName] = frozenset()
) -> str:
    """A query for the row of the table called `qualifier` around it, masked but for `revealed`.

    Raises:
        StatementRefused: as `mask_in_place`.
    """
    if any(column.mask is not None and column.form is None for column in protected.columns):
        raise StatementRefused(Reason.WRITE, "Name the columns.")  # no form, no mask in place
    cells = [
        f"{qualifier}.{column.sql}"
        if column.generation is None and (column.mask is None or column.name in revealed)
        else f"{mask_in_place(column, protected, qualifier=qualifier, binding=binding)} AS {column.sql}"
        for column in protected.columns
    ]
    return f"SELECT {', '.join(cells)}"


def _generated(column: BoundColumn, protected: Protected, *, qualifier: str, binding: Binding) -> str:
    """A generated column computed anew from masks, as on a masked copy."""
    generated = {own.name.lower() for own in protected.relation.columns if own.generation is not None}
    sources = ", ".join(
        f"{mask_in_place(other, protected, qualifier=qualifier, binding=binding)} AS {other.sql}"
        for other in protected.columns
        if other.word not in generated
    )
    return f"(SELECT {column.generation} FROM (SELECT {sources}) AS {protected.alias})"


_NAME = re.compile(r"'(?:[^'\\]|\\.|'')*+'|`((?:[^`]|``)++)`|([`'\"])", re.DOTALL)
"""A string, a name, or a quote of neither: so MySQL shows expressions."""


def _substituted(column: BoundColumn, protected: Protected, *, qualifier: str, binding: Binding) -> str:
    """The same where a query in FROM cannot name the row around it: masks in place of the names in the expression."""
    own = {other.word: other for other in protected.columns}

    def in_place(match: re.Match[str]) -> str:
        name, stray = match.groups()
        if name is None and stray is None:
            return match.group()
        source = own.get((name or "").replace("``", "`").lower())
        if source is None:  # Fail closed: what it is computed from cannot be told.
            raise StatementRefused(Reason.WRITE, f"Leave out {column.word}, which is generated from a masked column.")
        return mask_in_place(source, protected, qualifier=qualifier, binding=binding)

    return f"({_NAME.sub(in_place, column.generation or '')})"
