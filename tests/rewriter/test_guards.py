"""Each driver's ways round the dialect are guarded or closed, and no error of a sensitive statement carries a cell."""

import sqlite3
import threading
from collections import UserDict
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from functools import partial
from typing import Any

import psycopg
import psycopg2
import psycopg2.extras
import pymysql
import pymysql.cursors
import pytest
from psycopg import ClientCursor, sql
from psycopg2 import extensions
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from rewriter import Reason, RewriteError, StatementRefused, acting_as, install
from tests.rewriter.hooked import OWNER, POLICY, RAW, TRUSTED, Shop, is_raw, open_shop, shop_url

READ = "SELECT id, name, email FROM customers ORDER BY id"
MASKED = [(1, "Ada", "[redacted]"), (2, "Grace", "[redacted]")]

Opened = Callable[[str], Shop]


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> Opened:
    """Open the shop on one driver."""

    def open_on(driver: str) -> Shop:
        shop = open_shop(shop_url(request, driver), driver)
        request.addfinalizer(shop.engine.dispose)
        return shop

    return open_on


def refused(call: Callable[[], object]) -> None:
    """The call is refused as raw access."""
    with pytest.raises(StatementRefused) as raised:
        call()
    assert raised.value.reason is Reason.RAW_ACCESS


# SQLite.


def test_sqlite_connection_methods(opened: Opened) -> None:
    """sqlite3's own execute methods are guarded; scripts, copies and blobs are refused."""
    with opened("sqlite").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        assert raw.execute(READ).fetchall() == MASKED
        assert raw.cursor(sqlite3.Cursor).execute(READ).fetchall() == MASKED
        with closing(sqlite3.connect(":memory:")) as target:
            refused(lambda: raw.backup(target))
        refused(raw.iterdump)
        refused(raw.serialize)
        refused(lambda: raw.deserialize(b""))
        refused(lambda: raw.blobopen("customers", "email", 1))
        refused(lambda: raw.executescript("SELECT 1"))
        refused(lambda: raw.cursor().executescript("SELECT 1"))
        refused(lambda: raw.enable_load_extension(True))  # noqa: FBT003 -- the driver's
        with acting_as(TRUSTED):
            assert raw.serialize().startswith(b"SQLite format 3")
            assert is_raw(list(raw.iterdump()))


def test_sqlite_keeps_the_applications_own_classes(opened: Opened) -> None:
    """A factory and a row factory of the application's still do their work."""

    class Named(sqlite3.Connection):
        nickname = "n"

    engine = create_engine(opened("sqlite").url, connect_args={"factory": Named})
    install(engine, policy=POLICY)
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        assert isinstance(raw, Named)
        raw.row_factory = sqlite3.Row
        assert raw.execute(READ).fetchone()["email"] == "[redacted]"
        assert connection.execute(text("SELECT sku FROM orders ORDER BY id")).scalar() == "engine"
    engine.dispose()


@pytest.mark.parametrize("pool", [StaticPool, None])
def test_sqlite_in_memory_databases_survive_install(pool: type[StaticPool] | None) -> None:
    """An in-memory database made before install keeps its rows, and hands out guarded cursors."""
    engine = create_engine("sqlite://", poolclass=pool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, ssn TEXT)"))
        connection.execute(text("INSERT INTO customers VALUES (1, :email, :ssn)"), {"email": RAW[0], "ssn": RAW[2]})
    install(engine, policy=POLICY)
    for _ in range(2):
        with engine.connect() as connection:
            assert connection.execute(text("SELECT email FROM customers")).all() == [("[redacted]",)]
            raw: Any = connection.connection.driver_connection
            assert raw.execute("SELECT email FROM customers").fetchall() == [("[redacted]",)]
            assert raw.cursor().connection is raw
            refused(raw.serialize)
            refused(raw.iterdump)
    with closing(engine.raw_connection()) as pooled, closing(pooled.cursor()) as cursor:
        assert not is_raw(cursor.execute("SELECT * FROM customers").fetchall())
    engine.dispose()


