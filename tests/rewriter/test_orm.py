"""ORM sessions on a hooked engine: every way of loading reads masks, and one session serves one principal."""

from collections.abc import Iterator

import pytest
from sqlalchemy import ForeignKey, String, func, insert, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

from rewriter import acting_as
from tests.rewriter.hooked import ANA, EMAIL, RAW, Shop, open_shop, shop_url


class Base(DeclarativeBase):
    """The mapped classes."""


class Customer(Base):
    """A row of customers."""

    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    email: Mapped[str | None] = mapped_column(String(60))
    orders: Mapped[list["Order"]] = relationship(back_populates="customer", order_by="Order.id")


class Order(Base):
    """A row of orders."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    sku: Mapped[str] = mapped_column(String(20))
    customer: Mapped[Customer] = relationship(back_populates="orders")


@pytest.fixture(params=["sqlite", "psycopg", "aiosqlite", "asyncpg"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """The hooked shop on some drivers."""
    opened = open_shop(shop_url(request, request.param), request.param)
    yield opened
    opened.close()


def test_every_way_of_loading_reads_masks(shop: Shop) -> None:
    """select, get, lazy and eager loads, refresh, expired attributes and scalar functions come masked."""
    with Session(shop.engine) as session:
        first = session.scalars(select(Customer).order_by(Customer.id)).first()
        assert first is not None
        assert first.email == "[redacted]"
        session.refresh(first)
        assert first.email == "[redacted]"
        session.expire(first)
        assert first.email == "[redacted]"
        second = session.get(Customer, 2)
        assert second is not None
        assert second.email == "[redacted]"
        assert [order.sku for order in second.orders] == ["compiler"]
        assert session.scalar(select(func.count()).select_from(Customer)) == 2
    with Session(shop.engine) as session:
        order = session.scalars(select(Order).where(Order.id == 10)).one()
        assert order.customer.email == "[redacted]"
        eager = session.scalars(select(Customer).options(selectinload(Customer.orders))).all()
        assert {customer.email for customer in eager} == {"[redacted]"}


def test_unit_of_work_writes_what_is_not_sensitive(shop: Shop) -> None:
    """Flushes, bulk inserts and bulk updates of tables without sensitive columns work."""
    with Session(shop.engine) as session:
        session.add(Order(id=30, customer_id=1, sku="a"))
        session.flush()
        session.execute(insert(Order), [{"id": 31 + n, "customer_id": 1, "sku": "b"} for n in range(5)])
        session.execute(update(Order).where(Order.sku == "b").values(sku="c"))
        session.commit()
        assert session.scalar(select(func.count()).where(Order.sku == "c")) == 5


def test_a_session_forgets_at_a_change_of_principal(shop: Shop) -> None:
    """What was loaded for one principal is not handed to the next: not by get, not by select, not by attributes."""
    shop.ledger.grant(ANA, EMAIL)
    with Session(shop.engine) as session:
        with acting_as(ANA):
            customer = session.get(Customer, 1)
            assert customer is not None
            assert customer.email == RAW[0]
        again = session.get(Customer, 1)
        assert again is customer
        assert again.email == "[redacted]"
        with acting_as(ANA):
            assert session.scalars(select(Customer).where(Customer.id == 1)).one().email == RAW[0]
        assert session.scalars(select(Customer).where(Customer.id == 1)).one().email == "[redacted]"


@pytest.mark.parametrize("options", [{}, {"yield_per": 1}])
def test_a_result_that_is_still_open_loads_nothing_for_the_next(shop: Shop, options: dict[str, object]) -> None:
    """Its rows come into the session when they are fetched, whomever that serves by then, and are forgotten again."""
    shop.ledger.grant(ANA, EMAIL)
    with Session(shop.engine) as session:
        with acting_as(ANA):
            result = session.scalars(select(Customer).order_by(Customer.id), execution_options=options)
        kept = [] if not options else [next(iter(result))]
        assert [customer.email for customer in session.scalars(select(Customer))] == ["[redacted]"] * 2
        kept += result.all()
        for number in (1, 2):
            found = session.get(Customer, number)
            assert found is not None
            assert found.email == "[redacted]"
        session.expire_all()
        assert {customer.email for customer in kept} == {"[redacted]"}


def test_pending_changes_survive_a_change_of_principal(shop: Shop) -> None:
    """Forgetting what was loaded loses no unflushed change."""
    with Session(shop.engine, autoflush=False) as session:
        with acting_as(ANA):
            order = session.get(Order, 10)
            assert order is not None
            order.sku = "changed"
            new = Order(id=77, customer_id=1, sku="new")
            session.add(new)
        assert session.get(Customer, 1) is not None
        assert order.sku == "changed"
        session.commit()
    with Session(shop.engine) as session:
        assert session.scalars(select(Order.sku).where(Order.id.in_([10, 77])).order_by(Order.id)).all() == [
            "changed",
            "new",
        ]


def test_options_of_one_call_do_not_linger(shop: Shop) -> None:
    """A principal named for one statement is gone with it, and so is what that statement loaded."""
    shop.ledger.grant(ANA, EMAIL)
    with Session(shop.engine) as session:
        statement = select(Customer).where(Customer.id == 1)
        raw = session.scalars(statement, execution_options={"principal": ANA}).one()
        assert raw.email == RAW[0]
        masked = session.get(Customer, 1)
        assert masked is not None
        assert masked.email == "[redacted]"


def test_sessions_on_an_engine_with_a_principal(shop: Shop) -> None:
    """A session bound to `engine.execution_options(principal=…)` loads everything for that principal."""
    shop.ledger.grant(ANA, EMAIL)
    with Session(shop.engine.execution_options(principal=ANA)) as session:
        order = session.get(Order, 10)
        assert order is not None
        assert order.customer.email == RAW[0]
        assert session.get(Customer, 1) is order.customer
        session.expire_all()
        assert order.customer.email == RAW[0]
