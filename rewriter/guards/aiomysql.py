"""Guards of aiomysql, and of SQLAlchemy's adapter to it.

aiomysql is PyMySQL with coroutines, errors included. Its cursors fill parameters in and hand the text to `query()` of
their connection, which is a way in as well: text that has been judged goes there in an envelope.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, ClassVar

import aiomysql
from pymysql.constants import SERVER_STATUS
from sqlalchemy.util.concurrency import await_, greenlet_spawn

from masking import SessionSecret
from rewriter.guards import mysql_roles, pymysql
from rewriter.guards.adapters import AdapterConnection, AdapterCursor, Call, adopted, driver_connection
from rewriter.guards.async_fetches import WatchedFetches
from rewriter.guards.gate import Gate, RawCursor, bind_secrets, formatted
from rewriter.prepared import Safe


class GuardedAdapterCursor(AdapterCursor):
    """Before the adapter's two cursor classes."""

    unmask_is_formatted = True

    def unmask_text(self, operation: object) -> str:
        """As of PyMySQL's cursors."""
        return pymysql.text_of(operation, self.connection)


class GuardedAdapter(AdapterConnection):
    """Before the adapter."""

    __slots__ = ()
    unmask_cursors = GuardedAdapterCursor


@dataclass(frozen=True, slots=True)
class _Judged:
    """Text that may run, its parameters filled in."""

    text: Any


class _Quiet:
    """Before any cursor class of aiomysql, which would read the texts of warnings, and they hold cells."""

    async def _show_warnings(self, _connection: Any) -> None:
        """Nothing."""


class OpenCursor(_Quiet, aiomysql.Cursor):  # type: ignore[misc] # the driver has no types
    """A cursor whose connection lets its text through, because it has been looked at before."""

    async def _query(self, q: Any) -> None:
        await super()._query(_Judged(q))


class GuardedCursor(_Quiet, WatchedFetches):
    """Before any cursor class of aiomysql: runs nothing but text from the rewriter.

    Text from the rewriter passes: whoever asked for it, an adapter's cursor, sees to the rest. `unmask_is_open`: it is
    being sent, perhaps in batches that the driver composes of it.
    """

    unmask_is_open = False

    async def execute(self, query: Any, args: Any = None) -> Any:  # noqa: D102 -- the driver's own, as all below
        run: Any = super().execute  # type: ignore[misc] # always mixed into a cursor class
        if self.unmask_is_open:
            return await run(query, args)
        self.unmask_end()
        self.unmask_shown = None
        if type(query) is Safe:
            return await self._unmask_sent(query, partial(run, query, args))

        async def shown(safe: Safe) -> Any:
            found = await self._unmask_sent(safe, partial(run, safe, args))
            self.unmask_begin(safe, is_counted=_rows(self) is not None)
            return found

        return await self._call(query, is_formatted=args is not None).run(shown)

    async def executemany(self, query: Any, args: Iterable[Any]) -> Any:  # noqa: D102
        run: Any = super().executemany  # type: ignore[misc]
        if type(query) is Safe:
            return await self._unmask_sent(query, partial(run, query, args))
        sets = list(formatted(args or ()))
        return await self._call(query, is_formatted=True).run(
            lambda safe: self._unmask_sent(safe, partial(run, safe, sets))
        )

    async def _unmask_sent(self, safe: Safe, run: Callable[[], Awaitable[Any]]) -> Any:
        self.unmask_is_open = True
        try:
            count = await run()
        finally:
            self.unmask_is_open = False
        base: Any = self
        if not pymysql.is_telling(safe, base.connection):
            return count
        self._rowcount = -1
        return -1

    async def _query(self, q: Any) -> Any:
        base: Any = super()
        return await base._query(_Judged(q) if self.unmask_is_open else q)  # noqa: SLF001 -- the driver's own

    async def callproc(self, procname: Any, args: Any = ()) -> Any:  # noqa: D102
        self.gate.allow_raw("callproc")
        base: Any = super()
        self.unmask_is_open = True
        try:
            return await base.callproc(procname, args)
        finally:
            self.unmask_is_open = False

    def _call(self, query: object, *, is_formatted: bool) -> Call:
        connection: Any = self.connection  # type: ignore[attr-defined]
        text = pymysql.text_of(query, connection)
        return Call(connection=connection, text=text, is_formatted=is_formatted, count=lambda _: _rows(self))


def _rows(cursor: Any) -> int | None:
    return None if isinstance(cursor, aiomysql.SSCursor) else cursor.rowcount


