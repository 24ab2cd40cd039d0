"""The promise, on statements that nobody thought of: each gives what it gives on the masked copy, and on the twin."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import create_engine, make_url

from masking import Policy
from masking.types import Dialect
from rewriter.errors import Reason
from rewriter.proof.campaign import Tally, prove
from rewriter.proof.comparison import Verdict, compared
from rewriter.proof.statements import drawn
from rewriter.proof.trio import Trio, read_origin, trio
from rewriter.proof.vocabulary import vocabulary
from rewriter.proof.writes import Drawn
from tests.rewriter.random_schemas import Schema, random_schema
from tests.rewriter.replica import policy_text, schema_statements

_COUNT = int(os.environ.get("UNMASK_GENERATED", "60"))
"""Statements per engine over the shop."""

_SCHEMAS = int(os.environ.get("UNMASK_GENERATED_SCHEMAS", "2"))
"""Random schemas per engine; a quarter as many statements over each."""

_FIRST = int(os.environ.get("UNMASK_GENERATED_SEED", "0"))
"""Seed of the first; the others follow it."""

_MOST_INVALID = 0.45
_MOST_REFUSED = 0.2
"""Of statements that write."""
_DATABASES: dict[Dialect, str] = {
    "postgresql": "postgres_database",
    "mysql": "mariadb_database",
    "sqlite": "sqlite_database",
    "duckdb": "duckdb_database",
}


@pytest.fixture(params=_DATABASES)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Each engine in turn."""
    found: Dialect = request.param
    return found


@contextmanager
def _three(request: pytest.FixtureRequest, dialect: Dialect, schema: Schema) -> Iterator[Trio]:
    """Scratch databases for a schema that stands, without rows, in a database of its own."""
    url = make_url(request.getfixturevalue(_DATABASES[dialect]))
    engine = create_engine(url, execution_options={"no_parameters": True})
    with engine.begin() as connection:
        for sql in schema.statements:
            connection.exec_driver_sql(sql)
    with engine.connect() as connection:
        source = read_origin(connection, dialect, url)
    engine.dispose()
    with trio(source, Policy.parse(schema.policy)) as three:
        yield three


def shop_trio(request: pytest.FixtureRequest, dialect: Dialect) -> AbstractContextManager[Trio]:
    """Scratch databases for the shop."""
    return _three(request, dialect, _shop(dialect))


def _shop(dialect: Dialect) -> Schema:
    return Schema(schema_statements(dialect), policy_text(dialect))


def _check(three: Trio, count: int) -> None:
    tally = Tally(_FIRST)
    prove(three, tally, is_over=lambda: tally.count >= count)
    assert (tally.faults, tally.refusals.keys() - {Reason.WRITE}) == ([], set())
    assert tally.refusals[Reason.WRITE] <= max(2, _MOST_REFUSED * tally.writes)
    assert tally.verdicts[Verdict.EQUAL] >= (1 - _MOST_INVALID) * count, f"too few were valid: {tally.verdicts}"


def test_random_statements_answer_as_on_a_masked_copy(request: pytest.FixtureRequest, dialect: Dialect) -> None:
    """Rows, names, types and writes equal the copy's, the twin tells nothing apart, and no query is refused."""
    with _three(request, dialect, _shop(dialect)) as three:
        assert three.left_out == three.kept == ()
        _check(three, _COUNT)


@pytest.mark.parametrize("seed", range(_FIRST, _FIRST + _SCHEMAS))
def test_so_they_do_over_random_schemas(request: pytest.FixtureRequest, dialect: Dialect, seed: int) -> None:
    """Names and types of all kinds make no difference."""
    with _three(request, dialect, random_schema(dialect, seed)) as three:
        assert three.left_out == ()
        _check(three, _COUNT // 4)


def test_a_statement_is_decided_by_its_seed(request: pytest.FixtureRequest) -> None:
    """The same seed gives the same text, so that a failure can be run again."""
    schema = random_schema("sqlite", 0)
    with _three(request, "sqlite", schema) as three:
        first, second = (
            [drawn(vocabulary(three.binding, three.values, three.reserved), seed) for seed in range(9)]
            for _ in range(2)
        )
    assert first == second


_UNHOOKED = {
    "UPDATE customers SET name = 'x' WHERE email LIKE 'a***%'": Verdict.COUNT,
    "UPDATE customers SET email = 'a***@***.example'": Verdict.LOST,
    "UPDATE customers SET name = email": Verdict.TWIN,
    "DELETE FROM customers WHERE ssn LIKE '123%'": Verdict.TWIN,
    "UPDATE customers SET name = 'x' RETURNING email": Verdict.TWIN,
    "UPDATE customers SET email = 'new', name = 'x' WHERE id < 3": Verdict.EQUAL,
}


def test_writes_without_the_hook_are_found_out(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    """What a write reads, gives and loses is told where nothing masks it."""
    monkeypatch.setattr("rewriter.proof.trio.install", lambda *_, **__: None)
    with _three(request, "sqlite", _shop("sqlite")) as three:
        words = vocabulary(three.binding, three.values, three.reserved)
        (target,) = (each.relation for each in words.targets if each.relation.name == "customers")
        for sql, verdict in _UNHOOKED.items():
            with subtests.test(sql):
                assert compared(three, Drawn(sql, target)).verdict is verdict
