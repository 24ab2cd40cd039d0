"""Guards of psycopg2: subclasses by `connection_factory=`."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import Any, ClassVar

import psycopg2
from psycopg2 import extensions
from psycopg2.sql import Composable

from masking import SessionSecret
from rewriter.errors import RewriteError
from rewriter.guards import postgres_errors
from rewriter.guards.gate import Driver, Gate, RawCursor, bind_secrets, end, formatted, is_guarded, own_name
from rewriter.guards.psycopg2_parameters import values
from rewriter.guards.savepoints import in_transaction
from rewriter.guards.sessions import postgresql_fault
from rewriter.prepared import Safe
from rewriter.roles import Session, taken


class GuardedCursor(extensions.cursor):  # type: ignore[misc] # the driver has no types
    """A cursor that runs nothing but text from the rewriter, with values for parameters.

    `unmask_is_open`: the dialect is sending batches that it composed, as bytes, of text from the rewriter.
    """

    gate: ClassVar[Gate]
    unmask_is_open = False
    unmask_checks_parameters = True

    def execute(self, query: Any, vars: Any = None) -> Any:  # noqa: A002, D102 -- the driver's own, as all below
        if self.unmask_is_open and isinstance(query, bytes):
            return super().execute(query, vars)
        safe = query if type(query) is Safe else _admitted(self, query, is_formatted=vars is not None)
        run, bound = super().execute, self._values(vars)
        if safe.aftermath is None:
            return run(safe, bound)
        return self.gate.run(self, safe, lambda: run(safe, bound))

    def _values(self, bound: Any) -> Any:
        return values(bound, self.connection, self.gate.allow_raw)

    def mogrify(self, query: Any, vars: Any = None) -> Any:  # noqa: A002, D102
        return super().mogrify(query, self._values(vars))

    def executemany(self, query: Any, vars_list: Iterable[Any]) -> Any:  # noqa: D102
        safe = query if type(query) is Safe else _admitted(self, query, is_formatted=True)
        run = super().executemany
        return self.gate.run(self, safe, lambda: run(safe, map(self._values, formatted(vars_list))))

    def callproc(self, procname: str, parameters: Any = None) -> Any:  # noqa: D102
        self.gate.allow_raw("callproc")
        return super().callproc(procname, parameters)

    def copy_expert(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("COPY")
        return super().copy_expert(*args, **kwargs)

    def copy_from(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("COPY")
        return super().copy_from(*args, **kwargs)

    def copy_to(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("COPY")
        return super().copy_to(*args, **kwargs)


def _admitted(cursor: Any, query: object, *, is_formatted: bool) -> Safe:
    connection = cursor.connection
    if isinstance(query, Composable):
        query = query.as_string(connection)
    elif isinstance(query, bytes):
        query = query.decode(extensions.encodings[connection.encoding])
    if not isinstance(query, str):
        raise TypeError(f"a guarded cursor takes SQL as str, bytes or psycopg2.sql, not {type(query).__name__}")
    safe: Safe = cursor.gate.admit(connection, str(query), is_formatted=is_formatted)
    return safe


class GuardedConnection(extensions.connection):  # type: ignore[misc] # as above
    """A connection whose every way to data leads through a guarded cursor."""

    gate: ClassVar[Gate]
    unmask_state: object = None

    def cursor(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        name, factory, *rest = (*args, None, None)[: max(2, len(args))]
        factory = kwargs.pop("cursor_factory", factory) or self.cursor_factory or extensions.cursor
        if not isinstance(factory, type):
            raise TypeError("cursor() takes a subclass of psycopg2's cursor on a guarded connection")
        guarded = self.gate.derived(GuardedCursor, factory)
        return super().cursor(own_name(kwargs.pop("name", name)), guarded, *rest, **kwargs)

    def lobject(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("large objects")
        return super().lobject(*args, **kwargs)

    def commit(self) -> None:  # noqa: D102
        try:
            end(self.gate, super().commit)
        finally:
            self.gate.transaction_ended(self)

    def tpc_prepare(self) -> None:  # noqa: D102
        end(self.gate, super().tpc_prepare)

    def tpc_commit(self, *args: Any) -> None:  # noqa: D102
        end(self.gate, partial(super().tpc_commit, *args))

    def rollback(self) -> None:  # noqa: D102
        super().rollback()
        self.gate.transaction_ended(self)

    def __exit__(self, *raised: object) -> Any:
        try:
            return super().__exit__(*raised)
        finally:
            self.gate.transaction_ended(self)


def _configure(arguments: dict[str, Any], gate: Gate) -> None:
    factory = arguments.get("connection_factory") or extensions.connection
    if not isinstance(factory, type):
        raise TypeError("connection_factory= takes a subclass of psycopg2's connection on a hooked engine")
    arguments["connection_factory"] = gate.derived(GuardedConnection, factory)


def _adopt(connection: Any, gate: Gate) -> Any:
    if is_guarded(connection, gate):
        return connection
    # Fail closed: the class of a connection written in C cannot be changed afterwards, and psycopg2's own functions
    # accept no stand-in, so `connection.cursor(cursor_factory=…)` would stay open.
    raise RewriteError(
        "this engine makes its psycopg2 connections by creator= or a do_connect listener, where no guard fits. "
        "Leave it to SQLAlchemy (connect_args=, URL), or use psycopg."
    )


@contextmanager
def _unguarded(connection: Any) -> Iterator[RawCursor]:
    status = connection.get_transaction_status()
    with closing(extensions.cursor(connection)) as cursor:
        if status == extensions.TRANSACTION_STATUS_INTRANS:
            with in_transaction(cursor, psycopg2.Error):
                yield cursor
        elif status == extensions.TRANSACTION_STATUS_IDLE and not connection.autocommit:
            # No transaction is begun; ending one would spoil the application's named cursors.
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


def _withheld(error: BaseException) -> BaseException | None:
    if not isinstance(error, psycopg2.Error) or not postgres_errors.has_cells(error.pgcode):
        return None
    fields = {name: getattr(error.diag, name) for name in postgres_errors.SAFE_FIELDS}
    sqlstate = str(error.pgcode)
    text = postgres_errors.message(sqlstate, fields)
    clean: BaseException = type(error)(text)
    # The fields are read-only but for unpickling.
    clean.__setstate__({"pgcode": sqlstate, "pgerror": text})
    return clean


def _is_late(error: BaseException) -> bool:
    return isinstance(error, psycopg2.Error) and postgres_errors.is_late(error.pgcode)


def _is_elsewhere(error: BaseException) -> bool:
    return isinstance(error, psycopg2.Error) and postgres_errors.is_elsewhere(error.pgcode, error.diag.context)


def _session_fault(connection: Any) -> str | None:
    status = connection.get_parameter_status
    return postgresql_fault(status("standard_conforming_strings"), status("client_encoding"))


def _taken(cursor: Any, role: str) -> AbstractContextManager[None]:
    connection = cursor.connection
    session = Session(
        cursor=lambda: closing(extensions.cursor(connection)),
        status=connection.get_transaction_status,
        is_autocommit=connection.autocommit,
        is_busy=bool(connection.async_),
        close=connection.close,
    )
    return taken(session, role)


DRIVER = Driver(
    errors=psycopg2.Error,
    configure=_configure,
    adopt=_adopt,
    unguarded=_unguarded,
    keep_secrets=_keep_secrets,
    withheld=_withheld,
    is_late=_is_late,
    is_elsewhere=_is_elsewhere,
    session_fault=_session_fault,
    taken=_taken,
)
