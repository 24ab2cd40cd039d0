"""Ways to a raw value through a write: each is shown to leak on the database itself, then to give nothing."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from masking.types import Dialect
from rewriter.errors import LeakError, StatementRefused
from rewriter.rewrite import rewrite_bound
from tests.rewriter.case_files import ENGINES, writing_attacks
from tests.rewriter.replica import Replica, replica

_SECRETS = re.compile(r"123-45-\d{4}|123-4\b|@mail\.example|alpha|first|second|raw ", re.IGNORECASE)
"""What only a raw cell holds, or a confirmation of one."""


@pytest.fixture(scope="module", params=ENGINES)
def pair(request: pytest.FixtureRequest) -> Iterator[Replica]:
    """A database and its masked copy on each engine."""
    dialect: Dialect = request.param
    url = request.getfixturevalue(ENGINES[dialect]) if ENGINES[dialect] else ""
    with replica(dialect, url, prefix="unmask_robbed") as both:
        yield both


def _seen(pair: Replica, write: str, look: str) -> str:
    """What the write shows, in rows or an error, and what can be seen afterwards; all is undone."""
    cursor: Any = pair.raw if pair.dialect == "duckdb" else pair.raw.cursor()  # a cursor of DuckDB is a connection
    cursor.execute("BEGIN")
    try:
        cursor.execute(write)
        shown = repr(cursor.fetchall()) if cursor.description else ""
        cursor.execute(look)
        return shown + repr(cursor.fetchall())
    except Exception as error:  # noqa: BLE001 -- the drivers' own; guards withhold the texts, which is tested elsewhere
        return str(error)
    finally:
        cursor.execute("ROLLBACK")


def test_no_write_gets_a_raw_value(pair: Replica, subtests: pytest.Subtests) -> None:
    """Each attack shows a raw value, or confirms one, without the rewriter, and with it none."""
    for case in writing_attacks(pair.dialect, server=pair.server):
        with subtests.test(case.title):
            case.demand()
            assert _SECRETS.search(_seen(pair, case.sql, case.look)), "the attack does not work without the rewriter"
            try:
                masked = rewrite_bound(case.sql, pair.binding).sql
            except StatementRefused:
                continue
            except LeakError:
                pytest.fail("found by the last check alone")
            assert not _SECRETS.search(_seen(pair, masked, rewrite_bound(case.look, pair.binding).sql))
