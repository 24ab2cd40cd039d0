"""Ways to a raw value that need a hooked engine, a schema of their own, or more than one statement."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from masking import Policy, PolicyError, session_secrets
from masking.types import Dialect
from rewriter import RewriteError, StatementRefused, install
from tests.rewriter.hooked import DRIVERS, is_raw, open_shop, shop_url


@contextmanager
def _hooked(url: str, setup: Sequence[str], policy: str) -> Iterator[Engine]:
    bare = create_engine(url)
    with bare.begin() as connection:
        for statement in setup:
            connection.execute(text(statement))
    bare.dispose()
    engine = create_engine(url)
    install(engine, policy=Policy.parse(policy))
    yield engine
    engine.dispose()


def _seen(engine: Engine, sql: str) -> str:
    """What a statement shows: rows, or the error in their place."""
    try:
        with engine.connect() as connection:
            return repr(connection.exec_driver_sql(sql).all())
    except (RewriteError, DBAPIError) as error:
        return str(error).split("[SQL", maxsplit=1)[0]


_FULL_TEXT = (
    "CREATE TABLE docs (id INTEGER PRIMARY KEY, title TEXT, body TEXT)",
    "INSERT INTO docs VALUES (1, 'plain', 'rawsecret')",
    "CREATE VIRTUAL TABLE old USING fts4(title, body)",
    "CREATE VIRTUAL TABLE new USING fts5(title, body)",
    "CREATE VIRTUAL TABLE outside USING fts5(body, content='docs', content_rowid='id')",
    "CREATE VIRTUAL TABLE terms USING fts5vocab(new, 'row')",
    "INSERT INTO old VALUES ('plain', 'rawsecret')",
    "INSERT INTO new VALUES ('plain', 'rawsecret')",
    "INSERT INTO outside (outside) VALUES ('rebuild')",
    "CREATE VIEW stored AS SELECT c1 AS body FROM new_content",
)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'found' FROM old WHERE title MATCH 'body:rawsecret'",
        "SELECT 'found' FROM old WHERE title MATCH 'body:raws*'",
        "SELECT 'found' FROM new WHERE rank MATCH 'rawsecret'",
        "SELECT 'found' FROM new WHERE new MATCH 'rawsecret'",
        "SELECT 'found' FROM outside WHERE outside MATCH 'rawsecret'",
        "SELECT * FROM outside",
        "SELECT c1 FROM new_content",
        "SELECT * FROM old_content",
        "SELECT block FROM new_data",
        "SELECT term FROM terms",
        "SELECT body FROM stored",
    ],
)
def test_full_text_search_does_not_find_masked_words(sqlite_database: str, sql: str) -> None:
    """Neither a query string that names the column, nor what the modules store, shows a word of a masked column."""
    policy = "columns: {docs.body: redact, old.body: redact, new.body: redact}"
    bare = create_engine(sqlite_database)
    with _hooked(sqlite_database, _FULL_TEXT, policy) as engine:
        assert "found" in (raw := _seen(bare, sql)) or "rawsecret" in raw, "the attack does not work without the hook"
        seen = _seen(engine, sql).replace(sql, "")
        assert "('found'" not in seen
        assert "rawsecret" not in seen
    bare.dispose()


_CHAIN = {
    "sqlite": "CREATE TABLE g (id INTEGER, a TEXT, b TEXT AS (a || 'x'), c TEXT AS (upper(b)))",
    "pymysql": "CREATE TABLE g (id INTEGER, a TEXT, b TEXT AS (concat(a, 'x')), c TEXT AS (upper(b)))",
    "duckdb": "CREATE TABLE g (id INTEGER, a TEXT, b TEXT AS (a || 'x'), c TEXT AS (upper(b)))",
}


@pytest.mark.parametrize("driver", _CHAIN)
def test_generated_from_generated(request: pytest.FixtureRequest, driver: str) -> None:
    """A column generated from one that is generated from a masked one needs a mask of its own, and then is masked."""
    fixture, scheme = DRIVERS[driver]
    url = f"{scheme}://{request.getfixturevalue(fixture).partition('://')[2]}"
    setup = (_CHAIN[driver], "INSERT INTO g (id, a) VALUES (1, 'raw')")
    with _hooked(url, setup, "columns: {g.a: redact}") as engine, pytest.raises(PolicyError, match=r"g\.c"):
        _seen(engine, "SELECT c FROM g")
    with _hooked(url, (), "columns: {g.a: redact, g.c: redact}") as engine:
        assert _seen(engine, "SELECT c FROM g") == "[('[redacted]',)]"


def test_view_reads_its_own_schema_on_duckdb(duckdb_database: str) -> None:
    """A name in a view means the table of the view's schema first, not of the one that the session is in."""
    url = f"duckdb://{duckdb_database.partition('://')[2]}"
    setup = (
        "CREATE SCHEMA s",
        "CREATE TABLE people (id INTEGER, ssn TEXT)",
        "CREATE TABLE s.people (id INTEGER, ssn TEXT)",
        "INSERT INTO s.people VALUES (1, 'raw')",
        "CREATE VIEW s.v AS SELECT * FROM people",
    )
    with _hooked(url, setup, "columns: {s.people.ssn: redact}") as engine:
        assert _seen(engine, "SELECT ssn FROM s.v") == "[('[redacted]',)]"


