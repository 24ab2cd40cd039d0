"""Tests of the synchronous API, on asynchronous drivers: the whole test runs in a greenlet of one event loop.

So every rule that is stated once holds for all drivers.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from sqlalchemy.util.concurrency import greenlet_spawn


class Loop:
    """An event loop in which ordinary functions can use asynchronous drivers."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def run(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What `call` returns."""
        return self._runner.run(greenlet_spawn(call, *args, **kwargs))

    def close(self) -> None:
        """End the loop, and everything that still runs in it."""
        self._runner.close()
