"""The four engines, found as the tests find theirs: the address in a variable, Docker, programs, wheels."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import duckdb
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from benchmarks.schema import fill
from masking.types import Dialect
from tests.fix_mariadb import MARIADB
from tests.fix_postgres import POSTGRES
from tests.fix_redis import REDIS
from tests.fix_servers import Missing, Server, Wanted, find


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A filled database. `name`: the engine's, as the table says it."""

    name: str
    dialect: Dialect
    url: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What is there to measure on. `missing`: why the rest is not."""

    databases: tuple[Database, ...]
    redis: Server | None
    missing: tuple[str, ...]


@contextmanager
def places() -> Iterator[Places]:
    """Every engine with a database of its own, and a Redis; all gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unmask-bench-")))
        databases = list(_files(folder))
        missing: list[str] = []
        servers: tuple[tuple[str, Dialect, Wanted], ...] = (
            ("PostgreSQL", "postgresql", POSTGRES),
            ("MariaDB", "mysql", MARIADB),
        )
        for name, dialect, wanted in servers:
            found = find(wanted, stack=stack)
            if isinstance(found, Missing):
                missing.append(str(found))
                continue
            url = stack.enter_context(_own(found.url))
            databases.append(Database(name=name, dialect=dialect, url=url, version=found.version))
        redis = find(REDIS, stack=stack)
        missing += [str(redis)] if isinstance(redis, Missing) else []
        for database in databases:
            _fill(database.url)
        yield Places(
            databases=tuple(databases),
            redis=redis if isinstance(redis, Server) else None,
            missing=tuple(missing),
        )


def _files(folder: Path) -> Iterator[Database]:
    yield Database(
        name="SQLite", dialect="sqlite", url=f"sqlite:///{folder / 'shop.db'}", version=sqlite3.sqlite_version
    )
    yield Database(
        name="DuckDB", dialect="duckdb", url=f"duckdb:///{folder / 'shop.duckdb'}", version=duckdb.__version__
    )


@contextmanager
def _own(server: str) -> Iterator[str]:
    """The URL of a new database on a server, dropped afterwards."""
    name = f"bench_{uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            force = " WITH (FORCE)" if engine.dialect.name == "postgresql" else ""
            with suppress(Exception):
                connection.execute(text(f"DROP DATABASE {name}{force}"))
    engine.dispose()


def _fill(url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        fill(connection)
    engine.dispose()
