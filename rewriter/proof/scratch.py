"""Three empty scratch databases, and their end.

SQLite's and DuckDB's are files of one name in temporary folders; a server's are databases of their own. They are gone
when the block ends, however it ends; only what is killed without a signal it can catch leaves them behind.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.pool import NullPool

NAMES = ("raw", "copy", "twin")
SECONDS = 5
"""After which a statement is given up, as one that proves nothing."""
_FIRST_MARIADB = (10,)
"""MySQL's versions are lower."""


def is_file(url: URL) -> bool:
    """Whether the database is a file of its own, so that scratch ones can be put anywhere."""
    return url.get_backend_name() in ("sqlite", "duckdb")


def opened(url: URL, *, version: tuple[int, ...] = ()) -> Engine:
    """An engine on `url` whose texts reach the driver as they are; a server of `version` gives statements up."""
    arguments: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql":
        arguments["options"] = f"-c statement_timeout={SECONDS * 1000}"
    elif not is_file(url) and version:
        is_mariadb = version >= _FIRST_MARIADB
        setting = f"max_statement_time = {SECONDS}" if is_mariadb else f"max_execution_time = {SECONDS * 1000}"
        arguments["init_command"] = f"SET SESSION {setting}"
    return create_engine(url, connect_args=arguments, execution_options={"no_parameters": True})


@contextmanager
def scratch(url: URL, settings: Mapping[str, str]) -> Iterator[dict[str, URL]]:
    """`raw`, `copy` and `twin` → the URLs of new databases beside each other, on the server of `url` if it is one."""
    with ExitStack() as stack:
        if is_file(url):
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="unmask-proof-")))
            yield {name: _file(folder / name, url) for name in NAMES}
            return
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        stack.callback(engine.dispose)
        word = f"unmask_proof_{uuid4().hex[:12]}"
        found = {}
        for name in NAMES:
            database = f"{word}_{name}"
            stack.callback(_drop, engine, database)
            _create(engine, database, settings)
            found[name] = url.set(database=database)
        yield found


def _file(folder: Path, url: URL) -> URL:
    """A file called as the database's own: on DuckDB its name is the database's, and may stand in views."""
    folder.mkdir()
    return url.set(database=str(folder / (Path(url.database or "").name or "scratch.db")), query={})


def _create(engine: Engine, database: str, settings: Mapping[str, str]) -> None:
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8'")
            for name, value in settings.items():
                connection.exec_driver_sql(f"ALTER DATABASE {database} SET {name} TO {value}")
        else:
            connection.exec_driver_sql(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")


def _drop(engine: Engine, database: str) -> None:
    force = " WITH (FORCE)" if engine.dialect.name == "postgresql" else ""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {database}{force}")
