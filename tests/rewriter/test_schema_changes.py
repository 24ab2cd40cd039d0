"""Schema changes by somebody else, of which the hook has not heard: the schema that it knows is kept for the test."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import duckdb
import psycopg
import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError

from masking import Policy, PolicyError
from rewriter import Installed, StatementRefused, acting_as, install
from tests.rewriter.hooked import ANA, DRIVERS, EMAIL, SSN, Ledger, is_raw, shop_url

_POLICY = Policy.parse(
    """
columns:
  customers.email: redact
  customers.ssn: redact
  customers.note: {mask: redact, optional: true}
  orders.note: {mask: redact, optional: true}
tables:
  cards: {default: redact, clear: [id, holder]}
  logs: {default: redact, clear: [id]}
"""
)

_TABLES = (
    "CREATE TABLE cards (id INTEGER PRIMARY KEY, holder VARCHAR(20), number VARCHAR(20))",
    "CREATE TABLE logs (id INTEGER PRIMARY KEY)",
    "INSERT INTO logs VALUES (1)",
    "INSERT INTO cards VALUES (1, 'Ada', '111-22-3333')",
    "CREATE VIEW skus AS SELECT id, sku AS email FROM orders",
    "CREATE VIEW outer_skus AS SELECT id, email FROM skus",
    "CREATE VIEW mails AS SELECT id, email FROM customers",
)


class Elsewhere:
    """Another connection to the database, without the hook."""

    def __init__(self, installed: Installed, url: str, driver: str) -> None:
        self.engine = installed.engine
        self._schemas = installed.hook.schemas
        self._url = url
        self._driver = driver

    def run(self, *statements: str) -> None:
        """Run and commit `statements`."""
        if self._driver == "duckdb":
            # One process may hold the file, and every connection in it has the settings of the first.
            with closing(_raw_duckdb(self.engine)) as connection:
                for statement in statements:
                    connection.execute(statement)
            return
        plain = create_engine(self._url)
        with plain.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        plain.dispose()

    def plain(self, sql: str) -> str:
        """Rows of `sql` without the hook."""
        if self._driver == "duckdb":
            with closing(_raw_duckdb(self.engine)) as connection:
                return repr(connection.execute(sql).fetchall())
        plain = create_engine(self._url)
        with plain.connect() as connection:
            rows = repr(connection.execute(text(sql)).all())
        plain.dispose()
        return rows

    def freeze(self) -> None:
        """From now on no time passes: nothing but the text of statements holds off what a change would show."""
        # A moment before the end of its lease, however long the test took to come here.
        view = self._schemas._shared  # noqa: SLF001
        assert view is not None
        now = view.fresh_until - 0.1
        self._schemas.clock = lambda: now

    def wait(self) -> None:
        """Let the lease of the known schema end."""
        later = self._schemas.clock() + 3600
        self._schemas.clock = lambda: later

    def seen(self, sql: str) -> str:
        """Rows of `sql` through the hook, or the error in their place."""
        try:
            with self.engine.connect() as connection:
                return repr(connection.exec_driver_sql(sql).all())
        except (StatementRefused, PolicyError, DBAPIError) as error:
            return f"{type(error).__name__}: {error}".split("[SQL", maxsplit=1)[0]


def _raw_duckdb(engine: Any) -> duckdb.DuckDBPyConnection:
    with engine.connect() as connection:
        wrapper = connection.connection.dbapi_connection
        return wrapper.__dict__["_ConnectionWrapper__c"].cursor()  # type: ignore[no-any-return]


@contextmanager
def _opened(request: pytest.FixtureRequest, driver: str, ledger: Ledger | None = None) -> Iterator[Elsewhere]:
    url = shop_url(request, driver)
    plain = create_engine(url)
    with plain.begin() as connection:
        for statement in _TABLES:
            connection.execute(text(statement))
    plain.dispose()
    installed = install(create_engine(url), policy=_POLICY, grants=ledger)
    yield Elsewhere(installed, url, driver)
    installed.engine.dispose()


@pytest.fixture(params=DRIVERS)
def elsewhere(request: pytest.FixtureRequest) -> Iterator[Elsewhere]:
    """The shop with views and closed tables, hooked, on each driver in turn."""
    with _opened(request, request.param) as opened:
        yield opened


_SELECTS = ("SELECT email FROM skus ORDER BY 1", "SELECT * FROM outer_skus ORDER BY 1", "SELECT count(email) FROM skus")


def test_a_view_that_is_redefined_shows_what_it_was(elsewhere: Elsewhere) -> None:
    """The definition that was judged is the one that runs, at any depth; later the new one is masked."""
    before = [elsewhere.seen(sql) for sql in _SELECTS]
    elsewhere.freeze()
    elsewhere.run(*_REDEFINED)
    assert [elsewhere.seen(sql) for sql in _SELECTS] == before
    elsewhere.wait()
    assert elsewhere.seen(_SELECTS[0]).count("[redacted]") == 2


_REDEFINED = (
    "DROP VIEW outer_skus",
    "DROP VIEW skus",
    "CREATE VIEW skus AS SELECT id, email FROM customers",
    "CREATE VIEW outer_skus AS SELECT id, email FROM skus",
)


def test_a_column_that_is_renamed_is_not_shown_under_its_new_name(elsewhere: Elsewhere) -> None:
    """The policy names what is no longer there, so nothing runs; and a statement that failed before shows nothing."""
    statements = ("SELECT mail FROM customers", "SELECT c.mail FROM customers c", "SELECT max(mail) FROM customers")
    for sql in statements:
        assert "Error" in elsewhere.seen(sql)
    elsewhere.freeze()
    elsewhere.run("ALTER TABLE customers RENAME COLUMN email TO mail")
    for sql in (*statements, "SELECT id, mail FROM customers", "SELECT length(mail) FROM customers WHERE mail > ''"):
        assert "Error" in elsewhere.seen(sql)
    elsewhere.run("ALTER TABLE customers RENAME COLUMN mail TO email")
    elsewhere.wait()
    assert elsewhere.seen("SELECT email FROM customers WHERE id = 1") == "[('[redacted]',)]"


def test_a_statement_that_a_change_broke_works_again_at_once(elsewhere: Elsewhere) -> None:
    """The engine's error for a name that is gone has the schema looked at before the next statement."""
    sql = "SELECT email FROM outer_skus WHERE id = 10"
    assert elsewhere.seen(sql) == "[('engine',)]"
    elsewhere.freeze()
    elsewhere.run(
        "DROP VIEW outer_skus",
        "DROP VIEW skus",
        "ALTER TABLE orders RENAME COLUMN sku TO item",
        "CREATE VIEW outer_skus AS SELECT id, item AS email FROM orders",
    )
    assert "Error" in elsewhere.seen(sql)
    assert elsewhere.seen(sql) == "[('engine',)]"