def test_sqlite_creator_connections_are_guarded(opened: Opened) -> None:
    """creator= gives connections without the factory: a guarded stand-in takes their place."""
    path = opened("sqlite").url.removeprefix("sqlite:///")
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(path))
    install(engine, policy=POLICY)
    with engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED
        raw: Any = connection.connection.driver_connection
        assert raw.execute(READ).fetchall() == MASKED
        refused(raw.serialize)
    engine.dispose()


# psycopg.


def test_psycopg_cursors_of_every_kind(opened: Opened) -> None:
    """Client, server, binary and custom cursors, stream() and Connection.execute() read masks."""
    with opened("psycopg").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        assert raw.execute(READ).fetchall() == MASKED
        with raw.cursor("named") as cursor:
            cursor.execute(READ)
            assert cursor.fetchall() == MASKED
        assert list(raw.cursor().stream(READ)) == MASKED
        assert raw.cursor(binary=True).execute(READ).fetchall() == MASKED
        raw.cursor_factory = ClientCursor
        cursor = raw.cursor()
        assert isinstance(cursor, ClientCursor)
        assert cursor.execute("SELECT email FROM customers WHERE id = %s", (1,)).fetchall() == [("[redacted]",)]
        cursor.executemany("SELECT email FROM customers WHERE id = %s", [(1,), (2,)], returning=True)
        assert not is_raw(cursor.fetchall())


def test_psycopg_text_of_every_kind(opened: Opened) -> None:
    """Bytes and composed SQL are rewritten as text; COPY is refused."""
    with opened("psycopg").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        cursor = raw.cursor()
        assert cursor.execute(READ.encode()).fetchall() == MASKED
        composed = sql.SQL("SELECT id, name, {} FROM customers ORDER BY id").format(sql.Identifier("email"))
        assert cursor.execute(composed).fetchall() == MASKED
        refused(lambda: cursor.copy("COPY customers TO STDOUT"))
        with pytest.raises(StatementRefused):
            cursor.execute("COPY customers TO STDOUT")
        with pytest.raises(TypeError):
            cursor.execute(7)


def test_psycopg_percent_signs(opened: Opened) -> None:
    """A percent sign is read as the driver will read it: doubled with parameters, as it is without."""
    with opened("psycopg").engine.connect() as connection:
        cursor: Any = connection.connection.cursor()
        assert cursor.execute("SELECT 5 % 3, email FROM customers WHERE id = 1").fetchall() == [(2, "[redacted]")]
        rows = cursor.execute("SELECT 5 %% 3, email FROM customers WHERE id = %s", (1,)).fetchall()
        assert rows == [(2, "[redacted]")]
        assert connection.execute(text("SELECT 5 % 3, email FROM customers WHERE id = 1")).all() == [(2, "[redacted]")]


