"""Types as databases declare them, and what masks make of them."""

import pytest

from masking import Dialect, Kind, column_type


@pytest.mark.parametrize(
    ("dialect", "declared", "kind", "sql", "length"),
    [
        ("postgresql", "character varying(50)", Kind.TEXT, "character varying(50)", 50),
        ("postgresql", "varchar(5)", Kind.TEXT, "character varying(5)", 5),
        ("postgresql", "character varying", Kind.TEXT, "character varying", None),
        ("postgresql", "character", Kind.TEXT, "character", 1),
        ("postgresql", "text", Kind.TEXT, "pg_catalog.text", None),
        ("postgresql", "public.citext", Kind.TEXT, "public.citext", None),
        ("postgresql", "date", Kind.DATE, "pg_catalog.date", None),
        ("postgresql", "timestamp(3) with time zone", Kind.TIMESTAMP, "timestamp(3) with time zone", None),
        ("postgresql", "integer[]", Kind.OTHER, "integer[]", None),
        ("postgresql", "character varying(5)[]", Kind.OTHER, "character varying(5)[]", None),
        ("postgresql", '"char"', Kind.OTHER, '"char"', None),
        ("postgresql", "public.mood", Kind.OTHER, "public.mood", None),
        ("postgresql", "interval", Kind.OTHER, "interval", None),
        ("mysql", "int(10) unsigned", Kind.INTEGER, "int(10) unsigned", None),
        ("mysql", "tinyint(1)", Kind.BOOLEAN, "tinyint(1)", None),
        ("mysql", "varchar(50)", Kind.TEXT, "varchar(50)", 50),
        ("mysql", "DECIMAL(10,2) unsigned", Kind.DECIMAL, "decimal(10,2)", None),
        ("mysql", "enum('a','b(')", Kind.ENUM, "enum('a','b(')", None),
        ("mysql", "point", Kind.OTHER, "point", None),
        ("sqlite", "", Kind.OTHER, "BLOB", None),
        ("sqlite", "VARCHAR(20)", Kind.TEXT, "TEXT", None),
        ("sqlite", "FLOATING POINT", Kind.INTEGER, "BIGINT", None),
        ("sqlite", "STRING", Kind.OTHER, "NUMERIC", None),
        ("sqlite", "DATETIME", Kind.TIMESTAMP, "NUMERIC", None),
        ("duckdb", "DECIMAL(18,3)", Kind.DECIMAL, "DECIMAL(18,3)", None),
        ("duckdb", "STRUCT(a INTEGER, b VARCHAR)", Kind.OTHER, "STRUCT(a INTEGER, b VARCHAR)", None),
        ("duckdb", "INTEGER[3]", Kind.OTHER, "INTEGER[3]", None),
        ("duckdb", "ENUM('a', 'b')", Kind.ENUM, "ENUM('a', 'b')", None),
        ("duckdb", "UBIGINT", Kind.INTEGER, "UBIGINT", None),
    ],
)
def test_declared_types(dialect: Dialect, declared: str, kind: Kind, sql: str, length: int | None) -> None:  # noqa: PLR0917 -- one row
    """Kind, cast and length of what a catalog shows."""
    found = column_type(dialect, declared)
    assert (found.kind, found.sql, found.length) == (kind, sql, length)


def test_numbers_and_flags() -> None:
    """Precision, scale, sign and time zone."""
    numeric = column_type("postgresql", "numeric(10,2)")
    assert (numeric.precision, numeric.scale) == (10, 2)
    assert column_type("postgresql", "numeric(5)").scale == 0
    assert column_type("postgresql", "numeric").precision is None
    assert column_type("mysql", "decimal(10,2) unsigned").unsigned
    assert column_type("mysql", "year(4)").unsigned
    assert column_type("postgresql", "timestamp with time zone").with_time_zone
    assert not column_type("postgresql", "timestamp without time zone").with_time_zone
    assert column_type("mysql", "timestamp").with_time_zone
    assert not column_type("mysql", "datetime(6)").with_time_zone
    assert column_type("duckdb", "TIMESTAMP WITH TIME ZONE").with_time_zone


def test_an_enumeration_and_a_collation_are_told() -> None:
    """What the catalog knows and the declared text does not say."""
    mood = column_type("postgresql", "public.mood", enum=True)
    assert (mood.kind, mood.sql) == (Kind.ENUM, "public.mood")
    assert column_type("sqlite", "TEXT", collation="NOCASE").collation == "NOCASE"
