"""The promise for writes around queries that nobody thought of: they do what they do to a masked copy."""

import os
from collections.abc import Iterator

import pytest

from masking.types import Dialect
from rewriter.errors import StatementRefused
from rewriter.proof.statements import statement
from rewriter.proof.vocabulary import vocabulary
from rewriter.rewrite import rewrite_bound
from tests.rewriter.case_files import ENGINES
from tests.rewriter.replica import Replica, replica
from tests.rewriter.test_writes import faults, outcome

_COUNT = int(os.environ.get("UNMASK_GENERATED_WRITES", "12"))
_FIRST = int(os.environ.get("UNMASK_GENERATED_SEED", "0"))

_FORMS = (
    "UPDATE customers SET name = (SELECT count(*) FROM ({query}) AS drawn) WHERE id < 6",
    "UPDATE customers SET city = 'x' WHERE EXISTS ({query}) AND email LIKE 'a%'",
    "UPDATE customers SET ssn = 'new', name = CASE WHEN NOT EXISTS ({query}) THEN email ELSE 'z' END",
    "DELETE FROM orders WHERE id < (SELECT 100 + count(*) FROM ({query}) AS drawn)",
    "INSERT INTO orders (id, customer_id) SELECT 900, count(*) FROM ({query}) AS drawn",
)


@pytest.fixture(params=ENGINES)
def pair(request: pytest.FixtureRequest) -> Iterator[Replica]:
    """A database, its masked copy and its twin on each engine."""
    dialect: Dialect = request.param
    url = request.getfixturevalue(ENGINES[dialect]) if ENGINES[dialect] else ""
    with replica(dialect, url, prefix="unmask_written") as both:
        yield both


def test_random_queries_in_writes_read_as_on_a_masked_copy(pair: Replica) -> None:
    """Row counts and cells are the copy's and the twin's; what is refused is refused with a hint, and is not much."""
    words = vocabulary(pair.binding, (), frozenset())
    tried = refused = 0
    for number in range(_FIRST, _FIRST + _COUNT):
        sql = _FORMS[number % len(_FORMS)].format(query=statement(words, number))
        try:
            outcome(pair, pair.copy, sql)
        except Exception:  # noqa: BLE001, S112 -- four drivers; what the copy refuses proves nothing
            continue
        tried += 1
        try:
            rewrite_bound(sql, pair.binding)
        except StatementRefused:
            refused += 1
            continue
        assert not faults(pair, sql), sql
    most = 3 if pair.dialect == "mysql" else 20  # there, what a write joins cannot be put before a row
    assert refused * most <= tried, f"{refused} of {tried} were refused"
