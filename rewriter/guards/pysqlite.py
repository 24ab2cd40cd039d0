"""Guards of sqlite3: subclasses by `factory=`, and a stand-in for connections that were made without it."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from masking import SessionSecret
from rewriter.functions.sqlite import REGISTERED_BY_SQLALCHEMY
from rewriter.guards.gate import Driver, Gate, RawCursor, is_guarded
from rewriter.prepared import Safe


class GuardedCursor(sqlite3.Cursor):
    """A cursor that runs nothing but text from the rewriter."""

    gate: ClassVar[Gate]

    def execute(self, sql: str, parameters: Any = (), /) -> Any:  # noqa: D102 -- the driver's own
        query = sql if type(sql) is Safe else _admitted(self, sql)
        run = super().execute
        if query.aftermath is None:
            return run(query, parameters)
        return self.gate.run(self, query, lambda: run(query, parameters))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:  # noqa: D102
        query = sql if type(sql) is Safe else _admitted(self, sql)
        run = super().executemany
        return self.gate.run(self, query, lambda: run(query, parameters))

    def executescript(self, sql_script: str, /) -> Any:  # noqa: D102
        self.gate.allow_raw("executescript")
        self.gate.transaction_ended(self.connection)
        return super().executescript(sql_script)


_COLLATIONS = frozenset({"binary", "nocase", "rtrim"})


def check_registration(connection: sqlite3.Connection, gate: Gate, name: str) -> None:
    """A function or collation under a name that masks use would be handed the raw values.

    Raises:
        StatementRefused: the engine itself or the policy's masks have one of that name.
    """
    word = name.lower()
    is_own = word in _COLLATIONS or word.startswith("unmask_")
    if word not in REGISTERED_BY_SQLALCHEMY and (is_own or word in _built_in(connection)):
        gate.allow_raw(f"registering {name}")


def _built_in(connection: sqlite3.Connection) -> frozenset[str]:
    with _unguarded(connection) as cursor:
        cursor.execute("SELECT name FROM pragma_function_list WHERE builtin")
        return frozenset(name for (name,) in cursor.fetchall())


def _admitted(cursor: GuardedCursor, sql: object) -> Safe:
    if not isinstance(sql, str):
        raise TypeError(f"execute() argument 1 must be str, not {type(sql).__name__}")
    return cursor.gate.admit(cursor.connection, sql, is_formatted=False)


class GuardedConnection(sqlite3.Connection):
    """A connection whose every way to data leads through a guarded cursor."""

    gate: ClassVar[Gate]
    unmask_cursor: ClassVar[type[sqlite3.Cursor]]
    unmask_make: Any  # the class's own cursor(), which costs less so than by super()
    unmask_state: object = None

    def cursor(self, factory: Any = sqlite3.Cursor) -> Any:  # noqa: D102 -- the driver's own, as all below
        if factory is sqlite3.Cursor:
            return self.unmask_make(self.unmask_cursor)
        if not isinstance(factory, type):
            raise TypeError("cursor() takes a subclass of sqlite3.Cursor as its factory on a guarded connection")
        return super().cursor(self.gate.derived(GuardedCursor, factory))

    def execute(self, sql: str, parameters: Any = (), /) -> Any:  # noqa: D102
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:  # noqa: D102
        return self.cursor().executemany(sql, parameters)

    def executescript(self, sql_script: str, /) -> Any:  # noqa: D102
        return self.cursor().executescript(sql_script)

    def commit(self) -> None:  # noqa: D102
        super().commit()
        self.gate.transaction_ended(self)

    def rollback(self) -> None:  # noqa: D102
        super().rollback()
        self.gate.transaction_ended(self)

    def __exit__(self, *raised: object) -> Any:
        try:
            return super().__exit__(*raised)  # type: ignore[arg-type] # as they came
        finally:
            self.gate.transaction_ended(self)

    def backup(self, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        self.gate.allow_raw("backup")
        super().backup(*args, **kwargs)

    def iterdump(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("iterdump")
        return super().iterdump(*args, **kwargs)

    def serialize(self, *args: Any, **kwargs: Any) -> bytes:  # noqa: D102
        self.gate.allow_raw("serialize")
        return super().serialize(*args, **kwargs)

    def deserialize(self, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        self.gate.allow_raw("deserialize")
        self.gate.transaction_ended(self)
        super().deserialize(*args, **kwargs)

    def blobopen(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        self.gate.allow_raw("blobopen")
        return super().blobopen(*args, **kwargs)

    def create_function(self, name: str, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        check_registration(self, self.gate, name)
        super().create_function(name, *args, **kwargs)

    def create_aggregate(self, name: str, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        check_registration(self, self.gate, name)
        super().create_aggregate(name, *args, **kwargs)

    def create_window_function(self, name: str, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        check_registration(self, self.gate, name)
        super().create_window_function(name, *args, **kwargs)

    def create_collation(self, name: str, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        check_registration(self, self.gate, name)
        super().create_collation(name, *args, **kwargs)

    def enable_load_extension(self, *args: Any, **kwargs: Any) -> None:  # noqa: D102
        self.gate.allow_raw("enable_load_extension")
        super().enable_load_extension(*args, **kwargs)


def _configure(arguments: dict[str, Any], gate: Gate) -> None:
    factory: Any = arguments.get("factory", sqlite3.Connection)
    if not isinstance(factory, type) or not issubclass(factory, sqlite3.Connection):
        raise TypeError("factory= takes a subclass of sqlite3.Connection on a hooked engine")
    guarded: Any = gate.derived(GuardedConnection, factory)
    guarded.unmask_make = factory.cursor
    guarded.unmask_cursor = gate.derived(GuardedCursor, sqlite3.Cursor)
    arguments["factory"] = guarded


def _adopt(connection: Any, gate: Gate) -> Any:
    from rewriter.guards.pysqlite_stand_in import StandIn  # noqa: PLC0415 -- it is made of the classes above

    return connection if is_guarded(connection, gate) else StandIn(_raw(connection), gate)


def _raw(connection: Any) -> sqlite3.Connection:
    raw: sqlite3.Connection = getattr(connection, "unmask_raw", connection)
    return raw


@contextmanager
def _unguarded(connection: Any) -> Iterator[RawCursor]:
    raw = _raw(connection)
    text_factory, raw.text_factory = raw.text_factory, str
    cursor = sqlite3.Cursor(raw)
    cursor.row_factory = None
    try:
        yield cursor
    finally:
        cursor.close()
        raw.text_factory = text_factory


def _keep_secrets(connection: Any, secrets: Sequence[SessionSecret]) -> None:
    for secret in secrets:
        # The driver's own method: a guarded connection lets nobody else register such a name.
        sqlite3.Connection.create_function(_raw(connection), secret.name, 1, secret.function, deterministic=True)


_TELLING = ("SQLITE_CONSTRAINT_TRIGGER", "SQLITE_CONSTRAINT_FUNCTION", "SQLITE_CONSTRAINT_VTAB")
"""Constraint errors whose message a trigger or function words; the others name tables and columns only."""

_PLAIN = (
    "no such ",
    "near ",
    "ambiguous column",
    "incomplete input",
    "unrecognized token",
    "database is locked",
    "database table is locked",
    "attempt to write a readonly database",
    "cannot start a transaction",
    "cannot commit",
    "cannot rollback",
    "table ",
    "interrupted",
    "disk I/O error",
    "database or disk is full",
    "unable to open database file",
    "too many ",
)
"""How errors begin that are raised before a row is read, or that name no value."""


def _withheld(error: BaseException) -> BaseException | None:
    code = getattr(error, "sqlite_errorname", None)
    if code is None:
        # Raised by the module itself (a wrong number of parameters, a closed connection): no row has been read.
        return None
    message = str(error)
    is_constraint = isinstance(error, sqlite3.IntegrityError) and code not in _TELLING
    if is_constraint or message.startswith(_PLAIN):
        return None
    clean = type(error)(f"{code}: the message is withheld: it may hold values of sensitive columns")
    for name in ("sqlite_errorname", "sqlite_errorcode"):
        setattr(clean, name, getattr(error, name))
    return clean


DRIVER = Driver(
    errors=sqlite3.Error,
    configure=_configure,
    adopt=_adopt,
    unguarded=_unguarded,
    keep_secrets=_keep_secrets,
    withheld=_withheld,
)
