"""Writes to sensitive tables on hooked engines: through Core, the ORM, batches and raw cursors, on each driver."""

from contextlib import nullcontext
from typing import Any

import pymysql
import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, make_transient, mapped_column
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.pool import StaticPool

from masking import Policy
from rewriter import Reason, StatementRefused, acting_as, install
from tests.rewriter.hooked import ANA, EMAIL, POLICY, RAW, Shop, is_raw, shop

__all__ = ["shop"]

_CUSTOMERS = Table(
    "customers",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(40)),
    Column("email", String(60)),
    Column("ssn", String(11)),
)


class Base(DeclarativeBase):
    """The mapped class's base."""


class Customer(Base):
    """A row of customers."""

    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(40))
    email: Mapped[str | None] = mapped_column(String(60))
    ssn: Mapped[str | None] = mapped_column(String(11))


def _stored(opened: Shop, key: int) -> tuple[Any, ...] | None:
    """What the database holds, seen without the hook."""
    engine = create_engine(opened.url)
    try:
        with engine.connect() as connection:
            row = connection.execute(select(_CUSTOMERS).where(_CUSTOMERS.c.id == key)).first()
            return None if row is None else tuple(row)
    finally:
        engine.dispose()


_ADA = (1, "Ada", "ada@lovelace.example", "111-22-3333")


def test_inserts_store_what_they_are_given(shop: Shop) -> None:
    """Core, executemany, insertmanyvalues with and without RETURNING, and the ORM."""
    rows = [{"id": 100 + n, "name": f"n{n}", "email": f"{n}@x.example", "ssn": f"{n:011}"} for n in range(7)]
    with shop.engine.begin() as connection:
        connection.execute(insert(_CUSTOMERS), rows[0])
        connection.execute(insert(_CUSTOMERS), rows[1:4])
        connection.execute(text("INSERT INTO customers VALUES (:id, :name, :email, :ssn)"), rows[4:6])
        if shop.driver != "pymysql":
            many = insert(_CUSTOMERS).returning(_CUSTOMERS.c.id, _CUSTOMERS.c.email, sort_by_parameter_order=True)
            more = [{**row, "id": 200 + n, "email": f"m{n}@x.example"} for n, row in enumerate(rows)]
            assert list(connection.execute(many, more)) == [(200 + n, "[redacted]") for n in range(7)]
    with Session(shop.engine) as session:
        session.add_all([Customer(**{**rows[6], "id": 300 + n, "email": f"o{n}@x.example"}) for n in range(3)])
        session.commit()
    assert _stored(shop, 100) == (100, "n0", "0@x.example", "00000000000")
    assert _stored(shop, 105) == (105, "n5", "5@x.example", "00000000005")
    assert _stored(shop, 302) == (302, "n6", "o2@x.example", "00000000006")


def test_new_values_are_written_and_predicates_see_masks(shop: Shop) -> None:
    """UPDATE and DELETE through Core, text with parameters, executemany and raw cursors."""
    with shop.engine.begin() as connection:
        changed = connection.execute(update(_CUSTOMERS).where(_CUSTOMERS.c.id == 1).values(email="new@x.example"))
        assert changed.rowcount == 1
        by_raw = text("UPDATE customers SET name = :name WHERE ssn = :ssn")
        assert connection.execute(by_raw, {"name": "x", "ssn": "111-22-3333"}).rowcount == 0
        connection.execute(
            text("UPDATE customers SET name = :name, email = :email, ssn = COALESCE(:ssn, ssn) WHERE id = :id"),
            [
                {"id": 1, "name": "A", "email": "one@x.example", "ssn": None},
                {"id": 2, "name": "G", "email": "two@x.example", "ssn": "999-99-9999"},
            ],
        )
        assert connection.execute(delete(_CUSTOMERS).where(_CUSTOMERS.c.email == "two@x.example")).rowcount == 0
    assert _stored(shop, 1) == (1, "A", "one@x.example", "111-22-3333")
    assert _stored(shop, 2) == (2, "G", "two@x.example", "999-99-9999")


