"""AsyncEngine: what goes round SQLAlchemy on each driver."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiosqlite
import asyncpg
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from masking import Access
from rewriter import Reason, StatementRefused, acting_as
from tests.rewriter.asynchronous import MASKED, READ, driver_connection, refused, rows, run
from tests.rewriter.hooked import ANA, EMAIL, RAW, TRUSTED, Ledger, is_raw


def test_asyncpg_methods_read_masks(request: pytest.FixtureRequest) -> None:
    """All that fetches, execute and executemany run rewritten text; what is prepared for later is refused."""

    async def story(engine: AsyncEngine, _ledger: Ledger) -> None:
        async with driver_connection(engine) as raw:
            assert rows(await raw.fetch(READ)) == MASKED
            assert tuple(await raw.fetchrow(READ)) == MASKED[0]
            assert await raw.fetchval("SELECT email FROM customers WHERE id = $1", 1) == "[redacted]"
            assert rows(await raw.fetchmany("SELECT email FROM customers WHERE id = $1", [(1,)])) == [("[redacted]",)]
            assert await raw.execute(READ) == "SELECT 2"
            await raw.executemany("INSERT INTO orders VALUES ($1, 1, 'x')", [(70,), (71,)])
            async with raw.transaction():
                assert rows(await raw.fetch("SELECT sku FROM orders WHERE id = 71")) == [("x",)]
            await refused(lambda: raw.prepare(READ))
            await refused(lambda: raw.cursor(READ))
            await refused(lambda: raw.copy_from_table("customers", output=print))
            await refused(lambda: raw.copy_from_query(READ, output=print))
            await refused(lambda: raw.copy_to_table("orders", source=b""))
            await refused(lambda: raw.copy_records_to_table("orders", records=[]))
            with pytest.raises(StatementRefused):
                await raw.execute("SELECT 1; SELECT email FROM customers")
            with pytest.raises(TypeError):
                await raw.fetch(b"SELECT 1")
            with acting_as(TRUSTED):
                statement = await raw.prepare(READ)
                assert is_raw(rows(await statement.fetch()))

    run("asyncpg", request, story)


def test_psycopg_cursors_of_every_kind(request: pytest.FixtureRequest) -> None:
    """Client, server and binary cursors, stream(), bytes and composed SQL read masks; COPY is refused."""

    async def story(engine: AsyncEngine, _ledger: Ledger) -> None:
        async with driver_connection(engine) as raw:
            assert await (await raw.execute(READ)).fetchall() == MASKED
            async with raw.cursor("named") as named:
                await named.execute(READ)
                assert await named.fetchall() == MASKED
            assert [row async for row in raw.cursor().stream(READ)] == MASKED
            cursor = raw.cursor(binary=True)
            assert await (await cursor.execute(READ.encode())).fetchall() == MASKED
            composed = sql.SQL("SELECT {} FROM customers").format(sql.Identifier("email"))
            assert not is_raw(await (await cursor.execute(composed)).fetchall())
            await cursor.executemany("SELECT email FROM customers WHERE id = %s", [(1,), (2,)], returning=True)
            assert not is_raw(await cursor.fetchall())
            async with raw.transaction(), raw.pipeline():
                assert not is_raw(await (await raw.execute(READ)).fetchall())
            await refused(lambda: cursor.copy("COPY customers TO STDOUT"))
            raw.cursor_factory = psycopg.AsyncClientCursor
            assert await (await raw.execute(READ)).fetchall() == MASKED

    run("psycopg_async", request, story)


def test_aiosqlite_methods_read_masks(request: pytest.FixtureRequest) -> None:
    """All that executes runs rewritten text, for whoever asks; scripts and copies are refused."""

    async def story(engine: AsyncEngine, ledger: Ledger) -> None:
        async with driver_connection(engine) as raw:
            assert rows(await raw.execute_fetchall(READ)) == MASKED
            cursor = await raw.execute(READ)
            assert [row async for row in cursor] == MASKED
            async with raw.cursor() as other:
                await other.execute(READ)
                assert await other.fetchone() == MASKED[0]
            await refused(lambda: raw.executescript("SELECT 1"))
            await refused(lambda: raw.enable_load_extension(True))  # noqa: FBT003 -- the driver's
            async with aiosqlite.connect(":memory:") as target:
                await refused(lambda: raw.backup(target))
            ledger.grant(ANA, EMAIL)
            with acting_as(ANA):
                assert is_raw(await raw.execute_fetchall(READ))
            assert not is_raw(await raw.execute_fetchall(READ))

    run("aiosqlite", request, story)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg_async"])
def test_errors_hold_no_cell(request: pytest.FixtureRequest, driver: str) -> None:
    """Neither through SQLAlchemy nor on the driver's connection; class, SQLSTATE and names stay."""
    leaky = "SELECT CAST(email AS integer) FROM customers"
    taken = f"INSERT INTO customers VALUES (3, 'Eve', '{RAW[0]}', NULL)"

    async def story(engine: AsyncEngine, ledger: Ledger) -> None:
        async with engine.connect() as connection:
            with pytest.raises(DBAPIError) as raised:
                await connection.execute(text(leaky))
        original: Any = raised.value.orig
        assert original.sqlstate == "22P02"
        assert "withheld" in str(original)
        assert original.__context__ is None
        assert "redacted" not in repr(
            (original, vars(original), original.__cause__, vars(original.__cause__ or object))
        )
        async with driver_connection(engine) as raw:
            with pytest.raises((asyncpg.PostgresError, psycopg.Error), match="withheld") as raw_raised:
                await raw.execute(leaky)
            assert raw_raised.value.__context__ is None
        installed = engine.sync_engine.dialect.__dict__["_unmask_installed"]
        plain = create_async_engine(engine.url)
        async with plain.connect() as connection:
            with pytest.raises(DBAPIError) as duplicate:
                await connection.execute(text(taken))
        await plain.dispose()
        clean: Any = installed.hook.driver.withheld(duplicate.value.orig)
        assert type(clean) is type(duplicate.value.orig)
        assert clean is not None
        assert not is_raw((str(clean), clean.args, vars(clean), vars(clean.__cause__ or clean)))
        assert "customers_email_key" in str(clean)

    run(driver, request, story)


