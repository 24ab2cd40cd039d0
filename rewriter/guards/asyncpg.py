"""Guards of asyncpg, and of SQLAlchemy's adapter to it.

asyncpg takes no subclass of `str`, so the adapter's text is taken out of its mark where the driver's connection is
called. What a prepared statement or a cursor of the driver's would show is decided when it is made, and shown whenever
it is fetched: so only the adapter, whose every execution is judged anew, may have them.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, ClassVar, TypeVar
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection, AsyncAdapt_asyncpg_dbapi
from sqlalchemy.util.concurrency import await_

from masking import SessionSecret
from rewriter.guards import postgres_errors
from rewriter.guards.adapters import AdapterConnection, AdapterCursor, Call, adopted, driver_connection, plain_text
from rewriter.guards.gate import Driver, Gate, RawCursor, bind_secrets
from rewriter.guards.savepoints import in_transaction
from rewriter.guards.sessions import postgresql_fault
from rewriter.prepared import Safe
from rewriter.roles import Session, Status, taken

_Result = TypeVar("_Result")


class GuardedAdapterCursor(AdapterCursor):
    """Before the adapter's two cursor classes."""

    unmask_is_formatted = False


class GuardedAdapter(AdapterConnection):
    """Before the adapter."""

    __slots__ = ()
    unmask_cursors = GuardedAdapterCursor


def _nothing(_result: object) -> None:
    """A status line tells of no rows that were fetched."""


def _one(result: object) -> int:
    return int(result is not None)


