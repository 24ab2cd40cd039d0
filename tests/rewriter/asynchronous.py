"""The shop on an AsyncEngine, and its driver's own connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiomysql
import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from rewriter import Reason, StatementRefused, install
from tests.rewriter.hooked import POLICY, Ledger, shop_url

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
