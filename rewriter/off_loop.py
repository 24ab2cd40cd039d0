"""Keeping the event loop free: whatever waits for Redis or a sink runs on a worker thread while the task waits.

Wraps the two seams of `rewriter.protocols` for engines whose driver is asynchronous. Statements of theirs run in
greenlets, which can wait for a coroutine; where there is none, the caller is a thread of its own and may block.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy.util.concurrency import await_, in_greenlet

from masking import Access, Fingerprint, Permit, Principal, Reveal
from rewriter.protocols import AccessSource, Recorder

_Result = TypeVar("_Result")

_MOST_THREADS = 8
"""So many statements can wait for a record at once; sinks commit what waits together."""


class Threads:
    """Worker threads, started when they are first needed. A forked child starts its own."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._pool = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="unmask")

    def _ready(self) -> ThreadPoolExecutor:
        if self._process != os.getpid():
            self._begin()
        return self._pool

    def result(self, call: Callable[[], _Result]) -> _Result:
        """What `call` returns; the event loop goes on meanwhile."""
        if not in_greenlet():
            return call()
        waiting = asyncio.get_running_loop().run_in_executor(self._ready(), copy_context().run, call)
        return await_(waiting)

    def done(self, call: Callable[[], object]) -> None:
        """Have `call` run: before this returns, unless that would block an event loop."""
        if in_greenlet() or not _is_in_loop():
            self.result(call)
        else:
            self.later(call)

    def later(self, call: Callable[[], object]) -> None:
        """Have `call` run soon: it returns nothing, and raises nothing, that anybody waits for."""
        self._ready().submit(copy_context().run, call)


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class OffLoopAccess:
    """An `AccessSource` that answers at once what it knows, and reads the rest on a worker thread."""

    def __init__(self, source: AccessSource, threads: Threads) -> None:
        self._source = source
        self._threads = threads

    def access(self, principal: Principal, groups: frozenset[str]) -> Access:
        """As the source's."""
        found = self._source.peek(principal, groups)
        return self._threads.result(partial(self._source.access, principal, groups)) if found is None else found

    def peek(self, principal: Principal, groups: frozenset[str]) -> Access | None:
        """As the source's."""
        return self._source.peek(principal, groups)

    def spend(self, permits: tuple[Permit, ...]) -> bool:
        """As the source's, on a worker thread."""
        return self._threads.result(partial(self._source.spend, permits))

    def has_uses(self, permits: tuple[Permit, ...]) -> bool:
        """As the source's, on a worker thread."""
        return self._threads.result(partial(self._source.has_uses, permits))


class OffLoopRecorder:
    """A `Recorder` whose records are made on a worker thread, before the statement runs all the same."""

    def __init__(self, recorder: Recorder, threads: Threads) -> None:
        self._recorder = recorder
        self._threads = threads

    def reveal(self, reveal: Reveal) -> str:
        """As the recorder's."""
        return self._threads.result(partial(self._recorder.reveal, reveal))

    def rows(self, record: str, count: int) -> None:
        """As the recorder's, which does not wait."""
        self._recorder.rows(record, count)

    def refused(
        self,
        *,
        principal: Principal | None,
        fingerprint: Fingerprint | None,
        reason: str,
        environment: str,
        at: datetime,
    ) -> None:
        """As the recorder's."""
        refused = partial(self._recorder.refused, principal=principal, fingerprint=fingerprint, reason=reason)
        self._threads.done(partial(refused, environment=environment, at=at))
