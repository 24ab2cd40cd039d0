"""The fixed values that masks put in a cell's place, each fitting the column's type exactly."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from masking.errors import fault
from masking.ranges import decimal_range, integer_range
from masking.types import ColumnType, Kind

REDACTED = "[redacted]"
REDACTED_DATE = date(1900, 1, 1)
JSON_NULL = "null"

Fixed = str | int | float | Decimal | datetime | date | UUID | bool
"""A value of a column's own type that can be written into SQL. JSON is held as its text."""


def is_blank_padded(type_: ColumnType) -> bool:
    """Whether PostgreSQL pads values of the type with blanks that do not count (`character(n)`)."""
    return type_.sql.startswith("character(") or type_.sql == "character"


def is_text_dated(type_: ColumnType) -> bool:
    """Whether dates, UUIDs and JSON of the type are stored as text: SQLite, whose casts alone name NUMERIC."""
    return type_.sql == "NUMERIC"


def cut(text: str, type_: ColumnType) -> str:
    """`text` cut to what the column holds."""
    return text if type_.length is None else text[: type_.length]


def redaction(type_: ColumnType) -> Fixed | None:
    """What `redact` puts in place of a value; None: NULL."""
    match type_.kind:
        case Kind.TEXT:
            return cut(REDACTED, type_)
        case Kind.INTEGER:
            return 0
        case Kind.DECIMAL:
            return Decimal(0)
        case Kind.FLOAT:
            return 0.0
        case Kind.BOOLEAN:
            return False
        case Kind.DATE:
            return REDACTED_DATE
        case Kind.TIMESTAMP:
            return datetime(1900, 1, 1, tzinfo=UTC if type_.with_time_zone else None)
        case Kind.UUID:
            return UUID(int=0)
        case Kind.JSON:
            return JSON_NULL
        case Kind.TIME | Kind.BINARY | Kind.ENUM | Kind.OTHER:
            return None


def fitting(value: Fixed, type_: ColumnType) -> Fixed:
    """`value`, as a policy's constant writes it, as a value of the column's own type.

    Raises:
        PolicyError: it is of another type, too long, or out of range.
    """
    try:
        found = _fitting(value, type_)
    except (ValueError, InvalidOperation, TypeError):
        found = None
    if found is None:
        raise fault(
            f"the constant cannot be a value of a column of type {type_.sql or type_.kind}",
            "Write a constant of the column's own type and within its length and range, or use the mask redact.",
        )
    return found


def _fitting(value: Fixed, type_: ColumnType) -> Fixed | None:
    match type_.kind:
        case Kind.TEXT:
            is_short = isinstance(value, str) and (type_.length is None or len(value) <= type_.length)
            return value if is_short and "\x00" not in str(value) else None
        case Kind.INTEGER | Kind.DECIMAL | Kind.FLOAT:
            return _number(value, type_)
        case Kind.BOOLEAN:
            return value if isinstance(value, bool) else None
        case Kind.DATE:
            return _date(value)
        case Kind.TIMESTAMP:
            return _timestamp(value, type_)
        case Kind.UUID:
            return UUID(value) if isinstance(value, str) else None
        case Kind.JSON:
            return json.dumps(json.loads(value)) if isinstance(value, str) else None
        case Kind.ENUM:
            return value if isinstance(value, str) else None
        case Kind.TIME | Kind.BINARY | Kind.OTHER:
            return None


def _number(value: Fixed, type_: ColumnType) -> Fixed | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(str(value))
    if not number.is_finite():
        return None
    if type_.kind is Kind.FLOAT:
        return float(number) if abs(number) < Decimal("1e38") else None
    if type_.kind is Kind.INTEGER:
        least, greatest = integer_range(type_)
        return int(number) if number == int(number) and least <= number <= greatest else None
    bounds = decimal_range(type_)
    if bounds and not (bounds[0] <= number <= bounds[1] and number == round(number, type_.scale or 0)):
        return None
    return number


def _date(value: Fixed) -> date | None:
    if isinstance(value, str):
        return date.fromisoformat(value)
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def _timestamp(value: Fixed, type_: ColumnType) -> datetime | None:
    """Without an offset a constant means UTC where the column is an instant; elsewhere an offset has no meaning."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 -- given its zone below
    if not isinstance(value, datetime):
        return None
    if type_.with_time_zone:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return None if value.tzinfo else value
