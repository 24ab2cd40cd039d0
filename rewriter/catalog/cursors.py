"""The little of the DBAPI that reading a catalog needs, and the pieces that every engine's reader shares."""

from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any, Protocol

from masking.types import ColumnType, Dialect, column_type


class Cursor(Protocol):
    """A plain, synchronous DBAPI cursor (or a DuckDB connection) whose rows are sequences."""

    def execute(self, operation: Any, /) -> object:  # noqa: ANN401 -- drivers disagree on its type
        """Run one statement."""

    def fetchall(self) -> Sequence[Any]:
        """Every row that the last statement gave."""


Row = Sequence[Any]


class TypeReader(Protocol):
    """`masking.types.column_type` of one dialect."""

    def __call__(self, declared: str, *, collation: str | None = None, enum: bool = False) -> ColumnType:
        """The type that a column is declared with."""


def rows(cursor: Cursor, statement: str) -> list[Row]:
    """Every row of `statement`, which holds no parameter and no `%`, so that any paramstyle reads it alike."""
    cursor.execute(statement)
    return list(cursor.fetchall())


def text(value: object) -> str:
    """`value` as text: some servers hand catalog text out as bytes."""
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)


def text_or_none(value: object) -> str | None:
    """`value` as text; None where it is NULL."""
    return None if value is None else text(value)


def grouped(found: Iterable[Row], width: int) -> dict[tuple[str, ...], list[Row]]:
    """Rows by their first `width` fields, the rest of each row in the order it came."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in found:
        groups.setdefault(tuple(text(part) for part in row[:width]), []).append(row[width:])
    return groups


def column_types(dialect: Dialect) -> TypeReader:
    """`column_type` of `dialect`, each distinct declaration read once: thousands of tables share a few dozen."""
    return lru_cache(maxsize=4096)(partial(column_type, dialect))


def stamp(parts: Iterable[object]) -> str:
    """A short hash that changes when any of `parts` does."""
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()
