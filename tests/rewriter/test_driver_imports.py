"""Guards, each where its own driver is the only one installed."""

import subprocess
import sys

import pytest

_PACKAGES = {
    "pysqlite": set[str](),
    "psycopg": {"psycopg"},
    "psycopg_async": {"psycopg"},
    "psycopg2": {"psycopg2"},
    "pymysql": {"pymysql"},
    "aiomysql": {"aiomysql", "pymysql"},
    "duckdb_engine": {"duckdb", "duckdb_engine"},
    "asyncpg": {"asyncpg"},
    "aiosqlite": {"aiosqlite"},
}
"""SQLAlchemy's name of a driver → the packages that it is made of."""


@pytest.mark.parametrize("driver", _PACKAGES)
def test_a_driver_needs_no_other(driver: str) -> None:
    """Whoever uses one driver need not have installed the others."""
    absent = set[str]().union(*_PACKAGES.values()) - _PACKAGES[driver]
    script = f"import sys; sys.modules.update(dict.fromkeys({absent!r})); import rewriter"
    script += f"; from rewriter.guards import driver_of; driver_of({driver!r})"
    subprocess.run([sys.executable, "-c", script], check=True)  # noqa: S603 -- this very interpreter
