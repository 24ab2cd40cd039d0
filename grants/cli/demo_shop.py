"""The shop that the demo is about: its tables, thousands of invented customers, and the rule to touch no other tables.

The same seed gives the same shop under the same release of Faker. Nothing here knows of masks or grants.
"""

import random
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Date,
    Engine,
    ForeignKey,
    Insert,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    insert,
    inspect,
)
from sqlalchemy.schema import CreateSchema

from grants.errors import GrantError

if TYPE_CHECKING:
    from faker import Faker

SCHEMA = "unmask_demo"
"""The schema of the demo's own on PostgreSQL."""
MARK = "made_by_unmask_demo"
"""The table by which the demo knows its own work again."""
ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}
"""What the demo runs on, and what that is called."""

_SEED = 2026
_CUSTOMERS = 3_000
_ORDERS = 5_000
_CARDS = 3_600
_ITEMS = {"lamp": "89.00", "kettle": "49.50", "desk": "349.00", "chair": "179.90", "rug": "129.00", "clock": "39.95"}
_STATUSES = ("paid", "shipped", "delivered", "delivered", "delivered", "returned")

_METADATA = MetaData()
_MARK = Table(MARK, _METADATA, Column("version", Integer))
_CUSTOMER = Table(
    "customers",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("email", String(120), nullable=False),
    Column("phone", String(30)),
    Column("born", Date),
    Column("city", String(80)),
)
_ORDER = Table(
    "orders",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("customer_id", Integer, ForeignKey("customers.id"), nullable=False, index=True),
    Column("item", String(40), nullable=False),
    Column("total", Numeric(10, 2), nullable=False),
    Column("status", String(20), nullable=False),
    Column("ordered_on", Date, nullable=False),
)
_CARD = Table(
    "cards",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("customer_id", Integer, ForeignKey("customers.id"), nullable=False, index=True),
    Column("number", String(19), nullable=False),
    Column("expires", String(5), nullable=False),
)


def at_home(url: URL) -> URL:
    """`url` so that names mean the demo's own tables: on PostgreSQL the first schema is `SCHEMA`.

    Raises:
        GrantError: the demo does not run on that engine.
    """
    name = url.get_backend_name()
    if name not in ENGINES:
        raise GrantError(f"the demo runs on {', '.join(ENGINES.values())}, not on {name}: leave the URL out for SQLite")
    if name == "postgresql":
        return url.update_query_dict({"options": f"-csearch_path={SCHEMA}"})
    return url


def build(engine: Engine) -> dict[str, int]:
    """The shop is in the database of `engine`, new; returns the number of rows by table.

    Raises:
        GrantError: there are tables in its place that the demo did not make, or Faker is not installed.
    """
    fake = _faker()
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
        _check_place(connection)
        _METADATA.drop_all(connection)
        _METADATA.create_all(connection)
        return {table.name: _fill(connection, insert(table), list(rows)) for table, rows in _contents(fake)}


def _check_place(connection: Connection) -> None:
    found = inspect(connection).get_table_names()
    if found and MARK not in found:
        raise GrantError(
            f"the database holds tables that the demo did not make ({', '.join(sorted(found)[:5])}), "
            "and it would not overwrite them: name an empty database, or none for a new SQLite file"
        )


def _fill(connection: Connection, statement: Insert, rows: list[dict[str, object]]) -> int:
    connection.execute(statement, rows)
    return len(rows)


def _faker() -> "Faker":
    try:
        from faker import Faker  # noqa: PLC0415 -- an extra that no other command needs
    except ModuleNotFoundError as exc:
        raise GrantError("the demo invents its customers with Faker: pip install 'unmask[demo]'") from exc
    fake = Faker("en_US")
    fake.seed_instance(_SEED)
    return fake


def _contents(fake: "Faker") -> Iterator[tuple[Table, Iterator[dict[str, object]]]]:
    chance = random.Random(_SEED)  # noqa: S311 -- invented customers, not secrets
    yield _CUSTOMER, _customers(fake)
    yield _ORDER, _orders(fake, chance)
    yield _CARD, _cards(fake, chance)


def _customers(fake: "Faker") -> Iterator[dict[str, object]]:
    for number in range(1, _CUSTOMERS + 1):
        first, last = fake.first_name(), fake.last_name()
        yield {
            "id": number,
            "name": f"{first} {last}",
            "email": f"{first}.{last}{number % 100}@{fake.safe_domain_name()}".lower(),
            "phone": fake.numerify("+1 %##-555-01##"),
            "born": fake.date_between_dates(date(1940, 1, 1), date(2007, 12, 31)),
            "city": fake.city(),
        }


def _orders(fake: "Faker", chance: random.Random) -> Iterator[dict[str, object]]:
    for number in range(1, _ORDERS + 1):
        item, price = chance.choice(list(_ITEMS.items()))
        yield {
            "id": number,
            "customer_id": chance.randint(1, _CUSTOMERS),
            "item": item,
            "total": Decimal(price) * chance.randint(1, 9),
            "status": chance.choice(_STATUSES),
            "ordered_on": fake.date_between_dates(date(2025, 1, 1), date(2026, 10, 31)),
        }


def _cards(fake: "Faker", chance: random.Random) -> Iterator[dict[str, object]]:
    for number in range(1, _CARDS + 1):
        yield {
            "id": number,
            "customer_id": chance.randint(1, _CUSTOMERS),
            "number": fake.credit_card_number("visa16"),
            "expires": f"{chance.randint(1, 12):02}/{chance.randint(27, 31)}",
        }
