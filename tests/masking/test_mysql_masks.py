"""Each mask's SQL on a real MariaDB, held against the Python reference, under several modes."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import TypeAlias

import pymysql
import pytest
from pymysql.cursors import Cursor
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

Connection: TypeAlias = "pymysql.Connection[Cursor]"
DIALECT: Dialect = "mysql"
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
    "  padded",
    "a\nb",
    "O'Brien % : ?",
    "a@b." + "y" * 25,
    "\\back",
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
DATES = (None, "1000-01-01", "0001-01-01", "9999-12-31", "2024-02-29", "1969-12-31", "2024-12-31")
COLUMNS: dict[str, tuple[tuple[object, ...], tuple[Mask, ...]]] = {
    "longtext": (TEXTS, TEXT_MASKS),
    "varchar(50)": ((*TEXTS, "trailing  "), TEXT_MASKS),
    "char(40)": (TEXTS, TEXT_MASKS),
    "varchar(6)": ((None, "", "a", "abcdef", "a@b.c", "é👩x"), (*TEXT_MASKS[:6], Constant(value="sixsix"))),
    "tinyint(4)": ((None, 0, 9, -9, 127, -128), (Redact(), Null(), Bucket(size=10), Constant(value=1))),
    "tinyint(1)": ((None, 0, 1), (Redact(), Null(), Constant(value=True))),
    "int(11)": ((None, 0, 7, -7, 2**31 - 1, -(2**31)), (Redact(), Null(), Bucket(size=1000), Constant(value=5))),
    "int(10) unsigned": ((None, 0, 7, 2**32 - 1), (Redact(), Null(), Bucket(size=1000))),
    "bigint(20)": ((None, 7, -7, 2**63 - 1, -(2**63)), (Redact(), Null(), Bucket(size=10), Bucket(size=10**18))),
    "bigint(20) unsigned": ((None, 7, 2**64 - 1), (Redact(), Null(), Bucket(size=10), Constant(value=2**64 - 1))),
    "year(4)": ((None, 1999, 2024), (Redact(), Null(), Bucket(size=10))),
    "decimal(10,2)": (
        (None, "0", "1.25", "-1.25", "99999999.99", "-99999999.99"),
        (Redact(), Null(), Bucket(size=10), Bucket(size="0.25"), Constant(value=1.5)),
    ),
    "decimal(38,10)": ((None, "9" * 28 + ".9999999999", "-" + "9" * 28 + ".9"), (Redact(), Null(), Bucket(size=10))),
    "double": (
        (None, 0.0, 0.35, -0.35, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 123.4),
        (Redact(), Null(), Bucket(size="0.1"), Bucket(size=10), Bucket(size=10**18), Constant(value=1.5)),
    ),
    "float": ((None, 0.0, 0.5, -0.5, 12.5), (Redact(), Null(), Bucket(size=10))),
    "date": (DATES, (Redact(), Null(), Year(), Month(), Constant(value="2020-02-02"))),
    "datetime": (DATES, (Redact(), Null(), Year(), Month(), Constant(value="2020-02-02T03:04:05"))),
    "datetime(6)": ((None, "2024-02-29 12:00:00.123456"), (Redact(), Null(), Year(), Month())),
    "timestamp": (
        (None, "2023-12-31 23:59:59", "1970-01-01 00:00:01", "2038-01-19 03:14:07"),
        (Null(), Year(), Month()),
    ),
    "timestamp(3)": ((None, "2023-12-31 23:59:59.999"), (Redact(), Null(), Year(), Month())),
    "uuid": ((None, "12345678-1234-5678-1234-567812345678"), (Redact(), Null(), Hash(key=KEY))),
    "blob": ((None, b"\x00\xff"), (Redact(), Null())),
    "enum('sad','happy')": ((None, "sad"), (Redact(), Null(), Constant(value="happy"))),
    "time": ((None, "12:00:00"), (Redact(), Null())),
    "bit(3)": ((None, 5), (Redact(), Null())),
}
MODES = (
    "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO",
    "PIPES_AS_CONCAT,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,HIGH_NOT_PRECEDENCE,IGNORE_SPACE,NO_UNSIGNED_SUBTRACTION",
    "EMPTY_STRING_IS_NULL,ORACLE",
    "",
)
_MARIADB_MODES = {"EMPTY_STRING_IS_NULL,ORACLE"}
_MARIADB_TYPES = {"uuid"}


@pytest.fixture
def connection(mariadb_database: str) -> Iterator[Connection]:
    """A session that holds the key, at UTC."""
    url = make_url(mariadb_database)
    with (
        closing(
            pymysql.connect(
                host=url.host,
                port=url.port or 3306,
                user=url.username,
                password=str(url.password or ""),
                database=url.database,
                charset="utf8mb4",
                autocommit=True,
            )
        ) as opened,
        opened.cursor() as cursor,
    ):
        cursor.execute("SET time_zone = '+00:00'")
        for secret in session_secrets(Policy.parse(f"columns: {{t.c: {{hash: {KEY}}}}}"), DIALECT):
            cursor.execute(secret.statement("%s"), [secret.value])
        yield opened


def column(connection: Connection, sql: str) -> list[object]:
    """The first column of each row."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [row[0] for row in cursor.fetchall()]


