"""psycopg: its own cursors read masks, and the ways round them are closed."""

from typing import Any

import psycopg
import pytest
from psycopg import ClientCursor, sql
from sqlalchemy import create_engine, text

from rewriter import StatementRefused, install
from tests.rewriter.guarded import MASKED, READ, Opened, opened, refused
from tests.rewriter.hooked import POLICY, is_raw

__all__ = ["opened"]


def test_psycopg_cursors_of_every_kind(opened: Opened) -> None:
    """Client, server, binary and custom cursors, stream() and Connection.execute() read masks."""
    with opened("psycopg").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        assert raw.execute(READ).fetchall() == MASKED
        with raw.cursor("named") as cursor:
            cursor.execute(READ)
            assert cursor.fetchall() == MASKED
        assert list(raw.cursor().stream(READ)) == MASKED
        assert raw.cursor(binary=True).execute(READ).fetchall() == MASKED
        raw.cursor_factory = ClientCursor
        cursor = raw.cursor()
        assert isinstance(cursor, ClientCursor)
        assert cursor.execute("SELECT email FROM customers WHERE id = %s", (1,)).fetchall() == [("[redacted]",)]
        cursor.executemany("SELECT email FROM customers WHERE id = %s", [(1,), (2,)], returning=True)
        assert not is_raw(cursor.fetchall())


def test_psycopg_text_of_every_kind(opened: Opened) -> None:
    """Bytes and composed SQL are rewritten as text; COPY is refused."""
    with opened("psycopg").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        cursor = raw.cursor()
        assert cursor.execute(READ.encode()).fetchall() == MASKED
        composed = sql.SQL("SELECT id, name, {} FROM customers ORDER BY id").format(sql.Identifier("email"))
        assert cursor.execute(composed).fetchall() == MASKED
        refused(lambda: cursor.copy("COPY customers TO STDOUT"))
        with pytest.raises(StatementRefused):
            cursor.execute("COPY customers TO STDOUT")
        with pytest.raises(TypeError):
            cursor.execute(7)


def test_psycopg_percent_signs(opened: Opened) -> None:
    """A percent sign is read as the driver will read it: doubled with parameters, as it is without."""
    with opened("psycopg").engine.connect() as connection:
        cursor: Any = connection.connection.cursor()
        assert cursor.execute("SELECT 5 % 3, email FROM customers WHERE id = 1").fetchall() == [(2, "[redacted]")]
        rows = cursor.execute("SELECT 5 %% 3, email FROM customers WHERE id = %s", (1,)).fetchall()
        assert rows == [(2, "[redacted]")]
        assert connection.execute(text("SELECT 5 % 3, email FROM customers WHERE id = 1")).all() == [(2, "[redacted]")]


def test_psycopg_connections_of_an_instrumented_driver_are_guarded(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever exchanged the driver's `connect` is asked for connections, as without the hook."""
    shop, made = opened("psycopg"), []

    def connect(*arguments: Any, **options: Any) -> Any:
        made.append(psycopg.Connection.connect(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(psycopg, "connect", connect)
    engine = create_engine(shop.url)
    install(engine, policy=POLICY)
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        assert raw is made[-1]
        assert raw.execute(READ).fetchall() == MASKED
    engine.dispose()


def test_psycopg_creator_connections_are_guarded(opened: Opened) -> None:
    """creator= is covered, whatever class its connections have."""
    url = opened("psycopg").url.replace("+psycopg", "")

    class Own(psycopg.Connection[Any]):
        pass

    engine = create_engine("postgresql+psycopg://", creator=lambda: Own.connect(url))
    install(engine, policy=POLICY)
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        assert isinstance(raw, Own)
        assert raw.execute(READ).fetchall() == MASKED
    engine.dispose()
