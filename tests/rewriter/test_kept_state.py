"""What is revealed goes to its reader alone: not into what a session or a database keeps beyond the statement."""

from typing import Any

import psycopg
import psycopg2
import pytest
from sqlalchemy import text

from rewriter import acting_as
from tests.rewriter.hooked import ANA, RAW, SSN, Shop, shop

__all__ = ["shop"]
_HEAD = RAW[2][:3]


@pytest.mark.parametrize("shop", ["pymysql"], indirect=True)
@pytest.mark.parametrize(
    ("keeping", "reading"),
    [
        ("SELECT @v := ssn FROM customers WHERE id = 1", "SELECT @v"),
        ("SELECT id FROM customers WHERE id = 1 AND (@`v` := ssn) IS NOT NULL", "SELECT @v"),
        ("SELECT CASE WHEN ssn LIKE '111%' THEN @v := 111 END FROM customers WHERE id = 1", "SELECT @v"),
        ("DELETE FROM customers WHERE id = 1 RETURNING @v := ssn", "SELECT @v"),
        ("SELECT LAST_INSERT_ID(LEFT(ssn, 3)) FROM customers WHERE id = 1", "SELECT LAST_INSERT_ID()"),
    ],
)
def test_a_session_of_mysql_keeps_no_revealed_value(shop: Shop, keeping: str, reading: str) -> None:
    """Connections are pooled: whoever comes next could read it."""
    shop.ledger.grant(ANA, SSN)
    with shop.engine.connect() as connection:
        with acting_as(ANA):
            connection.execute(text(keeping)).all()
        assert str(connection.execute(text(reading)).scalar()) not in (RAW[2], _HEAD)
    assert not shop.ledger.reveals


@pytest.mark.parametrize("shop", ["pymysql"], indirect=True)
def test_no_lock_of_mysql_tells_a_revealed_value(shop: Shop) -> None:
    """Every session can ask whether a lock is held."""
    shop.ledger.grant(ANA, SSN)
    with shop.engine.connect() as one, shop.engine.connect() as other:
        with acting_as(ANA):
            one.execute(text("SELECT GET_LOCK(ssn, 0) FROM customers WHERE id = 1")).all()
        assert other.execute(text(f"SELECT IS_FREE_LOCK('{RAW[2]}')")).scalar() == 1
    assert not shop.ledger.reveals


@pytest.mark.parametrize("shop", ["psycopg"], indirect=True)
@pytest.mark.parametrize("call", ["pg_advisory_lock({})", "pg_catalog.PG_TRY_ADVISORY_LOCK({})"])
def test_no_lock_tells_a_revealed_value(shop: Shop, call: str) -> None:
    """Every session can ask whether a lock is held."""
    shop.ledger.grant(ANA, SSN)
    number = call.format("translate(left(ssn, 3), '*-', '00')::bigint")
    with shop.engine.connect() as one, shop.engine.connect() as other:
        with acting_as(ANA):
            one.execute(text(f"SELECT {number} FROM customers WHERE id = 1")).all()
        assert other.execute(text(f"SELECT pg_try_advisory_lock({_HEAD})")).scalar()
    assert not shop.ledger.reveals


@pytest.mark.parametrize("shop", ["psycopg"], indirect=True)
def test_no_message_tells_a_revealed_value(shop: Shop) -> None:
    """Every session may listen."""
    shop.ledger.grant(ANA, SSN)
    url = shop.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as listener:
        listener.execute("LISTEN told")
        with acting_as(ANA), shop.engine.begin() as connection:
            connection.execute(text("SELECT pg_notify('told', ssn) FROM customers WHERE id = 1")).all()
        (told,) = listener.notifies(timeout=10, stop_after=1)
    assert told.payload == "***-**-" + RAW[2][-4:]
    assert not shop.ledger.reveals


@pytest.mark.parametrize("shop", ["psycopg", "psycopg2"], indirect=True)
def test_nobody_fetches_from_anothers_cursor(shop: Shop) -> None:
    """PostgreSQL keeps one that is held after its transaction; whoever knows its name could go on with it."""
    shop.ledger.grant(ANA, SSN)
    with shop.engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        with acting_as(ANA):
            held = raw.cursor(name="held", withhold=True)
            held.execute("SELECT ssn FROM customers ORDER BY id")
            assert held.fetchone() == (RAW[2],)
            raw.commit()
        other = raw.cursor(name="held")
        with pytest.raises((psycopg.Error, psycopg2.Error)):
            other.scroll(0, mode="absolute")
        raw.rollback()
        for cursor in (held, other):
            cursor.close()


def test_values_that_nothing_keeps_are_revealed(shop: Shop) -> None:
    """Names and strings that only look like it change nothing."""
    shop.ledger.grant(ANA, SSN)
    with acting_as(ANA), shop.engine.connect() as connection:
        assert connection.execute(text("SELECT ssn FROM customers WHERE id = 1 AND name <> ' := '")).scalar() == RAW[2]
