"""Column types as masks see them: what kind of value a column holds, and how its type is written in a cast."""

import re
from dataclasses import dataclass, replace
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


_DECLARED = re.compile(r"(?P<name>[^()\[\]]*)(?:\((?P<arguments>[^()]*)\)(?P<rest>[^()]*))?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declared:
    """A type as declared, taken apart: `int(10) unsigned` → name `int`, numbers `(10,)`, rest `unsigned`."""

    text: str
    name: str = ""
    numbers: tuple[int, ...] = ()
    rest: str = ""

    @property
    def words(self) -> frozenset[str]:
        return frozenset(f"{self.name} {self.rest}".split())

    def number(self, index: int) -> int | None:
        return self.numbers[index] if index < len(self.numbers) else None


def _taken_apart(declared: str) -> _Declared:
    text = " ".join(declared.split())
    match = _DECLARED.fullmatch(text.lower())
    if match is None:
        return _Declared(text=text)
    arguments = [part.strip() for part in (match["arguments"] or "").split(",") if part.strip()]
    numbers = tuple(int(part) for part in arguments if re.fullmatch(r"-?\d{1,9}", part, re.ASCII))
    name = match["name"].strip() if len(numbers) == len(arguments) else f"{match['name']} with arguments"
    return _Declared(text=text, name=name, numbers=numbers, rest=match["rest"] or "")


def column_type(dialect: Dialect, declared: str, *, collation: str | None = None, enum: bool = False) -> ColumnType:
    """The type that `declared` names in the database's own spelling, as its catalog shows it.

    Shape: `character varying(50)` → TEXT of length 50; `int(10) unsigned` → INTEGER; anything unknown, an array or a
    composite type → OTHER. `enum`: a user-defined type that is an enumeration.

    >>> column_type("postgresql", "numeric(10,2)").scale
    2
    """
    read = {"postgresql": _postgresql, "mysql": _mysql, "sqlite": _sqlite, "duckdb": _duckdb}[dialect]
    found = replace(read(_taken_apart(declared)), collation=collation)
    return replace(found, kind=Kind.ENUM) if enum else found


def _timed(type_: _Declared, *, kind: Kind, sql: str) -> ColumnType:
    zoned = "with time zone" in type_.text.lower()
    return ColumnType(kind=kind, sql=sql, precision=type_.number(0), with_time_zone=zoned)


_POSTGRESQL = {
    "smallint": Kind.INTEGER,
    "integer": Kind.INTEGER,
    "bigint": Kind.INTEGER,
    "real": Kind.FLOAT,
    "double precision": Kind.FLOAT,
    "boolean": Kind.BOOLEAN,
    "text": Kind.TEXT,
    "name": Kind.TEXT,
    "date": Kind.DATE,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "jsonb": Kind.JSON,
    "bytea": Kind.BINARY,
    "citext": Kind.TEXT,
}
_POSTGRESQL_ALIASES = {
    "int2": "smallint",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "varchar": "character varying",
    "char": "character",
    "decimal": "numeric",
    "timestamptz": "timestamp with time zone",
}
_POSTGRESQL_PLAIN_NAMES = frozenset({"text", "name", "date", "uuid", "json", "jsonb", "bytea"})
"""Names that are no keywords of PostgreSQL's grammar: a search path could make them mean another type."""


def _postgresql(type_: _Declared) -> ColumnType:
    name = _POSTGRESQL_ALIASES.get(type_.name, type_.name).removeprefix("pg_catalog.")
    other = ColumnType(kind=Kind.OTHER, sql=type_.text)
    if "[" in type_.text:
        return other
    arguments = f"({','.join(map(str, type_.numbers))})" if type_.numbers else ""
    match name.split(" ")[0]:
        case "character" if name in {"character", "character varying"}:
            length = type_.number(0) if arguments or name == "character varying" else 1
            return ColumnType(kind=Kind.TEXT, sql=f"{name}{arguments}", length=length)
        case "numeric":
            precision = type_.number(0)
            scale = type_.number(1) if precision is None or type_.number(1) is not None else 0
            return ColumnType(kind=Kind.DECIMAL, sql=f"numeric{arguments}", precision=precision, scale=scale)
        case "timestamp":
            zone = "with" if "with time zone" in type_.text.lower() or name.endswith("with time zone") else "without"
            sql = f"timestamp{arguments} {zone} time zone"
            return replace(_timed(type_, kind=Kind.TIMESTAMP, sql=sql), with_time_zone=zone == "with")
        case "time":
            return _timed(type_, kind=Kind.TIME, sql=type_.text)
    kind = _POSTGRESQL.get(name.rpartition(".")[2] if name.endswith(".citext") else name)
    if kind is None or arguments:
        return other
    sql = f"pg_catalog.{name}" if name in _POSTGRESQL_PLAIN_NAMES else type_.text if "citext" in name else name
    return ColumnType(kind=kind, sql=sql, length=63 if name == "name" else None)


_MYSQL_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year"})
_MYSQL = {
    "float": Kind.FLOAT,
    "double": Kind.FLOAT,
    "real": Kind.FLOAT,
    "double precision": Kind.FLOAT,
    "char": Kind.TEXT,
    "varchar": Kind.TEXT,
    "tinytext": Kind.TEXT,
    "text": Kind.TEXT,
    "mediumtext": Kind.TEXT,
    "longtext": Kind.TEXT,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "datetime": Kind.TIMESTAMP,
    "timestamp": Kind.TIMESTAMP,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "binary": Kind.BINARY,
    "varbinary": Kind.BINARY,
    "tinyblob": Kind.BINARY,
    "blob": Kind.BINARY,
    "mediumblob": Kind.BINARY,
    "longblob": Kind.BINARY,
    "bool": Kind.BOOLEAN,
    "boolean": Kind.BOOLEAN,
}


def _mysql(type_: _Declared) -> ColumnType:
    unsigned = not type_.words.isdisjoint({"unsigned", "zerofill"})
    words = type_.name.split(" ")
    name = words[0] if unsigned else type_.name
    if name == "tinyint" and type_.numbers == (1,) and not unsigned:
        return ColumnType(kind=Kind.BOOLEAN, sql=type_.text)
    if name in _MYSQL_INTEGERS:
        # A YEAR is unsigned: beside a signed number it would become a decimal.
        return ColumnType(kind=Kind.INTEGER, sql=type_.text, unsigned=unsigned or name == "year")
    if name in {"decimal", "numeric", "dec", "fixed"}:
        precision, scale = type_.number(0) or 10, type_.number(1) or 0
        sql = f"decimal({precision},{scale})"
        return ColumnType(kind=Kind.DECIMAL, sql=sql, precision=precision, scale=scale, unsigned=unsigned)
    if type_.text.lower().startswith(("enum(", "set(")):
        return ColumnType(kind=Kind.ENUM if type_.text[0] in "eE" else Kind.OTHER, sql=type_.text)
    kind = _MYSQL.get(name, Kind.OTHER)
    if kind is Kind.TEXT:
        length = 1 if type_.text.lower() == "char" else type_.number(0)
        return ColumnType(kind=kind, sql=type_.text, length=255 // 4 if name == "tinytext" else length)
    if kind in {Kind.TIMESTAMP, Kind.TIME}:
        # A TIMESTAMP is an instant that the session's time zone only displays; a DATETIME is what it says.
        zoned = name == "timestamp"
        return ColumnType(kind=kind, sql=type_.text, precision=type_.number(0) or 0, with_time_zone=zoned)
    return ColumnType(kind=kind, sql=type_.text, unsigned=unsigned)


_SQLITE = {"DATE": Kind.DATE, "DATETIME": Kind.TIMESTAMP, "TIMESTAMP": Kind.TIMESTAMP, "TIME": Kind.TIME}


def _sqlite(type_: _Declared) -> ColumnType:
    """By SQLite's affinity rules, in their order; `sql` is the affinity, which is what a cast can name.

    Source: https://www.sqlite.org/datatype3.html, section 3.1.
    """
    declared = type_.text.upper()
    name = type_.name.upper()
    if "INT" in declared:
        return ColumnType(kind=Kind.INTEGER, sql="BIGINT")  # also INTEGER affinity, and says how far it reaches
    if any(word in declared for word in ("CHAR", "CLOB", "TEXT")):
        return ColumnType(kind=Kind.TEXT, sql="TEXT")  # SQLite enforces no length
    if not declared or "BLOB" in declared:
        return ColumnType(kind=Kind.BINARY if declared else Kind.OTHER, sql="BLOB")
    if any(word in declared for word in ("REAL", "FLOA", "DOUB")):
        return ColumnType(kind=Kind.FLOAT, sql="REAL")
    if name in {"DECIMAL", "NUMERIC"}:
        return ColumnType(kind=Kind.DECIMAL, sql="NUMERIC")
    kinds = {**_SQLITE, "BOOLEAN": Kind.BOOLEAN, "BOOL": Kind.BOOLEAN, "UUID": Kind.UUID, "JSON": Kind.JSON}
    return ColumnType(kind=kinds.get(name.split(" ")[0], Kind.OTHER), sql="NUMERIC")


_DUCKDB = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), Kind.INTEGER),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), Kind.INTEGER),
    **dict.fromkeys(("FLOAT", "DOUBLE"), Kind.FLOAT),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), Kind.TIMESTAMP),
    "TIMESTAMP WITH TIME ZONE": Kind.TIMESTAMP,
    "TIME": Kind.TIME,
    "TIME WITH TIME ZONE": Kind.TIME,
    "VARCHAR": Kind.TEXT,
    "BOOLEAN": Kind.BOOLEAN,
    "DATE": Kind.DATE,
    "UUID": Kind.UUID,
    "JSON": Kind.JSON,
    "BLOB": Kind.BINARY,
}
_DUCKDB_ALIASES = {
    "INT": "INTEGER",
    "TEXT": "VARCHAR",
    "STRING": "VARCHAR",
    "BOOL": "BOOLEAN",
    "REAL": "FLOAT",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
    "NUMERIC": "DECIMAL",
}


def _duckdb(type_: _Declared) -> ColumnType:
    upper = type_.name.upper()
    name = _DUCKDB_ALIASES.get(upper, upper)
    if "[" in type_.text:
        return ColumnType(kind=Kind.OTHER, sql=type_.text)
    if name == "DECIMAL":
        precision, scale = type_.number(0) or 18, type_.number(1) if type_.numbers else 3
        sql = f"DECIMAL({precision},{scale or 0})"
        return ColumnType(kind=Kind.DECIMAL, sql=sql, precision=precision, scale=scale or 0)
    if type_.text.upper().startswith("ENUM("):
        return ColumnType(kind=Kind.ENUM, sql=type_.text)
    kind = _DUCKDB.get(name, Kind.OTHER)
    sql = type_.text if kind is Kind.OTHER else name
    return ColumnType(
        kind=kind,
        sql=sql,
        unsigned=name.startswith("U") and kind is Kind.INTEGER,
        with_time_zone="WITH TIME ZONE" in name,
    )
