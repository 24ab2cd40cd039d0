"""Who asks, and what they may see: grants, limits, owners and trusted principals of a hooked engine."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from masking import RowCondition
from rewriter import Reason, StatementRefused, acting_as, install
from tests.rewriter.hooked import ANA, EMAIL, OWNER, POLICY, RAW, SSN, TRUSTED, Shop, is_raw, shop
from tests.rewriter.shop_tables import MASKED, READ

__all__ = ["shop"]


def test_a_grant_reveals_and_is_recorded_first(shop: Shop) -> None:
    """A live grant shows its column to its principal, with one record per statement and its row count."""
    shop.ledger.grant(ANA, EMAIL)
    with shop.engine.connect() as connection:
        with acting_as(ANA, groups=["desk"]):
            rows = connection.execute(text("SELECT email, ssn FROM customers ORDER BY id")).all()
        assert [row.email for row in rows] == list(RAW[:2])
        assert not {row.ssn for row in rows} & set(RAW)
        assert connection.execute(text(READ)).all() == MASKED
    (reveal,) = shop.ledger.reveals
    assert (reveal.principal, reveal.columns, reveal.environment) == (ANA, (EMAIL,), "test")
    assert reveal.groups == ("desk", "support")
    assert shop.ledger.counts == {"0": 2}


def test_rows_are_counted_however_they_are_fetched(shop: Shop) -> None:
    """The count of a reveal is that of the rows fetched: all at once, one by one, streamed, or given up half way."""
    shop.ledger.grant(ANA, EMAIL)
    with acting_as(ANA), shop.engine.connect() as connection:
        with connection.execute(text(READ)) as result:
            result.fetchone()
        connection.execution_options(stream_results=True).execute(text(READ)).all()
        connection.execution_options(stream_results=False)
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(READ)
            while cursor.fetchone():
                pass
    assert shop.ledger.counts["1"] == shop.ledger.counts["2"] == 2
    assert shop.ledger.counts["0"] in (1, 2)


def test_an_expired_permit_reveals_nothing(shop: Shop) -> None:
    """A permit whose end has come masks, even if the source of grants still names it."""
    shop.ledger.grant(ANA, EMAIL, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with acting_as(ANA), shop.engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED
    assert shop.ledger.reveals == []


def test_a_reveal_that_cannot_be_recorded_is_masked(shop: Shop) -> None:
    """Whatever the recorder raises, the statement runs masked."""
    shop.ledger.grant(ANA, EMAIL)
    shop.ledger.fault = OSError("the sink is gone")
    with acting_as(ANA), shop.engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED


def test_principals_come_in_order(shop: Shop) -> None:
    """Execution options come before acting_as, that before the callable, that before nobody."""
    shop.ledger.grant(ANA, EMAIL)
    with shop.engine.connect() as connection:
        by_option = connection.execute(text(READ), execution_options={"principal": ANA}).all()
        assert is_raw(by_option)
        with acting_as(ANA):
            assert connection.execute(text(READ), execution_options={"principal": "bo"}).all() == MASKED
    engine = create_engine(shop.url)
    install(engine, policy=POLICY, grants=shop.ledger, principal=lambda: ANA)
    with engine.connect() as connection:
        assert is_raw(connection.execute(text(READ)).all())
        with acting_as("bo"):
            assert connection.execute(text(READ)).all() == MASKED
    engine.dispose()


def test_groups_stay_with_their_principal(shop: Shop) -> None:
    """Groups given with acting_as are not lent to the principal that an execution option names."""
    with acting_as("bo", groups=["privacy"]):
        assert shop.installed.hook.principals.current({"principal": ANA}).groups == {"support"}
        assert shop.installed.hook.principals.current({"principal": "bo"}).groups == {"privacy"}


def test_permits_bound_to_a_statement(shop: Shop) -> None:
    """A permit for one statement reveals in that statement and in no other."""
    fingerprint = shop.installed.explain(READ).fingerprint
    shop.ledger.grant(ANA, EMAIL, statement=fingerprint)
    with acting_as(ANA), shop.engine.connect() as connection:
        assert is_raw(connection.execute(text(READ)).all())
        assert not is_raw(connection.execute(text("SELECT email FROM customers")).all())


def test_a_limited_permit_is_used_as_often_as_it_says(shop: Shop) -> None:
    """Each statement that reveals something takes one use; what another permit reveals as well takes none."""
    shop.ledger.grant(ANA, EMAIL, uses=2)
    shop.ledger.grant(ANA, SSN, where=RowCondition.parse("id = 1"))
    ssn = "SELECT ssn FROM customers ORDER BY id"
    with acting_as(ANA), shop.engine.connect() as connection:
        for statement in (READ, ssn, "SELECT name FROM customers", READ):
            connection.execute(text(statement)).all()
        assert shop.ledger.spent == {"g0": 2}
        assert connection.scalars(text("SELECT email FROM customers ORDER BY id")).all() == ["[redacted]"] * 2
        # What is still granted stays so in the same statement.
        both = connection.execute(text("SELECT email, ssn FROM customers ORDER BY id")).all()
        assert both == [("[redacted]", RAW[2]), ("[redacted]", "***-**-6666")]
        shop.ledger.grant(ANA, EMAIL)
        assert connection.scalars(text("SELECT email FROM customers ORDER BY id")).all() == list(RAW[:2])
    assert shop.ledger.spent == {"g0": 2}


def test_a_limited_permit_is_of_no_use_where_a_statement_may_run_often(shop: Shop) -> None:
    """A driver's own cursor, whose batches run a statement once for each row, and return what each finds."""
    shop.ledger.grant(ANA, EMAIL, uses=1)
    with acting_as(ANA), shop.engine.connect() as connection:
        cursor: Any
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute("SELECT email FROM customers")
            assert not is_raw(cursor.fetchall())
            if shop.driver == "psycopg":
                cursor.executemany("SELECT email FROM customers WHERE id = %s", [(1,), (2,)], returning=True)
                assert not is_raw(cursor.fetchall())
        assert shop.ledger.spent == {}
        assert is_raw(connection.exec_driver_sql("SELECT email FROM customers").all())
    assert shop.ledger.spent == {"g0": 1}


def test_owners_change_the_schema_and_read_masks(shop: Shop) -> None:
    """Owners run DDL, others do not; the new table is known at once, to every connection after the commit."""
    with shop.engine.connect() as connection, pytest.raises(StatementRefused) as refused:
        connection.execute(text("CREATE TABLE tags (id INTEGER)"))
    assert refused.value.reason is Reason.STATEMENT_KIND
    with acting_as(OWNER), shop.engine.begin() as connection:
        connection.execute(text("CREATE TABLE tags (id INTEGER)"))
        assert connection.execute(text("SELECT id FROM tags")).all() == []
        assert connection.execute(text(READ)).all() == MASKED
    with shop.engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM tags")).all() == []


def test_trusted_principals_are_recorded_and_not_rewritten(shop: Shop) -> None:
    """A trusted principal reads raw values, and each statement is recorded without literals."""
    with acting_as(TRUSTED), shop.engine.connect() as connection:
        assert is_raw(connection.execute(text(f"{READ} LIMIT 7")).all())
    assert [reveal.principal for reveal in shop.ledger.reveals][-1] == TRUSTED
    assert "7" not in shop.ledger.reveals[-1].statement


def test_trusted_statements_that_cannot_be_recorded_are_masked(shop: Shop) -> None:
    """Trust does not reach further than the trail."""
    shop.ledger.fault = OSError("the sink is gone")
    with acting_as(TRUSTED), shop.engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED
