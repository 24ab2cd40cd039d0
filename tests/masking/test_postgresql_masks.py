"""Each mask's SQL on a real PostgreSQL, held against the Python reference."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import psycopg
import pytest
from sqlalchemy.engine import make_url

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

DIALECT: Dialect = "postgresql"
KEY = "a key of more than sixteen characters"
TEXT_MASKS: tuple[Mask, ...] = (
    Redact(),
    Null(),
    Partial(prefix=1, padding="***-**-", suffix=4),
    Partial(prefix=2, padding="%:?\\'é…", suffix=0),
    Partial(prefix=0, padding="", suffix=2),
    Partial(padding="x"),
    Email(),
)
TEXTS = (
    None,
    "",
    "a",
    "ana",
    "ana@shop.example",
    "@shop.example",
    "ana@localhost",
    "ana@",
    "a@b@c.d.example",
    "x.y",
    "a.b@c",
    "123-45-6789",
    "1234",
    "12345",
    "é",
    "e\u0301e\u0301",
    "👩‍👩‍👧 family",
    "日本語テキスト",
    "  padded  ",
    "a\nb",
    "O'Brien %s :x ?",
    "a@" + "x" * 24 + "." + "y" * 24,
    "a@b." + "y" * 25,
    "Ω" * 40,
    "a@b. ",
    "\\backslash",
)
COLUMNS: dict[str, tuple[tuple[object, ...], tuple[Mask, ...]]] = {
    "text": (TEXTS, (*TEXT_MASKS, Hash(key=KEY), Constant(value="50% of\n'é' ?:\\"), Constant(value=""))),
    "character varying(50)": (TEXTS, (*TEXT_MASKS, Hash(key=KEY), Constant(value="fixed"))),
    "character varying(6)": ((None, "", "a", "abcdef", "a@b.c", "é👩x"), (*TEXT_MASKS, Constant(value="sixsix"))),
    "character(40)": ((None, "", "a", "ana@shop.example", "abcdefghij", "é"), (*TEXT_MASKS, Hash(key=KEY))),
    "smallint": ((None, 0, 1, -1, 9, 10, -10, 32767, -32768), (Redact(), Null(), Bucket(size=10), Constant(value=-7))),
    "integer": (
        (None, 0, 7, -7, 2**31 - 1, -(2**31)),
        (Redact(), Null(), Bucket(size=1000), Bucket(size=2**31 - 1), Constant(value=5)),
    ),
    "bigint": ((None, 0, 7, -7, 2**63 - 1, -(2**63)), (Redact(), Null(), Bucket(size=1000), Bucket(size=10**18))),
    "numeric(10,2)": (
        (None, "0", "1.25", "-1.25", "99999999.99", "-99999999.99", "NaN"),
        (Redact(), Null(), Bucket(size=10), Bucket(size="0.25"), Constant(value=1.5)),
    ),
    "numeric(38,10)": (
        (None, "9" * 28 + ".9999999999", "-" + "9" * 28 + ".9"),
        (Redact(), Null(), Bucket(size=10), Bucket(size="0.25")),
    ),
    "numeric": (
        (None, "0", "1.2500", "-1.25", "1e300", "-1e-300", "NaN"),
        (Redact(), Null(), Bucket(size="0.1"), Bucket(size=10**18)),
    ),
    "double precision": (
        (
            None,
            0.0,
            0.35,
            -0.35,
            5e-324,
            -5e-324,
            1.7976931348623157e308,
            -1.7976931348623157e308,
            "NaN",
            "Infinity",
            "-Infinity",
            1e16,
            123.456,
        ),
        (Redact(), Null(), Bucket(size="0.1"), Bucket(size=10), Bucket(size=10**18), Constant(value=1.5)),
    ),
    "real": (
        (None, 0.0, 0.3, -0.35, 1e-45, 3.4e38, -3.4e38, "NaN", "Infinity", "-Infinity"),
        (Redact(), Null(), Bucket(size="0.1"), Bucket(size=10), Bucket(size=10**18)),
    ),
    "boolean": ((None, True, False), (Redact(), Null(), Constant(value=True))),
    "date": (
        (None, "0001-01-01", "9999-12-31", "2024-02-29", "1969-12-31", "2000-06-15"),
        (Redact(), Null(), Year(), Month(), Constant(value="2020-02-02")),
    ),
    "timestamp without time zone": (
        (None, "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2024-02-29 12:00:00", "1969-12-31 23:59:59"),
        (Redact(), Null(), Year(), Month(), Constant(value="2020-02-02T03:04:05.678901")),
    ),
    "timestamp(3) without time zone": ((None, "2024-02-29 12:00:00.123"), (Redact(), Null(), Year(), Month())),
    "timestamp with time zone": (
        (
            None,
            "0001-01-02 00:00:00+00",
            "9999-12-30 23:59:59.999999+00",
            "2023-12-31 23:30:00-05",
            "2024-01-01 00:30:00+05",
        ),
        (Redact(), Null(), Year(), Month(), Constant(value="2020-02-02T03:04:05+02:00")),
    ),
    "uuid": (
        (None, "12345678-1234-5678-1234-567812345678"),
        (Redact(), Null(), Hash(key=KEY), Constant(value="12345678-1234-5678-1234-567812345678")),
    ),
    "json": ((None, '{"a": 1}', "null", "[]"), (Redact(), Null(), Constant(value='{"x": "%s"}'))),
    "jsonb": ((None, '{"a": 1}', "null"), (Redact(), Null(), Constant(value="[1, 2]"))),
    "bytea": ((None, b"", b"\x00\xff"), (Redact(), Null())),
    "interval": ((None, "1 day"), (Redact(), Null())),
    "integer[]": ((None, [1, 2]), (Redact(), Null())),
    "time without time zone": ((None, "12:00"), (Redact(), Null())),
    "inet": ((None, "10.0.0.1"), (Redact(), Null())),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A value that compares equal to itself, NaN included, and only to values of its own type."""

    text: str

    @classmethod
    def of(cls, value: object, *, is_single: bool = False) -> "Shown":
        """`value`, as this compares it."""
        if is_single and isinstance(value, float):
            value = struct.unpack("f", struct.pack("f", value))[0]
        number = value.normalize() if isinstance(value, Decimal) and value.is_finite() else value
        return cls(f"{type(number).__name__} {number}")


@pytest.fixture
def connection(postgres_database: str) -> Iterator[psycopg.Connection]:
    """A session that holds the keys, in a time zone and a date style that must not matter."""
    url = make_url(postgres_database).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as opened:
        policy = Policy.parse(f"columns: {{t.c: {{hash: {KEY}}}}}")
        for secret in session_secrets(policy, DIALECT):
            opened.execute(secret.statement("%s").encode(), (secret.value,))
        opened.execute("SET DateStyle = 'ISO, DMY'")
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def rows(connection: psycopg.Connection, sql: str) -> list[object]:
    """The first column of each row."""
    return [row[0] for row in connection.execute(sql.encode()).fetchall()]


def fitting_values(declared: str) -> list[object]:
    """The test values that a column of the type can hold."""
    length = column_type(DIALECT, declared).length
    return [v for v in COLUMNS[declared][0] if not (length and isinstance(v, str) and len(v) > length)]


@pytest.mark.parametrize("declared", COLUMNS)
def test_sql_yields_the_reference(connection: psycopg.Connection, declared: str) -> None:
    """What PostgreSQL makes of every value is what the reference says."""
    connection.execute(f"CREATE TABLE t (id serial, c {declared})".encode())
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t (c) VALUES (%s)", [(value,) for value in fitting_values(declared)])
    type_ = column_type(DIALECT, declared)
    raw = rows(connection, "SELECT c FROM t ORDER BY id")
    for mask in COLUMNS[declared][1]:
        expression = mask_expression(mask, '"c"', type_, DIALECT)
        found = rows(connection, f"SELECT {expression} FROM t ORDER BY id")
        shown = partial(Shown.of, is_single=declared == "real")
        assert [shown(value) for value in found] == [shown(masked(mask, value, type_)) for value in raw], mask