def test_view_reads_its_own_database_on_sqlite(sqlite_database: str, tmp_path: Path) -> None:
    """A name in a view of an attached database means the table beside it."""
    other = create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    with other.begin() as connection:
        for statement in (
            "CREATE TABLE people (id INTEGER, ssn TEXT)",
            "INSERT INTO people VALUES (1, 'raw')",
            "CREATE VIEW v AS SELECT ssn FROM people",
        ):
            connection.execute(text(statement))
    other.dispose()
    setup = ("CREATE TABLE people (id INTEGER, ssn TEXT)",)
    bare = create_engine(sqlite_database)
    with bare.begin() as connection:
        connection.execute(text(setup[0]))
    bare.dispose()
    engine = create_engine(sqlite_database)
    install(engine, policy=Policy.parse("columns: {o.people.ssn: redact}\ntrusted: ['service:setup']"))

    @event.listens_for(engine, "connect")
    def attach(connection: Any, _record: object) -> None:
        from rewriter import acting_as  # noqa: PLC0415

        with acting_as("service:setup"):
            connection.execute(f"ATTACH '{tmp_path / 'other.db'}' AS o")

    assert _seen(engine, "SELECT ssn FROM o.v") == "[('[redacted]',)]"
    assert _seen(engine, "SELECT ssn FROM v") == "[('[redacted]',)]"
    engine.dispose()


_KEYS: dict[str, tuple[Dialect, tuple[str, ...]]] = {
    "psycopg": ("postgresql", ("SELECT ('{}'::text).current_setting", "SELECT current_setting('{}')")),
    "pymysql": (
        "mysql",
        (
            "SELECT {}",
            "SELECT 1 UNION SELECT {}",
            "SELECT @`{name}`",
            "SELECT @'{name}'",
            "SELECT @'\\{name}'",
            'SELECT @"{name}"',
            "SELECT {} := 'guess'",
        ),
    ),
}


@pytest.mark.parametrize("driver", _KEYS)
def test_keys_of_hash_masks_are_out_of_reach(  # noqa: PLR0917 -- fixtures
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, driver: str, subtests: pytest.Subtests
) -> None:
    """No spelling reads or sets the key of a hash mask in the session that holds it."""
    monkeypatch.setenv("UNMASK_ATTACKED_KEY", "0123456789abcdef" * 4)
    dialect, statements = _KEYS[driver]
    engine = create_engine(shop_url(request, driver))
    policy = Policy.parse('columns: {customers.email: {mask: {hash: {key: "env:UNMASK_ATTACKED_KEY"}}}}')
    install(engine, policy=policy)
    (secret,) = session_secrets(policy, dialect)
    for statement in statements:
        sql = statement.format(secret.name, name=secret.name.lstrip("@"))
        with subtests.test(statement):
            seen = _seen(engine, sql)
            assert secret.value not in seen
            assert "guess" not in seen
    engine.dispose()


class _Disguised(str):
    """Text that turns into another where a driver asks for it."""

    __slots__ = ()

    def __str__(self) -> str:
        return "SELECT ssn FROM customers"

    def encode(self, *_: object) -> bytes:
        return b"SELECT ssn FROM customers"


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_is_judged_is_what_runs(request: pytest.FixtureRequest, driver: str) -> None:
    """A subclass of str cannot show the rewriter one text and the driver another."""
    shop = open_shop(shop_url(request, driver), driver)
    assert not is_raw(_seen(shop.engine, _Disguised("SELECT name FROM customers")))
    connection = shop.engine.raw_connection()
    cursor = connection.cursor()
    cursor.execute(_Disguised("SELECT name FROM customers"))
    assert not is_raw(cursor.fetchall())
    connection.close()
    shop.engine.dispose()


_SENT_AS_SQL = 'SELECT interval %(id)s FROM customers, (SELECT 7000 AS "interval") AS x'
"""With parameters an interval of so many `s`; without, a remainder of a division by the column `id`."""


def _many(cursor: Any) -> None:
    cursor.executemany(_SENT_AS_SQL, [None])


def _many_returning(cursor: Any) -> None:
    cursor.executemany(_SENT_AS_SQL, [None], returning=True)


def _raw_cursor(cursor: Any) -> None:
    cursor.connection.cursor_factory = psycopg.RawCursor
    cursor.connection.cursor().execute(_SENT_AS_SQL, [])


@pytest.mark.parametrize(
    ("driver", "attack"),
    [
        ("psycopg", _many),
        ("psycopg", _many_returning),
        ("psycopg", _raw_cursor),
        ("psycopg2", _many),
        ("pymysql", _many),
    ],
)
def test_placeholders_are_never_sent_as_sql(
    request: pytest.FixtureRequest, driver: str, attack: Callable[[Any], None]
) -> None:
    """Text that was judged with parameters does not run without them, where `%(id)s` is a column after an operator."""
    shop = open_shop(shop_url(request, driver), driver)
    connection = shop.engine.raw_connection()
    with pytest.raises(Exception, match=r"placeholder|raw cursors|format|indices"):
        attack(connection.cursor())
    with suppress(Exception):
        connection.close()
    shop.engine.dispose()


@pytest.mark.parametrize("pooled", [True, False], ids=["before install", "after install"])
@pytest.mark.parametrize("name", ["substr", "SUBSTR", "length", "typeof", "unmask_0123"])
def test_masks_call_no_function_of_the_applications(*, pooled: bool, name: str) -> None:
    """On SQLite, a function registered under a name that masks use would be handed the raw value."""
    engine = create_engine("sqlite://")
    if pooled:
        engine.connect().close()
    install(engine, policy=Policy.parse("{}"))
    connection = engine.raw_connection()
    connection.driver_connection.text_factory = bytes  # type: ignore[union-attr] # it is there
    with pytest.raises(StatementRefused):
        connection.driver_connection.create_function(name, -1, lambda *values: values[0])  # type: ignore[union-attr] # it is there
    connection.driver_connection.create_function("twice", 1, lambda value: 2 * value)  # type: ignore[union-attr] # as above
    connection.close()
    engine.dispose()


def _counted(engine: Engine, statements: Sequence[str]) -> str:
    with engine.connect() as connection:
        for statement in statements[:-1]:
            connection.exec_driver_sql(statement)
        try:
            return repr(connection.exec_driver_sql(statements[-1]).all())
        except StatementRefused as refusal:
            return refusal.reason.name
        finally:
            connection.rollback()


@pytest.mark.parametrize("counter", ["SHOW STATUS LIKE 'Handler_update'", "SHOW SESSION STATUS", "SHOW GLOBAL STATUS"])
def test_no_counter_of_the_session_confirms_a_guess(request: pytest.FixtureRequest, counter: str) -> None:
    """MariaDB counts a row as updated only if it changed: that tells a guess from another value."""
    url = shop_url(request, "pymysql")
    bare, hooked = create_engine(url), create_engine(url)
    install(hooked, policy=Policy.parse("columns: {customers.ssn: redact}"))
    guesses = ("UPDATE customers SET ssn = '111-22-3333' WHERE id = 1", "UPDATE customers SET ssn = 'x' WHERE id = 1")
    before = f"UPDATE customers SET ssn = '444-55-6666' WHERE id = {1}"
    assert _counted(bare, (before, counter)) != _counted(bare, (guesses[0], counter))
    assert {_counted(hooked, (guess, counter)) for guess in guesses} == {"STATEMENT_KIND"}
    assert "Uptime" in _counted(hooked, ("SHOW STATUS LIKE 'uptime'",))
    bare.dispose()
    hooked.dispose()


def test_no_size_of_the_file_tells_of_what_is_in_it(sqlite_database: str) -> None:
    """How many pages SQLite needs depends on how long raw values are."""
    setup = ("CREATE TABLE notes (id INTEGER PRIMARY KEY, secret TEXT)", "INSERT INTO notes VALUES (1, 'raw')")
    sizes = ("PRAGMA page_count", "PRAGMA main.page_count", "SELECT * FROM pragma_page_count")
    bare = create_engine(sqlite_database)
    with _hooked(sqlite_database, setup, "columns: {notes.secret: redact}") as engine:
        before = [_seen(bare, sql) for sql in sizes]
        with bare.begin() as connection:
            connection.exec_driver_sql("UPDATE notes SET secret = zeroblob(100000)")
        assert all(_seen(bare, sql) != was for sql, was in zip(sizes, before, strict=True))
        for sql in sizes:
            assert "refused" in _seen(engine, sql)
    bare.dispose()