@pytest.mark.parametrize(
    ("driver", "name", "sql"),
    [
        ("psycopg", '"NAME"', 'SELECT "NAME" FROM customers'),
        ("psycopg", '"Mail"', 'SELECT c."Mail" FROM customers c'),
        ("sqlite", "mail", "SELECT c.'mail' FROM customers c"),
        (
            "sqlite",
            "mail",
            "SELECT a.id FROM customers a JOIN customers b USING ('mail') WHERE a.id <> b.id OR a.id = 1",
        ),
        ("sqlite", "mail", "SELECT c.[mail] FROM customers c"),
        ("sqlite", "current_user", "SELECT current_user FROM customers"),
        ("pymysql", "mail", "SELECT `mail` FROM customers"),
        ("duckdb", "mail", "SELECT customers.mail.upper() FROM customers"),
        ("duckdb", "mail", "SELECT (c).mail FROM customers c"),
    ],
)
def test_no_spelling_of_a_new_name_is_known(request: pytest.FixtureRequest, driver: str, name: str, sql: str) -> None:  # noqa: PLR0917
    """However a statement writes it: it failed before the column was renamed, and shows nothing after."""
    with _opened(request, driver) as opened:
        opened.seen(sql)
        opened.freeze()
        opened.run(f"ALTER TABLE customers RENAME COLUMN email TO {name}")
        plain = opened.plain(sql)
        assert is_raw(plain.lower()) or "USING" in sql, "it does not read the column at all"
        seen = opened.seen(sql)
        assert seen != plain
        assert not is_raw(seen.lower())


