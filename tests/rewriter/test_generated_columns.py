"""Generated columns over masked columns: names may hold quotes, and a parent may not know what its child generates."""

import sqlite3
from contextlib import closing

import duckdb
import psycopg
import pytest
from sqlalchemy.engine import make_url

from masking import Policy, PolicyError
from rewriter.binding import bind
from rewriter.catalog import load_catalog
from rewriter.column_rules import spoken_names
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


def test_a_parent_does_not_show_what_its_child_generates(postgres_database: str) -> None:
    """To the parent it is an ordinary column, which no mask would cover: the policy has to name it."""
    url = make_url(postgres_database).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE parent (a int, b int)")
        try:
            connection.execute("CREATE TABLE child (a int, b int GENERATED ALWAYS AS (a * 2) STORED) INHERITS (parent)")
        except psycopg.errors.InvalidColumnDefinition:
            pytest.skip("from PostgreSQL 16 on, a child does not generate what its parent does not")
        catalog = load_catalog(connection.cursor(), "postgresql")
        with pytest.raises(PolicyError, match=r"parent\.b shows a column of public\.child"):
            bind(Policy.parse("columns: {parent.a: redact}"), catalog)
        bind(Policy.parse("columns: {parent.a: redact, parent.b: redact}"), catalog)
