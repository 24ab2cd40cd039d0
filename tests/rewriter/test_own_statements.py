"""What a dialect sends by itself passes before the schema is known; what reads a table does not."""

import pytest

from masking.types import Dialect
from rewriter.own_statements import internally, is_own

OWN: list[tuple[Dialect, str]] = [
    ("postgresql", ";"),
    ("postgresql", "select pg_catalog.version()"),
    ("postgresql", "show standard_conforming_strings"),
    (
        "postgresql",
        "SELECT t.oid, typarray\nFROM pg_type t JOIN pg_namespace ns\n    ON typnamespace = ns.oid\nWHERE t.oid = 1",
    ),
    ("mysql", "SELECT @@sql_mode"),
    ("mysql", "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"),
    ("sqlite", "PRAGMA read_uncommitted = 1"),
    ("duckdb", "select current_schema()"),
]
OTHERS: list[tuple[Dialect, str]] = [
    ("postgresql", "SELECT ssn FROM customers"),
    ("postgresql", "TABLE customers"),
    ("postgresql", "SELECT 1, (TABLE customers)"),
    ("postgresql", "SELECT oid FROM shop.pg_type"),
    ("postgresql", "SELECT pg_catalog.query_to_xml('TABLE customers', true, true, '')"),
    ("postgresql", "SELECT \"query_to_xml\"('TABLE customers', true, true, '')"),
    ("postgresql", "SELECT * FROM pg_stats"),
    ("postgresql", "SELECT 1; SELECT 2"),
    ("postgresql", "COPY customers TO STDOUT"),
    ("mysql", "SELECT LOAD_FILE('/etc/passwd')"),
    ("mysql", "SELECT 1 INTO OUTFILE '/tmp/x'"),
    ("mysql", "UPDATE customers SET ssn = NULL"),
    ("sqlite", "SELECT '111-22-3333' IN customers"),
    ("duckdb", "FROM customers"),
    ("duckdb", "SELECT * FROM query('FROM customers')"),
    ("duckdb", "SELECT * FROM 'customers.csv'"),
]


@pytest.mark.parametrize(("dialect", "sql"), OWN)
def test_what_tells_of_the_session_alone_passes(dialect: Dialect, sql: str) -> None:
    """While a dialect is at work, and not otherwise."""
    assert not is_own(sql, dialect, is_percent_doubled=False)
    with internally():
        assert is_own(sql, dialect, is_percent_doubled=False)


@pytest.mark.parametrize(("dialect", "sql"), OTHERS)
def test_what_may_read_a_table_does_not(dialect: Dialect, sql: str) -> None:
    """It is judged like any other statement."""
    with internally():
        assert not is_own(sql, dialect, is_percent_doubled=False)