def _is_mariadb(connection: Connection) -> bool:
    return column(connection, "SELECT VERSION() LIKE '%MariaDB%'") == [1]


def _expect(declared: str, connection: Connection) -> None:
    """A type that MySQL does not have is none of its columns'."""
    if declared in _MARIADB_TYPES and not _is_mariadb(connection):
        pytest.skip(f"MySQL has no {declared}")


def shown(value: object) -> str:
    """`value` as it compares here: MariaDB has no booleans, and gives UUIDs as text."""
    if isinstance(value, bool | Decimal):
        return f"{Decimal(value).normalize():f}"
    return str(value)


@pytest.mark.parametrize("declared", COLUMNS)
def test_sql_yields_the_reference(connection: Connection, declared: str) -> None:
    """What the server makes of every value is what the reference says, in every mode."""
    _expect(declared, connection)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE t (id INT, c {declared} NULL) CHARACTER SET utf8mb4")
        values = list(enumerate(COLUMNS[declared][0]))
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", values)
    type_ = column_type(DIALECT, declared)
    raw = column(connection, "SELECT c FROM t ORDER BY id")
    for mode in MODES if _is_mariadb(connection) else [mode for mode in MODES if mode not in _MARIADB_MODES]:
        with connection.cursor() as cursor:
            cursor.execute(f"SET sql_mode = '{mode}'")
        for mask in COLUMNS[declared][1]:
            expression = mask_expression(mask, "`c`", type_, DIALECT)
            found = [
                v.rstrip(" ") if "PAD_CHAR" in mode and declared.startswith("char(") and isinstance(v, str) else v
                for v in column(connection, f"SELECT {expression} FROM t ORDER BY id")
            ]
            assert [shown(value) for value in found] == [shown(masked(mask, value, type_)) for value in raw], (
                mask,
                mode,
            )
            with connection.cursor() as cursor:
                cursor.execute("SHOW WARNINGS")
                assert cursor.fetchall() == (), (mask, mode)


@pytest.mark.parametrize("declared", ["varchar(50)", "longtext", "char(40)"])
def test_a_mask_keeps_the_columns_collation(connection: Connection, declared: str) -> None:
    """Collation and coercibility are the column's own, so that comparisons with other columns still work."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE t (c {declared} CHARACTER SET latin1 COLLATE latin1_bin)")
        cursor.execute("INSERT INTO t VALUES ('ana@shop.example')")
    type_ = column_type(DIALECT, declared, collation="latin1_bin")
    for mask in (Redact(), Null(), Partial(prefix=1, suffix=2), Email(), Hash(key=KEY), Constant(value="k")):
        expression = mask_expression(mask, "`c`", type_, DIALECT)
        assert column(connection, f"SELECT COLLATION({expression}) FROM t") == ["latin1_bin"], mask
        assert column(connection, f"SELECT COERCIBILITY({expression}) FROM t") == [2], mask


@pytest.mark.parametrize(
    "declared", [name for name in COLUMNS if not name.startswith(("enum", "bit", "float", "year"))]
)
def test_a_table_made_of_masks_has_like_columns(connection: Connection, declared: str) -> None:
    """CREATE TABLE AS finds the same kind of type that the column has."""
    _expect(declared, connection)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE t (c {declared} NULL) CHARACTER SET utf8mb4")
    type_ = column_type(DIALECT, declared)
    kinds = set()
    for number, mask in enumerate(COLUMNS[declared][1]):
        with connection.cursor() as cursor:
            expression = mask_expression(mask, "`c`", type_, DIALECT)
            cursor.execute(f"CREATE TABLE u{number} AS SELECT {expression} AS c FROM t")
        sql = "SELECT column_type FROM information_schema.columns WHERE table_schema = database()"
        sql += f" AND table_name = 'u{number}'"
        kinds |= {column_type(DIALECT, str(found)).kind for found in column(connection, sql)}
    assert kinds <= {type_.kind, column_type(DIALECT, "int").kind if type_.kind.value == "boolean" else type_.kind}


def test_an_instant_is_cut_alike_in_every_time_zone(connection: Connection) -> None:
    """The session's time zone decides how a TIMESTAMP is shown, never where its year begins."""
    type_ = column_type(DIALECT, "timestamp")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (c timestamp NULL)")
        cursor.execute("INSERT INTO t VALUES ('2023-12-31 20:30:00')")
        for zone in ("+00:00", "+13:00", "-08:00"):
            cursor.execute(f"SET time_zone = '{zone}'")
            for mask, instant in ((Year(), 1672531200), (Month(), 1701388800)):
                sql = f"SELECT UNIX_TIMESTAMP({mask_expression(mask, 'c', type_, DIALECT)}) FROM t"
                assert column(connection, sql) == [instant], (mask, zone)
