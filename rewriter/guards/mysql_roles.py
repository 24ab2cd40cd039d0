"""A role of the database, taken for one statement and given back right after it: on MariaDB and MySQL.

There a role is the session's, whatever becomes of its transaction, and adds to the rights that the session has. Rules:
- it is taken right before the statement and given back right after it, before anything else is sent; where rows are
  still to come (an unbuffered cursor), once they have come or are given up, again before anything else is sent;
- where giving it back fails, the connection is closed, and with it the session: the next statement never runs on it.
  Nor does anything outlive the process;
- what the statement itself failed with is raised all the same, alone: it may hold cells that are withheld from it.

PyMySQL and aiomysql, which is made of it, share all of this.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pymysql
from pymysql.constants import CR

from rewriter.errors import Reason, StatementRefused

_NOT_GRANTED = (1959, 3530)
"""ER_INVALID_ROLE of MariaDB, ER_ROLE_NOT_GRANTED of MySQL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A driver's connection and what is done with it. `answer`: the first row of a statement of ours, if it has one.

    `close` ends the connection without asking the server.
    """

    connection: Any
    answer: Callable[[str], Sequence[Any]]
    close: Callable[[], object]
    is_open: Callable[[], bool]


@contextmanager
def taken(session: Session, role: str) -> Iterator[None]:
    """Inside, statements of the session run under `role`.

    Raises:
        StatementRefused: the session may not take it.
    """
    with _closing(session):
        give_back = partial(_give_back, session, _take(session, role))
    try:
        yield
    except BaseException:
        with suppress(Exception):
            give_back()
        raise
    if getattr(session.connection._result, "unbuffered_active", False):  # noqa: SLF001 -- the drivers have no other word
        session.connection.unmask_owed = give_back
    else:
        give_back()


@contextmanager
def _closing(session: Session) -> Iterator[None]:
    """Fail closed: where something fails inside, nobody knows under which role the session is."""
    try:
        yield
    except StatementRefused:
        raise
    except BaseException:
        session.close()
        raise


def _take(session: Session, role: str) -> str:
    """What was there before, as `SET ROLE` takes it."""
    before = _restoring(session.connection, *session.answer("SELECT CURRENT_ROLE()"))
    try:
        session.answer(f"SET ROLE {_name(role)}")
    except pymysql.err.Error as error:
        if not error.args or error.args[0] not in _NOT_GRANTED:
            raise
    else:
        return before
    hint = f"GRANT the role {role} to the application's user: it was not granted, or there is no such role."
    raise StatementRefused(Reason.DATABASE_ROLE, hint)


def _give_back(session: Session, before: str) -> None:
    if not session.is_open():
        return  # and the session with it
    connection = session.connection
    # What a cursor made by hand has yet to read of the statement.
    kept = connection._result, connection._affected_rows  # noqa: SLF001 -- the driver's
    try:
        with _closing(session):
            session.answer(f"SET ROLE {before}")
    except pymysql.err.Error as error:
        # As a connection that was lost, so that its pool does not keep it.
        lost = "Lost connection: a database role could not be given back, so it was closed"
        raise pymysql.err.OperationalError(CR.CR_SERVER_LOST, lost) from error
    connection._result, connection._affected_rows = kept  # noqa: SLF001


def _restoring(connection: Any, current: str | None) -> str:
    """`CURRENT_ROLE()` as `SET ROLE` takes it: MySQL gives a list that is quoted already, or NONE; MariaDB a name."""
    if current is None:
        return "NONE"
    return _name(current) if "mariadb" in connection.server_version.lower() else current


def _name(role: str) -> str:
    return "`" + role.replace("`", "``") + "`"
