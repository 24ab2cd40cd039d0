"""Grants narrowed by rows: what runs answers as on a copy in which the other rows alone are masked."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from masking import RowCondition
from masking.types import Dialect
from rewriter import acting_as
from rewriter.binding import Binding
from rewriter.narrowing import Rows, misfits
from rewriter.rewrite import rewrite_bound
from tests.rewriter.case_files import ENGINES, statements
from tests.rewriter.hooked import ANA, EMAIL, OWNER, RAW, SSN, TRUSTED, Shop, shop
from tests.rewriter.replica import Replica, replica

__all__ = ["shop"]
ONE = RowCondition.parse("id = 1")


def granted(binding: Binding) -> Rows:
    """Every masked column, in two groups of rows."""
    names = {c.name for p in binding.protected.values() for c in p.columns if c.name is not None}
    conditions = [RowCondition.parse("id IN (1, 5)"), RowCondition.parse("id >= 9 AND id <> 11")]
    return frozenset((name, condition) for name in names for condition in conditions)


@pytest.fixture(scope="module", params=ENGINES)
def pair(request: pytest.FixtureRequest) -> Iterator[Replica]:
    """A database and its copy in which some rows are not masked, on each engine."""
    dialect: Dialect = request.param
    url = request.getfixturevalue(ENGINES[dialect]) if ENGINES[dialect] else ""
    with replica(dialect, url, prefix="unmask_rows", granted=granted) as both:
        yield both


def test_every_statement_answers_as_on_a_partly_masked_copy(pair: Replica, subtests: pytest.Subtests) -> None:
    """Rows, names and order: in joins, groups, windows, set operations, views, whatever the cases hold."""
    rows = granted(pair.binding)
    revealing = 0
    for case in statements(pair.dialect, server=pair.server):
        if ":=" in case.sql and pair.dialect == "mysql":
            continue  # nothing is revealed to what a session keeps: test_kept_state.py
        with subtests.test(case.title):
            case.demand()
            rewritten = rewrite_bound(case.sql, pair.binding, rows=rows)
            revealing += bool(rewritten.revealed)
            assert pair.rows(pair.raw, rewritten.sql) == pair.rows(pair.copy, case.sql)
    assert revealing > 50


def seen(shop: Shop, statement: str = "SELECT email FROM customers ORDER BY id") -> list[object]:
    """The first column of what ana gets."""
    with acting_as(ANA), shop.engine.connect() as connection:
        return list(connection.scalars(text(statement)))


def test_rows_of_a_grant_are_revealed_and_recorded_with_it(shop: Shop) -> None:
    """The rest stays masked, also to filters; columns that were not granted stay masked in every row."""
    shop.ledger.grant(ANA, EMAIL, where=ONE)
    assert seen(shop) == [RAW[0], "[redacted]"]
    assert seen(shop, "SELECT ssn FROM customers ORDER BY id") == ["***-**-3333", "***-**-6666"]
    assert seen(shop, f"SELECT id FROM customers WHERE email = '{RAW[1]}'") == []
    assert [one.permits[0].where for one in shop.ledger.reveals] == [ONE, ONE]


def test_grants_of_one_column_add_up(shop: Shop) -> None:
    """One row by one grant, another by another; and every row once a grant knows no condition."""
    shop.ledger.grant(ANA, EMAIL, where=ONE)
    shop.ledger.grant(ANA, EMAIL, where=RowCondition.parse("name = 'Grace'"))
    assert seen(shop) == list(RAW[:2])
    assert len(shop.ledger.reveals[-1].permits) == 2
    shop.ledger.grant(ANA, EMAIL)
    assert seen(shop) == list(RAW[:2])
    assert [one.where for one in shop.ledger.reveals[-1].permits] == [None]


def test_a_grant_narrowed_by_statement_and_rows_needs_both(shop: Shop) -> None:
    """Its rows in its statement, and none in any other."""
    statement = "SELECT email FROM customers ORDER BY id"
    fingerprint = shop.installed.explain(statement).fingerprint
    shop.ledger.grant(ANA, EMAIL, where=ONE, statement=fingerprint)
    assert seen(shop) == [RAW[0], "[redacted]"]
    assert seen(shop, "SELECT email FROM customers ORDER BY id DESC") == ["[redacted]", "[redacted]"]


def test_when_one_grant_ends_its_rows_are_masked_at_once(shop: Shop) -> None:
    """Even where the other rows of the column stay granted, and the text was made for both."""
    shop.ledger.grant(ANA, EMAIL, where=ONE)
    ends = datetime.now(UTC) + timedelta(seconds=1)
    shop.ledger.grant(ANA, EMAIL, where=RowCondition.parse("id = 2"), expires_at=ends)
    assert seen(shop) == list(RAW[:2])
    time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()))
    assert seen(shop) == [RAW[0], "[redacted]"]
    assert len(shop.ledger.reveals[-1].permits) == 1


@pytest.mark.parametrize(
    "condition", ["ssn = '111-22-3333'", "email <> ''", "name = 1", "id = '1'", "born = 1", "ctid = '(0,1)'"]
)
def test_a_condition_that_does_not_fit_the_table_reveals_nothing(shop: Shop, condition: str) -> None:
    """One on a masked or missing column, or with a literal of another type; the check before a request says so."""
    where = RowCondition.parse(condition)
    shop.ledger.grant(ANA, EMAIL, SSN, where=where)
    assert seen(shop) == ["[redacted]", "[redacted]"]
    assert shop.ledger.reveals == []
    with shop.engine.connect() as connection:
        view = shop.installed.hook.schemas.load(connection.connection.dbapi_connection)
    assert misfits(shop.installed.hook.schemas.binding(view, None), frozenset({(EMAIL, where)}))


def test_nothing_is_stored_or_changed_by_way_of_a_row(shop: Shop) -> None:
    """A grant reveals to its holder, it never copies."""
    shop.ledger.grant(OWNER, EMAIL, where=ONE)
    with acting_as(OWNER), shop.engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept AS SELECT id, email FROM customers"))
        assert list(connection.scalars(text("SELECT email FROM kept"))) == ["[redacted]", "[redacted]"]
        connection.execute(text("INSERT INTO orders (id, sku) SELECT id, email FROM customers"))
        stored = connection.scalars(text("SELECT sku FROM orders WHERE id < 10"))
        assert list(stored) == ["[redacted]", "[redacted]"]


def test_a_view_reveals_the_rows_of_its_table(shop: Shop) -> None:
    """The condition is on the table's own columns, which the view need not have."""
    with acting_as(OWNER), shop.engine.begin() as connection:
        connection.execute(text("CREATE VIEW mails AS SELECT email AS mail FROM customers"))
    shop.ledger.grant(ANA, EMAIL, where=ONE)
    assert sorted(map(str, seen(shop, "SELECT mail FROM mails"))) == sorted([RAW[0], "[redacted]"])


def test_columns_of_a_row_condition_are_not_hijacked(shop: Shop) -> None:
    """An operator of somebody's own, first in the search path, decides nothing."""
    if not shop.is_postgres:
        return
    with acting_as(TRUSTED), shop.engine.begin() as connection:
        connection.execute(text("CREATE FUNCTION public.yes(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true'"))
        connection.execute(text("CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = int, FUNCTION = public.yes)"))
        connection.execute(text("ALTER ROLE CURRENT_USER SET search_path = public, pg_catalog"))
    try:
        shop.engine.dispose()
        shop.ledger.grant(ANA, EMAIL, where=ONE)
        assert RAW[1] not in seen(shop, "SELECT email FROM customers")
    finally:
        with acting_as(TRUSTED), shop.engine.begin() as connection:
            connection.execute(text("ALTER ROLE CURRENT_USER RESET search_path"))
