"""AsyncEngine: what goes round SQLAlchemy on each driver, sessions and streams, and tasks that are cancelled."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiomysql
import aiosqlite
import asyncpg
import psycopg
import pytest
from psycopg import sql
from pymysql.constants import SERVER_STATUS
from sqlalchemy import event, make_url, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import StaticPool

from masking import Access, Principal
from rewriter import Reason, StatementRefused, acting_as, install
from rewriter.plugin import UnmaskPlugin
from tests.rewriter.hooked import (
    ANA,
    ASYNCHRONOUS,
    EMAIL,
    OWNER,
    POLICY,
    RAW,
    TRUSTED,
    Ledger,
    is_raw,
    shop_url,
)
from tests.rewriter.test_orm import Customer

READ = "SELECT id, name, email FROM customers ORDER BY id"
MASKED = [(1, "Ada", "[redacted]"), (2, "Grace", "[redacted]")]


def run(driver: str, request: pytest.FixtureRequest, story: Callable[[AsyncEngine, Ledger], Awaitable[None]]) -> None:
    """Tell `story` on the hooked shop."""
    url = shop_url(request, driver)

    async def told() -> None:
        engine, ledger = create_async_engine(url), Ledger()
        install(engine, policy=POLICY, grants=ledger, environment="test")
        try:
            await story(engine, ledger)
        finally:
            await engine.dispose()

    asyncio.run(told())


@asynccontextmanager
async def driver_connection(engine: AsyncEngine) -> AsyncIterator[Any]:
    """The driver's own connection, as an application gets it."""
    async with engine.connect() as connection:
        yield (await connection.get_raw_connection()).driver_connection


async def refused(call: Callable[[], Any]) -> None:
    """The call is refused as raw access, at once or when it is awaited."""
    with pytest.raises(StatementRefused) as raised:
        await call()
    assert raised.value.reason is Reason.RAW_ACCESS


def rows(found: Any) -> list[tuple[Any, ...]]:
    """Rows of any driver as tuples."""
    return [tuple(row) for row in found]


async def fetched(raw: Any) -> Any:
    """What `READ` gives on a driver's own connection, by the shortest way there is."""
    if isinstance(raw, asyncpg.Connection):
        return await raw.fetch(READ)
    if not isinstance(raw, aiomysql.Connection):
        return await (await raw.execute(READ)).fetchall()
    async with raw.cursor() as cursor:
        await cursor.execute(READ)
        return await cursor.fetchall()


async def until(is_so: Callable[[], bool]) -> None:
    """Another thread has made it so."""
    for _ in range(1000):
        if is_so():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it never came about")


# Round SQLAlchemy.


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


# Connections that were made otherwise.


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


# Tasks.


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


class _Waiting(Ledger):
    """Grants that have to be waited for, once `is_slow`."""

    def __init__(self) -> None:
        super().__init__()
        self.is_slow = False
        self.asked = 0

    def peek(self, principal: Principal, groups: frozenset[str]) -> Access | None:
        """Never known where slow."""
        return None if self.is_slow else super().peek(principal, groups)

    def access(self, principal: Principal, groups: frozenset[str]) -> Access:
        """Takes its time, on a thread of its own."""
        self.asked += 1
        time.sleep(0.3)
        return super().access(principal, groups)


def is_in_transaction(raw: Any) -> bool:
    """Whether the driver's own connection has one open."""
    if isinstance(raw, psycopg.AsyncConnection):
        return raw.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
    if isinstance(raw, aiomysql.Connection):
        return bool(raw.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)
    return bool(raw.in_transaction if isinstance(raw, aiosqlite.Connection) else raw.is_in_transaction())


@pytest.mark.parametrize("driver", ASYNCHRONOUS)
def test_a_cancelled_task_leaves_no_transaction_behind(request: pytest.FixtureRequest, driver: str) -> None:
    """Cancelled while the hook waits, in the midst of a transaction: what was written is gone, the pool goes on."""
    url = shop_url(request, driver)

    async def write_and_wait(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            await connection.execute(text("INSERT INTO orders VALUES (80, 1, 'lost')"))
            with acting_as(ANA):
                await connection.execute(text(READ))

    async def told() -> None:
        engine, ledger = create_async_engine(url, pool_size=1, max_overflow=0), _Waiting()
        install(engine, policy=POLICY, grants=ledger)
        async with engine.connect() as connection:
            await connection.execute(text(READ))
        ledger.is_slow = True
        task = asyncio.create_task(write_and_wait(engine))
        await until(lambda: ledger.asked > 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ledger.is_slow = False
        async with engine.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            assert not is_in_transaction(raw)
            assert (await connection.execute(text("SELECT sku FROM orders WHERE id = 80"))).all() == []
            assert (await connection.execute(text(READ))).all() == MASKED
        await engine.dispose()

    asyncio.run(told())


@pytest.mark.parametrize("driver", ASYNCHRONOUS)
def test_a_task_cancelled_while_the_schema_is_read(request: pytest.FixtureRequest, driver: str) -> None:
    """At whichever await: afterwards statements run in transactions that can be rolled back, and read masks."""
    url = shop_url(request, driver)

    async def told() -> None:
        engine = create_async_engine(url, pool_size=1, max_overflow=0)
        installed = install(engine, policy=POLICY)

        async def read() -> None:
            async with engine.connect() as connection:
                await connection.execute(text(READ))

        await read()
        for steps in range(1, 40, 3):
            installed.refresh()
            task = asyncio.create_task(read())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            async with engine.connect() as connection:
                await connection.execute(text(f"INSERT INTO orders VALUES ({100 + steps}, 1, 'never')"))
                await connection.rollback()
                kept = await connection.execute(text("SELECT sku FROM orders WHERE sku = 'never'"))
                assert kept.all() == []
                assert (await connection.execute(text(READ))).all() == MASKED
        await engine.dispose()

    asyncio.run(told())


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
