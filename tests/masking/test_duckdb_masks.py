"""Each mask's SQL on DuckDB, held against the Python reference."""

import math
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from functools import partial

import duckdb
import pytest

from masking import (
    Bucket,
    Constant,
    Dialect,
    Email,
    Hash,
    Kind,
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

DIALECT: Dialect = "duckdb"
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
    "e\u0301e\u0301",
    "👩‍👩‍👧 family",
    "  padded  ",
    "a\nb",
    "O'Brien % : ?",
    "a@" + "x" * 24 + "." + "y" * 24,
    "a@b." + "y" * 25,
    "Ω" * 60,
    "nul\x00inside@x.y",
)
TEXT_MASKS: tuple[Mask, ...] = (
    Redact(),
    Null(),
    Partial(prefix=1, padding="***-**-", suffix=4),
    Partial(prefix=2, padding="%:?\\'é…", suffix=0),
    Partial(padding=""),
    Email(),
    Hash(key=KEY),
    Constant(value="50% of\n'é' ?:\\"),
)
FLOATS = (
    None,
    0.0,
    0.35,
    -0.35,
    5e-324,
    -5e-324,
    1.7976931348623157e308,
    -1.7976931348623157e308,
    math.nan,
    math.inf,
    -math.inf,
    123.4,
)
DATES = (
    None,
    "0001-01-01",
    "9999-12-31",
    "2024-02-29",
    "1969-12-31",
    "infinity",
    "-infinity",
    "0044-03-15 (BC)",
    "290000-05-05",
)
COLUMNS: dict[str, tuple[tuple[object, ...], tuple[Mask, ...]]] = {
    "VARCHAR": (TEXTS, TEXT_MASKS),
    "TINYINT": ((None, 0, 9, -9, 127, -128), (Redact(), Null(), Bucket(size=10), Bucket(size=127), Constant(value=1))),
    "INTEGER": ((None, 0, 7, -7, 2**31 - 1, -(2**31)), (Redact(), Null(), Bucket(size=1000), Constant(value=5))),
    "BIGINT": ((None, 7, -7, 2**63 - 1, -(2**63)), (Redact(), Null(), Bucket(size=10**18))),
    "HUGEINT": ((None, 7, -7, 2**127 - 1, -(2**127)), (Redact(), Null(), Bucket(size=1000))),
    "UBIGINT": ((None, 7, 2**64 - 1), (Redact(), Null(), Bucket(size=1000))),
    "DECIMAL(10,2)": (
        (None, "0", "1.25", "-1.25", "99999999.99", "-99999999.99"),
        (Redact(), Null(), Bucket(size=10), Bucket(size="0.25"), Constant(value=1.5)),
    ),
    "DECIMAL(38,10)": ((None, "9" * 28 + ".9999999999", "-" + "9" * 28 + ".9"), (Redact(), Null(), Bucket(size=10))),
    "DOUBLE": (
        FLOATS,
        (Redact(), Null(), Bucket(size="0.1"), Bucket(size=10), Bucket(size=10**18), Constant(value=1.5)),
    ),
    "FLOAT": ((None, 0.0, 0.3, -0.35, 1e-45, 3.4e38, math.nan, -math.inf), (Redact(), Null(), Bucket(size="0.1"))),
    "BOOLEAN": ((None, True, False), (Redact(), Null(), Constant(value=True))),
    "DATE": (DATES, (Redact(), Null(), Year(), Month(), Constant(value="2020-02-02"))),
    "TIMESTAMP": (DATES, (Redact(), Null(), Year(), Month(), Constant(value="2020-02-02T03:04:05.678901"))),
    "TIMESTAMP_S": (DATES[:5], (Redact(), Null(), Year())),
    "TIMESTAMP_NS": ((None, "2024-02-29 12:00:00.123456789"), (Redact(), Null(), Year(), Month())),
    "TIMESTAMP WITH TIME ZONE": (
        (None, "2023-12-31 23:30:00-05", "2024-01-01 00:30:00+05", "0001-01-02 00:00:00+00", "infinity"),
        (Redact(), Null(), Year(), Month(), Constant(value="2020-02-02T03:04:05+02:00")),
    ),
    "UUID": (
        (None, "12345678-1234-5678-1234-567812345678"),
        (Redact(), Null(), Hash(key=KEY), Constant(value="12345678-1234-5678-1234-567812345678")),
    ),
    "JSON": ((None, '{"a": 1}', "null"), (Redact(), Null(), Constant(value='{"x":"%"}'))),
    "BLOB": ((None, b"", b"\x00\xff"), (Redact(), Null())),
    "ENUM('sad', 'happy')": ((None, "sad"), (Redact(), Null(), Constant(value="happy"))),
    "INTERVAL": ((None, "1 day"), (Redact(), Null())),
    "INTEGER[]": ((None, [1, 2]), (Redact(), Null())),
    "STRUCT(a INTEGER, b VARCHAR)": ((None, {"a": 1, "b": "x"}), (Redact(), Null())),
    "TIME": ((None, "12:00:00"), (Redact(), Null())),
}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that holds the key, in a time zone that must not matter."""
    with closing(duckdb.connect()) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        for secret in session_secrets(Policy.parse(f"columns: {{t.c: {{hash: {KEY}}}}}"), DIALECT):
            opened.execute(secret.statement("?"), [secret.value])
        yield opened


def shown(value: object, *, kind: Kind) -> str:
    """`value` as it compares here: NaN equals itself; JSON, which DuckDB gives as text, counts without its spaces."""
    if isinstance(value, Decimal):
        return f"Decimal {value.normalize()}"
    if isinstance(value, datetime):
        return value.isoformat()
    if kind is Kind.JSON:
        return str(value).replace(" ", "").replace("'", '"').replace("None", "null") if value is not None else "null"
    return f"{type(value).__name__} {value!r}"


def column(connection: duckdb.DuckDBPyConnection, sql: str) -> list[object]:
    """The first column of each row."""
    return [row[0] for row in connection.execute(sql).fetchall()]


@pytest.mark.parametrize("declared", COLUMNS)
def test_sql_yields_the_reference(connection: duckdb.DuckDBPyConnection, declared: str) -> None:
    """What DuckDB makes of every value is what the reference says, in the column's own type."""
    connection.execute(f"CREATE TABLE t (id INTEGER, c {declared})")
    values = enumerate(COLUMNS[declared][0])
    connection.executemany(f"INSERT INTO t VALUES (?, CAST(? AS {declared}))", [[n, value] for n, value in values])
    type_ = column_type(DIALECT, declared)
    # Dates beyond Python's are compared as DuckDB's own, below.
    python = (
        ""
        if type_.kind not in {Kind.DATE, Kind.TIMESTAMP}
        else "WHERE c IS NULL OR year(c) BETWEEN 1 AND 9999 AND isfinite(c)"
    )
    raw = column(connection, f"SELECT c FROM t {python} ORDER BY id")
    for mask in COLUMNS[declared][1]:
        expression = mask_expression(mask, '"c"', type_, DIALECT)
        found = column(connection, f"SELECT {expression} FROM t {python} ORDER BY id")
        as_shown = partial(shown, kind=type_.kind)
        assert [as_shown(value) for value in found] == [as_shown(masked(mask, value, type_)) for value in raw], mask
        types = column(connection, f"SELECT DISTINCT typeof({expression}) = typeof(c) FROM t")
        assert types == [True], mask


