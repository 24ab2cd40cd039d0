"""What PyMySQL's connections need to take a role of the database for a statement (`rewriter.guards.mysql_roles`)."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from pymysql.connections import Connection
from pymysql.cursors import Cursor

from rewriter.guards import mysql_roles


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


def taken(cursor: Any, role: str) -> AbstractContextManager[None]:
    """As `Driver.taken`."""
    connection = cursor.connection
    session = mysql_roles.Session(
        connection=connection,
        answer=partial(_answer, connection),
        close=connection._force_close,  # noqa: SLF001 -- close() would ask the server first
        is_open=lambda: connection.open,
    )
    return mysql_roles.taken(session, role)


def _answer(connection: Any, sql: str) -> tuple[Any, ...]:
    with OpenCursor(connection) as cursor:
        cursor.execute(sql)
        return cursor.fetchone() or ()
