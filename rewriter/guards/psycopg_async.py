"""Guards of psycopg's asynchronous connections, and of SQLAlchemy's adapter to them."""

from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import tuple_row
from sqlalchemy.dialects.postgresql.psycopg import AsyncAdapt_psycopg_cursor, AsyncAdapt_psycopg_ss_cursor
from sqlalchemy.util.concurrency import await_, greenlet_spawn

from masking import SessionSecret
from rewriter.guards.adapters import AdapterConnection, AdapterCursor, Call, driver_connection
from rewriter.guards.async_fetches import WatchedFetches
from rewriter.guards.gate import Driver, Gate, RawCursor, bind_secrets, formatted, is_guarded
from rewriter.guards.psycopg_parts import (
    CursorFactories,
    OwnName,
    guard_driver_connection,
    is_elsewhere,
    is_late,
    session_fault,
    text_of,
    watched_waits,
    withheld,
)
from rewriter.guards.savepoints import in_transaction
from rewriter.prepared import Safe
from rewriter.roles import Session, taken


class GuardedAdapterCursor(AdapterCursor):
    """Before the adapter's two cursor classes."""

    unmask_is_formatted = True

    def unmask_text(self, operation: object) -> str:
        """As of any psycopg cursor."""
        return text_of(operation, self.connection)


class GuardedAdapter(AdapterConnection):
    """Before the adapter."""

    __slots__ = ()

    def cursor(self, name: Any = None, /) -> Any:
        """A guarded cursor, on the server where it has a name."""
        if name:
            return self.gate.derived(GuardedAdapterCursor, AsyncAdapt_psycopg_ss_cursor)(self, name)
        return self.gate.derived(GuardedAdapterCursor, AsyncAdapt_psycopg_cursor)(self)


def _rows(cursor: Any) -> int | None:
    return None if getattr(cursor, "name", None) else cursor.rowcount


