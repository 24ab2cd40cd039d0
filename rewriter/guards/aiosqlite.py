"""Guards of aiosqlite: those of sqlite3, whose connection it keeps in a thread of its own.

Statements are judged there too where they come by aiosqlite's own methods: so the context of whoever asks goes along.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, TypeVar
from weakref import ref

import aiosqlite
from sqlalchemy.util.concurrency import await_, in_greenlet

from masking import SessionSecret
from rewriter.guards import pysqlite
from rewriter.guards.adapters import AdapterConnection, driver_connection, plain_text
from rewriter.guards.gate import Gate, RawCursor, is_guarded
from rewriter.prepared import Safe
from rewriter.results import watch

_Result = TypeVar("_Result")


class _HeldBack:
    """A cursor whose rows are held back once the access to them ended.

    Apart from the class below, so that the hook calls its `execute` and not what that calls: the cursor behind it is
    guarded as well, and both would count.
    """

    gate: ClassVar[Gate]

    @property
    def connection(self) -> Any:
        """The connection of sqlite3, which everything that is known of a session is kept with."""
        base: Any = self
        return base._connection._conn  # noqa: SLF001 -- the adapter's, then aiosqlite's

    def execute(self, operation: Any, parameters: Any = None) -> Any:
        """As the adapter's, which reads the whole result ahead: the cursor behind it counts, this one holds back."""
        run: Any = super().execute  # type: ignore[misc] # always mixed into a cursor class
        if type(operation) is Safe:
            safe = operation
        else:
            safe = self.gate.admit(self.connection, plain_text(operation), is_formatted=False)
        found = run(safe, parameters)
        if safe.record is not None:
            watch(self, check=partial(self.gate.check_access, safe), report=_counted_already, record=safe.record)
        return found


class GuardedAdapterCursor(_HeldBack):
    """Before the adapter's two cursor classes. The cursor behind it, of sqlite3, is the guarded one."""


def _counted_already(_record: str, _rows: int) -> None:
    """The cursor of sqlite3 has told."""


class GuardedAdapter(AdapterConnection):
    """Before the adapter."""

    __slots__ = ()
    unmask_cursors = GuardedAdapterCursor

    @property
    def unmask_driver_connection(self) -> Any:
        """The connection of sqlite3."""
        base: Any = self
        return base._connection._conn  # noqa: SLF001 -- as above


class GuardedThread(aiosqlite.Connection):
    """A connection whose thread knows whom it works for."""

    gate: ClassVar[Gate]

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        base: Any = super()
        return await base._execute(copy_context().run, fn, *args, **kwargs)  # noqa: SLF001 -- the one way into the thread


def _adopt(connection: Any, gate: Gate) -> Any:
    if is_guarded(connection, gate):
        return connection
    thread = connection._connection  # noqa: SLF001 -- the adapter's
    thread._connection = pysqlite.DRIVER.adopt(thread._conn, gate)  # noqa: SLF001 -- aiosqlite's
    thread._conn.unmask_thread = ref(thread)  # noqa: SLF001
    thread.__class__ = gate.derived(GuardedThread, type(thread))
    connection.__class__ = gate.derived(GuardedAdapter, type(connection))
    return connection


def _in_thread(raw: Any, call: Callable[[], _Result]) -> _Result:
    """What `call` returns on the thread that `raw` belongs to: this one, unless it is an event loop's."""
    if not in_greenlet():
        return call()
    result: _Result = await_(raw.unmask_thread()._execute(call))  # noqa: SLF001 -- as above
    return result


class _InThread:
    """A cursor of sqlite3 that is used from elsewhere than its thread."""

    def __init__(self, cursor: RawCursor, raw: Any) -> None:
        self._cursor = cursor
        self._raw = raw

    def execute(self, sql: str, parameters: Any = (), /) -> object:
        return _in_thread(self._raw, partial(self._cursor.execute, sql, parameters))

    def fetchall(self) -> Sequence[Any]:
        return _in_thread(self._raw, self._cursor.fetchall)


@contextmanager
def _unguarded(connection: Any) -> Iterator[RawCursor]:
    raw = driver_connection(connection)
    lent = pysqlite.DRIVER.unguarded(raw)
    try:
        # Inside: a task that is cancelled meanwhile does not keep the thread from doing it.
        yield _InThread(_in_thread(raw, lent.__enter__), raw)
    finally:
        _in_thread(raw, partial(lent.__exit__, None, None, None))


def _keep_secrets(connection: Any, secrets: Sequence[SessionSecret]) -> None:
    raw = driver_connection(connection)
    _in_thread(raw, partial(pysqlite.DRIVER.keep_secrets, raw, secrets))


DRIVER = replace(pysqlite.DRIVER, adopt=_adopt, unguarded=_unguarded, keep_secrets=_keep_secrets)