@pytest.mark.parametrize("declared", COLUMNS)
def test_sql_has_the_columns_type(connection: psycopg.Connection, declared: str) -> None:
    """Type, modifiers and collation are the column's own."""
    is_text = declared.startswith(("text", "char"))
    collation = 'COLLATE "POSIX"' if is_text else ""
    connection.execute(f"CREATE TABLE t (c {declared} {collation})".encode())
    type_ = column_type(DIALECT, declared, collation='"POSIX"' if is_text else None)
    for number, mask in enumerate(COLUMNS[declared][1]):
        expression = mask_expression(mask, '"c"', type_, DIALECT)
        connection.execute(f"CREATE TABLE u{number} AS SELECT s.c FROM (SELECT {expression} AS c FROM t) s".encode())
        types = rows(
            connection,
            "SELECT (format_type(atttypid, atttypmod), attcollation)::text FROM pg_attribute"
            f" WHERE attname = 'c' AND attrelid IN ('t'::regclass, 'u{number}'::regclass)",
        )
        assert types[0] == types[1], mask


def test_an_instant_is_cut_alike_in_every_time_zone(connection: psycopg.Connection) -> None:
    """The session's time zone decides how an instant is shown, never where its year begins."""
    connection.execute("CREATE TABLE t AS SELECT '2024-01-01 00:30:00+05'::timestamptz AS c")
    type_ = column_type(DIALECT, "timestamp with time zone")
    for zone in ("UTC", "Pacific/Auckland", "America/Los_Angeles"):
        connection.execute(f"SET TimeZone = '{zone}'".encode())
        for mask, instant in ((Year(), "2023-01-01 00:00:00+00"), (Month(), "2023-12-01 00:00:00+00")):
            sql = f"SELECT {mask_expression(mask, 'c', type_, DIALECT)} = '{instant}'::timestamptz FROM t"
            assert rows(connection, sql) == [True], (mask, zone)


def test_infinite_and_ancient_dates_do_not_fail(connection: psycopg.Connection) -> None:
    """The infinities stay, and what could not be cut becomes the nearer one: an error would tell of the value."""
    for declared, values in {
        "date": ("infinity", "-infinity", "4713-12-31 BC", "5874897-12-31", "0044-03-15 BC"),
        "timestamp without time zone": ("infinity", "-infinity", "4714-11-24 BC", "294276-12-31", "0044-03-15 BC"),
    }.items():
        literals = ", ".join(f"('{value}'::{declared})" for value in values)
        sql = mask_expression(Year(), "c", column_type(DIALECT, declared), DIALECT)
        found = rows(connection, f"SELECT ({sql})::text FROM (VALUES {literals}) AS v(c)")
        assert found[:4] == ["infinity", "-infinity", "-infinity", "infinity"]
        assert str(found[4]).startswith("0044-01-01")


@pytest.mark.parametrize("endless", ["Infinity", "-Infinity"])
def test_an_endless_number_has_no_bucket(connection: psycopg.Connection, endless: str) -> None:
    """An infinite numeric is rounded to what the reference rounds it to: itself."""
    if connection.info.server_version < 14_00_00:
        pytest.skip("numeric has infinities from PostgreSQL 14 on")
    mask, type_ = Bucket(size=Decimal("0.1")), column_type(DIALECT, "numeric")
    expression = mask_expression(mask, "c", type_, DIALECT)
    found = rows(connection, f"SELECT {expression} FROM (VALUES (CAST('{endless}' AS numeric))) t (c)")
    assert found == [masked(mask, Decimal(endless), type_)]


def test_a_mask_is_not_volatile(connection: psycopg.Connection) -> None:
    """PostgreSQL still sees through a derived table with masks: no fence, so indexes below are used."""
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, c text, d timestamptz, n numeric)")
    connection.execute("SET enable_seqscan = off")
    masks: dict[str, tuple[Mask, str]] = {
        "c": (Email(), "text"),
        "d": (Year(), "timestamp with time zone"),
        "n": (Bucket(size=Decimal(10)), "numeric"),
    }
    shown = [mask_expression(m, c, column_type(DIALECT, d), DIALECT) + f" AS {c}" for c, (m, d) in masks.items()]
    shown.append(mask_expression(Hash(key=KEY), "c", column_type(DIALECT, "text"), DIALECT) + " AS h")
    sql = f"EXPLAIN (COSTS OFF) SELECT * FROM (SELECT id, {', '.join(shown)} FROM t) s WHERE id = 7"
    assert str(rows(connection, sql)[0]).startswith("Index Scan using t_pkey")
