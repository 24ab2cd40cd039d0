"""A small shop on each engine, hooked: raw values that must never come out, and ways to look for them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from masking import NOBODY, Access, ColumnName, Permit, Policy, Principal, Reveal
from rewriter import Installed, install
from tests.rewriter.greenlets import Loop

POLICY = Policy.parse(
    """
columns:
  customers.email: redact
  customers.ssn: {mask: {partial: {prefix: 0, padding: "***-**-", suffix: 4}}, tags: [pii]}
people:
  ana@shop.example: {groups: [support]}
owners: ["service:shop"]
trusted: ["service:migrations"]
"""
)
EMAIL = ColumnName.parse("customers.email")
SSN = ColumnName.parse("customers.ssn")
ANA = "ana@shop.example"
OWNER = "service:shop"
TRUSTED = "service:migrations"

RAW = ("ada@lovelace.example", "grace@hopper.example", "111-22-3333", "444-55-6666")

_SETUP = (
    """CREATE TABLE customers
    (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, email VARCHAR(60) UNIQUE, ssn VARCHAR(11))""",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, sku VARCHAR(20))",
    "INSERT INTO customers VALUES (1, 'Ada', 'ada@lovelace.example', '111-22-3333')",
    "INSERT INTO customers VALUES (2, 'Grace', 'grace@hopper.example', '444-55-6666')",
    "INSERT INTO orders VALUES (10, 1, 'engine'), (11, 2, 'compiler')",
)

DRIVERS = {
    "sqlite": ("sqlite_database", "sqlite"),
    "psycopg": ("postgres_database", "postgresql+psycopg"),
    "psycopg2": ("postgres_database", "postgresql+psycopg2"),
    "pymysql": ("mariadb_database", "mysql+pymysql"),
    "duckdb": ("duckdb_database", "duckdb"),
}
ASYNCHRONOUS = {
    "aiosqlite": ("sqlite_database", "sqlite+aiosqlite"),
    "psycopg_async": ("postgres_database", "postgresql+psycopg_async"),
    "asyncpg": ("postgres_database", "postgresql+asyncpg"),
    "aiomysql": ("mariadb_database", "mysql+aiomysql"),
}
_SYNCHRONOUS = {"+aiosqlite": "", "+psycopg_async": "+psycopg", "+asyncpg": "+psycopg", "+aiomysql": "+pymysql"}


def is_raw(value: object) -> bool:
    """Whether a raw value of the shop shows in what came out."""
    return any(raw in repr(value) for raw in RAW)


def synchronous(url: str) -> str:
    """The URL of the same database with a synchronous driver."""
    for asynchronous, other in _SYNCHRONOUS.items():
        url = url.replace(asynchronous, other)
    return url


def fill(url: str) -> None:
    """Create the shop's tables and rows on an engine that nobody hooked, unless they are there."""
    engine = create_engine(synchronous(url))
    with engine.begin() as connection:
        for statement in () if inspect(connection).has_table("customers") else _SETUP:
            connection.execute(text(statement))
    engine.dispose()


@dataclass
class Ledger:
    """Grants and recorder in memory: the least that fits both protocols. `fault`: what recording raises."""

    access_of: dict[str, Access] = field(default_factory=dict)
    reveals: list[Reveal] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    refusals: list[tuple[str | None, str]] = field(default_factory=list)
    fault: Exception | None = None
    spent: dict[str, int] = field(default_factory=dict)

    @property
    def recorder(self) -> "Ledger":
        """Itself."""
        return self

    def attach(self, *, policy: Policy, environment: str) -> "Ledger":
        """Itself, for every policy."""
        return self

    def access(self, principal: Principal, groups: frozenset[str]) -> Access:
        """What was granted with `grant`."""
        return self.access_of.get(principal, NOBODY)

    def peek(self, principal: Principal, groups: frozenset[str]) -> Access | None:
        """The same: nothing is ever waited for."""
        return self.access(principal, groups)

    def spend(self, permits: tuple[Permit, ...]) -> bool:
        """Counted in `spent`."""
        if any(self.spent.get(one.grant, 0) >= (one.uses or 0) for one in permits):
            return False
        self.spent.update({one.grant: self.spent.get(one.grant, 0) + 1 for one in permits})
        return True

    def has_uses(self, permits: tuple[Permit, ...]) -> bool:
        """As `spent` says."""
        return all(self.spent.get(one.grant, 0) < (one.uses or 0) for one in permits)

    def grant(self, principal: str, *columns: ColumnName, **terms: object) -> None:
        """Let `principal` see `columns` from now on."""
        before = self.access_of.get(principal, Access()).permits
        permit = Permit(grant=f"g{len(before)}", columns=frozenset(columns), **terms)  # type: ignore[arg-type]
        self.access_of[principal] = Access(permits=(*before, permit))

    def reveal(self, reveal: Reveal) -> str:
        """Its position among the reveals."""
        if self.fault is not None:
            raise self.fault
        self.reveals.append(reveal)
        return str(len(self.reveals) - 1)

    def rows(self, record: str, count: int) -> None:
        """Kept in `counts`."""
        self.counts[record] = self.counts.get(record, 0) + count

    def refused(self, *, principal: str | None, fingerprint: object, reason: str, environment: str, at: object) -> None:
        """Kept in `refusals`."""
        self.refusals.append((principal, reason))


@dataclass
class Shop:
    """One hooked engine over the shop. `loop`: where its driver needs one, the test runs in it."""

    driver: str
    url: str
    engine: Engine
    ledger: Ledger
    installed: Installed
    loop: Loop | None = None

    @property
    def is_postgres(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self.engine.dialect.name == "postgresql"

    def close(self) -> None:
        """Close its connections."""
        if self.loop is None:
            self.engine.dispose()
        else:
            self.loop.run(self.engine.dispose)
            self.loop.close()


def open_shop(url: str, driver: str, **options: object) -> Shop:
    """Hook a new engine on a filled database."""
    engine = create_engine(url, **options)
    ledger = Ledger()
    installed = install(engine, policy=POLICY, grants=ledger, environment="test")
    return Shop(driver, url, engine, ledger, installed, Loop() if engine.dialect.is_async else None)


def shop_url(request: pytest.FixtureRequest, driver: str) -> str:
    """The URL of a fresh, filled database for `driver`."""
    fixture, scheme = (DRIVERS | ASYNCHRONOUS)[driver]
    url = f"{scheme}://{request.getfixturevalue(fixture).partition('://')[2]}"
    fill(url)
    return url


# The third asynchronous driver differs from psycopg's synchronous side in what test_async.py covers.
@pytest.fixture(params=[*DRIVERS, "aiosqlite", "asyncpg", "aiomysql"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """The hooked shop, on each driver in turn."""
    opened = open_shop(shop_url(request, request.param), request.param)
    yield opened
    opened.close()