def test_an_object_that_was_loaded_masked_is_saved_whole_without_loss(shop: Shop) -> None:
    """merge, flag_modified, `update().values(**row)` and bulk updates keep what is stored, and save the rest."""
    with Session(shop.engine) as session:
        detached = session.get(Customer, 1)
        assert detached is not None
        assert (detached.email, detached.ssn) == ("[redacted]", "***-**-3333")
        session.expunge(detached)
        loaded = session.get(Customer, 2)
        assert loaded is not None
        loaded.name = "Grace H."
        flag_modified(loaded, "email")
        flag_modified(loaded, "ssn")
        session.commit()
    shop.ledger.grant(ANA, EMAIL)
    with acting_as(ANA), Session(shop.engine) as session:  # sees raw, so that the mask looks like a change
        detached.name = "Ada L."
        session.merge(detached)
        session.commit()
    assert _stored(shop, 1) == (1, "Ada L.", *_ADA[2:])
    with shop.engine.begin() as connection:
        row = connection.execute(select(_CUSTOMERS).where(_CUSTOMERS.c.id == 1)).one()._asdict()
        connection.execute(update(_CUSTOMERS).where(_CUSTOMERS.c.id == 1).values(**{**row, "name": "whole"}))
    with Session(shop.engine) as session:
        session.execute(update(Customer), [{**row, "name": "bulk"}])
        session.bulk_update_mappings(Customer, [{**row, "name": "mapped"}])
        session.commit()
    assert _stored(shop, 1) == (1, "mapped", *_ADA[2:])
    assert _stored(shop, 2) == (2, "Grace H.", "grace@hopper.example", "444-55-6666")


def test_a_stale_mask_is_not_written(shop: Shop) -> None:
    """The mask of a value that has changed since can be nothing but a mask."""
    with shop.engine.begin() as connection:
        connection.execute(update(_CUSTOMERS).where(_CUSTOMERS.c.id == 1).values(ssn="***-**-9999"))
        connection.execute(update(_CUSTOMERS).where(_CUSTOMERS.c.id == 2).values(ssn="444-55-7777"))
    assert _stored(shop, 1) == _ADA
    assert _stored(shop, 2) == (2, "Grace", "grace@hopper.example", "444-55-7777")


def test_a_clone_of_a_masked_object_is_a_new_row(shop: Shop) -> None:
    """make_transient and an INSERT: the original keeps its values."""
    with Session(shop.engine) as session:
        clone = session.get(Customer, 1)
        assert clone is not None
        make_transient(clone)
        clone.id, clone.email = 50, None
        session.add(clone)
        session.commit()
    assert _stored(shop, 1) == _ADA
    assert _stored(shop, 50) == (50, "Ada", None, "***-**-3333")


def test_masks_are_never_copied_over_values(shop: Shop) -> None:
    """Also where a grant is live: it reveals, it does not copy."""
    shop.ledger.grant(ANA, EMAIL)
    with acting_as(ANA), shop.engine.begin() as connection:
        for sql in (
            "UPDATE customers SET email = lower(email)",
            "INSERT INTO customers (id, name, email) SELECT id + 50, name, email FROM customers",
        ):
            with pytest.raises(StatementRefused) as caught:
                connection.execute(text(sql))
            assert caught.value.reason is Reason.WRITE
        connection.execute(text("UPDATE customers SET name = email WHERE id = 1"))
        connection.execute(text("INSERT INTO orders (id, customer_id, sku) SELECT id + 90, id, email FROM customers"))
        assert connection.execute(text("SELECT sku FROM orders WHERE id = 91")).scalar() == "[redacted]"
    assert _stored(shop, 1) == (1, "[redacted]", *_ADA[2:])
    assert not shop.ledger.reveals


@pytest.mark.parametrize("shop", ["sqlite", "psycopg", "psycopg2", "duckdb"], indirect=True)
def test_returning_shows_what_is_granted_and_is_recorded(shop: Shop) -> None:
    """To the holder of the grant, and masked to anyone else."""
    changing = update(_CUSTOMERS).where(_CUSTOMERS.c.id == 1).values(name="x").returning(_CUSTOMERS)
    with shop.engine.begin() as connection:
        assert tuple(connection.execute(changing).one()) == (1, "x", "[redacted]", "***-**-3333")
    assert not shop.ledger.reveals
    shop.ledger.grant(ANA, EMAIL)
    with acting_as(ANA), shop.engine.begin() as connection:
        assert tuple(connection.execute(changing).one()) == (1, "x", "ada@lovelace.example", "***-**-3333")
        many = insert(_CUSTOMERS).returning(_CUSTOMERS.c.email)
        rows = [{"id": 60 + n, "name": "n", "email": f"{n}@x.example", "ssn": None} for n in range(3)]
        assert sorted(connection.execute(many, rows).scalars()) == ["0@x.example", "1@x.example", "2@x.example"]
    assert [reveal.columns for reveal in shop.ledger.reveals] == [(EMAIL,), (EMAIL,)]


