"""The closed set of masks, and what each does to one value: the reference that the SQL is tested against.

Every mask yields its column's own type, and keeps NULL as NULL, except `null` and `constant`.
"""

import hashlib
import json
import math
import re
import struct
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Annotated, Literal, TypeAlias, assert_never
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from masking.constants import Fixed, cut, fitting, is_blank_padded, is_text_dated, redaction
from masking.ranges import SINGLE, lowest
from masking.types import ColumnType, Kind

PSEUDONYM_LENGTH = 32
"""Characters of a hash: 128 bits in hexadecimal."""

SHORTEST_KEY = 16
"""Characters of a hash mask's key, at least."""
Size = Annotated[Decimal, Field(ge=Decimal("1e-9"), le=Decimal("1e18"), allow_inf_nan=False)]
"""A bucket's size. The bounds keep every calculation with it inside the range of a double."""


def _constant(value: object) -> object:
    is_finite = not isinstance(value, float | Decimal) or math.isfinite(value)
    if isinstance(value, str | int | float | Decimal | date) and is_finite:  # bool is int, datetime is date
        return value
    raise PydanticCustomError("constant", "text, a number, true, false, a date or a timestamp is expected here")


ConstantValue: TypeAlias = Annotated[bool | int | float | Decimal | datetime | date | str, BeforeValidator(_constant)]


class _Mask(BaseModel):
    """What the masks share: frozen, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Redact(_Mask):
    """`[redacted]`, 0, 1900-01-01, false, the nil UUID or JSON null, as the type has it; else NULL."""

    kind: Literal["redact"] = "redact"


class Null(_Mask):
    """NULL."""

    kind: Literal["null"] = "null"


class Partial(_Mask):
    """The first `prefix` and last `suffix` characters around `padding`; it alone for a value no longer than both."""

    kind: Literal["partial"] = "partial"
    prefix: int = Field(default=0, ge=0, le=10_000, strict=True)
    padding: str = Field(default="***", strict=True)
    suffix: int = Field(default=0, ge=0, le=10_000, strict=True)


class Email(_Mask):
    """The first character and the domain's last label: `ana@shop.example` → `a***@***.example`."""

    kind: Literal["email"] = "email"


class Hash(_Mask):
    """A keyed pseudonym: equal values stay equal, so joins and GROUP BY keep working."""

    kind: Literal["hash"] = "hash"
    key: SecretStr = Field(min_length=SHORTEST_KEY)

    @property
    def id(self) -> str:
        """Names the key in SQL text without showing it: 16 hexadecimal digits."""
        return hashlib.sha256(b"unmask key id\x00" + self.key.get_secret_value().encode()).hexdigest()[:16]

    @property
    def session_key(self) -> str:
        """What a session holds in the key's stead: its SHA-256 in hexadecimal, plain ASCII on every engine."""
        return hashlib.sha256(b"unmask session key\x00" + self.key.get_secret_value().encode()).hexdigest()


class Year(_Mask):
    """The date or timestamp cut to its year, an instant in UTC."""

    kind: Literal["year"] = "year"


class Month(_Mask):
    """The date or timestamp cut to its month, an instant in UTC."""

    kind: Literal["month"] = "month"


class Bucket(_Mask):
    """The number rounded down to a multiple of `size`."""

    kind: Literal["bucket"] = "bucket"
    size: Size


class Constant(_Mask):
    """Always `value`, for NULL too."""

    kind: Literal["constant"] = "constant"
    value: ConstantValue


class Expression(_Mask):
    """The policy's own SQL over the row's columns, `{column}` and `:principal`; see `masking.formula`."""

    kind: Literal["expression"] = "expression"
    sql: str = Field(strict=True, max_length=4_000)


Mask = Redact | Null | Partial | Email | Hash | Year | Month | Bucket | Constant | Expression
"""Every mask there is; match it and end in `assert_never`."""

LABEL_LENGTH = 24
"""The longest last label of a domain that `email` shows: no top-level domain is longer."""
EXACT = 2**53
"""From this many buckets away from zero on, a double no longer tells neighbours apart, and `bucket` leaves it."""
_ISO_DATE = re.compile(r"(\d{4})-(\d\d)", re.ASCII)


def masked(mask: Mask, value: object, type_: ColumnType) -> object:
    """What a cell that holds `value` shows under `mask`, as the database's driver gives it.

    Instants are given in UTC; MySQL's TIMESTAMP without an offset, in UTC too. On SQLite, where any column can hold
    any value, contents of another kind than the column's become NULL (`year`, `month`, `bucket`) or padding (text).

    Raises:
        PolicyError: the mask cannot yield the type, as far as a value shows.
        TypeError: the mask is an `expression`: its own SQL is all that defines it.
    """
    match mask:
        case Null():
            return None
        case Constant():
            return _given(fitting(mask.value, type_), type_)
        case Expression():
            raise TypeError("an expression mask has no reference: its SQL is its definition")
        case _ if value is None:
            return None
        case Redact():
            fixed = redaction(type_)
            return None if fixed is None else _given(fixed, type_)
        case Partial() | Email():
            return _shown(mask, value, type_)
        case Hash():
            return _pseudonym(mask, value, type_)
        case Year() | Month():
            return _truncated(mask, value, type_)
        case Bucket():
            return _rounded_down(mask.size, value, type_)
        case _:
            assert_never(mask)


