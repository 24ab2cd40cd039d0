"""Each driver's ways round the dialect are guarded or closed, and no error of a sensitive statement carries a cell."""

import threading
from functools import partial
from typing import Any

import psycopg
import psycopg2
import psycopg2.extras
import pymysql
import pymysql.cursors
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from rewriter import RewriteError, StatementRefused, acting_as, install
from tests.rewriter.guarded import MASKED, READ, Opened, opened, refused
from tests.rewriter.hooked import OWNER, POLICY, RAW, is_raw, shop_url

__all__ = ["opened"]


def test_duckdb_connection_methods(opened: Opened) -> None:
    """The wrapper passes on results and nothing else: relations, registrations and copies are refused."""
    with opened("duckdb").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        assert raw.execute(READ).fetchall() == MASKED
        assert raw.cursor().execute(READ) is None
        for name in "sql query table from_query register view extract_statements duplicate".split():
            refused(partial(getattr, raw, name))
        refused(lambda: raw.cursor().sql)
        with pytest.raises(StatementRefused):
            raw.execute("register", ("v", 1))


# Errors.

LEAKY = {
    "psycopg": "SELECT CAST(email AS integer) FROM customers",
    "psycopg2": "SELECT CAST(email AS integer) FROM customers",
    "duckdb": "SELECT CAST(email AS integer) FROM customers",
}


@pytest.mark.parametrize("driver", LEAKY)
def test_errors_of_reads_hold_no_cell(opened: Opened, driver: str) -> None:
    """The class and SQLSTATE of an error stay; its text does not show what the statement read."""
    with opened(driver).engine.connect() as connection, pytest.raises(DBAPIError) as raised:
        connection.execute(text(LEAKY[driver]))
    original: Any = raised.value.orig
    assert "redacted" not in str(original)
    assert "withheld" in str(original)
    assert original.__context__ is None
    assert original.__cause__ is None
    if driver == "psycopg":
        assert isinstance(original, psycopg.errors.InvalidTextRepresentation)
        assert original.diag.sqlstate == original.sqlstate == "22P02"
    if driver == "psycopg2":
        assert isinstance(original, psycopg2.errors.InvalidTextRepresentation)
        assert original.pgcode == "22P02"


@pytest.mark.parametrize("driver", ["sqlite", "psycopg", "psycopg2", "pymysql", "duckdb"])
def test_errors_withhold_cells_and_keep_names(opened: Opened, driver: str) -> None:
    """A violated constraint is named; the duplicate value is not."""
    shop = opened(driver)
    plain = create_engine(shop.url)
    with plain.connect() as connection, pytest.raises(DBAPIError) as raised:
        connection.execute(text(f"INSERT INTO customers VALUES (3, 'Eve', '{RAW[0]}', NULL)"))
    plain.dispose()
    error = raised.value.orig
    assert error is not None
    clean = shop.installed.hook.driver.withheld(error) or error
    assert type(clean) is type(error)
    assert not is_raw((str(clean), clean.args, vars(clean)))
    if driver != "duckdb":
        assert "email" in str(clean)
    if driver == "psycopg":
        assert isinstance(clean, psycopg.errors.UniqueViolation)
        assert clean.diag.constraint_name == "customers_email_key"
        assert clean.diag.message_detail is None
    if driver == "psycopg2":
        assert isinstance(clean, psycopg2.errors.UniqueViolation)
        assert clean.pgcode == "23505"
    if driver == "pymysql":
        assert isinstance(clean, pymysql.err.IntegrityError)
        assert clean.args[0] == 1062


def test_errors_without_cells_stay_as_they_are(opened: Opened) -> None:
    """A misspelt column is still told by its name."""
    with opened("psycopg").engine.connect() as connection, pytest.raises(DBAPIError, match="emial"):
        connection.execute(text("SELECT emial FROM customers"))


# Schemas per connection.


