"""Connections of a hooked engine, however they are come by, and listeners on it: no door is open."""

from contextlib import closing, suppress
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, text

from rewriter.prepared import Safe
from tests.rewriter.hooked import Shop, is_raw, open_shop, shop, shop_url
from tests.rewriter.shop_tables import MASKED, READ

__all__ = ["shop"]


def test_raw_cursors_come_masked(shop: Shop) -> None:
    """raw_connection(), connection.connection and driver_connection hand out guarded cursors."""
    raw = shop.engine.raw_connection()
    with closing(raw), closing(raw.cursor()) as cursor:
        cursor.execute(READ)
        assert [tuple(row) for row in cursor.fetchall()] == MASKED
    with shop.engine.connect() as connection:
        owners = [connection.connection, connection.connection.dbapi_connection]
        if shop.loop is None:
            owners.append(connection.connection.driver_connection)
        for owner in owners:
            assert owner is not None
            with closing(owner.cursor()) as cursor:
                cursor.execute(READ)
                assert [tuple(row) for row in cursor.fetchall()] == MASKED
        if shop.loop is None:
            again = connection.execute(text("SELECT 1")).context.cursor.connection.cursor()
            again.execute(READ)
            assert not is_raw(again.fetchall())


def test_pool_connect_and_shared_pool(shop: Shop) -> None:
    """engine.pool.connect() and another engine on the same pool are guarded as well."""
    pooled = shop.engine.pool.connect()
    cursor = pooled.cursor()
    cursor.execute(READ)
    assert not is_raw(cursor.fetchall())
    pooled.close()
    other = create_engine(shop.url, pool=shop.engine.pool)
    with other.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED


def test_connect_listeners_are_guarded(request: pytest.FixtureRequest) -> None:
    """SQL in a pool connect listener reads masks."""
    shop = open_shop(shop_url(request, "sqlite"), "sqlite")
    seen: list[Any] = []

    @event.listens_for(shop.engine, "connect")
    def read(connection: Any, _record: Any) -> None:
        seen.extend(connection.execute(READ).fetchall())

    with shop.engine.connect():
        pass
    assert seen == MASKED


def test_clones_detached_and_disposed_engines(shop: Shop) -> None:
    """execution_options() clones, detached connections and disposed pools stay hooked."""
    with shop.engine.execution_options(anything=1).connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED
        connection.detach()
        assert connection.execute(text(READ)).all() == MASKED
        detached: Any = connection.connection.dbapi_connection
    if shop.driver == "psycopg_async":
        detached.close()  # SQLAlchemy leaves that to the garbage collector, which warns
    shop.engine.dispose()
    with shop.engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED
        cursor = connection.connection.cursor()
        cursor.execute(READ)
        assert not is_raw(cursor.fetchall())


def test_private_connections_without_events(shop: Shop) -> None:
    """A Connection that runs no events is hooked too."""
    with Connection(shop.engine, _has_events=False) as connection:
        assert connection.execute(text(READ)).all() == MASKED


def test_listeners_cannot_see_or_undo_the_rewriting(shop: Shop) -> None:
    """A later listener sees the application's own text; what it puts in its place is rewritten in turn."""
    seen: list[str] = []

    @event.listens_for(shop.engine, "before_cursor_execute", retval=True)
    def undo(_c: Any, _cur: Any, statement: str, parameters: Any, _ctx: Any, _many: Any) -> tuple[str, Any]:
        seen.append(statement)
        return READ, parameters

    with shop.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT id, name, email FROM customers").all() == MASKED
    assert seen == ["SELECT id, name, email FROM customers"]


def test_listeners_that_execute_themselves_are_guarded(shop: Shop) -> None:
    """A do_execute listener that runs the statement itself meets the guarded cursor."""
    if shop.driver == "duckdb":
        pytest.skip("duckdb_engine runs no dialect events")
    with shop.engine.connect():
        pass  # so that the listener does not meet what SQLAlchemy sends when it first connects

    @event.listens_for(shop.engine, "do_execute")
    def run(cursor: Any, _statement: str, _parameters: Any, _context: Any) -> bool:
        cursor.execute(READ)
        return True

    with shop.engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED


def test_listeners_find_no_open_door_while_sqlalchemy_first_connects(shop: Shop) -> None:
    """What its dialect sends by itself passes; what a listener sends in the same moment is judged like anything."""
    seen: list[object] = []

    def on_execute(cursor: Any, *_: object) -> None:
        with suppress(Exception):
            own = cursor.connection.cursor()
            own.execute("SELECT ssn FROM customers")
            seen.append(own.fetchall())
        with suppress(Exception):
            shop.engine.dialect.do_execute(cursor, "SELECT email FROM customers", (), None)
            seen.append(cursor.fetchall())

    for name in ("do_execute", "do_execute_no_params"):
        event.listen(shop.engine, name, on_execute)
    with shop.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert not is_raw(seen)


def test_edited_text_is_rewritten_again(shop: Shop) -> None:
    """Text that was edited after the rewriter returned it is not taken for the rewriter's."""
    safe = Safe.of("SELECT 1 ")
    assert type(safe + "x") is str
    assert type(safe.strip()) is str
    assert type(f"{safe}") is str
