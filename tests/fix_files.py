"""Databases that are a file, and so always there."""

from pathlib import Path

import pytest


@pytest.fixture
def sqlite_database(tmp_path: Path) -> str:
    """The URL of an SQLite database in a file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'test.sqlite'}"


@pytest.fixture
def duckdb_database(tmp_path: Path) -> str:
    """The URL of a DuckDB database in a file that does not exist yet."""
    return f"duckdb:///{tmp_path / 'test.duckdb'}"
