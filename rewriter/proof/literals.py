"""Values as SQL that every engine reads alike, for rows that are invented and for predicates that meet them. Pure."""

import datetime
from decimal import Decimal
from uuid import UUID

from masking.types import Dialect

Value = None | str | bool | int | float | Decimal | datetime.date | datetime.datetime | datetime.time | UUID | bytes
"""What a cell may hold; JSON as its text, a value of an enumeration as its label."""


def quoted_text(text: str) -> str:
    """`text` as a literal."""
    return "'" + text.replace("'", "''") + "'"


def is_plain(text: str) -> bool:
    """Whether `text` says the same in every engine's quotes, under every setting."""
    return text.isprintable() and "\\" not in text


def literal(value: Value, dialect: Dialect) -> str:
    """`value` as a literal that a column of its type takes."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper() if dialect in ("postgresql", "duckdb") else str(int(value))
        case int() | float() | Decimal():
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
        case bytes():
            digits = value.hex()
            forms = {"postgresql": rf"'\x{digits}'::pg_catalog.bytea", "duckdb": f"from_hex('{digits}')"}
            return forms.get(dialect, f"x'{digits}'")
        case datetime.datetime():
            return quoted_text(value.isoformat(" "))
        case _:
            return quoted_text(str(value))


def as_stored(value: Value, dialect: Dialect) -> Value:
    """`value` as the engine keeps it: SQLite has no types for these, and SQLAlchemy stores text and numbers."""
    if dialect != "sqlite":
        return value
    match value:
        case bool():
            return int(value)
        case Decimal():
            return float(value)
        case datetime.datetime():
            return value.isoformat(" ", timespec="microseconds")
        case datetime.date() | datetime.time() | UUID():
            return str(value)
        case _:
            return value
