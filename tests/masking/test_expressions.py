"""What SQL of masks may look like, and which mask no column of a type can have."""

import re
from decimal import Decimal
from typing import get_args

import pytest

from masking import (
    Bucket,
    Constant,
    Dialect,
    Email,
    Expression,
    Hash,
    Mask,
    Month,
    Null,
    Partial,
    PolicyError,
    Redact,
    Year,
    column_type,
    mask_expression,
)

KEY = "a key of more than sixteen characters"
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
TYPES: dict[Dialect, tuple[str, ...]] = {
    "postgresql": (
        "text",
        "character varying(40)",
        "integer",
        "numeric(10,2)",
        "real",
        "date",
        "timestamp with time zone",
        "jsonb",
        "uuid",
        "bytea",
    ),
    "mysql": (
        "longtext",
        "varchar(40)",
        "int(11)",
        "decimal(10,2)",
        "float",
        "date",
        "timestamp",
        "json",
        "uuid",
        "blob",
    ),
    "sqlite": ("TEXT", "VARCHAR(40)", "INTEGER", "NUMERIC", "REAL", "DATE", "TIMESTAMP", "JSON", "UUID", "BLOB"),
    "duckdb": (
        "VARCHAR",
        "INTEGER",
        "DECIMAL(10,2)",
        "FLOAT",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
        "JSON",
        "UUID",
        "BLOB",
    ),
}
MASKS: tuple[Mask, ...] = (
    Redact(),
    Null(),
    Partial(prefix=1, padding="50%\\ :x ? \n'", suffix=1),
    Email(),
    Hash(key=KEY),
    Year(),
    Month(),
    Bucket(size=Decimal(10)),
    Constant(value="50%\\ :x ? \n'"),
    Constant(value="2020-01-02T03:04:05.678"),
    Constant(value=7),
    Expression(sql="CASE WHEN other = '50%\\ :x ?' THEN :principal ELSE {column} END"),
)


def expressions(dialect: Dialect) -> list[str]:
    """Each mask's SQL on each type that it fits."""
    found = []
    for declared in TYPES[dialect]:
        for mask in MASKS:
            try:
                type_ = column_type(dialect, declared)
                found.append(mask_expression(mask, "c", type_, dialect, principal="a:b%c?d\\", columns={"other": "o"}))
            except PolicyError:
                continue
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_text_is_inert_for_every_driver(dialect: Dialect) -> None:
    """No driver finds a placeholder, an escape or a line's end in it, not even within literals."""
    found = expressions(dialect)
    assert len(found) > 30
    for sql in found:
        assert not re.search(r"[%:?\\\x00-\x1f]", sql), sql
        assert KEY not in sql


def test_postgresql_names_are_qualified() -> None:
    """Every function, operator and type that is looked up by name is looked up in pg_catalog."""
    keywords = {
        "AS",
        "WHEN",
        "THEN",
        "ELSE",
        "AND",
        "OR",
        "OPERATOR",
        "CASE",
        "GREATEST",
        "numeric",
        "varying",
        "timestamp",
    }
    for sql in expressions("postgresql"):
        bare = re.sub(r"'(?:[^']|'')*'", "''", sql)
        calls = re.findall(r"(?<![\w.])(\w+)\s*\(", bare)
        assert set(calls) - keywords <= {"CAST", "COALESCE"}, sql
        assert not re.search(
            r"[|<>=+*/]",
            bare.replace("OPERATOR(pg_catalog.", "<")
            .replace("<||)", "")
            .replace("<<>)", "")
            .replace("<>=)", "")
            .replace("<<=)", "")
            .replace("<>)", "")
            .replace("<<)", "")
            .replace("<=)", "")
            .replace("<+)", "")
            .replace("<-)", "")
            .replace("<*)", "")
            .replace("</)", ""),
        ), sql


@pytest.mark.parametrize(
    ("dialect", "declared", "mask"),
    [
        ("postgresql", "text", Year()),
        ("postgresql", "integer", Partial(prefix=1)),
        ("postgresql", "integer", Email()),
        ("postgresql", "integer", Month()),
        ("postgresql", "character varying(31)", Hash(key=KEY)),
        ("postgresql", "integer", Hash(key=KEY)),
        ("postgresql", "integer", Bucket(size=Decimal("0.5"))),
        ("postgresql", "smallint", Bucket(size=Decimal(40000))),
        ("postgresql", "numeric(10,2)", Bucket(size=Decimal("0.001"))),
        ("postgresql", "text", Bucket(size=Decimal(10))),
        ("postgresql", "character varying(3)", Constant(value="four")),
        ("postgresql", "text", Constant(value=4)),
        ("postgresql", "integer", Constant(value="4")),
        ("postgresql", "integer", Constant(value=True)),
        ("postgresql", "smallint", Constant(value=40000)),
        ("postgresql", "integer", Constant(value=1.5)),
        ("postgresql", "numeric(4,2)", Constant(value=100)),
        ("postgresql", "numeric(4,2)", Constant(value=1.234)),
        ("postgresql", "date", Constant(value="yesterday")),
        ("postgresql", "timestamp without time zone", Constant(value="2020-01-01T00:00:00+01:00")),
        ("postgresql", "uuid", Constant(value="x")),
        ("postgresql", "jsonb", Constant(value="{")),
        ("postgresql", "bytea", Constant(value="x")),
        ("postgresql", "integer[]", Constant(value="x")),
        ("postgresql", "boolean", Constant(value=1)),
        ("postgresql", "text", Constant(value="nul\x00")),
        ("mysql", "int(10) unsigned", Constant(value=-1)),
        ("sqlite", "UUID", Hash(key=KEY)),
        ("duckdb", "INTEGER", Expression(sql="'text' || {column}")),
        ("postgresql", "text", Expression(sql="length({column})")),
        ("postgresql", "boolean", Expression(sql="length({column})")),
        ("postgresql", "text", Expression(sql="missing")),
        ("postgresql", "text", Expression(sql="pg_sleep({column})")),
    ],
)
def test_a_mask_that_cannot_yield_the_type_is_a_fault(dialect: Dialect, declared: str, mask: Mask) -> None:
    """The fault says what to do, and does not repeat the constant."""
    with pytest.raises(PolicyError) as caught:
        mask_expression(mask, "c", column_type(dialect, declared), dialect, columns={"other": "o"})
    assert caught.value.problems[0].hint
    assert "four" not in str(caught.value)
