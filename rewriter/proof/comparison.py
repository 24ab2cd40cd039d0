"""What a statement gives through the hook, held against the masked copy and against the twin.

A finding never holds a cell's value.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from rewriter.errors import LeakError, Reason, StatementRefused
from rewriter.proof.effects import Table, Written
from rewriter.proof.scratch import SECONDS
from rewriter.proof.trio import Trio
from rewriter.proof.writes import Drawn

_SURELY_IN_TIME = 0.9


class Verdict(StrEnum):
    """What a comparison found; the first four break no promise."""

    EQUAL = "equal"
    INVALID = "not valid"
    SLOW = "took too long"
    REFUSED = "refused"
    CRASHED = "an error of the rewriter"
    ERROR = "an error that the copy does not raise"
    NAMES = "other column names"
    TYPES = "other column types"
    ROWS = "other rows"
    COUNT = "another row count"
    WRITTEN = "other cells written"
    LOST = "a secret neither kept nor replaced as the copy's"
    TWIN = "the twin answers otherwise"

    @property
    def is_difference(self) -> bool:
        """Whether the promise is broken."""
        return self not in (Verdict.EQUAL, Verdict.INVALID, Verdict.SLOW, Verdict.REFUSED)

    @property
    def is_leak(self) -> bool:
        """Whether secrets can be told apart."""
        return self is Verdict.TWIN


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on one statement.

    `reason`: why it was refused. `detail`: the refusal's hint, or how far answers differ; it holds no values.
    """

    verdict: Verdict
    reason: Reason | None = None
    detail: str = ""


_NOTHING = Written()
_WITHHELD = -1
"""The count of rows where MySQL's would tell whether a stored secret was the value that was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a database gave. `error`: class and code, `message`: its text. `is_slow`: it was given up.

    `count`: rows that a write says it touched, `written`: the rows of its table.
    """

    names: tuple[str, ...] = ()
    types: tuple[object, ...] = ()
    rows: tuple[tuple[object, ...], ...] = ()
    error: str | None = None
    message: str = ""
    refusal: Reason | None = None
    hint: str = ""
    is_crash: bool = False
    is_slow: bool = False
    count: int | None = None
    written: Written = _NOTHING

    @property
    def bag(self) -> Counter[str]:
        """Rows with the Python types of their values, in no order."""
        return Counter(repr(row) for row in self.rows)


def compared(trio: Trio, drawn: Drawn) -> Finding:
    """The first fault of a statement, if it has one."""
    table = Table.of(drawn, trio.binding)
    wanted, ours, theirs = (
        _answer(connection, _spoken(trio, drawn.sql, database), trio, table=table)
        for connection, database in zip((trio.copy, trio.raw, trio.twin), _order(trio), strict=True)
    )
    if wanted.is_slow or ours.is_slow or theirs.is_slow:
        return Finding(Verdict.SLOW)
    if _told(ours, table) != _told(theirs, table):
        return Finding(Verdict.TWIN, ours.refusal, _difference(ours, theirs))
    if wanted.error is not None:
        return Finding(Verdict.INVALID)
    found = _judged(wanted, ours)
    return found if table is None or found.verdict is not Verdict.EQUAL else _effect(wanted, ours, table)


def _order(trio: Trio) -> tuple[str, str, str]:
    raw, copy, twin = trio.databases
    return copy, raw, twin


def _judged(wanted: _Answer, ours: _Answer) -> Finding:
    if ours.refusal is not None:
        return Finding(Verdict.REFUSED, ours.refusal, ours.hint)
    if ours.error is not None:
        return Finding(Verdict.CRASHED if ours.is_crash else Verdict.ERROR, detail=ours.error)
    if ours.names != wanted.names:
        return Finding(Verdict.NAMES, detail=f"expected {', '.join(wanted.names)}, not {', '.join(ours.names)}")
    if ours.bag != wanted.bag:
        return Finding(Verdict.ROWS, detail=_difference(wanted, ours))
    if ours.types != wanted.types:
        return Finding(Verdict.TYPES, detail=f"expected {wanted.types}, not {ours.types}")
    return Finding(Verdict.EQUAL)


def _effect(wanted: _Answer, ours: _Answer, table: Table) -> Finding:
    """What a write did, besides what it gave; a count that would tell of secrets is withheld."""
    if ours.count not in (wanted.count, _WITHHELD):
        return Finding(Verdict.COUNT, detail=f"expected {wanted.count}, not {ours.count}")
    copy, stored = table.plain(wanted.written.after), table.plain(ours.written.after)
    if copy != stored:
        return Finding(Verdict.WRITTEN, detail=f"{(copy - stored).total()} of {copy.total()} rows differ")
    return Finding(Verdict.LOST if table.has_lost(ours.written, wanted.written) else Verdict.EQUAL)


