"""The twin of a cell: another secret that its mask shows alike. Pure.

Each proposal is held against the reference of the mask. A cell that has no such twin is kept: a pseudonym tells values
apart, and an expression is the policy's own.
"""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import assert_never

from masking.constants import cut, redaction
from masking.errors import PolicyError
from masking.masks import Bucket, Constant, Email, Expression, Hash, Mask, Month, Null, Partial, Redact, Year, masked
from masking.types import ColumnType, Dialect
from rewriter.proof.literals import Value, as_stored
from rewriter.proof.values import invented

_PROPOSALS = 40
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Cell:
    """A sensitive cell: what it holds, its mask, its column's type; `labels`: those of an enumeration."""

    value: Value
    mask: Mask
    type: ColumnType
    dialect: Dialect
    labels: Sequence[str] = ()


def another(cell: Cell, random: Random) -> Value:
    """A value that the mask shows as it shows the cell's; the cell's own where none was found."""
    image = _image(cell.mask, cell.value, cell.type)
    is_null = isinstance(cell.mask, Redact) and redaction(cell.type) is None
    hides_null = is_null or isinstance(cell.mask, Null | Constant)
    for proposal in _proposals(cell, random):
        stored = as_stored(proposal, cell.dialect)
        # JSON's null and NULL are one value to the reference, and two to the database.
        is_alike = hides_null or (stored is None) == (cell.value is None)
        if is_alike and stored != cell.value and _image(cell.mask, stored, cell.type) == image:
            return stored
    return cell.value


def _image(mask: Mask, value: Value, type_: ColumnType) -> object:
    try:
        return masked(mask, value, type_)
    except (PolicyError, TypeError, ValueError):
        return value  # Fail closed: a value that the reference cannot judge has no twin.


def _proposals(cell: Cell, random: Random) -> Iterator[Value]:
    value, mask = cell.value, cell.mask
    match mask:
        case Hash() | Expression():
            return
        case Redact() | Null() | Constant() if value is not None and random.random() < 0.2:
            yield None
        case Partial() if isinstance(value, str):
            yield from _around(value, mask, cell.type, random=random)
        case Email() if isinstance(value, str):
            yield from _mails(value, cell.type, random)
        case Redact() | Null() | Constant() | Partial() | Email() | Year() | Month() | Bucket():
            pass
        case _:
            assert_never(mask)
    for _ in range(_PROPOSALS):
        yield invented(cell.type, random, mask=mask, labels=cell.labels)
        yield _beside(value, random)


def _beside(value: Value, random: Random) -> Value:
    """A number or date close by, for masks that cut."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value + random.randint(-9, 9)
    if isinstance(value, datetime.date):
        return value + datetime.timedelta(days=random.randint(-25, 25))
    return value


def _around(value: str, mask: Partial, type_: ColumnType, *, random: Random) -> Iterator[str]:
    """Other text between what the mask shows."""
    shown = mask.prefix + mask.suffix
    for _ in range(_PROPOSALS):
        if len(value) <= shown:
            yield _letters(random, random.randint(0, shown))
        else:
            tail = value[len(value) - mask.suffix :]
            yield cut(value[: mask.prefix] + _letters(random, random.randint(1, len(value))) + tail, type_)


def _mails(value: str, type_: ColumnType, random: Random) -> Iterator[str]:
    """Another address with the same first letter and last label."""
    label = value.rpartition("@")[2].rpartition(".")[2]
    for _ in range(_PROPOSALS):
        name = value[:1] + _letters(random, random.randint(0, 6))
        tail = f"@{_letters(random, 4)}.{label}" if "." in value.rpartition("@")[2] else f"@{_letters(random, 4)}"
        yield cut(name + (tail if "@" in value else ""), type_)


def _letters(random: Random, count: int) -> str:
    return "".join(random.choices(_LETTERS, k=count))
