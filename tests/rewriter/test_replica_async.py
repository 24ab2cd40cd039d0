"""The promise, through asynchronous drivers: each case gives what the same driver gives on a masked copy."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import make_url

from masking.types import Dialect
from rewriter import install
from tests.rewriter.case_files import ENGINES, Case, statements
from tests.rewriter.greenlets import Loop
from tests.rewriter.replica import Replica, replica

_PREFIX = "unmask_async"
_DIALECTS: dict[str, Dialect] = {
    "sqlite+aiosqlite": "sqlite",
    "postgresql+psycopg_async": "postgresql",
    "postgresql+asyncpg": "postgresql",
    "mysql+aiomysql": "mysql",
}


@contextmanager
def _pair(drivername: str, server: str, folder: Path) -> Iterator[tuple[Replica, tuple[Engine, Engine]]]:
    """A database and its masked copy, with engines on both that are not hooked yet."""
    with replica(_DIALECTS[drivername], server, prefix=_PREFIX) as both:
        engines = []
        for which, raw in (("raw", both.raw), ("copy", both.copy)):
            if both.dialect == "sqlite":
                with closing(sqlite3.connect(folder / which)) as file:
                    raw.backup(file)
                url = f"{drivername}:///{folder / which}"
            else:
                address = make_url(server).set(drivername=drivername, database=f"{_PREFIX}_{which}")
                url = address.render_as_string(hide_password=False)
            engines.append(create_engine(url))
        yield both, (engines[0], engines[1])


def _shown(connection: Connection, sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
    # A transaction each, so that a statement that fails spoils no other.
    with connection.begin():
        result = connection.execution_options(no_parameters=True).exec_driver_sql(sql)
        return list(result.keys()), [tuple(row) for row in result]


def _compare(engines: tuple[Engine, Engine], cases: list[Case], subtests: pytest.Subtests) -> None:
    with ExitStack() as stack:
        hooked, copy = (stack.enter_context(engine.connect()) for engine in engines)
        for case in cases:
            with subtests.test(case.title):
                case.demand()
                assert _shown(hooked, case.sql) == _shown(copy, case.sql)
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize("drivername", _DIALECTS)
def test_every_statement_answers_as_on_a_masked_copy(
    drivername: str, *, request: pytest.FixtureRequest, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """Rows, names and order of each case equal those of the masked copy."""
    server = request.getfixturevalue(fixture) if (fixture := ENGINES[_DIALECTS[drivername]]) else ""
    loop = Loop()
    with _pair(drivername, server, tmp_path) as (both, engines):
        install(engines[0], policy=both.binding.policy)
        loop.run(_compare, engines, list(statements(both.dialect, server=both.server)), subtests)
        loop.close()