@pytest.mark.parametrize("declared", ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"])
def test_infinite_and_far_dates_do_not_fail(connection: duckdb.DuckDBPyConnection, declared: str) -> None:
    """The infinities stay, and dates beyond Python's are cut like any."""
    connection.execute(f"CREATE TABLE t (c {declared})")
    connection.execute("INSERT INTO t VALUES ('infinity'), ('-infinity'), ('0044-03-15 (BC)'), ('290000-05-05')")
    for mask, expected in ((Year(), "290000-01-01"), (Month(), "290000-05-01")):
        expression = mask_expression(mask, '"c"', column_type(DIALECT, declared), DIALECT)
        found = column(connection, f"SELECT CAST({expression} AS VARCHAR) FROM t")
        assert found[:2] == ["infinity", "-infinity"]
        assert str(found[3]).startswith(expected)


def test_a_collation_is_kept(connection: duckdb.DuckDBPyConnection) -> None:
    """A masked column compares by the column's collation."""
    connection.execute("CREATE TABLE t (c VARCHAR COLLATE NOCASE)")
    connection.execute("INSERT INTO t VALUES ('abcdef')")
    type_ = column_type(DIALECT, "VARCHAR", collation="NOCASE")
    for mask, image in ((Partial(prefix=1, padding="x"), "AX"), (Redact(), "[REDACTED]"), (Constant(value="k"), "K")):
        expression = mask_expression(mask, '"c"', type_, DIALECT)
        assert column(connection, f"SELECT count(*) FROM (SELECT {expression} AS c FROM t) s WHERE c = '{image}'") == [
            1
        ]
