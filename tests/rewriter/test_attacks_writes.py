"""Ways to a raw value through a write: each is shown to leak on the database itself, then to give nothing."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from masking.types import Dialect
from rewriter.errors import LeakError, StatementRefused
from rewriter.rewrite import rewrite_bound
from tests.rewriter.case_files import ENGINES
from tests.rewriter.replica import Replica, replica

_SECRETS = re.compile(r"123-45-\d{4}|123-4\b|@mail\.example|alpha|first|second|raw ", re.IGNORECASE)
"""What only a raw cell holds, or a confirmation of one."""


def _attacks(dialect: Dialect) -> Iterator[tuple[str, str, str]]:
    """Title, the write, and the query that looks for what it left."""
    for name in ("writes_common", f"writes_{dialect}"):
        text = (Path(__file__).parent / "attacks" / f"{name}.sql").read_text(encoding="utf-8")
        yield from re.findall(r"-- title: ([^\n]+)\n([^\n]*);\n([^\n]*);\n", text)


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
    for title, write, look in _attacks(pair.dialect):
        with subtests.test(title):
            assert _SECRETS.search(_seen(pair, write, look)), "the attack does not work without the rewriter"
            try:
                masked = rewrite_bound(write, pair.binding).sql
            except StatementRefused:
                continue
            except LeakError:
                pytest.fail("found by the last check alone")
            assert not _SECRETS.search(_seen(pair, masked, rewrite_bound(look, pair.binding).sql))