_SWAPPED = (
    "ALTER TABLE customers RENAME COLUMN email TO former",
    "ALTER TABLE customers RENAME COLUMN name TO email",
)


def test_a_masked_column_stays_masked_under_another_name(elsewhere: Elsewhere) -> None:
    """Its old name may mean another column by now: both are masked, until the names are what they were."""
    assert elsewhere.seen("SELECT name, email FROM customers WHERE id = 1") == "[('Ada', '[redacted]')]"
    elsewhere.run(*_SWAPPED)
    elsewhere.wait()
    for sql in ("SELECT former, email FROM customers WHERE id = 1", "SELECT former, ssn FROM customers WHERE id = 1"):
        assert elsewhere.seen(sql) == "[('[redacted]', '[redacted]')]"
    assert not is_raw(elsewhere.seen("SELECT * FROM customers"))
    elsewhere.run(
        "ALTER TABLE customers RENAME COLUMN email TO name", "ALTER TABLE customers RENAME COLUMN former TO email"
    )
    elsewhere.wait()
    assert elsewhere.seen("SELECT name, email FROM customers WHERE id = 1") == "[('Ada', '[redacted]')]"


def test_a_masked_table_stays_masked_under_another_name(request: pytest.FixtureRequest) -> None:
    """PostgreSQL tells that the table which is now called otherwise is the one that was masked."""
    with _opened(request, "psycopg") as opened:
        assert opened.seen("SELECT email FROM customers WHERE id = 1") == "[('[redacted]',)]"
        opened.run(
            "ALTER TABLE customers RENAME TO customers_old",
            "CREATE VIEW customers AS SELECT id, name, email, ssn FROM customers_old",
        )
        opened.wait()
        for table in ("customers", "customers_old", "mails"):
            assert opened.seen(f"SELECT email FROM {table} WHERE id = 1") == "[('[redacted]',)]"
        assert not is_raw(opened.seen("SELECT * FROM customers_old"))
        assert opened.seen("SELECT name FROM customers_old WHERE email = 'ada@lovelace.example'") == "[]"


_NEW = ("customers", "orders", "cards", "logs")


def test_a_column_is_born_masked(elsewhere: Elsewhere, subtests: pytest.Subtests) -> None:
    """A new column that the policy masks is masked from the first statement on, whichever connection made it."""
    known = [(f"SELECT note FROM {t}", f"SELECT t.note FROM {t} t", f"SELECT * FROM {t}") for t in _NEW]
    for sql in (sql for statements in known for sql in statements):
        elsewhere.seen(sql)
    for table, statements in zip(_NEW, known, strict=True):
        elsewhere.freeze()
        with subtests.test(table):
            elsewhere.run(
                f"ALTER TABLE {table} ADD COLUMN note VARCHAR(20)", f"UPDATE {table} SET note = '111-22-3333'"
            )
            for sql in statements:
                assert not is_raw(elsewhere.seen(sql)), sql
            assert "[redacted]" in elsewhere.seen(f"SELECT id, note FROM {table}")
            elsewhere.run(f"ALTER TABLE {table} DROP COLUMN note")
    elsewhere.wait()
    assert not any("Error" in elsewhere.seen(star) for _, _, star in known)


