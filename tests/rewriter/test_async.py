"""AsyncEngine: what goes round SQLAlchemy on each driver, sessions and streams, and tasks that are cancelled."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiomysql
import aiosqlite
import asyncpg
import psycopg
import pytest
from sqlalchemy import event, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import StaticPool

from rewriter import StatementRefused, acting_as, install
from rewriter.plugin import UnmaskPlugin
from tests.rewriter.asynchronous import MASKED, READ, driver_connection, fetched, rows, run, until
from tests.rewriter.hooked import (
    ANA,
    ASYNCHRONOUS,
    EMAIL,
    OWNER,
    POLICY,
    RAW,
    Ledger,
    is_raw,
    shop_url,
)
from tests.rewriter.test_orm import Customer


@pytest.mark.parametrize("driver", ASYNCHRONOUS)
def test_reveals_are_recorded_and_counted(request: pytest.FixtureRequest, driver: str) -> None:
    """Through SQLAlchemy, in streams and on the driver's connection: a record each, with its rows."""

    async def story(engine: AsyncEngine, ledger: Ledger) -> None:
        ledger.grant(ANA, EMAIL)
        with acting_as(ANA):
            async with engine.connect() as connection:
                assert is_raw((await connection.execute(text(READ))).all())
                streamed = await connection.stream(text(READ))
                assert is_raw(await streamed.all())
            async with driver_connection(engine) as raw:
                await fetched(raw)
        assert [reveal.columns for reveal in ledger.reveals] == [(EMAIL,)] * 3
        expected = {"0": 2, "1": 2} if driver == "aiosqlite" else {"0": 2, "1": 2, "2": 2}
        await until(lambda: ledger.counts.keys() >= expected.keys())
        assert {record: ledger.counts[record] for record in expected} == expected

    run(driver, request, story)


def _creator(driver: str, url: str) -> Callable[[], Awaitable[Any]]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    if driver == "aiosqlite":
        return lambda: aiosqlite.connect(make_url(url).database or "")
    if driver == "aiomysql":
        address = make_url(url)
        return lambda: aiomysql.connect(
            host=address.host, port=address.port, user=address.username, password="", db=address.database
        )
    connect: Callable[..., Awaitable[Any]] = asyncpg.connect if driver == "asyncpg" else psycopg.AsyncConnection.connect
    return lambda: connect(plain)


@pytest.mark.parametrize("driver", ASYNCHRONOUS)
def test_creators_and_pooled_connections_are_guarded(request: pytest.FixtureRequest, driver: str) -> None:
    """A connection by async_creator=, and one that was in the pool before install, hand out guarded cursors."""
    url = shop_url(request, driver)

    async def told() -> None:
        engine = create_async_engine(url, async_creator=_creator(driver, url))
        async with engine.connect() as connection:
            assert is_raw((await connection.execute(text(READ))).all())
        installed = install(engine, policy=POLICY)
        for _ in range(2):
            async with engine.connect() as connection:
                assert (await connection.execute(text(READ))).all() == MASKED
                raw: Any = (await connection.get_raw_connection()).driver_connection
                assert not is_raw(rows(await fetched(raw)))
            await engine.dispose()
        installed.uninstall()
        async with engine.connect() as connection:
            assert is_raw((await connection.execute(text(READ))).all())
        await engine.dispose()

    asyncio.run(told())


def test_databases_in_memory_survive_install() -> None:
    """An in-memory database made before install keeps its rows."""

    async def told() -> None:
        engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, ssn TEXT)"))
            await connection.execute(text("INSERT INTO customers VALUES (1, :email, NULL)"), {"email": RAW[0]})
        install(engine, policy=POLICY)
        async with engine.connect() as connection:
            assert (await connection.execute(text("SELECT email FROM customers"))).all() == [("[redacted]",)]
        await engine.dispose()

    asyncio.run(told())


