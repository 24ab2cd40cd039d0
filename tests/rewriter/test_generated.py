"""The promise, on statements that nobody thought of: each gives what it gives on the masked copy, and on the twin."""

import datetime
import os
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import pytest

from masking.types import Dialect
from rewriter.proof.shrinking import shrunk
from rewriter.proof.statements import statement
from rewriter.proof.vocabulary import vocabulary
from tests.rewriter.comparison import Verdict, compared
from tests.rewriter.replica import Replica, replica

_COUNT = int(os.environ.get("UNMASK_GENERATED", "150"))
"""Statements per engine."""

_FIRST = int(os.environ.get("UNMASK_GENERATED_SEED", "0"))
"""Seed of the first; the others follow it."""

_VALUES = (
    *("ana1@mail.example", "***-**-6001", "123-45-6001", "+41 44 001", "Bern", "Oslo", "Ana", "someone@***.example"),
    *("************1003", "4111 1111 1111 1003", "note 3", 20, Decimal("1234.5"), datetime.date(1975, 2, 4)),
)
"""Some of what the replica's cells hold, raw and masked."""

_MOST_INVALID = 0.3
_ENGINES: dict[Dialect, str] = {"postgresql": "postgres_url", "mysql": "mariadb_url", "sqlite": "", "duckdb": ""}


@pytest.fixture(scope="module", params=_ENGINES)
def pair(request: pytest.FixtureRequest) -> Iterator[Replica]:
    """A database, its masked copy and its twin on each engine."""
    dialect: Dialect = request.param
    url = request.getfixturevalue(_ENGINES[dialect]) if _ENGINES[dialect] else ""
    with replica(dialect, url, prefix="generated") as both:
        for connection in (both.raw, both.copy, both.twin):
            _bound_time(connection, dialect)
        yield both


def _bound_time(connection: object, dialect: Dialect) -> None:
    """A statement that joins too much is given up; SQLite and DuckDB are interrupted from outside."""
    settings = {"postgresql": "SET statement_timeout = '5s'", "mysql": "SET max_statement_time = 5"}
    if dialect in settings:
        connection.cursor().execute(settings[dialect])  # type: ignore[attr-defined]  # four drivers


def test_random_statements_answer_as_on_a_masked_copy(pair: Replica) -> None:
    """Rows, names and types equal the copy's, errors are the twin's, and few statements prove nothing."""
    verdicts: Counter[Verdict] = Counter()
    words = vocabulary(pair.binding, _VALUES)
    for seed in range(_FIRST, _FIRST + _COUNT):
        sql = statement(words, seed)
        finding = compared(pair, sql)
        verdicts[finding.verdict] += 1
        if finding.verdict.is_fault:
            pytest.fail(f"seed {seed}: {_shrunk_fault(pair, sql, finding.verdict)}")
    assert verdicts[Verdict.EQUAL] >= (1 - _MOST_INVALID) * _COUNT, f"too few statements were valid: {verdicts}"


def _shrunk_fault(pair: Replica, sql: str, verdict: Verdict) -> str:
    """The smallest statement found with the same fault, and what it gives."""
    small = shrunk(sql, lambda text: compared(pair, text).verdict is verdict)
    return f"{verdict} for {small}\n{compared(pair, small).detail}"


def test_a_statement_is_decided_by_its_seed(pair: Replica) -> None:
    """The same seed gives the same text, so that a failure can be run again."""
    first, second = ([statement(vocabulary(pair.binding, _VALUES), seed) for seed in range(5)] for _ in range(2))
    assert first == second
