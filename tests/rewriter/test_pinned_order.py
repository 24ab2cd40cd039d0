"""`row_order: pinned`: the order of rows where a statement asks for none is not that of an index over raw values."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, create_engine, text

from masking import Policy, PolicyError
from rewriter import StatementRefused, install
from tests.rewriter.hooked import DRIVERS

_SETUP = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY, city VARCHAR(20), email VARCHAR(40), filler VARCHAR(200))",
    "CREATE INDEX by_email ON people (email, city)",
    "CREATE INDEX by_city ON people (city, email)",
    "INSERT INTO people VALUES (1, 'Bern', 'zoe@x', ''), (2, 'Bern', 'ada@x', ''), (3, 'Bern', 'mia@x', '')",
    "CREATE VIEW emails AS SELECT id, email FROM people",
)
_STATEMENTS = (
    "SELECT id, city, email FROM people",
    "SELECT id FROM people ORDER BY email",
    "SELECT id FROM people ORDER BY city",
    "SELECT id FROM emails ORDER BY email",
    "SELECT p.id, 'x' FROM people AS p WHERE city = 'Bern'",
)
_WINDOW = "SELECT row_number() OVER (ORDER BY email), id FROM people"
"""MariaDB puts equal rows of a window in the order in which they happen to lie in memory."""


def _url(request: pytest.FixtureRequest, driver: str) -> str:
    fixture, scheme = DRIVERS[driver]
    return f"{scheme}://{request.getfixturevalue(fixture).partition('://')[2]}"


@contextmanager
def _hooked(url: str, order: str) -> Iterator[Engine]:
    engine = create_engine(url)
    install(engine, policy=Policy.parse(f"columns: {{people.email: redact}}\nrow_order: {order}"))
    yield engine
    engine.dispose()


def _fill(url: str, setup: tuple[str, ...] = _SETUP) -> None:
    bare = create_engine(url)
    with bare.begin() as connection:
        for statement in setup:
            connection.execute(text(statement))
    bare.dispose()


def _ids(engine: Engine, sql: str) -> list[int]:
    with engine.connect() as connection:
        return [int(row.id) for row in connection.execute(text(sql))]


def _orders(url: str, order: str) -> dict[str, list[int]]:
    statements = _STATEMENTS if url.startswith("mysql") else (*_STATEMENTS, _WINDOW)
    with _hooked(url, order) as engine:
        return {sql: _ids(engine, sql) for sql in statements}


_OTHER_SECRETS = tuple(f"UPDATE people SET email = '{email}@x' WHERE id = {id_}" for id_, email in enumerate("bca", 1))


@pytest.mark.parametrize("driver", ["sqlite", "pymysql"])
def test_rows_come_in_an_order_that_tells_no_secret(request: pytest.FixtureRequest, driver: str) -> None:
    """An index over a masked column tells the order of its values, and with `row_order: pinned` none does."""
    _fill(url := _url(request, driver))
    told, pinned = _orders(url, "engine"), _orders(url, "pinned")
    _fill(url, _OTHER_SECRETS)
    assert _orders(url, "engine") != told, "no index tells anything without the policy's word"
    assert _orders(url, "pinned") == pinned


@pytest.mark.parametrize(
    ("driver", "sql"),
    [
        ("pymysql", "SELECT id FROM people FORCE INDEX (by_email)"),
        ("pymysql", "DELETE FROM people LIMIT 1"),
        ("pymysql", "DELETE FROM people RETURNING id"),
        ("sqlite", "DELETE FROM people WHERE city = 'Bern' RETURNING id"),
        ("sqlite", "UPDATE people SET filler = 'x' RETURNING id"),
    ],
)
def test_what_shows_the_order_otherwise_is_refused(request: pytest.FixtureRequest, driver: str, sql: str) -> None:
    """A hint that names the index, and a write that picks or returns rows in the order in which it finds them."""
    _fill(url := _url(request, driver))
    with (
        _hooked(url, "pinned") as engine,
        engine.connect() as connection,
        pytest.raises(StatementRefused, match="the policy pins the order"),
    ):
        connection.execute(text(sql))


def test_an_index_that_the_statement_names_is_not_read(request: pytest.FixtureRequest) -> None:
    """SQLite's `INDEXED BY` is answered in the order of the row numbers."""
    _fill(url := _url(request, "sqlite"))
    with _hooked(url, "pinned") as engine:
        assert _ids(engine, "SELECT id FROM people INDEXED BY by_email WHERE email > ''") == [1, 2, 3]


@pytest.mark.parametrize(
    ("driver", "table"),
    [
        ("psycopg", "CREATE TABLE people (id INTEGER PRIMARY KEY, email VARCHAR(40))"),
        ("pymysql", "CREATE TABLE people (id INTEGER, email VARCHAR(40) NOT NULL UNIQUE)"),
    ],
)
def test_an_order_that_cannot_be_pinned_is_an_error(request: pytest.FixtureRequest, driver: str, table: str) -> None:
    """Where the server or a masked key decides on the order, the policy does not promise another."""
    _fill(url := _url(request, driver), (table,))
    with _hooked(url, "pinned") as engine, pytest.raises(PolicyError, match="row_order: pinned"):
        _ids(engine, "SELECT id FROM people")