class GuardedConnection(asyncpg.Connection):  # type: ignore[misc] # the driver has no types
    """A connection whose every public way to data leads through text from the rewriter.

    No slots, so that a connection that exists can become one; its state is kept beside it.
    """

    __slots__ = ()
    gate: ClassVar[Gate]
    unmask_states: ClassVar[WeakKeyDictionary[Any, object]] = WeakKeyDictionary()

    @property
    def unmask_state(self) -> object:
        """What the hook knows of the session."""
        return self.unmask_states.get(self)

    @unmask_state.setter
    def unmask_state(self, state: object) -> None:
        self.unmask_states[self] = state

    async def execute(self, query: Any, *args: Any, **options: Any) -> Any:  # noqa: D102 -- the driver's own, as all below
        run = super().execute
        status = await self._unmask_run(query, lambda text: run(text, *args, **options), _nothing)
        if not self.is_in_transaction():
            self.gate.transaction_ended(self)
        return status

    async def executemany(self, command: Any, args: Any, **options: Any) -> Any:  # noqa: D102
        run = super().executemany
        return await self._unmask_run(command, lambda text: run(text, args, **options), _nothing)

    async def fetch(self, query: Any, *args: Any, **options: Any) -> Any:  # noqa: D102
        run = super().fetch
        return await self._unmask_run(query, lambda text: run(text, *args, **options), len)

    async def fetchmany(self, query: Any, args: Any, **options: Any) -> Any:  # noqa: D102
        run = super().fetchmany
        return await self._unmask_run(query, lambda text: run(text, args, **options), len)

    async def fetchrow(self, query: Any, *args: Any, **options: Any) -> Any:  # noqa: D102
        run = super().fetchrow
        return await self._unmask_run(query, lambda text: run(text, *args, **options), _one)

    async def fetchval(self, query: Any, *args: Any, **options: Any) -> Any:  # noqa: D102
        run = super().fetchval
        return await self._unmask_run(query, lambda text: run(text, *args, **options), _one)

    async def _unmask_run(
        self, query: object, call: Callable[[str], Awaitable[_Result]], count: Callable[[Any], int | None]
    ) -> _Result:
        if type(query) is Safe:
            # Of an adapter's cursor, which sees to the rest.
            return await call(str(query))
        judged = Call(connection=self, text=plain_text(query), is_formatted=False, count=count)
        try:
            return await judged.run(lambda safe: call(str(safe)))
        except AsyncAdapt_asyncpg_dbapi.Error as error:
            # Of the hook's own reading, which speaks as the adapter does.
            raise error.driver_exception from None

    async def prepare(self, query: Any, **options: Any) -> Any:  # noqa: D102
        if type(query) is not Safe:
            self.gate.allow_raw("prepare")
        return await super().prepare(str(query), **options)

    def cursor(self, query: Any, *args: Any, **options: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("cursor")
        return super().cursor(query, *args, **options)

    async def copy_from_table(self, *args: Any, **options: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("COPY")
        return await super().copy_from_table(*args, **options)

    async def copy_from_query(self, *args: Any, **options: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("COPY")
        return await super().copy_from_query(*args, **options)

    async def copy_to_table(self, *args: Any, **options: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("COPY")
        return await super().copy_to_table(*args, **options)

    async def copy_records_to_table(self, *args: Any, **options: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("COPY")
        return await super().copy_records_to_table(*args, **options)


_ADAPTED = AsyncAdapt_asyncpg_dbapi(asyncpg)  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped


class _Fetching:
    """A cursor, as far as the hook needs one. Its errors are the adapter's.

    `has_failed`: it was told that the transaction failed, of which asyncpg itself says nothing.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()
        self.has_failed = False

    def execute(self, sql: str, parameters: Any = (), /) -> object:
        try:
            # The driver's own method: a guarded connection would judge it.
            self._rows = await_(asyncpg.Connection.fetch(self._connection, sql, *parameters))
        except asyncpg.PostgresError as error:
            self.has_failed = isinstance(error, asyncpg.InFailedSQLTransactionError)
            AsyncAdapt_asyncpg_connection._handle_exception_no_connection(_ADAPTED, error)  # noqa: SLF001 -- as its cursors do
        return None

    def fetchall(self) -> Sequence[Any]:
        return self._rows

    def fetchone(self) -> Any:
        return self._rows[0] if self._rows else None


@contextmanager
def _unguarded(connection: Any) -> Iterator[RawCursor]:
    raw = driver_connection(connection)
    cursor = _Fetching(raw)
    if not raw.is_in_transaction():
        yield cursor
        return
    with in_transaction(cursor, AsyncAdapt_asyncpg_dbapi.Error):
        yield cursor


def _keep_secrets(connection: Any, secrets: Sequence[SessionSecret]) -> None:
    with _unguarded(connection) as cursor:
        bind_secrets(cursor, secrets, "$1")


def _withheld(error: BaseException) -> BaseException | None:
    if isinstance(error, AsyncAdapt_asyncpg_dbapi.Error):
        inner = None if error.orig is None else _withheld(error.orig)
        if inner is None:
            return None
        clean: BaseException = type(error)(inner.args[0], inner)
        # Where applications find the driver's own error.
        clean.__cause__ = inner
        return clean
    if not isinstance(error, asyncpg.PostgresError) or not postgres_errors.has_cells(error.sqlstate):
        return None
    names = {"datatype_name": "data_type_name"}
    fields = {field: getattr(error, names.get(field, field), None) for field in postgres_errors.SAFE_FIELDS}
    bare: BaseException = type(error)(postgres_errors.message(str(error.sqlstate), fields))
    vars(bare).update({names.get(field, field): value for field, value in fields.items()})
    return bare


def _own(error: BaseException) -> BaseException | None:
    """The driver's own error behind the adapter's."""
    return error.orig if isinstance(error, AsyncAdapt_asyncpg_dbapi.Error) else error


def _is_elsewhere(error: BaseException) -> bool:
    own = _own(error)
    return postgres_errors.is_elsewhere(getattr(own, "sqlstate", None), getattr(own, "context", None))


def _session_fault(connection: Any) -> str | None:
    settings = driver_connection(connection).get_settings()
    return postgresql_fault(settings.standard_conforming_strings, settings.client_encoding)


def _taken(cursor: Any, role: str) -> AbstractContextManager[None]:
    raw, adapter = cursor.connection, getattr(cursor, "_adapt_connection", None)
    if adapter is not None and adapter._transaction is None:  # noqa: SLF001 -- as its cursors do, before their statement
        await_(adapter._start_transaction())  # noqa: SLF001 -- nothing in autocommit
    fetching = _Fetching(raw)

    def status() -> Status:
        if raw.is_closed():
            return Status.UNKNOWN
        if not raw.is_in_transaction():
            return Status.IDLE
        return Status.FAILED if fetching.has_failed else Status.IN_TRANSACTION

    session = Session(
        cursor=lambda: nullcontext(fetching),
        status=status,
        is_autocommit=True,  # whatever the adapter begins, it has begun
        is_busy=False,
        close=raw.terminate,
        placeholder="$1",
    )
    return taken(session, role)


DRIVER = Driver(
    errors=(AsyncAdapt_asyncpg_dbapi.Error, asyncpg.PostgresError),
    adopt=partial(adopted, guard=GuardedConnection, adapter=GuardedAdapter),
    unguarded=_unguarded,
    keep_secrets=_keep_secrets,
    withheld=_withheld,
    is_late=lambda error: postgres_errors.is_late(getattr(_own(error), "sqlstate", None)),
    is_elsewhere=_is_elsewhere,
    session_fault=_session_fault,
    taken=_taken,
)
