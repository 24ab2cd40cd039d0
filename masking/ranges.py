"""How far the numbers of a type reach."""

from decimal import Decimal, localcontext

from masking.types import ColumnType, Kind

_BITS = {
    **dict.fromkeys(("tinyint", "utinyint"), 8),
    **dict.fromkeys(("smallint", "usmallint"), 16),
    "mediumint": 24,
    **dict.fromkeys(("int", "integer", "uinteger"), 32),
    **dict.fromkeys(("bigint", "ubigint"), 64),
    **dict.fromkeys(("hugeint", "uhugeint"), 128),
}
SINGLE = frozenset({"real", "FLOAT", "float", "float unsigned"})
"""Types of single precision, as casts name them."""


def integer_range(type_: ColumnType) -> tuple[int, int]:
    """The least and the greatest value of an INTEGER type, both included."""
    name = type_.sql.partition("(")[0].split()[0].lower()
    if name == "year":
        return (0, 2155)
    bits = _BITS[name]
    return (0, 2**bits - 1) if type_.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def decimal_range(type_: ColumnType) -> tuple[Decimal, Decimal] | None:
    """The least and the greatest value of a DECIMAL type; None where it has no bounds."""
    if type_.precision is None:
        return None
    with localcontext(prec=type_.precision + 1):
        greatest = Decimal(10**type_.precision - 1).scaleb(-(type_.scale or 0))
        return (Decimal(0) if type_.unsigned else -greatest, greatest)


def lowest(type_: ColumnType) -> int | Decimal | None:
    """The least value of an INTEGER or DECIMAL type; None where it has no bounds."""
    bounds = integer_range(type_) if type_.kind is Kind.INTEGER else decimal_range(type_)
    return bounds[0] if bounds else None


def one_step_above(least: int | Decimal, size: Decimal) -> Decimal:
    """`least` + `size`, exactly."""
    with localcontext(prec=2_000):
        return Decimal(least) + size
