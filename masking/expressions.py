"""One mask over one column type as a SQL expression in one dialect."""

from collections.abc import Mapping

from masking.masks import Mask
from masking.types import ColumnType, Dialect


def mask_expression(  # noqa: PLR0913, PLR0917 -- the four say what is masked, the rest is context
    mask: Mask,
    column: str,
    type_: ColumnType,
    dialect: Dialect,
    *,
    principal: str | None = None,
    columns: Mapping[str, str] = {},
) -> str:
    """SQL over `column` (a quoted identifier) that yields what `masked` does, of exactly `type_`."""
    raise NotImplementedError