def test_psycopg_connections_of_an_instrumented_driver_are_guarded(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever exchanged the driver's `connect` is asked for connections, as without the hook."""
    shop, made = opened("psycopg"), []

    def connect(*arguments: Any, **options: Any) -> Any:
        made.append(psycopg.Connection.connect(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(psycopg, "connect", connect)
    engine = create_engine(shop.url)
    install(engine, policy=POLICY)
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        assert raw is made[-1]
        assert raw.execute(READ).fetchall() == MASKED
    engine.dispose()


def test_psycopg_creator_connections_are_guarded(opened: Opened) -> None:
    """creator= is covered, whatever class its connections have."""
    url = opened("psycopg").url.replace("+psycopg", "")

    class Own(psycopg.Connection[Any]):
        pass

    engine = create_engine("postgresql+psycopg://", creator=lambda: Own.connect(url))
    install(engine, policy=POLICY)
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        assert isinstance(raw, Own)
        assert raw.execute(READ).fetchall() == MASKED
    engine.dispose()


# psycopg2.


def test_psycopg2_cursors_of_every_kind(opened: Opened) -> None:
    """Cursor factories, named cursors and the batch functions of psycopg2.extras read masks."""
    with opened("psycopg2").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        cursor = raw.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
        cursor.execute(READ)
        assert [row["email"] for row in cursor.fetchall()] == ["[redacted]", "[redacted]"]
        cursor = raw.cursor("named")
        cursor.execute(READ)
        assert cursor.fetchall() == MASKED
        cursor = raw.cursor(None, psycopg2.extras.DictCursor)
        cursor.execute(READ.encode())
        assert not is_raw(cursor.fetchall())
        cursor = raw.cursor()
        cursor.execute(cursor.mogrify("SELECT email FROM customers WHERE id = %s", (1,)))
        assert cursor.fetchall() == [("[redacted]",)]
        rows = psycopg2.extras.execute_values(
            cursor, "SELECT c.email FROM customers c JOIN (VALUES %s) AS v(id) ON v.id = c.id", [(1,), (2,)], fetch=True
        )
        assert not is_raw(rows)


def test_psycopg2_copy_and_procedures_are_refused(opened: Opened, tmp_path: Any) -> None:
    """COPY in any spelling, callproc and large objects go around the rewriter."""
    with opened("psycopg2").engine.connect() as connection, (tmp_path / "out").open("w+") as file:
        raw: Any = connection.connection.driver_connection
        cursor = raw.cursor()
        refused(lambda: cursor.copy_expert("COPY customers TO STDOUT", file))
        refused(lambda: cursor.copy_to(file, "customers"))
        refused(lambda: cursor.copy_from(file, "orders"))
        refused(lambda: cursor.callproc("version"))
        refused(raw.lobject)


def test_psycopg2_batch_mode(opened: Opened) -> None:
    """execute_batch, which the dialect uses when told to, passes for text that the rewriter saw, and only that."""
    shop = opened("psycopg2")
    engine = create_engine(shop.url, executemany_mode="values_plus_batch")
    install(engine, policy=POLICY)
    with engine.begin() as connection:
        rows = [{"sku": f"s{i}", "id": 10 + i % 2} for i in range(250)]
        connection.execute(text("UPDATE orders SET sku = :sku WHERE id = :id"), rows)
        assert connection.scalar(text("SELECT sku FROM orders WHERE id = 11")) == "s249"
        with pytest.raises(StatementRefused):
            connection.connection.cursor().execute(b"SELECT 1; SELECT email FROM customers")
    engine.dispose()


STOLEN = "(SELECT ssn FROM customers LIMIT 1)"


@pytest.mark.parametrize(
    "value",
    [
        extensions.AsIs(STOLEN),
        [[extensions.AsIs(STOLEN)]],
        (1, extensions.AsIs(STOLEN)),
        extensions.AsIs("ssn"),
        extensions.AsIs(f"'a'::text || {STOLEN}"),
        extensions.AsIs("'a'::text FROM customers"),
        extensions.AsIs("1 -- "),
    ],
)
def test_psycopg2_parameters_are_no_sql(opened: Opened, value: object) -> None:
    """The driver writes them into the text after it was judged: what is more than a value is refused."""
    with opened("psycopg2").engine.connect() as connection:
        cursor: Any = connection.connection.cursor()
        refused(lambda: connection.execute(text("SELECT :x"), {"x": value}))
        refused(lambda: connection.exec_driver_sql("SELECT %s", (value,)))
        refused(lambda: connection.execute(text("UPDATE orders SET sku = :x"), [{"x": value}, {"x": value}]))
        refused(lambda: cursor.execute("SELECT %(x)s", UserDict(x=value)))
        refused(lambda: cursor.executemany("UPDATE orders SET sku = %s", [(value,)]))
        refused(lambda: psycopg2.extras.execute_values(cursor, "INSERT INTO orders (sku) VALUES %s", [(value,)]))


def test_psycopg2_parameters_of_every_kind_are_values(opened: Opened) -> None:
    """Those that adapters of the driver's and of applications write as literals arrive as they are."""

    class Number(float):
        pass

    extensions.register_adapter(Number, extensions.AsIs)
    given: dict[str, object] = {
        "'{\"a\": [1]}'": psycopg2.extras.Json({"a": [1]}),
        "'[1,3)'": psycopg2.extras.NumericRange(1, 3),
        "'[2020-01-01,2020-02-01)'": psycopg2.extras.DateRange(date(2020, 1, 1), date(2020, 2, 1)),
        "'{1,2}'": [1, 2],
        "'{{a,\"b c\"}}'": [["a", "b c"]],
        "'1 day'": timedelta(days=1),
        "'it''s \\ 100%'": "it's \\ 100%",
        "2.5": Number(2.5),
        "'RAW_ACCESS'": extensions.QuotedString("RAW_ACCESS"),
        "'x41'": extensions.Binary(b"x41"),
        "NULL": None,
    }
    with opened("psycopg2").engine.connect() as connection:
        for written, value in given.items():
            sql_text = f"SELECT %(v)s::text IS NOT DISTINCT FROM ({written.replace('%', '%%')})::text"
            is_same = connection.exec_driver_sql(sql_text, {"v": value}).scalar()
            assert is_same or isinstance(value, extensions.Binary)  # shown as `\\x78…`
        query = text("SELECT id FROM orders WHERE id = ANY(:ids) AND sku IN :skus ORDER BY id")
        found = connection.execute(query, {"ids": [10, 11], "skus": ("engine", "compiler")})
        assert found.scalars().all() == [10, 11]


def test_psycopg2_creator_is_refused(opened: Opened) -> None:
    """No guard fits a psycopg2 connection that exists already, so the engine does not connect."""
    url = opened("psycopg2").url.replace("+psycopg2", "")
    engine = create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(url))
    install(engine, policy=POLICY)
    with pytest.raises(RewriteError, match="creator="), engine.connect():
        pass


# PyMySQL.


def test_pymysql_cursors_and_query(opened: Opened) -> None:
    """Cursor classes, cursors made round cursor(), and Connection.query() read masks."""
    with opened("pymysql").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        for factory in (pymysql.cursors.DictCursor, pymysql.cursors.SSCursor, pymysql.cursors.SSDictCursor):
            with closing(raw.cursor(factory)) as cursor:
                cursor.execute(READ)
                assert not is_raw(list(cursor.fetchall()))
        made_by_hand: tuple[Any, ...] = (pymysql.cursors.Cursor, pymysql.cursors.SSCursor)
        for factory in made_by_hand:
            with closing(factory(raw)) as cursor:
                cursor.execute("SELECT email FROM customers WHERE id = %s", (1,))
                assert not is_raw(list(cursor.fetchall()))
        raw.query(READ)
        assert not is_raw(raw._result.rows)  # noqa: SLF001 -- where such a caller finds them


def test_pymysql_batches_and_closed_ways(opened: Opened) -> None:
    """Executemany composes its batch of text that was rewritten; procedures, select_db and warnings are refused."""
    with opened("pymysql").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        cursor = raw.cursor()
        cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s)", [(90, 1, "a"), (91, 1, "b")])
        cursor.execute("SELECT COUNT(*) FROM orders")
        assert cursor.fetchall() == ((4,),)
        with pytest.raises(StatementRefused):
            cursor.executemany("INSERT INTO orders SELECT 92, %s, sleep(email) FROM customers", [(1,)])
        refused(lambda: cursor.callproc("anything"))
        refused(lambda: raw.select_db("mysql"))
        refused(lambda: raw.set_character_set("gbk"))
        refused(raw.show_warnings)


# DuckDB.


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