def test_temporary_tables_stay_with_their_connection(opened: Opened) -> None:
    """A temporary table that hides another is believed on its own connection only."""
    statement = "SELECT sku FROM orders ORDER BY id"
    for driver in ("sqlite", "psycopg"):
        shop = opened(driver)
        with shop.engine.connect() as one, shop.engine.connect() as other:
            with acting_as(OWNER):
                one.execute(text("CREATE TEMPORARY TABLE orders (id INTEGER, sku VARCHAR(20))"))
            one.execute(text("INSERT INTO orders VALUES (1, 'own')"))
            for _ in range(2):
                assert one.execute(text(statement)).all() == [("own",)]
                assert other.execute(text(statement)).all() == [("engine",), ("compiler",)]
                assert other.execute(text(READ)).all() == MASKED
                one.commit()


def test_uncommitted_views_are_not_believed_after_a_rollback(opened: Opened) -> None:
    """What a transaction changed in the schema is forgotten with it."""
    shop = opened("psycopg")
    plain = create_engine(shop.url)
    with plain.begin() as connection:
        connection.execute(text("CREATE VIEW v AS SELECT email FROM customers"))
    plain.dispose()
    with shop.engine.connect() as connection:
        assert not is_raw(connection.execute(text("SELECT * FROM v")).all())
        with acting_as(OWNER):
            connection.execute(text("CREATE OR REPLACE VIEW v AS SELECT CAST(sku AS VARCHAR(60)) AS email FROM orders"))
        assert connection.execute(text("SELECT * FROM v ORDER BY 1")).all() == [("compiler",), ("engine",)]
        connection.rollback()
        assert not is_raw(connection.execute(text("SELECT * FROM v")).all())


def test_reading_the_schema_leaves_transactions_alone(opened: Opened) -> None:
    """The schema is read inside the statement's own transaction: what stands uncommitted stays, and can be undone."""
    for driver in ("psycopg", "psycopg2", "sqlite", "pymysql"):
        shop = opened(driver)
        with shop.engine.connect() as connection:
            connection.execute(text("INSERT INTO orders VALUES (50, 1, 'pending')"))
            shop.installed.refresh()
            assert connection.execute(text("SELECT sku FROM orders WHERE id = 50")).all() == [("pending",)]
            connection.rollback()
            assert connection.execute(text("SELECT sku FROM orders WHERE id = 50")).all() == []


def test_isolation_levels_can_still_be_set_first(opened: Opened) -> None:
    """The first statement of a transaction may be one that must be the first."""
    with opened("psycopg").engine.connect() as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
        assert connection.scalar(text("SHOW transaction_isolation")) == "serializable"


def test_threads_share_one_schema(opened: Opened) -> None:
    """Threads that start together read masks, each on its own connection."""
    shop = opened("psycopg")
    rows: list[Any] = []

    def read() -> None:
        with shop.engine.connect() as connection:
            rows.append(connection.execute(text(READ)).all())

    threads = [threading.Thread(target=read) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows == [MASKED] * 5


def test_hash_keys_are_in_every_session(request: pytest.FixtureRequest) -> None:
    """Every connection can compute pseudonyms, also after a rollback, and the same ones on each engine."""
    policy = type(POLICY).parse("columns: {customers.email: {mask: {hash: {key: 'correct horse battery staple'}}}}")
    found = set()
    for driver in ("sqlite", "psycopg", "psycopg2", "pymysql", "duckdb"):
        engine = create_engine(shop_url(request, driver))
        install(engine, policy=policy)
        with engine.connect() as connection:
            connection.rollback()
            found.add(connection.scalar(text("SELECT email FROM customers WHERE id = 1")))
            if driver == "psycopg":
                settings = connection.execute(text("SELECT name FROM pg_settings")).scalars().all()
                assert "work_mem" in settings
                assert not [name for name in settings if name.startswith("unmask")]
        engine.dispose()
    assert len(found) == 1
    assert not is_raw(found)


def test_unsupported_drivers_are_refused_at_install() -> None:
    """An engine whose driver has no guard cannot be hooked, and the error names those that can."""
    engine = create_engine("mysql+mysqldb://nowhere/x", module=pymysql)
    with pytest.raises(RewriteError, match="pymysql"):
        install(engine, policy=POLICY)
