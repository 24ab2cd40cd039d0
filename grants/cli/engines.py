"""The live database of the settings, opened plain or hooked. Only its schema is ever read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from grants.cli.exits import CommandError, ExitCode
from grants.cli.settings import Settings
from grants.client import Grants
from masking import Dialect, Policy, Problem
from rewriter import Installed, StatementRefused, install
from rewriter.catalog import load_catalog, merged
from rewriter.guards import Driver, Whole, driver_of
from rewriter.schema import Catalog
from rewriter.schemas import under_each_role

_DIALECTS: dict[str, Dialect] = {
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
    "duckdb": "duckdb",
}
_EXTRAS = {"psycopg": "postgresql", "psycopg2": "postgresql", "pymysql": "mysql", "duckdb": "duckdb"}
_SUPPORTED = ("postgresql+psycopg", "mysql+pymysql", "sqlite", "duckdb")


def _url(settings: Settings) -> URL:
    if not settings.database:
        raise CommandError(
            ExitCode.USAGE, "name a database with --database or UNMASK_DATABASE_URL: its schema is needed"
        )
    try:
        url = make_url(settings.database)
    except ArgumentError as exc:
        expected = "expected such as postgresql+psycopg://host/db"
        raise CommandError(ExitCode.USAGE, f"the database URL cannot be read: {expected}") from exc
    is_file = url.get_backend_name() in ("sqlite", "duckdb") and url.database not in (None, "", ":memory:")
    if is_file and not Path(str(url.database)).exists():
        # Opening it would make an empty one.
        raise CommandError(ExitCode.UNREACHABLE, f"there is no database file {url.database}: check the path in the URL")
    return url


_READ_ONLY = {
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
}


@contextmanager
def opened(settings: Settings, *, is_read_only: bool = False) -> Iterator[Engine]:
    """The database, without a hook; `is_read_only`: its sessions refuse to write.

    Raises:
        CommandError: the URL is missing or wrong, or leads to nothing that could be opened.
        DBAPIError: what was done with it failed, in the driver's words.
    """
    url = _url(settings)
    try:
        is_closed = is_read_only and url.get_backend_name() == "duckdb"
        engine = create_engine(url, poolclass=NullPool, connect_args={"read_only": True} if is_closed else {})
    except NoSuchModuleError as exc:
        raise CommandError(ExitCode.USAGE, f"no driver is known for {url.drivername}: is the URL right?") from exc
    except ModuleNotFoundError as exc:
        extra = _EXTRAS.get(url.get_driver_name())
        known = f"; the supported ones are {', '.join(_SUPPORTED)}"
        advice = f": pip install 'unmask[{extra}]'" if extra else known
        raise CommandError(ExitCode.UNREACHABLE, f"the driver {exc.name} is not installed{advice}") from exc
    statement = _READ_ONLY.get(dialect_of(engine)) if is_read_only else None
    if statement is not None:
        event.listen(engine, "connect", lambda connection, _record: _told(connection, statement))
    base = engine.dialect.loaded_dbapi.Error
    try:
        yield engine
    except base as error:  # of a raw cursor, which SQLAlchemy leaves as it is: no such table, no database in the file
        raise DBAPIError.instance(None, None, error, base, dialect=engine.dialect) from error
    finally:
        engine.dispose()


def _told(connection: Any, statement: str) -> None:  # noqa: ANN401 -- the driver's
    cursor = connection.cursor()
    cursor.execute(statement)
    cursor.close()
    connection.commit()


def dialect_of(engine: Engine) -> Dialect:
    """The SQL that the database speaks.

    Raises:
        CommandError: its kind is not supported.
    """
    dialect = _DIALECTS.get(engine.dialect.name)
    if dialect is None:
        known = ", ".join(_DIALECTS)
        raise CommandError(ExitCode.USAGE, f"{engine.dialect.name} is not supported: expected one of {known}")
    return dialect


@contextmanager
def hooked(settings: Settings, policy: Policy, *, grants: Grants | None = None) -> Iterator[Installed]:
    """The database, hooked as an application would."""
    with opened(settings) as engine:
        yield install(engine, policy=policy, grants=grants, environment=settings.environment)


def live_catalog(settings: Settings, policy: Policy) -> Catalog:
    """The database's schema, as its account and the roles that `policy` names see it.

    Raises:
        CommandError: its kind is not supported.
    """
    with opened(settings) as engine:
        dialect = dialect_of(engine)
        with engine.connect() as connection:
            driver, cursor = _driver(engine, policy), connection.connection.cursor()
            if driver is None:
                return load_catalog(cursor, dialect)
            raw = connection.connection.dbapi_connection
            return merged(under_each_role(driver, raw, read=lambda: load_catalog(cursor, dialect), policy=policy))


def role_problems(settings: Settings, policy: Policy) -> tuple[Problem, ...]:
    """Why a role of the database that `policy` names could not be taken by the account of the settings."""
    found = []
    with opened(settings) as engine, engine.connect() as connection:
        driver = _driver(engine, policy)
        for role, name in sorted(policy.database_roles.items() if driver is not None else ()):
            message = f"role:{role} takes the database's role {name}, which {{}}"
            if driver is None or driver.taken is None:
                found.append(Problem(message=message.format("a database of this kind does not have")))
                continue
            try:
                with driver.taken(Whole(connection.connection.dbapi_connection), name):
                    pass
            except StatementRefused as refusal:
                found.append(Problem(message=message.format("cannot be taken"), hint=refusal.hint or ""))
    return tuple(found)


def _driver(engine: Engine, policy: Policy) -> Driver | None:
    """What takes the roles of the database that `policy` names; None where it names none."""
    return driver_of(engine.dialect.driver) if policy.database_roles else None