def test_the_plugin_hooks_an_asynchronous_engine(request: pytest.FixtureRequest) -> None:
    """create_async_engine(url, plugins=["unmask"]) is the same second door."""
    from sqlalchemy.dialects import plugins  # noqa: PLC0415 -- registered as the distribution's entry point does

    plugins.impls.setdefault("unmask", lambda: UnmaskPlugin)
    url = shop_url(request, "aiosqlite")

    async def told() -> None:
        engine = create_async_engine(url, plugins=["unmask"], unmask_policy=POLICY)
        async with engine.connect() as connection:
            assert (await connection.execute(text(READ))).all() == MASKED
        await engine.dispose()

    asyncio.run(told())


@pytest.mark.parametrize("driver", ASYNCHRONOUS)
def test_tasks_keep_their_principals(request: pytest.FixtureRequest, driver: str) -> None:
    """Sessions of several tasks at once: each reads for its own principal, lazily loaded attributes as well."""

    async def seen(engine: AsyncEngine, principal: str) -> list[str | None]:
        with acting_as(principal):
            async with AsyncSession(engine) as session:
                found = []
                for _ in range(5):
                    customer = (await session.scalars(select(Customer).where(Customer.id == 1))).one()
                    await session.refresh(customer)
                    found.append(customer.email)
                    await asyncio.sleep(0)
                return found

    async def story(engine: AsyncEngine, ledger: Ledger) -> None:
        ledger.grant(ANA, EMAIL)
        answers = await asyncio.gather(*(seen(engine, name) for name in (ANA, "bo", ANA, "bo")))
        assert answers == [[RAW[0]] * 5, ["[redacted]"] * 5] * 2

    run(driver, request, story)


@pytest.mark.parametrize("driver", ASYNCHRONOUS)
def test_what_would_run_is_explained(request: pytest.FixtureRequest, driver: str) -> None:
    """explain_async says what explain does, and nothing runs."""

    async def story(engine: AsyncEngine, _ledger: Ledger) -> None:
        installed = install(engine, policy=POLICY, grants=_ledger, environment="test")
        assert (await installed.explain_async(READ)).masked
        assert (await installed.explain_async("SELECT sku FROM orders")).is_unchanged

    run(driver, request, story)


@pytest.mark.parametrize("driver", ASYNCHRONOUS)
def test_owners_change_the_schema(request: pytest.FixtureRequest, driver: str) -> None:
    """A changed schema is known at once on its connection, and to others after the commit."""

    async def story(engine: AsyncEngine, _ledger: Ledger) -> None:
        with acting_as(OWNER):
            async with engine.begin() as connection:
                await connection.execute(text("CREATE VIEW v AS SELECT id, email AS mail FROM customers"))
                assert not is_raw((await connection.execute(text("SELECT * FROM v"))).all())
        async with engine.connect() as connection:
            assert not is_raw((await connection.execute(text("SELECT * FROM v"))).all())

    run(driver, request, story)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg_async"])
def test_hash_keys_and_connect_listeners(request: pytest.FixtureRequest, driver: str) -> None:
    """Every session can compute pseudonyms, and a listener of the pool's gets a guarded connection."""
    policy = type(POLICY).parse("columns: {customers.email: {mask: {hash: {key: 'correct horse battery staple'}}}}")
    url = shop_url(request, driver)

    async def told() -> None:
        engine = create_async_engine(url)
        seen: list[Any] = []

        @event.listens_for(engine.sync_engine, "connect")
        def listen(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            cursor.execute("SELECT email FROM customers")
            seen.extend(cursor.fetchall())

        install(engine, policy=policy)
        async with engine.connect() as connection:
            assert not is_raw((await connection.execute(text("SELECT email FROM customers"))).all())
            with pytest.raises(StatementRefused):
                await connection.execute(text("SHOW unmask.key"))
        await engine.dispose()
        assert seen
        assert not is_raw(seen)

    asyncio.run(told())
