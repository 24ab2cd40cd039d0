"""AsyncEngine: what a cancelled task leaves behind."""

import asyncio
import time
from typing import Any

import aiomysql
import aiosqlite
import psycopg
import pytest
from pymysql.constants import SERVER_STATUS
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from masking import Access, Principal
from rewriter import acting_as, install
from tests.rewriter.asynchronous import MASKED, READ, until
from tests.rewriter.hooked import ANA, ASYNCHRONOUS, POLICY, Ledger, shop_url


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
