"""Rows of an open result: handed out only while the access that they were revealed under holds."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pymysql.cursors
import pytest
from sqlalchemy import text

from masking import Access, Permit
from rewriter import Reason, StatementRefused, acting_as
from tests.rewriter.hooked import ANA, EMAIL, SSN, Shop, is_raw, open_shop, shop, shop_url

__all__ = ["shop"]

READ = "SELECT id, email FROM customers ORDER BY id"
FIRST = (1, "ada@lovelace.example")


def raw_cursor(shop: Shop, connection: Any) -> Any:
    """A cursor of the driver whose rows are still at the server, where the driver has such."""
    raw = connection.connection.dbapi_connection
    if shop.driver in ("psycopg", "psycopg2"):
        return raw.cursor(name="open_result")
    return raw.cursor(pymysql.cursors.SSCursor) if shop.driver == "pymysql" else raw.cursor()


def plain_cursor(connection: Any) -> Any:
    """A cursor as SQLAlchemy makes it."""
    return connection.connection.dbapi_connection.cursor()


def ended(call: Callable[[], object]) -> None:
    """The call is refused because access ended."""
    with pytest.raises(StatementRefused) as raised:
        call()
    assert raised.value.reason is Reason.ACCESS_ENDED
    assert not is_raw(raised.value)


FETCHES: dict[str, Callable[[Any], object]] = {
    "fetchone": lambda cursor: cursor.fetchone(),
    "fetchmany": lambda cursor: cursor.fetchmany(2),
    "fetchall": lambda cursor: cursor.fetchall(),
    "next": next,
    "iteration": list,
}


def test_no_row_is_handed_out_after_a_revocation(shop: Shop) -> None:
    """By whatever method, from a streaming or a buffered result; the refusal is recorded, and the count is right."""
    is_iterable = shop.driver not in ("duckdb", "asyncpg", "aiosqlite", "aiomysql")
    fetches = [fetch for name, fetch in FETCHES.items() if is_iterable or name not in ("next", "iteration")]
    shop.ledger.grant(ANA, EMAIL)
    granted = shop.ledger.access_of[ANA]
    with acting_as(ANA), shop.engine.connect() as connection:
        for number, fetch in enumerate(fetch for fetch in fetches for _ in range(2)):
            cursor = plain_cursor(connection) if number % 2 else raw_cursor(shop, connection)
            shop.ledger.access_of[ANA] = granted
            cursor.execute(READ)
            assert tuple(cursor.fetchone()) == FIRST
            shop.ledger.access_of[ANA] = Access()
            for _ in range(2):
                ended(lambda: fetch(cursor))  # noqa: B023 -- called at once
            cursor.close()
            assert shop.ledger.counts.pop(str(number)) in (1, 2)
    assert len(shop.ledger.refusals) == 4 * len(fetches)


def test_a_result_is_not_ended_by_what_it_does_not_rest_on(shop: Shop) -> None:
    """Another grant's end, or a new grant, stops nobody; nor are rows stopped that reveal nothing."""
    shop.ledger.grant(ANA, EMAIL)
    (email,) = shop.ledger.access_of[ANA].permits
    other = Permit(grant="other", columns=frozenset({SSN}))
    shop.ledger.access_of[ANA] = Access(permits=(email, other))
    with acting_as(ANA), shop.engine.connect() as connection:
        cursor = raw_cursor(shop, connection)
        cursor.execute(READ)
        assert tuple(cursor.fetchone()) == FIRST
        shop.ledger.access_of[ANA] = Access(permits=(email,))
        assert is_raw(cursor.fetchone())
        assert cursor.fetchone() is None
        cursor.close()
        shop.ledger.access_of[ANA] = Access()
        masked = connection.execute(text(READ))
        assert masked.fetchone() == (1, "[redacted]")
        assert len(masked.all()) == 1


def test_rows_end_with_the_grants_time(shop: Shop) -> None:
    """By the clock, whatever the source of grants still says."""
    with acting_as(ANA), shop.engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True, max_row_buffer=1)
        streaming.execute(text(READ)).close()  # whatever takes longer the first time
        expires_at = datetime.now(UTC) + timedelta(seconds=1)
        shop.ledger.grant(ANA, EMAIL, expires_at=expires_at)
        result = streaming.execute(text(READ))
        assert result.fetchone() == FIRST
        while datetime.now(UTC) < expires_at:
            pass
        ended(result.fetchone)


