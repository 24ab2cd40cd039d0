"""AsyncEngine on MySQL and MariaDB: what goes round SQLAlchemy on aiomysql, and the driver that cannot be guarded."""

import aiomysql
import pymysql
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from masking import Access
from rewriter import Reason, RewriteError, StatementRefused, acting_as
from rewriter.guards import driver_of
from tests.rewriter.asynchronous import MASKED, READ, driver_connection, fetched, refused, rows, run
from tests.rewriter.hooked import ANA, EMAIL, RAW, TRUSTED, Ledger, is_raw

ONE = "SELECT email FROM customers WHERE id = %s"
KINDS = (aiomysql.Cursor, aiomysql.SSCursor)


def test_cursors_of_every_kind_read_masks(request: pytest.FixtureRequest) -> None:
    """Buffered, unbuffered and dictionary cursors, text in bytes and batches, on the driver's own connection."""

    async def story(engine: AsyncEngine, _ledger: Ledger) -> None:
        async with driver_connection(engine) as raw:
            for kind in KINDS:
                async with raw.cursor(kind) as cursor:
                    await cursor.execute(READ)
                    assert rows(await cursor.fetchall()) == MASKED
                    await cursor.execute(READ.encode())
                    assert [row async for row in cursor] == MASKED
            async with raw.cursor(aiomysql.DictCursor, aiomysql.SSCursor) as cursor:
                await cursor.execute(ONE, (1,))
                assert await cursor.fetchall() == [{"email": "[redacted]"}]
            async with raw.cursor() as cursor:
                await cursor.executemany("INSERT INTO orders VALUES (%s, 1, 'x')", [(70,), (71,)])
                assert cursor.rowcount == 2
                await cursor.executemany(ONE, [(1,), (2,)])
                assert rows(await cursor.fetchall()) == [("[redacted]",)]
            with acting_as(TRUSTED):
                assert is_raw(await fetched(raw))

    run("aiomysql", request, story)


def test_ways_round_the_cursors_are_closed(request: pytest.FixtureRequest) -> None:
    """query() and a cursor made by hand read masks; what cannot be judged is refused, and no new session is made."""

    async def story(engine: AsyncEngine, _ledger: Ledger) -> None:
        async with driver_connection(engine) as raw:
            assert await raw.query(READ) == 2
            assert rows(raw._result.rows) == MASKED  # noqa: SLF001 -- where a caller of query() finds them
            by_hand = aiomysql.Cursor(raw)
            await by_hand.execute(ONE, (2,))
            assert rows(await by_hand.fetchall()) == [("[redacted]",)]
            async with raw.cursor() as cursor:
                for several in ("SELECT 1; SELECT email FROM customers", "CALL p()"):
                    with pytest.raises(StatementRefused):
                        await cursor.execute(several)
                await refused(lambda: cursor.callproc("p"))
            await refused(lambda: raw.select_db("mysql"))
            await refused(lambda: raw.set_charset("gbk"))
            await refused(raw.show_warnings)
            raw.close()
            with pytest.raises(pymysql.Error):
                await raw.ping()

    run("aiomysql", request, story)


def test_cursors_of_the_driver_end_with_the_access(request: pytest.FixtureRequest) -> None:
    """No row is handed out after it, buffered or not; what is read unbuffered is counted as it is fetched."""

    async def story(engine: AsyncEngine, ledger: Ledger) -> None:
        ledger.grant(ANA, EMAIL)
        granted = ledger.access_of[ANA]
        with acting_as(ANA):
            async with driver_connection(engine) as raw:
                for kind in KINDS:
                    ledger.access_of[ANA] = granted
                    async with raw.cursor(kind) as cursor:
                        await cursor.execute(READ)
                        assert is_raw(await cursor.fetchone())
                        ledger.access_of[ANA] = Access()
                        for fetch in (cursor.fetchone, cursor.fetchmany, cursor.fetchall, cursor.__anext__):
                            with pytest.raises(StatementRefused) as ended:
                                await fetch()
                            assert ended.value.reason is Reason.ACCESS_ENDED
                ledger.access_of[ANA] = granted
                async with raw.cursor(aiomysql.SSCursor) as cursor:
                    await cursor.execute(READ)
                    assert len(await cursor.fetchall()) == 2
                await refused(lambda: aiomysql.SSCursor(raw).execute(READ))
        assert ledger.counts == {"0": 2, "1": 1, "2": 2}

    run("aiomysql", request, story)


def test_errors_and_warnings_hold_no_cell(request: pytest.FixtureRequest) -> None:
    """Neither through SQLAlchemy nor on the driver's connection, whose cursors would print warnings."""
    taken = f"INSERT INTO customers VALUES (3, 'Eve', '{RAW[0]}', NULL)"
    warned = "UPDATE orders SET customer_id = 1 WHERE id = 10 AND (SELECT max(name) FROM customers) + 0 = 0"

    async def story(engine: AsyncEngine, _ledger: Ledger) -> None:
        async with engine.connect() as connection:
            with pytest.raises(DBAPIError) as raised:
                await connection.execute(text(taken))
        assert not is_raw((str(raised.value.orig), raised.value.orig, vars(raised.value.orig or raised.value)))
        async with driver_connection(engine) as raw, raw.cursor() as cursor:
            with pytest.raises(pymysql.err.IntegrityError, match="withheld") as bare:
                await cursor.execute(taken)
            assert bare.value.__context__ is None
            with pytest.raises(pymysql.Error, match="withheld"):
                await cursor.execute(warned)
            await cursor.execute(warned.replace("UPDATE orders SET customer_id = 1", "SELECT 1 FROM orders"))

    run("aiomysql", request, story)


def test_a_count_that_would_tell_is_withheld(request: pytest.FixtureRequest) -> None:
    """Whether a guess is the stored value does not show in how many rows an update changed."""
    guess = f"UPDATE customers SET email = '{RAW[0]}' WHERE id = 1"

    async def story(engine: AsyncEngine, _ledger: Ledger) -> None:
        async with driver_connection(engine) as raw:
            counts = []
            for sql in (guess, guess.replace(RAW[0], "other@x.example")):
                async with raw.cursor() as cursor:
                    counts.append((await cursor.execute(sql), cursor.rowcount))
            assert counts[0] == counts[1]

    run("aiomysql", request, story)


def test_asyncmy_is_refused() -> None:
    """A driver that nothing can guard is told at once, with the one to use."""
    with pytest.raises(RewriteError, match=r"use mysql\+aiomysql"):
        driver_of("asyncmy")