def test_what_is_granted_does_not_show_what_came_later(request: pytest.FixtureRequest) -> None:
    """A star over a table whose columns are all granted shows those columns, and none that was added since."""
    ledger = Ledger()
    ledger.grant(ANA, EMAIL, SSN)
    with _opened(request, "sqlite", ledger) as opened, acting_as(ANA):
        assert is_raw(opened.seen("SELECT * FROM customers"))
        opened.freeze()
        opened.run("ALTER TABLE customers ADD COLUMN note TEXT", "UPDATE customers SET note = 'unseen'")
        assert "unseen" not in opened.seen("SELECT * FROM customers")


_FUNCTIONS = {
    "psycopg": "CREATE FUNCTION leak() RETURNS text LANGUAGE sql AS 'SELECT max(ssn) FROM customers'",
    "pymysql": "CREATE FUNCTION leak() RETURNS varchar(20) READS SQL DATA RETURN (SELECT max(ssn) FROM customers)",
    "duckdb": "CREATE MACRO leak() AS (SELECT max(ssn) FROM customers)",
}


@pytest.mark.parametrize("driver", _FUNCTIONS)
def test_a_view_calls_no_function_that_a_statement_may_not(request: pytest.FixtureRequest, driver: str) -> None:
    """What a function reads is in no view's dependencies, however the view is nested."""
    with _opened(request, driver) as opened:
        opened.run(
            _FUNCTIONS[driver], "CREATE VIEW told AS SELECT leak() AS x", "CREATE VIEW again AS SELECT x FROM told"
        )
        plain = opened.plain("SELECT x FROM again")
        assert is_raw(plain), "the attack does not work without the hook"
        assert "functions:" in opened.seen("SELECT x FROM told")
        assert "functions:" in opened.seen("SELECT x FROM again")


def test_a_view_keeps_its_owners_rights(request: pytest.FixtureRequest) -> None:
    """A view that reads what the session's role may not is read as the view that it is."""
    with _opened(request, "psycopg") as opened:
        opened.run(
            "CREATE TABLE closed (id INTEGER, note TEXT)",
            "INSERT INTO closed VALUES (1, 'mine'), (2, 'theirs')",
            "CREATE VIEW opened AS SELECT note FROM closed",
            "CREATE VIEW behind AS SELECT c.email FROM customers c JOIN closed USING (id)",
            "ALTER TABLE closed ENABLE ROW LEVEL SECURITY",
            "DROP ROLE IF EXISTS unmask_reader",
            "CREATE ROLE unmask_reader",
            "GRANT SELECT ON opened, behind, closed TO unmask_reader",
        )
        event.listen(opened.engine, "connect", _become_reader)
        opened.engine.dispose()
        assert opened.seen("SELECT note FROM opened ORDER BY 1") == "[('mine',), ('theirs',)]"
        assert opened.seen("SELECT note FROM closed") == "[]"
        assert "owner's rights" in opened.seen("SELECT email FROM behind")
        opened.engine.dispose()
        opened.run("DROP OWNED BY unmask_reader", "DROP ROLE unmask_reader")


def _become_reader(connection: Any, _record: object) -> None:
    with psycopg.Cursor(connection) as cursor:
        cursor.execute("SET ROLE unmask_reader")
    connection.commit()


@pytest.mark.parametrize("driver", ["sqlite", "psycopg", "pymysql"])
def test_a_write_does_not_copy_a_column_under_its_new_name(request: pytest.FixtureRequest, driver: str) -> None:
    """Its target is no masked table: a name that the known schema lacks has the schema looked at first."""
    copying = "UPDATE customers SET name = ssn3 WHERE id = 1"
    with _opened(request, driver) as elsewhere:
        elsewhere.seen("SELECT ssn FROM customers")
        for _ in range(3):
            assert "ssn3" in elsewhere.seen(copying)
        elsewhere.freeze()
        elsewhere.run("ALTER TABLE customers RENAME COLUMN ssn TO ssn3")
        elsewhere.seen(copying)
        assert not is_raw(elsewhere.plain("SELECT name FROM customers"))