@pytest.mark.parametrize("name", ["", "named"])
def test_psycopg_cursors_of_the_driver_end_with_the_access(request: pytest.FixtureRequest, *, name: str) -> None:
    """No row is handed out after it, by whatever method; and their number is told once."""

    async def story(engine: AsyncEngine, ledger: Ledger) -> None:
        ledger.grant(ANA, EMAIL)
        granted = ledger.access_of[ANA]
        fetches: tuple[Callable[[Any], Awaitable[Any]], ...] = (
            lambda cursor: cursor.fetchone(),
            lambda cursor: cursor.fetchmany(1),
            lambda cursor: cursor.fetchall(),
            anext,
        )
        with acting_as(ANA):
            async with driver_connection(engine) as raw:
                for fetch in fetches:
                    ledger.access_of[ANA] = granted
                    cursor = raw.cursor(name)
                    await cursor.execute(READ)
                    assert is_raw(await cursor.fetchone())
                    ledger.access_of[ANA] = Access()
                    with pytest.raises(StatementRefused) as ended:
                        await fetch(cursor)
                    assert ended.value.reason is Reason.ACCESS_ENDED
                    await cursor.close()
                ledger.access_of[ANA] = granted
                cursor = raw.cursor(name)
                await cursor.execute(READ)
                assert len([row async for row in cursor]) == 2
                await cursor.close()
        assert ledger.counts[str(len(ledger.reveals) - 1)] == 2

    run("psycopg_async", request, story)