def test_streams_of_the_engine_end_as_well(shop: Shop) -> None:
    """SQLAlchemy's streamed results, ORM's yield_per among them, stop at the next rows that they fetch."""
    shop.ledger.grant(ANA, EMAIL)
    with acting_as(ANA), shop.engine.connect() as connection:
        result = connection.execution_options(stream_results=True, max_row_buffer=1).execute(text(READ))
        assert result.fetchone() == FIRST
        shop.ledger.access_of[ANA] = Access()
        ended(result.all)


def test_a_cursor_can_be_used_again_after_its_access_ended(shop: Shop) -> None:
    """The next statement on it shows masks, and is watched no more."""
    shop.ledger.grant(ANA, EMAIL)
    with acting_as(ANA), shop.engine.connect() as connection:
        cursor = plain_cursor(connection)
        plain = type(cursor)
        cursor.execute(READ)
        shop.ledger.access_of[ANA] = Access()
        ended(cursor.fetchall)
        cursor.execute(READ)
        assert [tuple(row) for row in cursor.fetchall()] == [(1, "[redacted]"), (2, "[redacted]")]
        assert type(cursor) is plain
        cursor.close()


def test_psycopg_streams_row_by_row(request: pytest.FixtureRequest) -> None:
    """`Cursor.stream` fetches without a fetch method."""
    shop = open_shop(shop_url(request, "psycopg"), "psycopg")
    shop.ledger.grant(ANA, EMAIL)
    with acting_as(ANA), shop.engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        rows = raw.cursor().stream(READ)
        assert next(rows) == FIRST
        shop.ledger.access_of[ANA] = Access()
        ended(lambda: next(rows))
    shop.engine.dispose()


@pytest.mark.parametrize("call", [("read_next",), ("fetchall_unbuffered",), ("scroll", 1)])
def test_pymysql_reads_rows_by_other_names(request: pytest.FixtureRequest, call: tuple[Any, ...]) -> None:
    """Of an unbuffered cursor, all are held to the same rule, and counted."""
    name, *arguments = call
    shop = open_shop(shop_url(request, "pymysql"), "pymysql")
    request.addfinalizer(shop.close)
    shop.ledger.grant(ANA, EMAIL)
    with acting_as(ANA), shop.engine.connect() as connection:
        with closing(raw_cursor(shop, connection)) as cursor:
            cursor.execute(READ)
            while cursor.read_next() is not None:
                pass
        assert shop.ledger.counts == {"0": 2}
        with closing(raw_cursor(shop, connection)) as cursor:
            cursor.execute(READ)
            assert cursor.read_next() == FIRST
            shop.ledger.access_of[ANA] = Access()
            ended(lambda: list(getattr(cursor, name)(*arguments)))


def test_duckdb_results_in_other_forms(request: pytest.FixtureRequest) -> None:
    """Arrays are checked as rows are; a reader that goes on by itself is refused."""
    shop = open_shop(shop_url(request, "duckdb"), "duckdb")
    shop.ledger.grant(ANA, EMAIL)
    with acting_as(ANA), shop.engine.connect() as connection:
        cursor = plain_cursor(connection)
        cursor.execute(READ)
        with pytest.raises(StatementRefused) as raised:
            cursor.fetch_record_batch()
        assert raised.value.reason is Reason.RAW_ACCESS
        shop.ledger.access_of[ANA] = Access()
        ended(cursor.fetchnumpy)
    shop.engine.dispose()


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_named_cursors_count_by_iteration(request: pytest.FixtureRequest, *, driver: str) -> None:
    """To their end, or up to where they are closed."""
    shop = open_shop(shop_url(request, driver), driver)
    shop.ledger.grant(ANA, EMAIL)
    with acting_as(ANA), shop.engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        for is_whole in (True, False):
            cursor = raw.cursor("named")
            cursor.execute(READ)
            rows = [tuple(row) for row in cursor] if is_whole else [tuple(next(cursor))]
            assert rows[0] == FIRST
            cursor.close()
    assert list(shop.ledger.counts.values()) == [2, 1]
    shop.engine.dispose()
