"""What guarded cursors and connections ask of the hook, and what the hook must know of a driver."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Protocol, TypeVar

from masking import SessionSecret
from rewriter.prepared import Safe

_Result = TypeVar("_Result")


class RawCursor(Protocol):
    """A DBAPI cursor that no guard watches; only the hook's own statements run on it."""

    def execute(self, sql: str, parameters: Any = ..., /) -> object:
        """Run `sql`."""
        ...

    def fetchall(self) -> Sequence[Any]:
        """All rows of the last statement."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A connection where a cursor on it is expected."""

    connection: Any


class Gate(Protocol):
    """The hook, as a guarded cursor or connection sees it."""

    def admit(self, connection: object, text: str, *, is_formatted: bool) -> Safe:
        """`text`, which did not come through the dialect, rewritten for the current principal.

        `is_formatted`: the driver will substitute `%` in it.

        Raises:
            StatementRefused: it may not run.
        """
        ...

    def allow_raw(self, operation: str) -> None:
        """Return for a principal that is trusted to go around the rewriter.

        Raises:
            StatementRefused: for everybody else; `operation` names what was tried.
        """
        ...

    def run(self, cursor: object, query: Safe, call: Callable[[], _Result]) -> _Result:
        """Call the driver, withhold raw cells from its errors, and see to the statement's aftermath."""
        ...

    def check_access(self, query: Safe) -> None:
        """Return while what `query` reveals may be handed out: for drivers as in `counted`.

        Raises:
            StatementRefused: the access that it rests on ended.
        """
        ...

    def counted(self, query: Safe, count: int) -> None:
        """`count` rows of `query` were fetched: for drivers that fetch without a cursor's own methods."""
        ...

    def late(self, error: BaseException) -> BaseException | None:
        """What is raised in place of an error that came with a transaction's end; None where it holds no cell."""
        ...

    def transaction_ended(self, connection: object) -> None:
        """What was learnt of the schema inside the transaction no longer holds."""
        ...

    def derived(self, mixin: type, base: type) -> type:
        """`base` with `mixin` before it, and this gate as its attribute `gate`; the same class each time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One DBAPI driver: where its guards go in, and how the hook gets past them.

    `errors`: the root of the driver's errors, or its roots. `configure` puts the guard into the arguments of connect,
    where it has to be there from the start, and `adopt` guards a connection that was made without and returns what
    stands in for it. `connecting` is what makes guarded connections in place of a dialect's own `connect`, if anything
    does: CPython is slower with an object whose class was exchanged. `unguarded` lends a cursor for the hook's own
    reading: it neither commits nor leaves a transaction open that was not open before.
    `keep_secrets` puts the policy's keys into a new session for good, bound, so that they are in no statement's text.
    `withheld` is an error of the same class without cells, or None where the error holds none. `is_late` says whether
    one that came at a transaction's end, or of a change of the schema, may hold cells, and `is_elsewhere` whether one
    that came of a write may hold those of other tables, where its constraints led. `session_fault` says
    what is wrong with a session's settings, where they change how statements are read (`rewriter.guards.sessions`).
    `taken` is a context in which statements of a cursor's connection run under a role of the database, which is given
    back at its end; None where none can be. `is_schema_by_role`: a session sees what its role has rights to, and
    nothing else of the schema.
    """

    errors: type[BaseException] | tuple[type[BaseException], ...]
    adopt: Callable[[Any, Gate], Any]
    unguarded: Callable[[Any], AbstractContextManager[RawCursor]]
    keep_secrets: Callable[[Any, Sequence[SessionSecret]], None]
    withheld: Callable[[BaseException], BaseException | None]
    is_late: Callable[[BaseException], bool] = lambda _error: True
    is_elsewhere: Callable[[BaseException], bool] = lambda _error: False
    configure: Callable[[dict[str, Any], Gate], None] = lambda _arguments, _gate: None
    connecting: Callable[[Any, Gate], Callable[..., Any] | None] = lambda _dialect, _gate: None
    session_fault: Callable[[Any], str | None] = lambda _connection: None
    taken: Callable[[Any, str], AbstractContextManager[None]] | None = None
    is_schema_by_role: bool = False


def end(gate: Gate, call: Callable[[], object]) -> None:
    """Have the driver end a transaction: what constraints that waited for it have to say holds no raw cells."""
    clean: BaseException | None
    try:
        call()
    except Exception as error:
        clean = gate.late(error)
        if clean is None:
            raise
    else:
        return
    # Outside the handler: as its context, the driver's own error would carry the cells along.
    raise clean


def formatted(parameters: Iterable[Any]) -> Iterator[Any]:
    """Sets of parameters with none missing: without one a driver sends `%(x)s` as it stands, SQL of another meaning."""
    return (() if each is None else each for each in parameters)


def bind_secrets(cursor: RawCursor, secrets: Sequence[SessionSecret], placeholder: str) -> None:
    """Each secret is kept by the cursor's session, sent as the value of the driver's one positional `placeholder`."""
    for secret in secrets:
        cursor.execute(secret.statement(placeholder), (secret.value,))


def is_guarded(connection: Any, gate: Gate) -> bool:
    """Whether `connection` is guarded for `gate` already."""
    guard = getattr(type(connection), "gate", None)
    return guard is gate or (guard is None and getattr(connection, "__dict__", {}).get("unmask_gate") is gate)


def own_name(name: str | None) -> str | None:
    """What a named cursor is called on the server: nobody else can fetch from it by the name that was asked for."""
    return f"unmask_{token_hex(8)}_{name}" if name else name
