"""The tables that a trail and its checkpoints are kept in, and the engine that reaches them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from sqlite3 import OperationalError
from typing import TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from grants.errors import StoreError
from grants.forks import renewed_after_fork

_Result = TypeVar("_Result")
_TABLES = MetaData()

TRAIL = Table(
    "unmask_trail",
    _TABLES,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("environment", String(64), nullable=False),
    Column("writer", String(32), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, index=True),
    Column("event", String(32), nullable=False),
    Column("principal", String(200)),
    Column("record", Text, nullable=False),
    UniqueConstraint("environment", "writer", "sequence"),
)
"""One row for each record. `record` is what counts; the other columns are there to be searched."""

HEADS = Table(
    "unmask_heads",
    _TABLES,
    Column("environment", String(64), primary_key=True),
    Column("writer", String(32), primary_key=True),
    Column("head", Text, nullable=False),
)
REVOKED = Table(
    "unmask_revoked",
    _TABLES,
    Column("environment", String(64), primary_key=True),
    Column("request", String(64), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)

USES = Table(
    "unmask_uses",
    _TABLES,
    Column("environment", String(64), primary_key=True),
    Column("digest", String(80), primary_key=True),
    Column("taken", Integer, nullable=False),
)


class Database:
    """A database by its SQLAlchemy URL, or an engine of the caller's own. Connects when first used; fork-safe."""

    def __init__(self, address: str | Engine, *tables: Table) -> None:
        """`tables` are made where they are missing."""
        self._engine = address if isinstance(address, Engine) else _engine(address)
        self._tables = tables
        self._is_ready = False
        renewed_after_fork(self._begin)

    def _begin(self) -> None:
        self._engine.dispose(close=False)

    def run(self, step: Callable[[Connection], _Result]) -> _Result:
        """What `step` returns, its transaction committed; once more on a connection that was lost.

        Raises:
            IntegrityError: a key stands there already.
            StoreError: the database did not do it. The message holds nothing of the statement.
        """
        with self._clear_errors():
            self._prepare()
            try:
                return self._once(step)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            return self._once(step)

    def has(self, table: Table) -> bool:
        """Whether `table` is there; none is made.

        Raises:
            StoreError: the database could not tell.
        """
        with self._clear_errors():
            return inspect(self._engine).has_table(table.name)

    def _once(self, step: Callable[[Connection], _Result]) -> _Result:
        with self._engine.begin() as connection:
            return step(connection)

    def _prepare(self) -> None:
        if self._is_ready:
            return
        known = inspect(self._engine)
        for table in self._tables:
            if not known.has_table(table.name):
                self._create(table)
        self._is_ready = True

    def _create(self, table: Table) -> None:
        try:
            table.create(self._engine, checkfirst=True)
        except SQLAlchemyError:
            if not inspect(self._engine).has_table(table.name):  # else another process was faster
                raise

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            cause = type(getattr(error, "orig", None) or error).__name__
            name = self._engine.url.render_as_string(hide_password=True)
            raise StoreError(f"the database {name} did not take or tell it ({cause})", is_outage=True) from None

    def close(self) -> None:
        """Give the connections back; a later call opens new ones."""
        self._engine.dispose()


def _engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _synchronise)
    return engine


def _synchronise(connection: object, _record: object) -> None:
    """A committed record outlives the machine's loss of power, and writers wait for one another."""
    cursor = connection.cursor()  # type: ignore[attr-defined] # a DBAPI connection
    for pragma in ("busy_timeout = 5000", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    # SQLite does not wait for the lock that this switch needs. The file keeps its mode: where another connection is
    # at work, that one has switched it, or the next will; without it readers and writers wait for one another too.
    with suppress(OperationalError):
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()
