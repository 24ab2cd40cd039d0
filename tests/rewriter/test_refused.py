"""What must be refused, and why: the reason is part of the promise, since callers act on it."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from masking import Policy
from rewriter.binding import Binding, bind
from rewriter.catalog import load_catalog
from rewriter.errors import Reason, StatementRefused, UnknownRelation
from rewriter.rewrite import rewrite_bound
from rewriter.statement import MAX_DEPTH, MAX_SUBSCRIPTS

_REFUSED = (Path(__file__).parent / "cases" / "refused.sql").read_text(encoding="utf-8")
_CASES: list[tuple[str, str]] = re.findall(r"-- reason: (\w+)\n(.*?);\n(?=--|\Z)", _REFUSED, re.DOTALL)


@pytest.fixture
def binding(postgres_database: str) -> Iterator[Binding]:
    """A policy over three tables, one of them sensitive."""
    url = make_url(postgres_database).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text)")
        connection.execute("CREATE TABLE orders (id int, customer_id int, note text)")
        yield bind(Policy.parse("columns: {customers.ssn: redact}"), load_catalog(connection.cursor(), "postgresql"))


def test_each_statement_is_refused_for_its_reason(binding: Binding, subtests: pytest.Subtests) -> None:
    """Each case is refused, for the reason that it names."""
    assert len(_CASES) == _REFUSED.count("-- reason:")
    for reason, sql in _CASES:
        with subtests.test(sql), pytest.raises(StatementRefused) as caught:
            rewrite_bound(sql, binding)
        assert caught.value.reason is Reason[reason], sql


def test_a_refusal_holds_no_literal(binding: Binding) -> None:
    """Neither the message nor its cause's text repeats what the statement quotes."""
    with pytest.raises(StatementRefused) as caught:
        rewrite_bound("SELECT never_heard_of('123-45-6789', 4711)", binding)
    assert "6789" not in str(caught.value)
    assert "4711" not in str(caught.value)


def test_an_unknown_relation_comes_with_a_probe(binding: Binding) -> None:
    """The probe names the relation and nothing else, so that the database says in its own words that it is missing."""
    with pytest.raises(UnknownRelation) as caught:
        rewrite_bound('SELECT ssn FROM "No Where", customers', binding)
    assert caught.value.probe == 'SELECT 1 FROM "No Where" WHERE 1 = 0'


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1),
        "SELECT a" + "[1]" * (MAX_SUBSCRIPTS + 2) + " FROM orders",
        "SELECT " + "NOT " * 100_000 + "true",
    ],
)
def test_very_deep_statements_are_refused(binding: Binding, sql: str) -> None:
    """Nesting beyond what is examined ends in a refusal, not in a crash."""
    with pytest.raises(StatementRefused) as caught:
        rewrite_bound(sql, binding)
    assert caught.value.reason in (Reason.TOO_LARGE, Reason.UNPARSEABLE)
