"""A role of the database, taken for one statement and given back right after it: on PostgreSQL.

Rules:
- the role is set for the transaction alone (`SET LOCAL ROLE`), and where there is none, one is made for the statement:
  whatever happens to the process, the connection or a pool of sessions behind it, the role ends with the transaction;
- in a transaction that failed nothing can be given back and nothing runs: whatever ends that state undoes the setting,
  because no savepoint is made under a role;
- where giving it back fails otherwise, the connection is closed: the next statement never runs on it. What the
  statement itself failed with is raised all the same, alone: it may hold cells that are withheld from it;
- names must mean the same under the role, or the statement was judged for other tables than it would read.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from rewriter.errors import Reason, StatementRefused

_TAKE = """
SELECT pg_catalog.current_setting('role'), pg_catalog.current_schemas(true)::text,
       pg_catalog.set_config('role', rolname::text, true), pg_catalog.current_schemas(true)::text
FROM pg_catalog.pg_roles
WHERE rolname::text = {} AND pg_catalog.pg_has_role(session_user, oid, 'MEMBER')
"""
_GIVE_BACK = "SELECT pg_catalog.set_config('role', {}, true)"


class Status(IntEnum):
    """Where a session stands, as libpq says it."""

    IDLE = 0
    ACTIVE = 1
    IN_TRANSACTION = 2
    FAILED = 3
    UNKNOWN = 4


class Cursor(Protocol):
    """A DBAPI cursor that no guard watches."""

    def execute(self, sql: str, parameters: tuple[str, ...] = ..., /) -> object:
        """Run `sql`."""
        ...

    def fetchone(self) -> tuple[str, ...] | None:
        """The next row."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A connection of a driver of PostgreSQL.

    `cursor` makes one that no guard watches, and does nothing besides. `is_autocommit`: no transaction is begun by
    the driver. `is_busy`: statements are sent before those ahead of them are answered.
    """

    cursor: Callable[[], AbstractContextManager[Cursor]]
    status: Callable[[], int]
    is_autocommit: bool
    is_busy: bool
    close: Callable[[], None]
    placeholder: str = "%s"


def unavailable() -> StatementRefused:
    """The refusal of a statement whose role cannot be taken where it would run."""
    return StatementRefused(Reason.DATABASE_ROLE, "No database role can be taken in a pipeline.")


@contextmanager
def taken(session: Session, role: str) -> Iterator[None]:
    """Inside, statements of `session` run under `role`: one statement, that neither makes nor ends a transaction.

    Raises:
        StatementRefused: the session may not take it, or names mean something else under it.
    """
    if session.status() in (Status.FAILED, Status.UNKNOWN):
        yield  # nothing runs, under no role: the transaction failed, or there is no connection any more
        return
    if session.is_busy or session.status() not in (Status.IDLE, Status.IN_TRANSACTION):
        raise unavailable()
    with _in_transaction(session):
        with _closing(session):
            before = _take(session, role)
        try:
            yield
        except BaseException:
            with suppress(Exception), _closing(session):
                _give_back(session, before)
            raise
        with _closing(session):
            _give_back(session, before)


@contextmanager
def _in_transaction(session: Session) -> Iterator[None]:
    """One for this statement alone, where neither the application nor the driver makes one."""
    if not (session.is_autocommit and session.status() == Status.IDLE):
        yield
        return
    with _closing(session):
        _run(session, "BEGIN")
    try:
        yield
    except BaseException:
        with suppress(Exception), _closing(session):
            _run(session, "ROLLBACK")
        raise
    _run(session, "COMMIT")  # its failure ends the transaction as well


@contextmanager
def _closing(session: Session) -> Iterator[None]:
    """Fail closed: after a failure inside, the session is used only if its transaction failed with it."""
    try:
        yield
    except StatementRefused:
        raise
    except BaseException:
        if session.status() != Status.FAILED:
            session.close()
        raise


def _run(session: Session, sql: str) -> None:
    with session.cursor() as cursor:
        cursor.execute(sql)


def _take(session: Session, role: str) -> str:
    """The role that was there before, which is "none" for the session's own."""
    with session.cursor() as cursor:
        cursor.execute(_TAKE.format(session.placeholder), (role,))
        found = cursor.fetchone()
    if found is None:
        hint = f"GRANT the role {role} to the application's user: it is no member, or there is no such role."
        raise StatementRefused(Reason.DATABASE_ROLE, hint)
    before, path, _, path_under_role = found
    if path != path_under_role:
        _give_back(session, before)
        hint = f"Names would mean other tables under the role {role}: give it USAGE on the search path's schemas."
        raise StatementRefused(Reason.DATABASE_ROLE, hint)
    return before


def _give_back(session: Session, before: str) -> None:
    if session.status() in (Status.FAILED, Status.UNKNOWN):
        return  # undone with the transaction, or gone with the session
    try:
        with session.cursor() as cursor:
            cursor.execute(_GIVE_BACK.format(session.placeholder), (before,))
            cursor.fetchone()
    except Exception:
        if session.status() != Status.FAILED:  # some drivers learn by this alone that the transaction failed
            raise
