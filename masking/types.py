"""Column types as masks see them: what kind of value a column holds, and how its type is written in a cast."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Dialect = Literal["postgresql", "mysql", "sqlite", "duckdb"]
"""The SQL a database speaks; MariaDB counts as `mysql`."""


class Kind(StrEnum):
    """The closed set of value kinds that masks tell apart."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIME = "time"
    UUID = "uuid"
    JSON = "json"
    BINARY = "binary"
    ENUM = "enum"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """One column's type.

    `sql` is what a cast to exactly this type names, modifiers included (`character varying(50)`). `length` is in
    characters (TEXT; None: unbounded). `precision`/`scale` are decimal digits (DECIMAL) or fractional-second digits
    (`precision` of TIMESTAMP and TIME). `collation` is the SQL name of a collation other than the database's default.
    """

    kind: Kind
    sql: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    with_time_zone: bool = False
    unsigned: bool = False
    collation: str | None = None
