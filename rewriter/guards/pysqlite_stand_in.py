"""A stand-in for sqlite3 connections that exist already: an in-memory database would be lost by making another.

Duck-typed, so `isinstance(connection, sqlite3.Connection)` is false; what it does not know goes to the connection,
unless it is a way to data.
"""

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

from rewriter.guards.gate import Gate
from rewriter.guards.pysqlite import GuardedCursor, check_registration

_WAYS_AROUND = frozenset(
    {"backup", "iterdump", "serialize", "deserialize", "blobopen", "enable_load_extension", "load_extension"}
)
_REGISTRATIONS = frozenset({"create_function", "create_aggregate", "create_window_function", "create_collation"})
_OWN = frozenset({"unmask_raw", "unmask_gate", "unmask_state", "unmask_thread"})


class StandIn:
    """Acts as `raw`, with guarded cursors."""

    def __init__(self, raw: sqlite3.Connection, gate: Gate) -> None:
        self.unmask_raw = raw
        self.unmask_gate = gate
        self.unmask_state: object = None
        self.unmask_thread: object = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.unmask_raw, name)
        if name in _REGISTRATIONS:
            return partial(self._register, method)
        return partial(self._go_around, name, method) if name in _WAYS_AROUND else method

    def _register(self, method: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Any:
        check_registration(self.unmask_raw, self.unmask_gate, name)
        return method(name, *args, **kwargs)

    def _go_around(self, name: str, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.unmask_gate.allow_raw(name)
        self.unmask_gate.transaction_ended(self)
        return method(*args, **kwargs)

    def __setattr__(self, name: str, value: object) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            setattr(self.unmask_raw, name, value)

    def cursor(self, factory: type[sqlite3.Cursor] = sqlite3.Cursor) -> Any:
        """A guarded cursor of the class asked for."""
        cursor = self.unmask_raw.cursor(self.unmask_gate.derived(_StandInCursor, factory))
        cursor.unmask_stand_in = self
        return cursor

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """As the driver's, on a guarded cursor."""
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        """As the driver's, on a guarded cursor."""
        return self.cursor().executemany(sql, parameters)

    def executescript(self, sql_script: str, /) -> Any:
        """As the driver's, on a guarded cursor."""
        return self.cursor().executescript(sql_script)

    def commit(self) -> None:
        """As the driver's."""
        self.unmask_raw.commit()
        self.unmask_gate.transaction_ended(self)

    def rollback(self) -> None:
        """As the driver's."""
        self.unmask_raw.rollback()
        self.unmask_gate.transaction_ended(self)

    def __enter__(self) -> Self:
        self.unmask_raw.__enter__()
        return self

    def __exit__(self, *raised: object) -> Any:
        try:
            return self.unmask_raw.__exit__(*raised)  # type: ignore[arg-type] # as they came
        finally:
            self.unmask_gate.transaction_ended(self)


class _StandInCursor(GuardedCursor):
    """A guarded cursor whose `connection` is the stand-in, not the connection behind it."""

    unmask_stand_in: StandIn

    @property
    def connection(self) -> Any:
        """What the cursor was made by."""
        return self.unmask_stand_in
