"""Guards of psycopg: the connection's class is replaced by a subclass that hands out guarded cursors."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import psycopg
from psycopg.pq import DiagnosticField, TransactionStatus
from psycopg.raw_cursor import RawCursorMixin
from psycopg.rows import tuple_row
from psycopg.sql import Composable

from masking import SessionSecret
from rewriter.guards import postgres_errors
from rewriter.guards.gate import Driver, Gate, RawCursor, formatted, is_guarded
from rewriter.guards.sessions import postgresql_fault
from rewriter.prepared import Safe


def _admitted(cursor: Any, query: object, *, is_formatted: bool) -> Safe:
    connection = cursor.connection
    if isinstance(query, Composable):
        query = query.as_string(connection)
    elif isinstance(query, bytes):
        query = query.decode(connection.info.encoding)
    if not isinstance(query, str):
        raise TypeError(f"a guarded cursor takes SQL as str, bytes or psycopg.sql, not {type(query).__name__}")
    safe: Safe = cursor.gate.admit(connection, str(query), is_formatted=is_formatted)
    return safe


def _check_formatting(factory: Any) -> None:
    """Text is judged as the driver's placeholders `%s` make it; a raw cursor would send them as SQL."""
    if issubclass(factory, RawCursorMixin):
        raise TypeError("a guarded connection has no raw cursors: write placeholders as %s or %(name)s")


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
        bare = Safe.of(safe, safe.aftermath and replace(safe.aftermath, record=None))
        count = 0
        try:
            while (row := self.gate.run(self, bare, lambda: next(rows, None))) is not None:
                count += 1
                yield row
        finally:
            self.gate.counted(safe, count)

    def copy(self, statement: Any, params: Any = None, **options: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("COPY")
        return super().copy(statement, params, **options)  # type: ignore[misc]


class GuardedConnection(psycopg.Connection[Any]):
    """A connection that hands out a guarded form of whatever cursor class is set or asked for."""

    gate: ClassVar[Gate]
    unmask_state: object = None

    @property
    def cursor_factory(self) -> Any:
        """The guarded form of the class that was set."""
        return self.__dict__["unmask_cursor"]

    @cursor_factory.setter
    def cursor_factory(self, factory: Any) -> None:
        _check_formatting(factory)
        self.__dict__["unmask_cursor"] = self.gate.derived(GuardedCursor, factory)

    @property
    def server_cursor_factory(self) -> Any:
        """The guarded form of the class that was set."""
        return self.__dict__["unmask_server_cursor"]

    @server_cursor_factory.setter
    def server_cursor_factory(self, factory: Any) -> None:
        _check_formatting(factory)
        self.__dict__["unmask_server_cursor"] = self.gate.derived(GuardedCursor, factory)

    def commit(self) -> None:  # noqa: D102
        super().commit()
        self.gate.transaction_ended(self)

    def rollback(self) -> None:  # noqa: D102
        super().rollback()
        self.gate.transaction_ended(self)

    @contextmanager
    def transaction(self, *args: Any, **kwargs: Any) -> Iterator[Any]:  # noqa: D102
        try:
            with super().transaction(*args, **kwargs) as transaction:
                yield transaction
        finally:
            # A nested one is a savepoint.
            if self.info.transaction_status != TransactionStatus.INTRANS:
                self.gate.transaction_ended(self)

    @contextmanager
    def pipeline(self) -> Iterator[Any]:
        """As the driver's; errors that arrive late are held to the same rule."""
        clean: BaseException | None = None
        try:
            with super().pipeline() as pipeline:
                yield pipeline
        except psycopg.Error as error:
            clean = _withheld(error)
            if clean is None:
                raise
        if clean is not None:
            raise clean


def _configure(_arguments: dict[str, Any], _gate: Gate) -> None:
    """Nothing to do: the connection is guarded once it is there."""


def _adopt(connection: Any, gate: Gate) -> Any:
    if is_guarded(connection, gate):
        return connection
    factories = connection.cursor_factory, connection.server_cursor_factory
    connection.__class__ = gate.derived(GuardedConnection, type(connection))
    connection.cursor_factory, connection.server_cursor_factory = factories
    return connection


@contextmanager
def _unguarded(connection: Any) -> Iterator[RawCursor]:
    status = connection.info.transaction_status
    unguarded: AbstractContextManager[RawCursor]
    if status == TransactionStatus.INTRANS:
        unguarded = _in_transaction(connection)
    elif status == TransactionStatus.IDLE and not connection.autocommit:
        unguarded = _in_no_transaction(connection)
    else:
        unguarded = _cursor(connection)
    with unguarded as cursor:
        yield cursor


def _cursor(connection: Any) -> psycopg.Cursor[tuple[Any, ...]]:
    return psycopg.Cursor(connection, row_factory=tuple_row)


@contextmanager
def _in_transaction(connection: Any) -> Iterator[psycopg.Cursor[Any]]:
    """The application's transaction goes on as it was, whatever happens inside."""
    with _cursor(connection) as cursor:
        cursor.execute("SAVEPOINT unmask")
        try:
            yield cursor
        except psycopg.Error:
            cursor.execute("ROLLBACK TO SAVEPOINT unmask")
            raise
        cursor.execute("RELEASE SAVEPOINT unmask")


@contextmanager
def _in_no_transaction(connection: Any) -> Iterator[psycopg.Cursor[Any]]:
    """No transaction is begun, so none has to be ended."""
    connection.autocommit = True
    try:
        with _cursor(connection) as cursor:
            yield cursor
    finally:
        connection.autocommit = False


def _keep_secrets(connection: Any, secrets: Sequence[SessionSecret]) -> None:
    with _unguarded(connection) as cursor:
        for secret in secrets:
            cursor.execute(secret.statement("%s"), (secret.value,))


def _withheld(error: BaseException) -> BaseException | None:
    if not isinstance(error, psycopg.Error) or not postgres_errors.has_cells(error.sqlstate):
        return None
    fields = {name: getattr(error.diag, name) for name in postgres_errors.SAFE_FIELDS}
    sqlstate = str(error.sqlstate)
    report = {DiagnosticField[name.upper()]: value.encode() for name, value in fields.items() if value is not None}
    text = postgres_errors.message(sqlstate, fields)
    report[DiagnosticField.MESSAGE_PRIMARY] = text.encode()
    clean = type(error)(text, info=report)  # type: ignore[arg-type] # what an unpickled error holds
    clean.sqlstate = sqlstate
    return clean


def _session_fault(connection: Any) -> str | None:
    def status(name: bytes) -> str | None:
        value = connection.pgconn.parameter_status(name)
        return None if value is None else value.decode()

    return postgresql_fault(status(b"standard_conforming_strings"), status(b"client_encoding"))


DRIVER = Driver(
    errors=psycopg.Error,
    configure=_configure,
    adopt=_adopt,
    unguarded=_unguarded,
    keep_secrets=_keep_secrets,
    withheld=_withheld,
    session_fault=_session_fault,
)
