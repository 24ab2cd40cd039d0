"""A role of the database, taken for one statement and given back right after it: on MariaDB and MySQL.

There a role is the session's, whatever becomes of its transaction, and adds to the rights that the session has. Rules:
- it is taken right before the statement and given back right after it, before anything else is sent; where rows are
  still to come (an unbuffered cursor), once they have come or are given up, again before anything else is sent;
- where giving it back fails, the connection is closed, and with it the session: the next statement never runs on it.
  Nor does anything outlive the process;
- what the statement itself failed with is raised all the same, alone: it may hold cells that are withheld from it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CR
from pymysql.cursors import Cursor

from rewriter.errors import Reason, StatementRefused

_NOT_GRANTED = (1959, 3530)
"""ER_INVALID_ROLE of MariaDB, ER_ROLE_NOT_GRANTED of MySQL."""


class OpenCursor(Cursor):
    """A cursor whose connection lets its text through, because it has been looked at before."""

    def _query(self, q: Any) -> Any:
        base: Any = super()
        connection = base._get_db()  # noqa: SLF001 -- the driver's own hook for subclasses, as _query
        connection.unmask_is_open = True
        try:
            return base._query(q)  # noqa: SLF001
        finally:
            connection.unmask_is_open = False


class RoleOwing(Connection):
    """A connection that gives a role back before it sends anything else.

    `unmask_owed`: does so, where rows of a statement under the role are still to come.
    """

    unmask_owed: Callable[[], None] | None = None

    def _execute_command(self, command: Any, sql: Any) -> Any:
        owed, self.unmask_owed = self.unmask_owed, None
        if owed is not None:
            owed()
        base: Any = super()
        return base._execute_command(command, sql)  # noqa: SLF001 -- the one way to the server


@contextmanager
def taken(cursor: Any, role: str) -> Iterator[None]:
    """Inside, statements of `cursor`'s connection run under `role`.

    Raises:
        StatementRefused: the session may not take it.
    """
    connection = cursor.connection
    with _closing(connection):
        give_back = partial(_give_back, connection, _take(connection, role))
    try:
        yield
    except BaseException:
        with suppress(Exception):
            give_back()
        raise
    if getattr(connection._result, "unbuffered_active", False):  # noqa: SLF001 -- the driver has no other word for it
        connection.unmask_owed = give_back
    else:
        give_back()


@contextmanager
def _closing(connection: Any) -> Iterator[None]:
    """Fail closed: where something fails inside, nobody knows under which role the session is."""
    try:
        yield
    except StatementRefused:
        raise
    except BaseException:
        connection._force_close()  # noqa: SLF001 -- close() would ask the server first
        raise


def _take(connection: Any, role: str) -> str:
    """What was there before, as `SET ROLE` takes it."""
    before = _restoring(connection, *_answer(connection, "SELECT CURRENT_ROLE()"))
    try:
        _answer(connection, f"SET ROLE {_name(role)}")
    except pymysql.err.Error as error:
        if not error.args or error.args[0] not in _NOT_GRANTED:
            raise
    else:
        return before
    hint = f"GRANT the role {role} to the application's user: it was not granted, or there is no such role."
    raise StatementRefused(Reason.DATABASE_ROLE, hint)


def _give_back(connection: Any, before: str) -> None:
    if not connection.open:
        return  # and the session with it
    # What a cursor made by hand has yet to read of the statement.
    kept = connection._result, connection._affected_rows  # noqa: SLF001 -- the driver's
    try:
        with _closing(connection):
            _answer(connection, f"SET ROLE {before}")
    except pymysql.err.Error as error:
        # As a connection that was lost, so that its pool does not keep it.
        lost = "Lost connection: a database role could not be given back, so it was closed"
        raise pymysql.err.OperationalError(CR.CR_SERVER_LOST, lost) from error
    connection._result, connection._affected_rows = kept  # noqa: SLF001


def _answer(connection: Any, sql: str) -> tuple[Any, ...]:
    with OpenCursor(connection) as cursor:
        cursor.execute(sql)
        return cursor.fetchone() or ()


def _restoring(connection: Any, current: str | None) -> str:
    """`CURRENT_ROLE()` as `SET ROLE` takes it: MySQL gives a list that is quoted already, or NONE; MariaDB a name."""
    if current is None:
        return "NONE"
    return _name(current) if "mariadb" in connection.server_version.lower() else current


def _name(role: str) -> str:
    return "`" + role.replace("`", "``") + "`"