def test_errors_of_writes_show_no_cells(shop: Shop) -> None:
    """Duplicate keys, missing values and values that do not fit: the class stays, the cells do not come."""
    statements = [
        ("INSERT INTO customers VALUES (1, 'x', 'x@x.example', NULL)", IntegrityError),
        ("INSERT INTO customers VALUES (70, 'x', 'ada@lovelace.example', NULL)", IntegrityError),
        ("UPDATE customers SET name = NULL WHERE id = 1", IntegrityError),
        ("UPDATE customers SET email = 'grace@hopper.example' WHERE id = 1", IntegrityError),
        ("INSERT INTO customers (id, name) SELECT id, email FROM customers", IntegrityError),
    ]
    for sql, kind in statements:
        with shop.engine.connect() as connection, pytest.raises(kind) as caught:
            connection.execute(text(sql))
        error: BaseException | None = caught.value
        assert isinstance(error, DBAPIError)
        shown = repr(error.orig) + str(error.orig)
        while error is not None:
            assert not is_raw(getattr(error, "orig", "")), sql
            error = error.__cause__ or error.__context__
        assert not any(raw in shown for raw in RAW), sql
        if shop.is_postgres:
            orig: Any = caught.value.orig
            assert getattr(orig, "sqlstate", None) or orig.pgcode


@pytest.mark.parametrize("shop", ["pymysql"], indirect=True)
def test_a_row_count_confirms_no_guess(shop: Shop) -> None:
    """MySQL counts a row once that an upsert or REPLACE leaves as it is: that would tell a guess from another value."""
    upsert = "INSERT INTO customers VALUES (1, 'x', NULL, %s) ON DUPLICATE KEY UPDATE ssn = VALUES(ssn)"
    counts = set()
    for guess in ("111-22-3333", "111-22-4444"):
        with shop.engine.connect() as connection:
            counts.add(connection.exec_driver_sql(upsert, (guess,)).rowcount)
            raw: Any = connection.connection.driver_connection
            counts.add(raw.cursor().execute(upsert, (guess,)))
            counts.add(raw.query(upsert.replace("%s", f"'{guess}'")))
            counts.add(raw.query("REPLACE INTO customers (id, name) VALUES (1, 'Ada')"))
            with pytest.raises(StatementRefused):
                connection.execute(text("SELECT ROW_COUNT()"))
    assert counts == {-1}
    plain = pymysql.connect(**_arguments(shop))
    for guess in ("111-22-3333", "111-22-4444"):
        engine = create_engine("mysql+pymysql://", creator=lambda: plain, poolclass=StaticPool)
        install(engine, policy=POLICY)
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw.cursor().execute("UPDATE customers SET ssn = %s WHERE id = 1", (guess,)) == -1
            assert raw.cursor().execute("UPDATE customers SET name = 'y' WHERE id = 1") == 1


def _arguments(opened: Shop) -> dict[str, Any]:
    """How PyMySQL connects without SQLAlchemy, which asks for the rows that are found."""
    _, arguments = opened.engine.dialect.create_connect_args(opened.engine.url)
    return {key: value for key, value in arguments.items() if key != "client_flag"}


def test_only_some_may_write_where_the_policy_says_so(shop: Shop) -> None:
    """`writes: refuse`: owners, trusted and standing principals; others may write the other columns."""
    shop.installed.uninstall()
    policy = Policy.parse(
        """
columns: {customers.email: redact, customers.ssn: redact}
standing: [{principals: ["service:mailer"], scopes: [customers.email]}]
owners: ["service:shop"]
trusted: ["service:migrations"]
writes: refuse
"""
    )
    install(shop.engine, policy=policy)
    mail, both = (
        "UPDATE customers SET email = NULL WHERE id = 1",
        "UPDATE customers SET email = NULL, ssn = NULL WHERE id = 1",
    )
    allowed = {None: (), "service:mailer": (mail,), "service:shop": (mail, both), "service:migrations": (mail, both)}
    for principal, statements in allowed.items():
        with acting_as(principal) if principal else nullcontext(), shop.engine.connect() as connection:
            connection.execute(text("UPDATE customers SET name = 'x' WHERE ssn = '[redacted]'"))
            connection.execute(text("INSERT INTO customers (id, name) VALUES (90, 'y')"))
            connection.execute(text("DELETE FROM customers WHERE id = 90"))
            for sql in (mail, both, "INSERT INTO customers VALUES (91, 'y', NULL, NULL)"):
                if sql in statements or (sql not in (mail, both) and both in statements):
                    connection.execute(text(sql))
                else:
                    with pytest.raises(StatementRefused) as caught:
                        connection.execute(text(sql))
                    assert caught.value.reason is Reason.WRITE