@lru_cache(64)
def _composed(classes: tuple[type, ...]) -> type:
    """One class of those that `Connection.cursor` was given, as the driver itself makes it."""
    return classes[0] if len(classes) == 1 else type("Cursor", classes, {})


class GuardedConnection(aiomysql.Connection):  # type: ignore[misc]
    """A connection whose every way to data leads through text from the rewriter.

    `unmask_owed`: gives a role back, where rows of a statement under it are still to come.
    """

    gate: ClassVar[Gate]
    unmask_state: object = None
    unmask_owed: Callable[[], None] | None = None

    def cursor(self, *cursors: Any) -> Any:  # noqa: D102 -- the driver's own, as all below
        classes = cursors or (self.cursorclass,)
        if not all(isinstance(each, type) for each in classes):
            raise TypeError("cursor() takes subclasses of aiomysql's Cursor")
        return super().cursor(self.gate.derived(GuardedCursor, _composed(classes)))

    async def query(self, sql: Any, unbuffered: Any = False) -> Any:  # noqa: D102, FBT002
        run = super().query
        if type(sql) is _Judged:
            return await run(sql.text, unbuffered)

        # A cursor made round cursor(), or the application itself; parameters are in the text already.
        async def shown(safe: Safe) -> Any:
            if unbuffered and safe.record is not None:
                self.gate.allow_raw("an unbuffered cursor that was not made by cursor()")
            count = await run(safe, unbuffered)
            if not pymysql.is_telling(safe, self):
                return count
            self._affected_rows = -1
            return -1

        text = pymysql.text_of(sql, self)
        return await Call(connection=self, text=text, is_formatted=False, count=lambda count: count).run(shown)

    async def _execute_command(self, command: Any, sql: Any) -> Any:
        owed, self.unmask_owed = self.unmask_owed, None
        if owed is not None:
            await greenlet_spawn(owed)
        return await super()._execute_command(command, sql)

    async def select_db(self, db: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("select_db")
        self.gate.transaction_ended(self)
        return await super().select_db(db)

    async def set_charset(self, charset: Any) -> Any:  # noqa: D102
        if not str(charset).lower().startswith("utf8"):
            self.gate.allow_raw("set_charset")
        return await super().set_charset(charset)

    async def show_warnings(self) -> Any:  # noqa: D102
        self.gate.allow_raw("show_warnings")
        return await super().show_warnings()

    async def ping(self, reconnect: Any = True) -> Any:  # noqa: D102, FBT002
        del reconnect  # a new session would not have what this one was given
        return await super().ping(reconnect=False)

    async def commit(self) -> None:  # noqa: D102
        await super().commit()
        self.gate.transaction_ended(self)

    async def rollback(self) -> None:  # noqa: D102
        await super().rollback()
        self.gate.transaction_ended(self)


class _Waiting:
    """A cursor of the driver's whose coroutines a greenlet waits for."""

    def __init__(self, connection: Any) -> None:
        self._cursor = OpenCursor(connection)

    def execute(self, sql: str, parameters: Any = None, /) -> object:
        return await_(self._cursor.execute(sql, parameters))

    def fetchall(self) -> Sequence[Any]:
        rows: Sequence[Any] = await_(self._cursor.fetchall())
        return rows


@contextmanager
def _unguarded(connection: Any) -> Iterator[RawCursor]:
    raw = driver_connection(connection)
    was_open = _is_in_transaction(raw)
    try:
        yield _Waiting(raw)
    finally:
        if _is_in_transaction(raw) and not was_open:
            await_(aiomysql.Connection.rollback(raw))


def _is_in_transaction(raw: Any) -> bool:
    return bool(raw.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)


def _keep_secrets(connection: Any, secrets: Sequence[SessionSecret]) -> None:
    with _unguarded(connection) as cursor:
        bind_secrets(cursor, secrets, "%s")
        await_(aiomysql.Connection.commit(driver_connection(connection)))


def _taken(cursor: Any, role: str) -> AbstractContextManager[None]:
    raw = cursor.connection

    def answer(sql: str) -> Sequence[Any]:
        waiting = _Waiting(raw)
        waiting.execute(sql)
        return next(iter(waiting.fetchall()), ())

    session = mysql_roles.Session(connection=raw, answer=answer, close=raw.close, is_open=lambda: not raw.closed)
    return mysql_roles.taken(session, role)


DRIVER = replace(
    pymysql.DRIVER,
    adopt=partial(adopted, guard=GuardedConnection, adapter=GuardedAdapter),
    unguarded=_unguarded,
    keep_secrets=_keep_secrets,
    session_fault=lambda connection: pymysql.session_fault(_unguarded, connection),
    taken=_taken,
)
