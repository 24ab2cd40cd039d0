"""sqlite3: its own cursors read masks, and the ways round them are closed."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

from rewriter import acting_as, install
from tests.rewriter.guarded import MASKED, READ, Opened, opened, refused
from tests.rewriter.hooked import POLICY, RAW, TRUSTED, is_raw

__all__ = ["opened"]


def test_sqlite_connection_methods(opened: Opened) -> None:
    """sqlite3's own execute methods are guarded; scripts, copies and blobs are refused."""
    with opened("sqlite").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        assert raw.execute(READ).fetchall() == MASKED
        assert raw.cursor(sqlite3.Cursor).execute(READ).fetchall() == MASKED
        with closing(sqlite3.connect(":memory:")) as target:
            refused(lambda: raw.backup(target))
        refused(raw.iterdump)
        refused(raw.serialize)
        refused(lambda: raw.deserialize(b""))
        refused(lambda: raw.blobopen("customers", "email", 1))
        refused(lambda: raw.executescript("SELECT 1"))
        refused(lambda: raw.cursor().executescript("SELECT 1"))
        refused(lambda: raw.enable_load_extension(True))  # noqa: FBT003 -- the driver's
        with acting_as(TRUSTED):
            assert raw.serialize().startswith(b"SQLite format 3")
            assert is_raw(list(raw.iterdump()))


def test_sqlite_keeps_the_applications_own_classes(opened: Opened) -> None:
    """A factory and a row factory of the application's still do their work."""

    class Named(sqlite3.Connection):
        nickname = "n"

    engine = create_engine(opened("sqlite").url, connect_args={"factory": Named})
    install(engine, policy=POLICY)
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        assert isinstance(raw, Named)
        raw.row_factory = sqlite3.Row
        assert raw.execute(READ).fetchone()["email"] == "[redacted]"
        assert connection.execute(text("SELECT sku FROM orders ORDER BY id")).scalar() == "engine"
    engine.dispose()


@pytest.mark.parametrize("pool", [StaticPool, None])
def test_sqlite_in_memory_databases_survive_install(pool: type[StaticPool] | None) -> None:
    """An in-memory database made before install keeps its rows, and hands out guarded cursors."""
    engine = create_engine("sqlite://", poolclass=pool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, ssn TEXT)"))
        connection.execute(text("INSERT INTO customers VALUES (1, :email, :ssn)"), {"email": RAW[0], "ssn": RAW[2]})
    install(engine, policy=POLICY)
    for _ in range(2):
        with engine.connect() as connection:
            assert connection.execute(text("SELECT email FROM customers")).all() == [("[redacted]",)]
            raw: Any = connection.connection.driver_connection
            assert raw.execute("SELECT email FROM customers").fetchall() == [("[redacted]",)]
            assert raw.cursor().connection is raw
            refused(raw.serialize)
            refused(raw.iterdump)
    with closing(engine.raw_connection()) as pooled, closing(pooled.cursor()) as cursor:
        assert not is_raw(cursor.execute("SELECT * FROM customers").fetchall())
    engine.dispose()


def test_sqlite_creator_connections_are_guarded(opened: Opened) -> None:
    """creator= gives connections without the factory: a guarded stand-in takes their place."""
    path = opened("sqlite").url.removeprefix("sqlite:///")
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(path))
    install(engine, policy=POLICY)
    with engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED
        raw: Any = connection.connection.driver_connection
        assert raw.execute(READ).fetchall() == MASKED
        refused(raw.serialize)
    engine.dispose()