def pseudonym(mask: Hash, value: str | bytes) -> str:
    """`sha256(key || sha256(key || value))` in hexadecimal, cut; text counts as UTF-8, the key as `session_key`."""
    key = mask.session_key.encode()
    inner = hashlib.sha256(key + (value.encode() if isinstance(value, str) else value)).hexdigest()
    return hashlib.sha256(key + inner.encode()).hexdigest()[:PSEUDONYM_LENGTH]


def _given(fixed: Fixed, type_: ColumnType) -> object:
    """A fixed value as the driver gives it: text is padded, JSON decoded, and SQLite has text for dates and UUIDs."""
    if is_text_dated(type_) and isinstance(fixed, datetime):
        return fixed.strftime("%Y-%m-%d %H:%M:%S.%f").rjust(26, "0")
    if is_text_dated(type_) and isinstance(fixed, date | UUID):
        return str(fixed)
    if isinstance(fixed, datetime) and "zone" not in type_.sql.lower():  # MySQL's TIMESTAMP
        return fixed.replace(tzinfo=None)
    if is_text_dated(type_) and isinstance(fixed, Decimal):
        return int(fixed) if fixed == int(fixed) else float(fixed)
    if type_.kind is Kind.JSON and not is_text_dated(type_):
        return json.loads(str(fixed))
    return _fitted(fixed, type_) if isinstance(fixed, str) else fixed


def _fitted(text: str, type_: ColumnType) -> str:
    short = cut(text, type_)
    return short.ljust(type_.length or 0) if is_blank_padded(type_) else short


def _shown(mask: Partial | Email, value: object, type_: ColumnType) -> str:
    if not isinstance(value, str):
        return _fitted(mask.padding if isinstance(mask, Partial) else "***", type_)
    text = value.rstrip(" ") if is_blank_padded(type_) else value
    return _fitted(_partial(mask, text) if isinstance(mask, Partial) else _email(text), type_)


def _partial(mask: Partial, text: str) -> str:
    if len(text) <= mask.prefix + mask.suffix:
        return mask.padding
    return text[: mask.prefix] + mask.padding + text[len(text) - mask.suffix :]


def _email(text: str) -> str:
    if "@" not in text:
        return text[:1] + "***"
    dotted = text.rpartition("@")[2].rpartition(".")
    label = "." + dotted[2] if dotted[1] and len(dotted[2]) <= LABEL_LENGTH else ""
    return f"{text[:1]}***@***{label}"


def _pseudonym(mask: Hash, value: object, type_: ColumnType) -> object:
    if type_.kind is Kind.UUID:
        return UUID(pseudonym(mask, str(value)))
    if isinstance(value, bytes):
        return _fitted(pseudonym(mask, value), type_)
    text = str(value).rstrip(" ") if is_blank_padded(type_) else str(value)
    return _fitted(pseudonym(mask, text), type_)


def _truncated(mask: Year | Month, value: object, type_: ColumnType) -> object:
    if isinstance(value, str):
        iso = _ISO_DATE.match(value) if is_text_dated(type_) else None
        if iso is None:
            return None
        month = iso[2] if isinstance(mask, Month) else "01"
        return f"{iso[1]}-{month}-01" + (" 00:00:00.000000" if type_.kind is Kind.TIMESTAMP else "")
    if isinstance(value, datetime):
        instant = value.astimezone(UTC) if value.tzinfo else value
        month_number = instant.month if isinstance(mask, Month) else 1
        return instant.replace(month=month_number, day=1, hour=0, minute=0, second=0, microsecond=0)
    if isinstance(value, date):
        return value.replace(month=value.month if isinstance(mask, Month) else 1, day=1)
    return None


def _rounded_down(size: Decimal, value: object, type_: ColumnType) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    # SQLite keeps the whole numbers of any column as integers; a fraction of one is reckoned as a double.
    if isinstance(value, float) or (type_.kind is not Kind.INTEGER and isinstance(value, int) and size % 1):
        return _float_rounded_down(float(size), float(value), is_single=type_.sql in SINGLE)
    if isinstance(value, Decimal) and not value.is_finite():
        return value
    # SQLite's integers in a column of numbers reach as far as 64 bits do.
    least = -(2**63) if is_text_dated(type_) else lowest(type_)
    with localcontext(prec=150_000):  # exact: no number in a database has more digits
        remainder = Decimal(value) % size
        lower = value - remainder - (size if remainder < 0 else 0)
        lower = lower if least is None else max(lower, Decimal(least))
        return int(lower) if isinstance(value, int) else lower


def _float_rounded_down(size: float, value: float, *, is_single: bool) -> float:
    value = _single(value) if is_single else value
    if not abs(value) < EXACT * size:  # also true of NaN and the infinities
        return value
    # Small values apart: dividing the smallest of them would underflow, which PostgreSQL reports as an error.
    lower = (0.0 if value >= 0 else -size) if abs(value) < size else math.floor(value / size) * size
    return _single(lower) if is_single else lower


def _single(value: float) -> float:
    """`value` in single precision."""
    return float(struct.unpack("f", struct.pack("f", value))[0])
