"""Sensitive tables whose names are keywords: a keyword is their name only where an engine would take it for one."""

import sqlite3
from contextlib import closing

import pytest

from masking import Policy
from rewriter.binding import Binding, bind
from rewriter.catalog import load_catalog
from rewriter.rewrite import rewrite_bound

POLICY = "columns:\n  ? '\"order\".email'\n  : redact\n  ? '\"select\".email'\n  : redact\n"


@pytest.fixture
def binding() -> Binding:
    """Two tables named like keywords."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for name in ("order", "select"):
            connection.execute(f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY, email TEXT)')
        return bind(Policy.parse(POLICY), load_catalog(connection.cursor(), "sqlite"))


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT email FROM "order" WHERE id > 1 ORDER BY id',
        "SELECT o.email FROM [order] AS o, `select` s WHERE o.id = s.id GROUP BY o.email ORDER BY 1",
    ],
)
def test_keywords_are_no_mention_of_a_table_that_has_their_name(binding: Binding, sql: str) -> None:
    """Clauses are clauses, and the table behind its quotes is masked."""
    assert "[redacted]" in rewrite_bound(sql, binding).sql


def test_statements_without_the_table_pass_as_they_are(binding: Binding) -> None:
    """No keyword makes a statement sensitive."""
    assert rewrite_bound("SELECT 1 AS one ORDER BY one", binding).is_unchanged


def test_behind_a_dot_a_keyword_is_a_name(binding: Binding) -> None:
    """PostgreSQL and MySQL take it for one there."""
    assert "[redacted]" in rewrite_bound("SELECT email FROM main.order", binding).sql


@pytest.mark.parametrize(
    "sql",
    [
        """UPDATE "select" SET email = 'new' WHERE id IN (SELECT id FROM "order") RETURNING id, email""",
        """INSERT INTO "order" (id, email) SELECT 9, 'new' FROM "select" ORDER BY id LIMIT 1""",
    ],
)
def test_writes_to_such_tables_are_not_taken_for_leaks(binding: Binding, sql: str) -> None:
    """The check of what is written does not take the words around the table for its row."""
    assert rewrite_bound(sql, binding).sql