class GuardedCursor(WatchedFetches):
    """Before any asynchronous cursor class of psycopg: runs nothing but text from the rewriter.

    Text from the rewriter passes: whoever asked for it, an adapter's cursor, sees to the rest.
    """

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:  # noqa: D102 -- the driver's own, as all below
        run: Any = super().execute  # type: ignore[misc] # always mixed into a cursor class
        self.unmask_end()
        self.unmask_shown = None
        if type(query) is Safe:
            return await run(query, params, **options)

        async def shown(safe: Safe) -> Any:
            found = await run(safe, params, **options)
            self.unmask_begin(safe, is_counted=_rows(self) is not None)
            return found

        return await self._call(query, is_formatted=params is not None).run(shown)

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        return await self.unmask_fetched(super().__anext__)  # type: ignore[misc]

    async def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:  # noqa: D102
        run: Any = super().executemany  # type: ignore[misc]
        if type(query) is Safe:
            await run(query, params_seq, **options)
        else:
            await self._call(query, is_formatted=True).run(lambda safe: run(safe, formatted(params_seq), **options))

    async def stream(self, query: Any, params: Any = None, **options: Any) -> AsyncIterator[Any]:  # noqa: D102
        connection: Any = self.connection  # type: ignore[attr-defined] # as above
        text, is_formatted = text_of(query, connection), params is not None
        safe = await greenlet_spawn(self.gate.admit, connection, text, is_formatted=is_formatted)
        rows: Any = super().stream(safe, params, **options)  # type: ignore[misc]
        if safe.aftermath is not None and safe.aftermath.under is not None:
            self.gate.allow_raw("stream() under a database role")
        bare, count = safe.unrecorded(), 0

        def following() -> Any:
            row = self.gate.run(self, bare, lambda: await_(anext(rows, None)))
            self.gate.check_access(safe)
            return row

        try:
            while (row := await greenlet_spawn(following)) is not None:
                count += 1
                yield row
        finally:
            self.gate.counted(safe, count)
            await rows.aclose()

    def copy(self, statement: Any, params: Any = None, **options: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("COPY")
        return super().copy(statement, params, **options)  # type: ignore[misc]

    def _call(self, query: object, *, is_formatted: bool) -> Call:
        connection: Any = self.connection  # type: ignore[attr-defined]
        text = text_of(query, connection)
        return Call(connection=connection, text=text, is_formatted=is_formatted, count=lambda _: _rows(self))


class GuardedServerCursor(GuardedCursor, OwnName):
    """Before any class of server-side cursors."""


class GuardedConnection(psycopg.AsyncConnection[Any], CursorFactories):
    """A connection whose every way to data leads through a guarded cursor."""

    unmask_cursors = GuardedCursor
    unmask_server_cursors = GuardedServerCursor

    async def commit(self) -> None:  # noqa: D102
        try:
            await self._unmask_end(super().commit())
        finally:
            self.gate.transaction_ended(self)

    async def tpc_prepare(self) -> None:  # noqa: D102
        await self._unmask_end(super().tpc_prepare())

    async def tpc_commit(self, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        await self._unmask_end(super().tpc_commit(*args, **kwargs))

    async def _unmask_end(self, end: Awaitable[None]) -> None:
        """As `gate.end`."""
        clean: BaseException | None
        try:
            await end
        except Exception as error:
            clean = self.gate.late(error)
            if clean is None:
                raise
        else:
            return
        raise clean

    async def rollback(self) -> None:  # noqa: D102
        await super().rollback()
        self.gate.transaction_ended(self)

    @asynccontextmanager
    async def transaction(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:  # noqa: D102
        try:
            async with AsyncExitStack() as block:
                yield await block.enter_async_context(super().transaction(*args, **kwargs))
                await self._unmask_end(block.aclose())
        finally:
            # A nested one is a savepoint.
            if self.info.transaction_status != TransactionStatus.INTRANS:
                self.gate.transaction_ended(self)

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Any]:
        """As the driver's; errors, which arrive late in it, are held to the same rule."""
        with watched_waits(self, self._unmask_wait):
            async with super().pipeline() as pipeline:
                yield pipeline

    async def _unmask_wait(self, *args: Any, **kwargs: Any) -> Any:
        clean: BaseException | None
        try:
            return await super().wait(*args, **kwargs)
        except psycopg.Error as error:
            clean = self.gate.late(error)
            if clean is None:
                raise
        raise clean


def _configure(arguments: dict[str, Any], gate: Gate) -> None:
    guarded: Any = gate.derived(GuardedConnection, psycopg.AsyncConnection)
    arguments.setdefault("async_creator_fn", guarded.connect)


def _adopt(connection: Any, gate: Gate) -> Any:
    if not is_guarded(connection, gate):
        if not is_guarded(connection._connection, gate):  # noqa: SLF001 -- the adapter's
            guard_driver_connection(connection._connection, gate, GuardedConnection)  # noqa: SLF001
        connection.__class__ = gate.derived(GuardedAdapter, type(connection))
    return connection


class _Waiting:
    """A cursor of the driver's whose coroutines a greenlet waits for."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def execute(self, sql: str, parameters: Any = None, /) -> object:
        return await_(self._cursor.execute(sql, parameters))

    def fetchall(self) -> Sequence[Any]:
        return await_(self._cursor.fetchall())

    def fetchone(self) -> Any:
        return await_(self._cursor.fetchone())


@contextmanager
def _unguarded(connection: Any) -> Iterator[RawCursor]:
    raw = driver_connection(connection)
    status = raw.info.transaction_status
    cursor = _Waiting(psycopg.AsyncCursor(raw, row_factory=tuple_row))
    if status == TransactionStatus.INTRANS:
        with in_transaction(cursor, psycopg.Error):
            yield cursor
    elif status == TransactionStatus.IDLE and not raw.autocommit:
        with _in_no_transaction(raw):
            yield cursor
    else:
        yield cursor


@contextmanager
def _in_no_transaction(raw: Any) -> Iterator[None]:
    """No transaction is begun, so none has to be ended."""
    await_(raw.set_autocommit(True))
    try:
        yield
    except BaseException as error:
        if isinstance(error, Exception):
            await_(raw.set_autocommit(False))
        else:
            # Cancelled, perhaps for good: a connection that would commit by itself must not be used any more.
            raw.pgconn.finish()
        raise
    await_(raw.set_autocommit(False))


def _keep_secrets(connection: Any, secrets: Sequence[SessionSecret]) -> None:
    with _unguarded(connection) as cursor:
        bind_secrets(cursor, secrets, "%s")


@contextmanager
def _cursor(raw: Any) -> Iterator[_Waiting]:
    yield _Waiting(psycopg.AsyncCursor(raw, row_factory=tuple_row))


def _taken(cursor: Any, role: str) -> AbstractContextManager[None]:
    raw = cursor.connection
    session = Session(
        cursor=partial(_cursor, raw),
        status=lambda: raw.info.transaction_status,
        is_autocommit=raw.autocommit,
        is_busy=raw.pgconn.pipeline_status != PipelineStatus.OFF,
        close=raw.pgconn.finish,
    )
    return taken(session, role)


DRIVER = Driver(
    errors=psycopg.Error,
    adopt=_adopt,
    configure=_configure,
    unguarded=_unguarded,
    keep_secrets=_keep_secrets,
    withheld=withheld,
    is_late=is_late,
    is_elsewhere=is_elsewhere,
    session_fault=lambda connection: session_fault(driver_connection(connection)),
    taken=_taken,
)
