"""What a statement gives through the rewriter, held against the masked copy and against the twin."""

import re
import sqlite3
import threading
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pymysql

from rewriter.errors import RewriteError
from rewriter.rewrite import rewrite_bound
from tests.rewriter.replica import Replica

_SECONDS = 5.0
"""After which a statement is given up, as one that proves nothing."""


class Verdict(StrEnum):
    """What a comparison found. The first three are no faults."""

    EQUAL = "equal"
    INVALID = "the copy refuses it"
    SLOW = "took too long"
    REFUSED = "refused"
    CRASHED = "the rewriter broke"
    ERROR = "an error that the copy does not raise"
    NAMES = "other column names"
    TYPES = "other column types"
    ROWS = "other rows"
    TWIN = "the twin answers otherwise"

    @property
    def is_fault(self) -> bool:
        """Whether the promise is broken."""
        return self not in (Verdict.EQUAL, Verdict.INVALID, Verdict.SLOW)


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on one statement, and what it rests on."""

    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    names: tuple[str, ...] = ()
    types: tuple[object, ...] = ()
    rows: tuple[tuple[object, ...], ...] = ()
    error: str | None = None
    message: str = ""

    @property
    def bag(self) -> Counter[str]:
        """Rows with the Python types of their values, in no order."""
        return Counter(repr(row) for row in self.rows)


def compared(replica: Replica, sql: str) -> Finding:
    """The first fault of `sql`, if it has one."""
    wanted = _answer(replica.copy, _in(replica, sql, "copy"))
    if wanted.error is not None and "interrupt" in wanted.message.lower():
        return Finding(Verdict.SLOW)
    try:
        rewritten = rewrite_bound(sql, replica.binding).sql
        mirrored = rewritten
        if replica.dialect == "mysql":
            mirrored = rewrite_bound(_in(replica, sql, "twin"), replica.twin_binding).sql
    except RewriteError as error:
        verdict = Verdict.INVALID if wanted.error is not None else Verdict.REFUSED
        return Finding(verdict, f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is a finding
        return Finding(Verdict.CRASHED, repr(error))
    return _judged(wanted, _answer(replica.raw, rewritten), _answer(replica.twin, mirrored))


def _in(replica: Replica, sql: str, which: str) -> str:
    """A statement for another database: on MySQL it may name its own."""
    name = replica.binding.catalog.database
    return sql.replace(name, name.removesuffix("raw") + which) if replica.dialect == "mysql" else sql


def _judged(wanted: _Answer, ours: _Answer, theirs: _Answer) -> Finding:
    if (ours.error, ours.bag) != (theirs.error, theirs.bag):
        return Finding(Verdict.TWIN, f"{ours} {theirs}")
    if wanted.error is not None:
        return Finding(Verdict.INVALID, wanted.message)
    if ours.error is not None:
        return Finding(Verdict.ERROR, ours.message)
    if ours.names != wanted.names:
        return Finding(Verdict.NAMES, f"want {wanted.names} got {ours.names}")
    if ours.bag != wanted.bag:
        return Finding(Verdict.ROWS, f"want {wanted.bag - ours.bag} got {ours.bag - wanted.bag}")
    if ours.types != wanted.types:
        return Finding(Verdict.TYPES, f"want {wanted.types} got {ours.types}")
    return Finding(Verdict.EQUAL)


def _answer(connection: Any, sql: str) -> _Answer:
    stop = threading.Timer(_SECONDS, connection.interrupt) if hasattr(connection, "interrupt") else None
    if stop is not None:
        stop.start()
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            described = cursor.description or ()
            names, types = zip(
                *((_name(connection, column[0]), _type(connection, column[1])) for column in described), strict=True
            )
            return _Answer(names, types, tuple(tuple(row) for row in cursor.fetchall()))
    except Exception as error:  # noqa: BLE001 -- four drivers, each with errors of its own
        code = getattr(error, "sqlstate", None) or (
            error.args[:1] if type(error).__module__.startswith("pymysql") else ""
        )
        return _Answer(error=f"{type(error).__name__} {code}", message=str(error))
    finally:
        if stop is not None:
            stop.cancel()


def _name(connection: Any, name: str) -> str:
    """A column's name: MySQL may show its own database in it and cuts it; SQLite numbers equal names at will."""
    if isinstance(connection, pymysql.Connection):
        return re.sub(r"_(raw|copy|twin)\b", "", name)[:200]
    return re.sub(r":\d+$", "", name) if isinstance(connection, sqlite3.Connection) else name


_INTEGERS, _TEXTS = frozenset({1, 2, 3, 8, 9}), frozenset({247, 249, 250, 251, 252, 253, 254})


def _type(connection: Any, code: object) -> object:
    """A column's type as the driver reports it; numbers of user-made types differ between databases.

    MySQL casts to no narrower type than `bigint` and knows no cast to `enum` or `text`: masks have another width.
    """
    if isinstance(connection, pymysql.Connection):
        return "integer" if code in _INTEGERS else "text" if code in _TEXTS else code
    return "user-made" if isinstance(code, int) and code >= 16384 else str(code)
