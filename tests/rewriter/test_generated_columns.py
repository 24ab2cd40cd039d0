"""Generated columns over masked columns whose names hold quotes: the expression spells them otherwise."""

import sqlite3
from contextlib import closing

import duckdb
import pytest

from masking import Policy
from rewriter.binding import bind, spoken_names
from rewriter.catalog import load_catalog
from rewriter.rewrite import rewrite_bound

_COLUMN = '"quo""te"'
_TABLE = f"""
CREATE TABLE t (id INTEGER PRIMARY KEY, {_COLUMN} VARCHAR, head VARCHAR GENERATED ALWAYS AS (substr({_COLUMN}, 1, 3)))
"""
_POLICY = Policy.parse(f"columns:\n  ? 't.{_COLUMN}'\n  : redact\n")


@pytest.mark.parametrize(
    "query", ["SELECT head FROM t", "SELECT * FROM t", "SELECT count(*) FROM t WHERE head = 'sec'"]
)
def test_they_are_worked_out_from_masks(query: str) -> None:
    """On SQLite and DuckDB no part of the value shows."""
    with closing(sqlite3.connect(":memory:")) as sqlite, closing(duckdb.connect()) as duck:
        for connection, dialect in ((sqlite, "sqlite"), (duck, "duckdb")):
            connection.execute(_TABLE)
            connection.execute(f"INSERT INTO t (id, {_COLUMN}) VALUES (1, 'secret')")
            binding = bind(_POLICY, load_catalog(connection.cursor(), dialect))  # type: ignore[arg-type] # one of them
            found = connection.execute(rewrite_bound(query, binding).sql).fetchall()
            assert found in ([("[re",)], [(1, "[redacted]", "[re")], [(0,)])


@pytest.mark.parametrize(("expression", "name"), [('upper("a""b")', 'a"b'), ("upper(`a``b`)", "a`b")])
def test_names_are_found_as_they_are_called(expression: str, name: str) -> None:
    """Whichever quotes the engine has."""
    assert name in spoken_names(expression)
