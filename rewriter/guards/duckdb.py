"""Guards of duckdb_engine: subclasses of its two wrappers that pass on nothing but what is known to be harmless."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import duckdb
from duckdb_engine import ConnectionWrapper, CursorWrapper

from masking import SessionSecret
from rewriter.guards.gate import Driver, Gate, RawCursor, bind_secrets, is_guarded
from rewriter.prepared import Safe
from rewriter.results import WatchedResult

_CURSOR_PASSES = frozenset(
    {
        "description", "rowcount", "fetchone", "fetchall", "fetchnumpy", "fetchdf", "fetch_df", "df", "pl", "arrow",
        "fetch_arrow_table", "to_arrow_table", "fetch_record_batch", "lastrowid", "arraysize",
    }
)  # fmt: skip
"""What a cursor may be asked for: the last result, in whatever form."""

_CONNECTION_PASSES = frozenset({"begin", "description", "rowcount", "interrupt"})


class GuardedCursor(CursorWrapper):
    """A cursor that runs nothing but text from the rewriter, and reaches nothing but its result."""

    gate: ClassVar[Gate]

    def execute(self, statement: Any, parameters: Any = None, context: Any = None) -> Any:  # noqa: D102 -- the driver's own, as all below
        safe = statement if type(statement) is Safe else _admitted(self, statement)
        run = super().execute
        if safe.aftermath is None:
            return run(safe, parameters, context)
        return self.gate.run(self, safe, lambda: run(safe, parameters, context))

    def executemany(self, statement: Any, parameters: Iterable[Any] | None = None, context: Any = None) -> Any:  # noqa: D102
        safe = statement if type(statement) is Safe else _admitted(self, statement)
        run: Any = super().executemany
        return self.gate.run(self, safe, lambda: run(safe, parameters, context))

    def __getattr__(self, name: str) -> Any:
        # What hands out rows by and by would go on doing so when the access to them has ended.
        is_open_end = name == "fetch_record_batch" and isinstance(self, WatchedResult)
        if name not in _CURSOR_PASSES or is_open_end:
            self.gate.allow_raw(name)
        return super().__getattr__(name)


def _admitted(cursor: Any, statement: object) -> Safe:
    if not isinstance(statement, str):
        raise TypeError(f"a guarded cursor takes SQL as str, not {type(statement).__name__}")
    safe: Safe = cursor.gate.admit(cursor.connection, str(statement), is_formatted=False)
    return safe


class GuardedConnection(ConnectionWrapper):
    """A connection whose every way to data leads through a guarded cursor."""

    gate: ClassVar[Gate]
    unmask_state: object = None

    def cursor(self) -> Any:  # noqa: D102
        return self.gate.derived(GuardedCursor, CursorWrapper)(_raw(self), self)

    def execute(self, statement: Any, parameters: Any = None) -> Any:  # noqa: D102
        cursor = self.cursor()
        cursor.execute(statement, parameters)
        return cursor

    def executemany(self, statement: Any, parameters: Any = None) -> Any:  # noqa: D102
        cursor = self.cursor()
        cursor.executemany(statement, parameters)
        return cursor

    def commit(self) -> None:  # noqa: D102
        _raw(self).commit()
        self.gate.transaction_ended(self)

    def rollback(self) -> None:  # noqa: D102
        _raw(self).rollback()
        self.gate.transaction_ended(self)

    def __getattr__(self, name: str) -> Any:
        if name not in _CONNECTION_PASSES:
            self.gate.allow_raw(name)
        return super().__getattr__(name)


def _raw(connection: Any) -> Any:
    return connection.__dict__["_ConnectionWrapper__c"]


def _adopt(connection: Any, gate: Gate) -> Any:
    if not is_guarded(connection, gate):
        connection.__class__ = gate.derived(GuardedConnection, type(connection))
    return connection


@contextmanager
def _unguarded(connection: Any) -> Iterator[RawCursor]:
    # Not `cursor()`: that is another connection, which sees neither temporary tables nor this transaction.
    yield _raw(connection)


def _keep_secrets(connection: Any, secrets: Sequence[SessionSecret]) -> None:
    with _unguarded(connection) as cursor:
        bind_secrets(cursor, secrets, "?")


_WITHOUT_CELLS = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.SyntaxException,
    duckdb.TransactionException,
    duckdb.ConnectionException,
    duckdb.InterruptException,
    duckdb.PermissionException,
    duckdb.DependencyException,
)
"""Errors raised before a row is read, or whose texts name objects only."""


def _withheld(error: BaseException) -> BaseException | None:
    if isinstance(error, _WITHOUT_CELLS):
        return None
    kind = type(error).__name__.removesuffix("Exception")
    return type(error)(f"{kind} Error: values are withheld: they may be of sensitive columns")


DRIVER = Driver(
    errors=duckdb.Error,
    adopt=_adopt,
    unguarded=_unguarded,
    keep_secrets=_keep_secrets,
    withheld=_withheld,
)
