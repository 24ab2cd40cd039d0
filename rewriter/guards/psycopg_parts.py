"""What the guards of psycopg's two kinds of connection share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, ClassVar

import psycopg
from psycopg.pq import DiagnosticField
from psycopg.raw_cursor import RawCursorMixin
from psycopg.sql import Composable

from rewriter.guards import postgres_errors
from rewriter.guards.gate import Gate, own_name
from rewriter.guards.sessions import postgresql_fault


def text_of(query: object, connection: Any) -> str:
    """The SQL of `query`, whatever the driver takes for it.

    Raises:
        TypeError: it takes no such thing, or takes it for templates.
    """
    if isinstance(query, Composable):
        query = query.as_string(connection)
    elif isinstance(query, bytes):
        query = query.decode(connection.info.encoding)
    if not isinstance(query, str):
        raise TypeError(f"a guarded cursor takes SQL as str, bytes or psycopg.sql, not {type(query).__name__}")
    return str(query)


def _check_formatting(factory: Any) -> None:
    """Text is judged as the driver's placeholders `%s` make it; a raw cursor would send them as SQL."""
    if issubclass(factory, RawCursorMixin):
        raise TypeError("a guarded connection has no raw cursors: write placeholders as %s or %(name)s")


class CursorFactories:
    """Behind a connection class: hands out a guarded form of whatever cursor class is set or asked for."""

    __slots__ = ()  # a connection that exists becomes one of a class with this one among its bases
    gate: ClassVar[Gate]
    unmask_cursors: ClassVar[type]
    unmask_server_cursors: ClassVar[type]
    unmask_state: object = None

    def _set_cursor(self, factory: Any) -> None:
        _check_formatting(factory)
        # Not by `__dict__`, which would be made of the attributes and slow all of them down.
        setattr(self, "unmask_cursor", self.gate.derived(self.unmask_cursors, factory))  # noqa: B010 -- mypy sees no slot

    def _set_server_cursor(self, factory: Any) -> None:
        _check_formatting(factory)
        setattr(self, "unmask_server_cursor", self.gate.derived(self.unmask_server_cursors, factory))  # noqa: B010

    # Read for each statement: getters without a frame of Python.
    cursor_factory = property(attrgetter("unmask_cursor"), _set_cursor)
    server_cursor_factory = property(attrgetter("unmask_server_cursor"), _set_server_cursor)


class OwnName:
    """Behind a guard, before any class of server-side cursors."""

    def __init__(self, connection: Any, name: str, *arguments: Any, **options: Any) -> None:
        super().__init__(connection, own_name(name), *arguments, **options)  # type: ignore[call-arg] # always mixed into such a class


def guard_driver_connection(connection: Any, gate: Gate, guard: type) -> None:
    """Make `connection` a guarded one of the same kind."""
    factories = connection.cursor_factory, connection.server_cursor_factory
    connection.__class__ = gate.derived(guard, type(connection))
    connection.cursor_factory, connection.server_cursor_factory = factories


@contextmanager
def watched_waits(connection: Any, wait: Callable[..., Any]) -> Iterator[None]:
    """Inside, whoever waits for the server, a cursor that fetches among them, does so by `wait`."""
    own, outer = vars(connection), vars(connection).get("wait")
    own["wait"] = wait
    try:
        yield
    finally:
        del own["wait"]
        if outer is not None:
            own["wait"] = outer


def withheld(error: BaseException) -> BaseException | None:
    """As `Driver.withheld`."""
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


def is_late(error: BaseException) -> bool:
    """As `Driver.is_late`."""
    return isinstance(error, psycopg.Error) and postgres_errors.is_late(error.sqlstate)


def is_elsewhere(error: BaseException) -> bool:
    """As `Driver.is_elsewhere`."""
    return isinstance(error, psycopg.Error) and postgres_errors.is_elsewhere(error.sqlstate, error.diag.context)


def session_fault(connection: Any) -> str | None:
    """As `Driver.session_fault`, for the driver's own connection."""

    def status(name: bytes) -> str | None:
        value = connection.pgconn.parameter_status(name)
        return None if value is None else value.decode()

    return postgresql_fault(status(b"standard_conforming_strings"), status(b"client_encoding"))
