"""Invented cells: values of a column's type that collide often enough for joins and groups to find something. Pure."""

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random
from uuid import UUID

from masking.constants import cut
from masking.masks import Email, Mask
from masking.ranges import decimal_range, integer_range
from masking.types import ColumnType, Kind
from rewriter.proof.literals import Value

_WORDS = ("Ana", "Bo", "Cem", "Dee", "Ada", "Ben", "Bern", "Oslo", "Lima", "note 3", "zoë", "x", "")
_NAMES = ("ana", "bo", "cem", "dee", "ada", "ben", "ulf", "zoe")
_LABEL = re.compile(r"'((?:[^']|'')*)'")


def invented(type_: ColumnType, random: Random, *, mask: Mask | None = None, labels: Sequence[str] = ()) -> Value:
    """A value that a column of that type may hold, under `mask` one worth hiding; None where no such is known.

    `labels`: those of an enumeration whose type does not list them.
    """
    match type_.kind:
        case Kind.TEXT:
            return cut(_text(random, mask), type_)
        case Kind.ENUM:
            known = labels or [label.replace("''", "'") for label in _LABEL.findall(type_.sql)]
            return random.choice(known) if known else None
        case kind:
            return _DRAWN[kind](type_, random)


def distinct(type_: ColumnType, number: int) -> Value:
    """The value that stands for `number` in keys and in what refers to them; None where the type has no room for it."""
    stands = _DISTINCT.get(type_.kind)
    value = stands(number) if stands is not None else None
    return cut(value, type_) if isinstance(value, str) else value


_DISTINCT: Mapping[Kind, Callable[[int], Value]] = {
    Kind.INTEGER: lambda number: number,
    Kind.DECIMAL: Decimal,
    Kind.FLOAT: float,
    Kind.TEXT: lambda number: f"k{number}",
    Kind.DATE: lambda number: datetime.date(2024, 1, 1) + datetime.timedelta(days=number),
    Kind.TIMESTAMP: lambda number: datetime.datetime(2024, 1, 1, number % 24),  # noqa: DTZ001 -- becomes a literal
    Kind.UUID: lambda number: UUID(int=number),
    Kind.BINARY: lambda number: bytes([number]),
    Kind.TIME: lambda number: datetime.time(3, number % 60),
}


def _text(random: Random, mask: Mask | None) -> str:
    if isinstance(mask, Email) or (mask is None and random.random() < 0.1):
        domain = random.choice(("mail.example", "shop.test", "a.b.example", "local"))
        return f"{random.choice(_NAMES)}{random.randint(0, 3)}@{domain}"
    if mask is None or random.random() < 0.2:
        return random.choice(_WORDS)
    return random.choice(
        (
            f"123-45-{random.randint(6000, 6009)}",
            f"4111 1111 1111 {random.randint(1000, 1009)}",
            f"+41 44 {random.randint(0, 9):03}",
            f"{random.choice(_NAMES)} {random.choice(_NAMES)}",
        )
    )


def _other(type_: ColumnType, random: Random) -> str | None:
    """Something for SQLite's columns without a type and for lists; nothing is known of other types."""
    if type_.sql in {"BLOB", "NUMERIC"}:
        return random.choice(_WORDS)
    if type_.sql.endswith("[]"):
        form = "{{{}, {}}}" if type_.sql.islower() else "[{}, {}]"
        return form.format(random.randint(1, 9), random.randint(1, 9))
    return None


def _integer(type_: ColumnType, random: Random) -> int:
    least, greatest = integer_range(type_)
    return max(least, min(greatest, random.randint(-3, 49)))


def _decimal(type_: ColumnType, random: Random) -> Decimal:
    value = Decimal(random.randint(-300, 20_000)).scaleb(-min(type_.scale if type_.scale is not None else 2, 2))
    bounds = decimal_range(type_)
    return value if bounds is None else max(bounds[0], min(bounds[1], value))


def _timestamp(type_: ColumnType, random: Random) -> datetime.datetime:
    at = datetime.datetime.combine(_date(random), _time(random))
    is_written = type_.with_time_zone and "zone" in type_.sql.lower()
    return at.replace(tzinfo=datetime.UTC) if is_written else at


def _date(random: Random) -> datetime.date:
    return datetime.date(random.choice((1971, 1980, 1999, 2024)), random.randint(1, 12), random.randint(1, 28))


def _time(random: Random) -> datetime.time:
    return datetime.time(random.randint(0, 23), random.choice((0, 30)), random.randint(0, 59))


_DRAWN: Mapping[Kind, Callable[[ColumnType, Random], Value]] = {
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: lambda _, random: random.randint(-8, 200) * 0.25,  # exact: sums do not depend on their order
    Kind.BOOLEAN: lambda _, random: random.random() < 0.5,
    Kind.DATE: lambda _, random: _date(random),
    Kind.TIMESTAMP: _timestamp,
    Kind.TIME: lambda _, random: _time(random),
    Kind.UUID: lambda _, random: UUID(int=random.getrandbits(128)),
    Kind.JSON: lambda _, random: f'{{"a": {random.randint(1, 9)}}}',
    Kind.BINARY: lambda _, random: bytes(random.choices(range(1, 255), k=random.randint(1, 3))),
    Kind.OTHER: _other,
}