def _told(answer: _Answer, table: Table | None) -> tuple[object, ...]:
    """All that somebody can tell an answer by."""
    seen = table.plain(answer.written.after) if table is not None else None
    return answer.names, answer.types, answer.bag, answer.error, answer.message, answer.refusal, answer.count, seen


def _difference(wanted: _Answer, other: _Answer) -> str:
    if (wanted.error, wanted.refusal) != (other.error, other.refusal):
        return f"{wanted.refusal or wanted.error or 'rows'} and {other.refusal or other.error or 'rows'}"
    if wanted.message != other.message:
        return "other error texts"
    if wanted.count != other.count:
        return f"row counts {wanted.count} and {other.count}"
    missing, more = (wanted.bag - other.bag).total(), (other.bag - wanted.bag).total()
    return f"{missing} of {len(wanted.rows)} rows missing, {more} others"


def _spoken(trio: Trio, sql: str, database: str) -> str:
    """The statement for another database: on MySQL it may name its own."""
    return sql.replace(trio.databases[0], database) if trio.dialect == "mysql" else sql


def _answer(connection: Connection, sql: str, trio: Trio, *, table: Table | None) -> _Answer:
    started = time.monotonic()
    with _bounded(connection):
        found = _asked(connection, sql, trio) if table is None else _written(connection, sql, trio, table=table)
    connection.rollback()
    return found if time.monotonic() - started < _SURELY_IN_TIME * SECONDS else _Answer(is_slow=True)


def _written(connection: Connection, sql: str, trio: Trio, *, table: Table) -> _Answer:
    before = table.rows(connection)
    found = _asked(connection, sql, trio)
    if found.error is not None:
        return found
    rows = tuple(tuple(map(_whole, row)) for row in found.rows) if trio.dialect == "sqlite" else found.rows
    return replace(found, rows=rows, written=Written(before, table.rows(connection)))


def _whole(value: object) -> object:
    """SQLite's RETURNING gives the 1.0 of a column of numbers as 1, unless an expression reads it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _asked(connection: Connection, sql: str, trio: Trio) -> _Answer:
    try:
        result = connection.exec_driver_sql(sql)
        described = result.cursor.description if result.returns_rows else ()
        names = tuple(_name(column[0], trio) for column in described)
        types = tuple(_type(column[1], trio) for column in described)
        rows = tuple(tuple(row) for row in result.fetchall()) if described else ()
        count = None if described else result.rowcount
        return _Answer(names=names, types=types, rows=rows, count=count)
    except StatementRefused as error:
        return _Answer(error=type(error).__name__, refusal=error.reason, hint=error.hint)
    except DBAPIError as error:
        return _Answer(
            error=f"{type(error.orig).__name__} {_code(error.orig)}", message=_general(str(error.orig), trio)
        )
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is a finding
        return _Answer(
            error=f"{type(error).__name__}{f': {error}' if isinstance(error, LeakError) else ''}", is_crash=True
        )


@contextmanager
def _bounded(connection: Connection) -> Iterator[None]:
    """Interrupts what takes too long where the database runs in this process; servers give up by themselves."""
    interrupt = getattr(connection.connection.driver_connection, "interrupt", None)
    timer = threading.Timer(SECONDS, interrupt) if interrupt is not None else None
    if timer is not None:
        timer.start()
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()


def _code(error: BaseException | None) -> object:
    if error is None:
        return ""
    own = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return own or (error.args[0] if type(error).__module__.startswith("pymysql") and error.args else "")


def _general(text: str, trio: Trio) -> str:
    """Without what names one of the three databases."""
    general = text
    for name in trio.databases:
        general = general.replace(name, "")
    # MySQL cuts names that it quotes, and of one that holds a longer name of a database it leaves less.
    return general[:_SURELY_SAID] if trio.dialect == "mysql" and general != text else general


_SURELY_SAID = 150
"""Characters of such a text that stand in it whatever its database is called."""


_INTEGERS, _TEXTS = frozenset({1, 2, 3, 8, 9}), frozenset({247, 249, 250, 251, 252, 253, 254})


def _name(name: str, trio: Trio) -> str:
    """A column's name: MySQL may show its own database in it and cuts it; SQLite numbers equal names at will."""
    if trio.dialect == "mysql":
        return re.sub(r"_(raw|copy|twin)\b", "", name)[:_SURE]
    return re.sub(r":\d+$", "", name) if trio.dialect == "sqlite" else name


_SURE = 200
"""Characters of a name that stand in it whatever its database is called."""


def _type(code: object, trio: Trio) -> object:
    """A column's type as the driver reports it; numbers of user-made types differ between databases.

    MySQL casts to no narrower type than `bigint` and knows no cast to `enum` or `text`: masks have another width.
    """
    if trio.dialect == "mysql":
        return "integer" if code in _INTEGERS else "text" if code in _TEXTS else code
    return "user-made" if isinstance(code, int) and code >= _FIRST_USER_MADE else str(code)


_FIRST_USER_MADE = 16384
"""Numbers of PostgreSQL's own types are lower."""
