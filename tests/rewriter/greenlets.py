"""Tests of the synchronous API, on asynchronous drivers: the whole test runs in a greenlet of one event loop.

So every rule that is stated once holds for all drivers.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
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


def in_loop(loop: Loop | None, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `call` returns, in the loop if there is one."""
    return call(*args, **kwargs) if loop is None else loop.run(call, *args, **kwargs)


def is_run(test: pytest.Function, loop: Loop | None) -> bool | None:
    """Whether `test` was run here, as `pytest_pyfunc_call` says it: it was, if there is a loop that it needs."""
    if loop is None:
        return None
    names = test._fixtureinfo.argnames  # noqa: SLF001 -- as pytest's own implementation of this hook
    loop.run(test.obj, **{name: test.funcargs[name] for name in names})
    return True
