"""REPLACE of rows with sensitive columns: what is stored stays where its own mask comes back, by whichever key."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from masking import Policy
from masking.types import Dialect
from rewriter.binding import bind
from rewriter.catalog import load_catalog
from rewriter.errors import Reason, StatementRefused
from rewriter.rewrite import rewrite_bound
from tests.rewriter.case_files import ENGINES
from tests.rewriter.replica import Replica, replica

_MASK = "{mask: {partial: {prefix: 1, padding: '***', suffix: 0}}}"
_ID = "id integer PRIMARY KEY"
_ANA, _BO = (1, "ana", "alpha"), (2, "bo", "aleph")


@pytest.fixture(scope="module", params=("mysql", "sqlite"))
def pair(request: pytest.FixtureRequest) -> Iterator[Replica]:
    """A database whose table `logins` has two keys, on the engines that may replace several rows by one."""
    dialect: Dialect = request.param
    url = request.getfixturevalue(ENGINES[dialect]) if ENGINES[dialect] else ""
    with replica(dialect, url, prefix="unmask_replaced") as both:
        yield both


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        # By the key that finds it, also where the row's own number becomes another.
        ("REPLACE INTO logins (login, pin) VALUES ('ana', 'a***')", [_BO, (3, "ana", "alpha")]),
        ("REPLACE INTO logins VALUES (7, 'bo', 'a***')", [_ANA, (7, "bo", "aleph")]),
        # Two rows are in the way: the one of the primary key lends its value, and no other.
        ("REPLACE INTO logins VALUES (1, 'bo', 'a***')", [(1, "bo", "alpha")]),
        ("REPLACE INTO logins VALUES (1, 'ana', 'zulu'), (2, 'bo', 'a***')", [(1, "ana", "zulu"), _BO]),
        ("REPLACE INTO logins (pin, id) SELECT 'a***', id FROM logins WHERE id = 2", [_ANA, (2, None, "aleph")]),
        # Nothing is in the way.
        ("REPLACE INTO logins VALUES (7, 'cy', 'a***')", [_ANA, _BO, (7, "cy", "a***")]),
        ("REPLACE INTO logins VALUES (NULL, NULL, 'a***')", [_ANA, _BO, (3, None, "a***")]),
    ],
)
def test_what_is_stored_stays_where_its_mask_comes_back(
    pair: Replica, sql: str, left: list[tuple[object, ...]]
) -> None:
    """Of the row in the way, by any key of the table."""
    cursor: Any = pair.raw.cursor()
    cursor.execute("BEGIN")
    try:
        cursor.execute(rewrite_bound(sql, pair.binding).sql)
        cursor.execute("SELECT id, login, pin FROM logins ORDER BY id")
        assert [tuple(row) for row in cursor.fetchall()] == left
    finally:
        cursor.execute("ROLLBACK")
        cursor.execute("ALTER TABLE logins AUTO_INCREMENT = 3") if pair.dialect == "mysql" else None


@pytest.mark.parametrize(
    ("columns", "index", "sql"),
    [
        (f"{_ID}, login text, pin text UNIQUE", "", "VALUES (1, 'ana', 'p***')"),
        (f"{_ID}, login text, pin text", "ON t (login) WHERE id > 1", "VALUES (1, 'ana', 'p***')"),
        (f"{_ID}, login text, pin text", "ON t (lower(login))", "VALUES (1, 'ana', 'p***')"),
        (f"{_ID}, login text, pin text", "ON t (login COLLATE NOCASE)", "VALUES (1, 'ana', 'p***')"),
        ("id text COLLATE NOCASE, pin text, PRIMARY KEY (id COLLATE BINARY)", "", "VALUES ('1', 'p***')"),
        (f"{_ID}, login text DEFAULT 'ana' UNIQUE, pin text", "", "(id, pin) VALUES (1, 'p***')"),
        (f"{_ID}, login text, pin text", "", "VALUES (1, 'ana', 'p***') ON CONFLICT (id) DO NOTHING"),
    ],
)
def test_where_it_cannot_be_told_which_row_is_in_the_way_it_is_refused(columns: str, index: str, sql: str) -> None:
    """By raw values, by a part of the rows, by an expression, by another order, by a default."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE t ({columns})")
    connection.execute(f"CREATE UNIQUE INDEX i {index}") if index else None
    binding = bind(Policy.parse(f"columns: {{t.pin: {_MASK}}}"), load_catalog(connection.cursor(), "sqlite"))
    for head in ("REPLACE INTO t ", "insert or replace into t "):
        with pytest.raises(StatementRefused) as caught:
            rewrite_bound(head + sql, binding)
        assert caught.value.reason is Reason.WRITE


def test_the_row_of_a_number_is_found_by_it() -> None:
    """SQLite's tables have a key that none of their columns may be."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (pin text, shout text AS (upper(pin)))")
    connection.execute("INSERT INTO t (rowid, pin) VALUES (5, 'page')")
    binding = bind(Policy.parse(f"columns: {{t.pin: {_MASK}}}"), load_catalog(connection.cursor(), "sqlite"))
    connection.execute(rewrite_bound("REPLACE INTO t (oid, pin) VALUES (5, 'p***'), (6, 'p***')", binding).sql)
    connection.execute(rewrite_bound("REPLACE INTO t VALUES ('p***')", binding).sql)
    assert connection.execute("SELECT rowid, pin FROM t").fetchall() == [(5, "page"), (6, "p***"), (7, "p***")]
