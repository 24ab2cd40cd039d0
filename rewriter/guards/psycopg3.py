"""Guards of psycopg: the connection's class is replaced by a subclass that hands out guarded cursors."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, ClassVar

import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import tuple_row
from sqlalchemy.engine.default import DefaultDialect

from masking import SessionSecret
from rewriter.guards.gate import Driver, Gate, RawCursor, bind_secrets, end, formatted, is_guarded
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


def _admitted(cursor: Any, query: object, *, is_formatted: bool) -> Safe:
    connection = cursor.connection
    safe: Safe = cursor.gate.admit(connection, text_of(query, connection), is_formatted=is_formatted)
    return safe


class GuardedCursor:
    """Before any cursor class of psycopg: runs nothing but text from the rewriter."""

    gate: ClassVar[Gate]

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:  # noqa: D102 -- the driver's own, as all below
        safe = query if type(query) is Safe else _admitted(self, query, is_formatted=params is not None)
        run: Any = super().execute  # type: ignore[misc] # always mixed into a cursor class
        if safe.aftermath is None:
            return run(safe, params, **options)
        return self.gate.run(self, safe, lambda: run(safe, params, **options))

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> Any:  # noqa: D102
        safe = query if type(query) is Safe else _admitted(self, query, is_formatted=True)
        run: Any = super().executemany  # type: ignore[misc]
        return self.gate.run(self, safe, lambda: run(safe, formatted(params_seq), **options))

    def stream(self, query: Any, params: Any = None, **options: Any) -> Any:  # noqa: D102
        safe = query if type(query) is Safe else _admitted(self, query, is_formatted=params is not None)
        rows: Any = super().stream(safe, params, **options)  # type: ignore[misc]
        if safe.aftermath is not None and safe.aftermath.under is not None:
            self.gate.allow_raw("stream() under a database role")
        bare, count = safe.unrecorded(), 0
        try:
            while (row := self.gate.run(self, bare, lambda: next(rows, None))) is not None:
                self.gate.check_access(safe)
                count += 1
                yield row
        finally:
            rows.close()  # it holds the connection's lock, as long as somebody keeps the error that ended it
            self.gate.counted(safe, count)

    def copy(self, statement: Any, params: Any = None, **options: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("COPY")
        return super().copy(statement, params, **options)  # type: ignore[misc]


class GuardedServerCursor(GuardedCursor, OwnName):
    """Before any class of server-side cursors."""


class GuardedConnection(psycopg.Connection[Any], CursorFactories):
    """A connection whose every way to data leads through a guarded cursor."""

    unmask_cursors = GuardedCursor
    unmask_server_cursors = GuardedServerCursor

    def commit(self) -> None:  # noqa: D102
        try:
            end(self.gate, super().commit)
        finally:
            self.gate.transaction_ended(self)

    def tpc_prepare(self) -> None:  # noqa: D102
        end(self.gate, super().tpc_prepare)

    def tpc_commit(self, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        end(self.gate, partial(super().tpc_commit, *args, **kwargs))

    def rollback(self) -> None:  # noqa: D102
        super().rollback()
        self.gate.transaction_ended(self)

    @contextmanager
    def transaction(self, *args: Any, **kwargs: Any) -> Iterator[Any]:  # noqa: D102
        try:
            with ExitStack() as block:
                yield block.enter_context(super().transaction(*args, **kwargs))
                end(self.gate, block.close)
        finally:
            # A nested one is a savepoint.
            if self.info.transaction_status != TransactionStatus.INTRANS:
                self.gate.transaction_ended(self)

    @contextmanager
    def pipeline(self) -> Iterator[Any]:
        """As the driver's; errors, which arrive late in it, are held to the same rule."""
        with watched_waits(self, self._unmask_wait), super().pipeline() as pipeline:
            yield pipeline

    def _unmask_wait(self, *args: Any, **kwargs: Any) -> Any:
        clean: BaseException | None
        try:
            return super().wait(*args, **kwargs)
        except psycopg.Error as error:
            clean = self.gate.late(error)
            if clean is None:
                raise
        raise clean


def _connecting(dialect: Any, gate: Gate) -> Callable[..., Any] | None:
    is_plain = getattr(dialect.connect, "__func__", None) is DefaultDialect.connect
    if not is_plain or dialect.loaded_dbapi.connect != psycopg.Connection.connect:
        return None  # somebody else's way to connect
    guarded: Any = gate.derived(GuardedConnection, psycopg.Connection)
    return guarded.connect  # type: ignore[no-any-return]


def _adopt(connection: Any, gate: Gate) -> Any:
    if not is_guarded(connection, gate):
        guard_driver_connection(connection, gate, GuardedConnection)
    return connection


@contextmanager
def _unguarded(connection: Any) -> Iterator[RawCursor]:
    status = connection.info.transaction_status
    with psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
        if status == TransactionStatus.INTRANS:
            with in_transaction(cursor, psycopg.Error):
                yield cursor
        elif status == TransactionStatus.IDLE and not connection.autocommit:
            # No transaction is begun, so none has to be ended.
            connection.autocommit = True
            try:
                yield cursor
            finally:
                connection.autocommit = False
        else:
            yield cursor


def _keep_secrets(connection: Any, secrets: Sequence[SessionSecret]) -> None:
    with _unguarded(connection) as cursor:
        bind_secrets(cursor, secrets, "%s")


def _taken(cursor: Any, role: str) -> AbstractContextManager[None]:
    connection = cursor.connection
    session = Session(
        cursor=partial(psycopg.Cursor, connection, row_factory=tuple_row),
        status=lambda: connection.info.transaction_status,
        is_autocommit=connection.autocommit,
        is_busy=connection.pgconn.pipeline_status != PipelineStatus.OFF,
        close=connection.close,
    )
    return taken(session, role)


DRIVER = Driver(
    errors=psycopg.Error,
    adopt=_adopt,
    connecting=_connecting,
    unguarded=_unguarded,
    keep_secrets=_keep_secrets,
    withheld=withheld,
    is_late=is_late,
    is_elsewhere=is_elsewhere,
    session_fault=session_fault,
    taken=_taken,
)
