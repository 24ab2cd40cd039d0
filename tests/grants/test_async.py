"""Grants on an AsyncEngine: whatever Redis does, the event loop goes on."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from grants import Event, Filter, audit, chains
from grants.sealing import Sealed
from masking import Policy
from rewriter import acting_as, install
from tests.fix_redis import RedisServer
from tests.grants.conftest import House
from tests.grants.test_audit import Kept

CELL = "ada@cell.example"
READ = text("SELECT email FROM customers")
_BUDGET = timedelta(seconds=3)
_LAG = 1.5
"""Seconds: more than a loop stands still on a busy machine, and half of what it would if it waited for Redis itself."""


@pytest.fixture
def server(redis_server: Callable[..., RedisServer]) -> RedisServer:
    """A Redis that can be paused."""
    return redis_server()


@pytest.fixture
def house(server: RedisServer, policy: Policy) -> House:
    """Grants on it."""
    from datetime import UTC, datetime  # noqa: PLC0415 -- the real clock, for this one fixture

    return House(server.url, policy, lambda: datetime.now(UTC))


@asynccontextmanager
async def hooked(house: House, **options: object) -> AsyncIterator[AsyncEngine]:
    """A database with one customer, hooked."""
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    async with engine.begin() as connection:
        columns = "id INTEGER PRIMARY KEY, name TEXT, email TEXT, phone TEXT, ssn TEXT, salary INTEGER"
        await connection.execute(text(f"CREATE TABLE customers ({columns})"))
        await connection.execute(text("INSERT INTO customers VALUES (1, 'Ada', :cell, '5', '6', 7)"), {"cell": CELL})
    install(engine, policy=house.policy, grants=house.connect(**options), environment="prod")
    yield engine
    await engine.dispose()


async def asked(engine: AsyncEngine) -> object:
    """What ana is shown."""
    with acting_as("ana"):
        async with engine.connect() as connection:
            return await connection.scalar(READ)


class Lag:
    """How long the event loop stood still, at the longest."""

    def __init__(self) -> None:
        """Not measured yet."""
        self.longest = 0.0

    async def measure(self) -> None:
        """Until cancelled."""
        while True:
            before = monotonic()
            await asyncio.sleep(0.005)
            self.longest = max(self.longest, monotonic() - before)


async def shown_within(engine: AsyncEngine, value: object) -> None:
    """Grants that were just made are seen soon."""
    for _ in range(500):
        if await asked(engine) == value:
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"never shown: {value}")


def test_a_paused_redis_does_not_stop_the_loop(
    house: House, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither while grants are read nor while a record is written; statements run masked meanwhile, each in time."""
    for budget in ("grants.live.BUDGET", "grants.live.FIRST_BUDGET", "grants.client.BUDGET"):
        monkeypatch.setattr(budget, _BUDGET)
    house.granted()

    async def told() -> Lag:
        lag = Lag()
        async with hooked(house) as engine:
            await shown_within(engine, CELL)
            measuring = asyncio.create_task(lag.measure())
            server.pause()
            try:
                # Within the lease the grant is known, and the record is waited for; after it, the grants are.
                first = await asyncio.gather(*(asked(engine) for _ in range(8)))
                await asyncio.sleep(1.2)
                second = await asyncio.gather(*(asked(engine) for _ in range(8)))
            finally:
                server.resume()
                measuring.cancel()
            assert set(first) == set(second) == {"[redacted]"}
            await shown_within(engine, CELL)
        return lag

    lag = asyncio.run(told())
    for grants in house.opened:
        grants.close()
    assert lag.longest < _LAG


def test_reveals_are_recorded_before_they_are_shown(house: House) -> None:
    """Many tasks at once: a record for each row that was shown, in a whole chain."""
    house.granted()

    async def told() -> int:
        async with hooked(house) as engine:
            await shown_within(engine, CELL)
            before = len(list(house.grants.audit("prod", matching=Filter(events=frozenset({Event.REVEALED})))))
            shown = await asyncio.gather(*(asked(engine) for _ in range(50)))
            records = list(house.grants.audit("prod", matching=Filter(events=frozenset({Event.REVEALED}))))
            assert set(shown) == {CELL}
            return len(records) - before

    assert asyncio.run(told()) == 50
    for grants in house.opened[1:]:
        grants.close()
    assert house.grants.verify("prod", policy=house.policy) == ()
    house.grants.close()


class Gated(Kept):
    """A sink that takes nothing until it is let."""

    def __init__(self) -> None:
        """Open."""
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.is_asked = threading.Event()

    def write(self, record: Sealed) -> None:
        """Keep it, once the gate is open."""
        self.is_asked.set()
        assert self.gate.wait(20)
        super().write(record)


def test_a_hundred_tasks_that_wait_for_their_records_leave_the_loop_free(house: House) -> None:
    """More than there are threads to wait in: the loop goes on, also for what reveals nothing; then they all do."""
    house.granted()
    sink = Gated()

    async def told() -> list[object]:
        async with hooked(house, sinks=[sink]) as engine:
            await shown_within(engine, CELL)
            sink.gate.clear()
            sink.is_asked.clear()
            tasks = [asyncio.create_task(asked(engine)) for _ in range(100)]
            try:
                assert await asyncio.to_thread(sink.is_asked.wait, 10)
                for _ in range(100):
                    await asyncio.sleep(0)
                async with asyncio.timeout(10), engine.connect() as connection:
                    assert await connection.scalar(READ) == "[redacted]"
                assert not any(task.done() for task in tasks)
            finally:
                sink.gate.set()
            return await asyncio.wait_for(asyncio.gather(*tasks), 20)

    assert asyncio.run(told()) == [CELL] * 100
    reveals = [record for record in sink.records if record.event is Event.REVEALED]
    assert len(reveals) >= 100
    assert list(chains.verify(sink.texts, audit.Seals(seal=audit.KeyedHash(b"")))) == []
    for grants in house.opened:
        grants.close()
