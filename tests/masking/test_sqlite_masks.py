"""Each mask's SQL on SQLite, held against the Python reference, also where a column holds another kind of value."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import product

import pytest

from masking import (
    Bucket,
    Constant,
    Dialect,
    Email,
    Hash,
    Mask,
    Month,
    Null,
    Partial,
    Policy,
    Redact,
    Year,
    column_type,
    mask_expression,
    masked,
    session_secrets,
)

DIALECT: Dialect = "sqlite"
KEY = "a key of more than sixteen characters"
TEXTS = (
    None,
    "",
    "a",
    "ana@shop.example",
    "@shop.example",
    "ana@localhost",
    "ana@",
    "a@b@c.d.example",
    "x.y",
    "a.b@c",
    "123-45-6789",
    "12345",
    "é",
    "e\u0301",
    "👩‍👩‍👧 family",
    "  padded  ",
    "a\nb",
    "O'Brien % : ?",
    "a@" + "x" * 24 + "." + "y" * 24,
    "a@b." + "y" * 25,
    "7",
    "7.0",
    b"",
    b"\xff\x00secret",
    "Ω" * 60,
)
NUMBERS = (
    None,
    0,
    1,
    -1,
    9,
    -9,
    10,
    2**63 - 1,
    -(2**63),
    0.5,
    -0.5,
    12.75,
    5e-324,
    1.7976931348623157e308,
    -1e300,
    float("inf"),
    float("-inf"),
    "text",
    "12",
    "",
    b"12",
    "1e3",
)
DATES = (
    None,
    "2024-02-29",
    "0001-01-01",
    "9999-12-31",
    "2024-02-29 12:30:00.123456",
    "2024",
    "secret",
    "20240229",
    20240229,
    2451545.5,
    b"2024-02-29",
    "",
    "-2024-01-01",
)
TEXT_MASKS: tuple[Mask, ...] = (
    Redact(),
    Null(),
    Partial(prefix=1, padding="***-**-", suffix=4),
    Partial(prefix=2, padding="%:?\\'é…", suffix=0),
    Partial(padding="x"),
    Email(),
    Hash(key=KEY),
    Constant(value="50% of\n'é' ?:\\"),
    Constant(value="7"),
)
NUMBER_MASKS: tuple[Mask, ...] = (Redact(), Null(), Bucket(size=10), Constant(value=7))
DATE_MASKS: tuple[Mask, ...] = (Redact(), Null(), Year(), Month(), Constant(value="2020-02-02"))
COLUMNS: dict[str, tuple[tuple[object, ...], tuple[Mask, ...]]] = {
    "TEXT": (TEXTS, TEXT_MASKS),
    "VARCHAR(20)": (TEXTS, TEXT_MASKS),
    "INTEGER": (NUMBERS, NUMBER_MASKS),
    "BIGINT": (NUMBERS, NUMBER_MASKS),
    "NUMERIC(10,2)": (NUMBERS, (*NUMBER_MASKS, Bucket(size="0.25"), Constant(value=1.5))),
    "REAL": (NUMBERS, (*NUMBER_MASKS, Bucket(size="0.1"), Constant(value=1.5))),
    "BOOLEAN": ((None, 0, 1, "x"), (Redact(), Null(), Constant(value=True))),
    "DATE": (DATES, DATE_MASKS),
    "DATETIME": (DATES, (*DATE_MASKS, Constant(value="2020-02-02T03:04:05.678901"))),
    "TIMESTAMP": (DATES, DATE_MASKS),
    "UUID": ((None, "12345678123456781234567812345678", "1" * 32), (Redact(), Null())),
    "JSON": ((None, '{"a": 1}', "7", "null"), (Redact(), Null(), Constant(value='{"x": 1}'))),
    "BLOB": ((None, b"\x00\xff", "text", 7), (Redact(), Null())),
    "TIME": ((None, "12:00:00"), (Redact(), Null())),
    "": ((None, 7, "7", b"7"), (Redact(), Null())),
}
PROBES = tuple(
    f"x {operator} {value}"
    for operator, value in product(
        ("=", "<", ">="), ("7", "'7'", "7.0", "'7.0'", "'2021'", "2021", "'[REDACTED]'", "'2024-01-01'")
    )
)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A database in memory, with the key's function."""
    with closing(sqlite3.connect(":memory:")) as opened:
        for secret in session_secrets(Policy.parse(f"columns: {{t.c: {{hash: {KEY}}}}}"), DIALECT):
            assert secret.function is not None
            opened.create_function(secret.name, 1, secret.function, deterministic=True)
        yield opened


def filled(connection: sqlite3.Connection, declared: str, collation: str | None = None) -> list[object]:
    """A table `t` whose column `c` holds the test values, and what the driver gives for them."""
    collate = f" COLLATE {collation}" if collation else ""
    connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, c {declared}{collate})")
    connection.execute(f"CREATE TABLE replica (id INTEGER PRIMARY KEY, x {declared}{collate})")
    connection.executemany("INSERT INTO t (c) VALUES (?)", [(value,) for value in COLUMNS[declared][0]])
    return [row[0] for row in connection.execute("SELECT c FROM t ORDER BY id")]


def shown(values: list[object]) -> list[tuple[type, str]]:
    """Values as they compare here: 7 is not 7.0."""
    return [(type(value), repr(value)) for value in values]


@pytest.mark.parametrize("collation", [None, "NOCASE"])
@pytest.mark.parametrize("declared", COLUMNS)
def test_sql_equals_a_masked_replica(connection: sqlite3.Connection, declared: str, collation: str | None) -> None:
    """Values, storage classes, comparisons and order are those of a table that stores the reference's values."""
    raw = filled(connection, declared, collation)
    type_ = column_type(DIALECT, declared, collation=collation)
    for mask in COLUMNS[declared][1]:
        connection.execute("DELETE FROM replica")
        expected = [masked(mask, value, type_) for value in raw]
        connection.executemany("INSERT INTO replica (x) VALUES (?)", [(value,) for value in expected])
        stored = [row[0] for row in connection.execute("SELECT x FROM replica ORDER BY id")]
        expression = mask_expression(mask, '"c"', type_, DIALECT)
        scan = f"(SELECT id, {expression} AS x FROM t)"
        found = [row[0] for row in connection.execute(f"SELECT x FROM {scan} ORDER BY id")]
        assert shown(found) == shown(stored), mask
        for probe in PROBES:
            answers = [
                connection.execute(f"SELECT id FROM {table} WHERE {probe} ORDER BY x, id").fetchall()
                for table in (scan, "replica")
            ]
            assert answers[0] == answers[1], (mask, probe)


def test_a_mask_is_merged_into_its_statement(connection: sqlite3.Connection) -> None:
    """A derived table with a mask is flattened: its rows are not stored first."""
    filled(connection, "TEXT")
    expression = mask_expression(Email(), '"c"', column_type(DIALECT, "TEXT"), DIALECT)
    scan = f"(SELECT id, {expression} AS x FROM t)"
    plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT x FROM {scan} WHERE id = 3").fetchall()
    assert [row[3] for row in plan] == ["SEARCH t USING INTEGER PRIMARY KEY (rowid=?)"]
