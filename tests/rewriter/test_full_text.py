"""SQLite's full-text tables, whose columns a query may name inside a string."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from masking import Policy
from rewriter.binding import bind
from rewriter.catalog import load_catalog
from rewriter.errors import StatementRefused
from rewriter.rewrite import rewrite_bound

POLICY = Policy.parse("columns: {papers.body: redact}")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A full-text table of one row."""
    with closing(sqlite3.connect(":memory:")) as opened:
        opened.execute("CREATE VIRTUAL TABLE papers USING fts5(title, body)")
        opened.execute("INSERT INTO papers VALUES ('one', 'a secret')")
        yield opened


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("SELECT title, body FROM papers", ("one", None)),
        ("SELECT * FROM papers", ("one", None)),
        ("SELECT p.* FROM papers p JOIN papers q ON p.title = q.title", ("one", None)),
        ("SELECT count(*), count(body) FROM papers", (1, 0)),
        ("WITH c AS (SELECT title FROM papers WHERE body IS NULL) SELECT * FROM c", ("one",)),
    ],
)
def test_columns_of_a_full_text_table_are_masked(
    connection: sqlite3.Connection, sql: str, wanted: tuple[object, ...]
) -> None:
    """Its own name in FROM is no mention of the hidden column of that name."""
    binding = bind(POLICY, load_catalog(connection.cursor(), "sqlite"))
    assert connection.execute(rewrite_bound(sql, binding).sql).fetchall() == [wanted]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT title FROM papers WHERE papers MATCH 'secret'",
        "SELECT rank FROM papers",
        "SELECT title FROM papers WHERE title MATCH 'body:secret'",
        "SELECT title FROM papers WHERE match('body:secret', title)",
        "SELECT title FROM papers WHERE \"match\"('body:secret', title)",
        "SELECT title FROM (SELECT title FROM papers) AS p WHERE title MATCH 'body:secret'",
        "SELECT title FROM titles WHERE title MATCH 'body:secret'",
        "SELECT title FROM papers('secret')",
        "DELETE FROM papers WHERE title MATCH 'body:secret'",
        "UPDATE papers SET title = 'found' WHERE title MATCH 'body:secret'",
    ],
)
def test_what_the_index_tells_is_refused(connection: sqlite3.Connection, sql: str) -> None:
    """A search tells which raw words a row holds."""
    connection.execute("CREATE VIEW titles AS SELECT title FROM papers")
    binding = bind(POLICY, load_catalog(connection.cursor(), "sqlite"))
    with pytest.raises(StatementRefused):
        rewrite_bound(sql, binding)


def test_who_may_read_the_columns_may_search_them(connection: sqlite3.Connection) -> None:
    """A grant for all that is masked opens the index."""
    binding = bind(POLICY, load_catalog(connection.cursor(), "sqlite"))
    revealed = frozenset(POLICY.columns)
    rewritten = rewrite_bound("SELECT title FROM papers WHERE title MATCH 'one'", binding, revealed=revealed)
    assert connection.execute(rewritten.sql).fetchall() == [("one",)]
