"""Guards per driver: what reaches a cursor without having come through the dialect is rewritten there, or refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from rewriter.errors import RewriteError
from rewriter.guards.gate import Driver, Whole, is_guarded

__all__ = ["Driver", "Whole", "batching", "driver_of", "is_guarded"]

_MODULES = {
    "pysqlite": "rewriter.guards.pysqlite",
    "psycopg": "rewriter.guards.psycopg3",
    "psycopg_async": "rewriter.guards.psycopg_async",
    "psycopg2": "rewriter.guards.psycopg2",
    "pymysql": "rewriter.guards.pymysql",
    "aiomysql": "rewriter.guards.aiomysql",
    "duckdb_engine": "rewriter.guards.duckdb",
    "asyncpg": "rewriter.guards.asyncpg",
    "aiosqlite": "rewriter.guards.aiosqlite",
}
"""SQLAlchemy's name of a driver → the module that guards it; imported when needed, since drivers are optional."""

_NEVER = {"asyncmy": "it is compiled, and sends statements past what a guard could hold; use mysql+aiomysql"}
"""Drivers that cannot be guarded, and why."""


def driver_of(name: str) -> Driver:
    """The guards of SQLAlchemy's driver `name`.

    Raises:
        RewriteError: there are none, so raw cursors of that driver would go around the rewriter.
    """
    if name not in _MODULES:
        why = _NEVER.get(name, "its cursors have no guard")
        raise RewriteError(f"the driver {name} cannot be hooked: {why}. Supported: {', '.join(sorted(_MODULES))}")
    driver: Driver = import_module(_MODULES[name]).DRIVER
    return driver


@contextmanager
def batching(cursor: Any) -> Iterator[None]:
    """Inside, the dialect may send batches that it composes of text from the rewriter (psycopg2's `execute_batch`)."""
    if not hasattr(type(cursor), "unmask_is_open"):
        yield
        return
    cursor.unmask_is_open = True
    try:
        yield
    finally:
        cursor.unmask_is_open = False
