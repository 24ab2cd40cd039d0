"""What guards of asynchronous drivers share.

SQLAlchemy drives them through adapters, whose cursors look synchronous and wait in greenlets. The driver's own
connection stands behind each, with coroutines. A guarded adapter cursor guards as those of synchronous drivers do; a
guarded driver connection has its statements judged in a greenlet too, so that the hook can wait without blocking.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from sqlalchemy.util.concurrency import await_, greenlet_spawn

from rewriter.guards.gate import Gate, Whole, formatted, is_guarded
from rewriter.prepared import Safe

_Result = TypeVar("_Result")


class AdapterCursor:
    """Before an adapter's cursor class: runs nothing but text from the rewriter.

    `unmask_is_formatted`: the driver substitutes `%` where there are parameters.
    """

    gate: ClassVar[Gate]
    unmask_is_formatted: ClassVar[bool]

    @property
    def connection(self) -> Any:
        """The driver's own connection, which everything that is known of a session is kept with."""
        base: Any = self
        return base._connection  # noqa: SLF001 -- the adapter's

    def execute(self, operation: Any, parameters: Any = None) -> Any:  # noqa: D102 -- the adapter's own, as all below
        safe = operation if type(operation) is Safe else self._admitted(operation, is_bound=parameters is not None)
        run: Any = super().execute  # type: ignore[misc] # always mixed into a cursor class
        if safe.aftermath is None:
            return run(safe, parameters)
        return self.gate.run(self, safe, lambda: run(safe, parameters))

    def executemany(self, operation: Any, seq_of_parameters: Any) -> Any:  # noqa: D102
        safe = operation if type(operation) is Safe else self._admitted(operation, is_bound=True)
        run: Any = super().executemany  # type: ignore[misc]
        return self.gate.run(self, safe, lambda: run(safe, list(formatted(seq_of_parameters))))

    def _admitted(self, operation: object, *, is_bound: bool) -> Safe:
        text = self.unmask_text(operation)
        return self.gate.admit(self.connection, text, is_formatted=is_bound and self.unmask_is_formatted)

    def unmask_text(self, operation: object) -> str:
        """The SQL of `operation`.

        Raises:
            TypeError: the driver takes no such thing.
        """
        return plain_text(operation)


class AdapterConnection:
    """Before an adapter class: hands out guarded cursors, and tells of a transaction's end."""

    __slots__ = ()
    gate: ClassVar[Gate]
    unmask_cursors: ClassVar[type]

    def cursor(self, server_side: Any = False) -> Any:  # noqa: D102, FBT002 -- the adapter's own, as all below
        base: Any = self
        factory = base._ss_cursor_cls if server_side else base._cursor_cls  # noqa: SLF001
        return self.gate.derived(self.unmask_cursors, factory)(self)

    def commit(self) -> None:  # noqa: D102
        super().commit()  # type: ignore[misc] # always mixed into an adapter class
        self.gate.transaction_ended(self.unmask_driver_connection)

    def rollback(self) -> None:  # noqa: D102
        super().rollback()  # type: ignore[misc]
        self.gate.transaction_ended(self.unmask_driver_connection)

    @property
    def unmask_driver_connection(self) -> Any:
        """The connection that everything that is known of the session is kept with."""
        base: Any = self
        return base._connection  # noqa: SLF001

    @property
    def unmask_state(self) -> object:
        """What is known of the session."""
        return self.unmask_driver_connection.unmask_state

    @unmask_state.setter
    def unmask_state(self, state: object) -> None:
        self.unmask_driver_connection.unmask_state = state


def driver_connection(connection: Any) -> Any:
    """The driver's own connection behind an adapter; any other connection as it is."""
    return connection.unmask_driver_connection if isinstance(connection, AdapterConnection) else connection


def plain_text(operation: object) -> str:
    """`operation`, which is text.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(operation, str):
        raise TypeError(f"a guarded cursor takes SQL as str, not {type(operation).__name__}")
    return str(operation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One statement that reached a driver's coroutine without having come through the dialect.

    `count`: how many rows a result has; None where that is not known.
    """

    connection: Any
    text: str
    is_formatted: bool
    count: Callable[[Any], int | None]

    async def run(self, call: Callable[[Safe], Awaitable[_Result]]) -> _Result:
        """What `call` gives for the statement as it may run.

        Raises:
            StatementRefused: it may not.
        """
        return await greenlet_spawn(self._judged, call)

    def _judged(self, call: Callable[[Safe], Awaitable[_Result]]) -> _Result:
        gate: Gate = self.connection.gate
        safe = gate.admit(self.connection, self.text, is_formatted=self.is_formatted)
        result = gate.run(Whole(self.connection), safe.unrecorded(), lambda: await_(call(safe)))
        count = self.count(result)
        if count is not None and count >= 0:
            gate.counted(safe, count)
        return result


def adopted(connection: Any, gate: Gate, *, guard: type, adapter: type) -> Any:
    """As `Driver.adopt`: the driver's connection gets a class with `guard`, the adapter around it with `adapter`."""
    if not is_guarded(connection, gate):
        raw = connection._connection  # noqa: SLF001 -- the adapter's
        if not is_guarded(raw, gate):
            raw.__class__ = gate.derived(guard, type(raw))
        connection.__class__ = gate.derived(adapter, type(connection))
    return connection
