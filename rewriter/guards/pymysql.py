"""Guards of PyMySQL: the connection's class is replaced by a subclass, since its `query()` is a way in as well."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, ClassVar

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT, SERVER_STATUS

from masking import SessionSecret
from rewriter.guards.gate import Driver, Gate, RawCursor, Whole, bind_secrets, formatted, is_guarded
from rewriter.guards.mysql_errors import withheld_message
from rewriter.guards.pymysql_roles import OpenCursor, RoleOwing, taken
from rewriter.guards.sessions import mysql_fault
from rewriter.prepared import Safe
from rewriter.writes import TellingCount


class GuardedCursor(OpenCursor):
    """A cursor that runs nothing but text from the rewriter.

    `unmask_is_batch`: `executemany` composes batches of text from the rewriter and passes them to `execute`.
    """

    gate: ClassVar[Gate]
    unmask_is_batch = False

    def execute(self, query: Any, args: Any = None) -> Any:  # noqa: D102 -- the driver's own, as all below
        if self.unmask_is_batch:
            return super().execute(query, args)
        safe = query if type(query) is Safe else _admitted(self, query, is_formatted=args is not None)
        run = super().execute
        if safe.aftermath is None:
            return run(safe, args)
        return self._counted(safe, self.gate.run(self, safe, lambda: run(safe, args)))

    def _counted(self, safe: Safe, count: Any) -> Any:
        """The row count of a statement; -1, which is "not known", where it would tell a guess from the stored value."""
        if not is_telling(safe, self.connection):
            return count
        self.rowcount = -1
        return -1

    def executemany(self, query: Any, args: Iterable[Any]) -> Any:  # noqa: D102
        safe = query if type(query) is Safe else _admitted(self, query, is_formatted=True)
        run = super().executemany
        self.unmask_is_batch = True
        try:
            return self._counted(safe, self.gate.run(self, safe, lambda: run(safe, list(formatted(args or ())))))
        finally:
            self.unmask_is_batch = False

    def callproc(self, procname: Any, args: Any = ()) -> Any:  # noqa: D102
        self.gate.allow_raw("callproc")
        return super().callproc(procname, args)


def _admitted(cursor: Any, query: object, *, is_formatted: bool) -> Safe:
    connection = cursor.connection
    safe: Safe = cursor.gate.admit(connection, text_of(query, connection), is_formatted=is_formatted)
    return safe


def text_of(query: object, connection: Any) -> str:
    """The SQL of `query`, whatever the driver takes for it.

    Raises:
        TypeError: it takes no such thing.
    """
    if isinstance(query, bytes | bytearray):
        return query.decode(connection.encoding)
    if not isinstance(query, str):
        raise TypeError(f"a guarded cursor takes SQL as str or bytes, not {type(query).__name__}")
    return str(query)


class GuardedConnection(RoleOwing):
    """A connection whose every way to data leads through text from the rewriter.

    `unmask_is_open`: one of our cursors is sending its text.
    """

    gate: ClassVar[Gate]
    unmask_state: object = None
    unmask_is_open = False

    def cursor(self, cursor: Any = None) -> Any:  # noqa: D102
        base: Any = self
        factory = cursor or base.cursorclass
        if not isinstance(factory, type):
            raise TypeError("cursor() takes a subclass of pymysql's Cursor on a guarded connection")
        return self.gate.derived(GuardedCursor, factory)(self)

    def query(self, sql: Any, unbuffered: Any = False) -> Any:  # noqa: D102, FBT002
        run: Any = super().query
        if self.unmask_is_open:
            return run(sql, unbuffered)
        # A cursor made round cursor(), or the application itself; parameters are in the text already.
        safe = self.gate.admit(self, text_of(sql, self), is_formatted=False)
        if unbuffered and safe.record is not None:
            self.gate.allow_raw("an unbuffered cursor that was not made by cursor()")
        count = self.gate.run(Whole(self), safe.unrecorded(), lambda: run(safe, unbuffered))
        self.gate.counted(safe, count)
        if not is_telling(safe, self):
            return count
        self._affected_rows = -1
        return -1

    def ping(self, reconnect: Any = False) -> Any:  # noqa: D102, FBT002
        del reconnect  # a new session would not have what this one was given
        return super().ping(reconnect=False)

    def select_db(self, db: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("select_db")
        self.gate.transaction_ended(self)
        return super().select_db(db)

    def set_character_set(self, charset: Any, collation: Any = None) -> Any:  # noqa: D102
        if not str(charset).lower().startswith("utf8"):
            self.gate.allow_raw("set_character_set")
        return super().set_character_set(charset, collation)

    def show_warnings(self) -> Any:  # noqa: D102
        self.gate.allow_raw("show_warnings")
        return super().show_warnings()  # type: ignore[no-untyped-call] # the driver's

    def commit(self) -> None:  # noqa: D102
        super().commit()
        self.gate.transaction_ended(self)

    def rollback(self) -> None:  # noqa: D102
        super().rollback()
        self.gate.transaction_ended(self)


def is_telling(safe: Safe, connection: Any) -> bool:
    """Whether the count of rows that `safe` touched would tell a guess from the stored value."""
    match safe.aftermath.telling_count if safe.aftermath is not None else TellingCount.NO:
        case TellingCount.NO:
            return False
        case TellingCount.CHANGED:
            return not connection.client_flag & CLIENT.FOUND_ROWS
        case TellingCount.ALWAYS:
            return True


def _adopt(connection: Any, gate: Gate) -> Any:
    if not is_guarded(connection, gate):
        connection.__class__ = gate.derived(GuardedConnection, type(connection))
    return connection


@contextmanager
def _unguarded(connection: Any) -> Iterator[RawCursor]:
    was_open = bool(connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)
    cursor = OpenCursor(connection)
    try:
        yield cursor
    finally:
        cursor.close()
        is_open = bool(connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)
        if is_open and not was_open:
            Connection.rollback(connection)


def _keep_secrets(connection: Any, secrets: Sequence[SessionSecret]) -> None:
    with _unguarded(connection) as cursor:
        bind_secrets(cursor, secrets, "%s")
        Connection.commit(connection)


def _withheld(error: BaseException) -> BaseException | None:
    if not error.args or not isinstance(error.args[0], int):
        return None
    text = withheld_message(error.args[0], str(error.args[-1]))
    return None if text is None else type(error)(error.args[0], text)


def session_fault(lent: Callable[[Any], AbstractContextManager[RawCursor]], connection: Any) -> str | None:
    """As `Driver.session_fault`, where `lent` is the driver's `unguarded`."""
    with lent(connection) as cursor:
        cursor.execute("SELECT @@sql_mode, @@character_set_client")
        ((sql_mode, character_set),) = cursor.fetchall()
    return mysql_fault(str(sql_mode), str(character_set))


DRIVER = Driver(
    errors=pymysql.err.Error,
    adopt=_adopt,
    unguarded=_unguarded,
    keep_secrets=_keep_secrets,
    withheld=_withheld,
    session_fault=partial(session_fault, _unguarded),
    taken=taken,
    is_schema_by_role=True,
)
