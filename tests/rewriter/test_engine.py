"""Every path by which SQLAlchemy runs SQL, on every driver: what comes out is masked, or the path is closed."""

import pickle
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Sequence,
    String,
    Table,
    create_engine,
    event,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from masking import PolicyError, RowCondition
from rewriter import Reason, RewriteError, StatementRefused, acting_as, install
from rewriter.prepared import Safe
from tests.rewriter.hooked import (
    ANA,
    EMAIL,
    OWNER,
    POLICY,
    RAW,
    SSN,
    TRUSTED,
    Shop,
    is_raw,
    open_shop,
    shop,
    shop_url,
)

__all__ = ["shop"]

METADATA = MetaData()
CUSTOMERS = Table(
    "customers",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(40)),
    Column("email", String(60)),
    Column("ssn", String(11)),
)
ORDERS = Table(
    "orders",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("customer_id", Integer),
    Column("sku", String(20)),
)
MASKED = [(1, "Ada", "[redacted]"), (2, "Grace", "[redacted]")]
READ = "SELECT id, name, email FROM customers ORDER BY id"


def test_core_text_and_driver_sql_come_masked(shop: Shop) -> None:
    """Core constructs, text() and exec_driver_sql() all read masks."""
    core = select(CUSTOMERS.c.id, CUSTOMERS.c.name, CUSTOMERS.c.email).order_by(CUSTOMERS.c.id)
    with shop.engine.connect() as connection:
        assert connection.execute(core).all() == MASKED
        assert connection.execute(text(READ)).all() == MASKED
        assert connection.exec_driver_sql(READ).all() == MASKED
        assert connection.scalar(select(func.max(CUSTOMERS.c.email))) == "[redacted]"


def test_a_predicate_sees_the_mask(shop: Shop) -> None:
    """A parameter compared with a masked column meets the mask, never the raw value."""
    statement = select(CUSTOMERS.c.id).where(CUSTOMERS.c.email == RAW[0])
    with shop.engine.connect() as connection:
        assert connection.execute(statement).all() == []
        masks = connection.execute(select(CUSTOMERS.c.id).where(CUSTOMERS.c.email == "[redacted]"))
        assert len(masks.all()) == 2


def test_no_parameters_and_expanding_in(shop: Shop) -> None:
    """The no_parameters option and IN lists of any length go through the rewriter too."""
    with shop.engine.connect() as connection:
        plain = connection.execution_options(no_parameters=True).exec_driver_sql(READ).all()
        assert plain == MASKED
        for ids in ([1], [1, 2], [1, 2, 3]):
            rows = connection.execute(select(CUSTOMERS.c.email).where(CUSTOMERS.c.id.in_(ids))).all()
            assert {row.email for row in rows} == {"[redacted]"}


def test_streams_come_masked(shop: Shop) -> None:
    """Server-side cursors and yield_per read masks."""
    with shop.engine.connect() as connection:
        streamed = connection.execution_options(stream_results=True).execute(text(READ)).all()
        paged = list(connection.execution_options(yield_per=1).execute(text(READ)))
    assert streamed == MASKED
    assert paged == MASKED


def test_text_of_unsensitive_statements_is_untouched(shop: Shop) -> None:
    """A statement that touches nothing sensitive reaches the driver byte for byte."""
    seen: list[str] = []
    with shop.engine.connect() as connection:
        event.listen(shop.engine, "after_cursor_execute", lambda *a: seen.append(a[2]))
        statement = "SELECT   sku /* why */ FROM orders  WHERE id = 10"
        assert connection.exec_driver_sql(statement).scalar() == "engine"
    assert seen == [statement]
    assert shop.installed.explain(statement).is_unchanged


def test_a_table_that_is_not_there_is_not_asked_for_to_explain(shop: Shop) -> None:
    """To explain is a matter of the rewriter: it raises its own error, and not the driver's."""
    with pytest.raises(StatementRefused) as caught:
        shop.installed.explain("SELECT 1 FROM nowhere_at_all")
    assert caught.value.reason is Reason.UNKNOWN_RELATION


def test_executemany_and_insertmanyvalues(shop: Shop) -> None:
    """Batches into tables without sensitive columns work, with and without RETURNING."""
    rows = [{"id": i, "customer_id": 1, "sku": f"s{i}"} for i in range(100, 1300)]
    with shop.engine.begin() as connection:
        connection.execute(insert(ORDERS), rows[:600])
        if shop.driver != "pymysql":
            returned = connection.execute(insert(ORDERS).returning(ORDERS.c.id), rows[600:])
            assert len(returned.all()) == 600
        renamed = [{"sku": "x", "id": 10}, {"sku": "y", "id": 11}]
        connection.execute(text("UPDATE orders SET sku = :sku WHERE id = :id"), renamed)
        assert connection.scalar(text("SELECT sku FROM orders WHERE id = 11")) == "y"
        expected = 602 if shop.driver == "pymysql" else 1202
        assert connection.scalar(select(func.count()).select_from(ORDERS)) == expected


def test_savepoints_and_rollback(shop: Shop) -> None:
    """Transactions and savepoints work as without the hook."""
    if shop.driver == "duckdb":
        pytest.skip("DuckDB has no savepoints")
    with shop.engine.connect() as connection:
        connection.execute(text("INSERT INTO orders VALUES (20, 1, 'kept')"))
        with connection.begin_nested() as savepoint:
            connection.execute(text("INSERT INTO orders VALUES (21, 1, 'dropped')"))
            savepoint.rollback()
        connection.commit()
        assert connection.execute(text("SELECT sku FROM orders WHERE id IN (20, 21)")).all() == [("kept",)]


def test_reflection_works(shop: Shop) -> None:
    """inspect() and autoload read the schema of a hooked engine."""
    inspector = inspect(shop.engine)
    assert {"customers", "orders"} <= set(inspector.get_table_names())
    if shop.driver == "duckdb":
        return  # duckdb_engine cannot reflect columns with SQLAlchemy 2.1, hooked or not
    assert {"id", "name", "email", "ssn"} == {column["name"] for column in inspector.get_columns("customers")}
    reflected = Table("orders", MetaData(), autoload_with=shop.engine)
    assert list(reflected.c.keys()) == ["id", "customer_id", "sku"]


def test_isolation_level_and_pre_ping(shop: Shop) -> None:
    """What SQLAlchemy sends of its own for pings and isolation levels passes."""
    engine = create_engine(shop.url, pool_pre_ping=True)
    install(engine, policy=POLICY)
    for _ in range(2):
        with engine.connect() as connection:
            if shop.driver != "duckdb":
                connection.get_isolation_level()
            assert connection.execute(text(READ)).all() == MASKED
    engine.dispose()


def test_raw_cursors_come_masked(shop: Shop) -> None:
    """raw_connection(), connection.connection and driver_connection hand out guarded cursors."""
    raw = shop.engine.raw_connection()
    with closing(raw), closing(raw.cursor()) as cursor:
        cursor.execute(READ)
        assert [tuple(row) for row in cursor.fetchall()] == MASKED
    with shop.engine.connect() as connection:
        owners = [connection.connection, connection.connection.dbapi_connection]
        if shop.loop is None:
            owners.append(connection.connection.driver_connection)
        for owner in owners:
            assert owner is not None
            with closing(owner.cursor()) as cursor:
                cursor.execute(READ)
                assert [tuple(row) for row in cursor.fetchall()] == MASKED
        if shop.loop is None:
            again = connection.execute(text("SELECT 1")).context.cursor.connection.cursor()
            again.execute(READ)
            assert not is_raw(again.fetchall())


def test_pool_connect_and_shared_pool(shop: Shop) -> None:
    """engine.pool.connect() and another engine on the same pool are guarded as well."""
    pooled = shop.engine.pool.connect()
    cursor = pooled.cursor()
    cursor.execute(READ)
    assert not is_raw(cursor.fetchall())
    pooled.close()
    other = create_engine(shop.url, pool=shop.engine.pool)
    with other.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED


def test_connect_listeners_are_guarded(request: pytest.FixtureRequest) -> None:
    """SQL in a pool connect listener reads masks."""
    shop = open_shop(shop_url(request, "sqlite"), "sqlite")
    seen: list[Any] = []

    @event.listens_for(shop.engine, "connect")
    def read(connection: Any, _record: Any) -> None:
        seen.extend(connection.execute(READ).fetchall())

    with shop.engine.connect():
        pass
    assert seen == MASKED


def test_clones_detached_and_disposed_engines(shop: Shop) -> None:
    """execution_options() clones, detached connections and disposed pools stay hooked."""
    with shop.engine.execution_options(anything=1).connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED
        connection.detach()
        assert connection.execute(text(READ)).all() == MASKED
        detached: Any = connection.connection.dbapi_connection
    if shop.driver == "psycopg_async":
        detached.close()  # SQLAlchemy leaves that to the garbage collector, which warns
    shop.engine.dispose()
    with shop.engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED
        cursor = connection.connection.cursor()
        cursor.execute(READ)
        assert not is_raw(cursor.fetchall())


def test_private_connections_without_events(shop: Shop) -> None:
    """A Connection that runs no events is hooked too."""
    with Connection(shop.engine, _has_events=False) as connection:
        assert connection.execute(text(READ)).all() == MASKED


def test_listeners_cannot_see_or_undo_the_rewriting(shop: Shop) -> None:
    """A later listener sees the application's own text; what it puts in its place is rewritten in turn."""
    seen: list[str] = []

    @event.listens_for(shop.engine, "before_cursor_execute", retval=True)
    def undo(_c: Any, _cur: Any, statement: str, parameters: Any, _ctx: Any, _many: Any) -> tuple[str, Any]:
        seen.append(statement)
        return READ, parameters

    with shop.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT id, name, email FROM customers").all() == MASKED
    assert seen == ["SELECT id, name, email FROM customers"]


def test_listeners_that_execute_themselves_are_guarded(shop: Shop) -> None:
    """A do_execute listener that runs the statement itself meets the guarded cursor."""
    if shop.driver == "duckdb":
        pytest.skip("duckdb_engine runs no dialect events")
    with shop.engine.connect():
        pass  # so that the listener does not meet what SQLAlchemy sends when it first connects

    @event.listens_for(shop.engine, "do_execute")
    def run(cursor: Any, _statement: str, _parameters: Any, _context: Any) -> bool:
        cursor.execute(READ)
        return True

    with shop.engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED


def test_listeners_find_no_open_door_while_sqlalchemy_first_connects(shop: Shop) -> None:
    """What its dialect sends by itself passes; what a listener sends in the same moment is judged like anything."""
    seen: list[object] = []

    def on_execute(cursor: Any, *_: object) -> None:
        with suppress(Exception):
            own = cursor.connection.cursor()
            own.execute("SELECT ssn FROM customers")
            seen.append(own.fetchall())
        with suppress(Exception):
            shop.engine.dialect.do_execute(cursor, "SELECT email FROM customers", (), None)
            seen.append(cursor.fetchall())

    for name in ("do_execute", "do_execute_no_params"):
        event.listen(shop.engine, name, on_execute)
    with shop.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert not is_raw(seen)


def test_edited_text_is_rewritten_again(shop: Shop) -> None:
    """Text that was edited after the rewriter returned it is not taken for the rewriter's."""
    safe = Safe.of("SELECT 1 ")
    assert type(safe + "x") is str
    assert type(safe.strip()) is str
    assert type(f"{safe}") is str


def test_sequences_and_sql_defaults(shop: Shop) -> None:
    """Pre-executed sequences and SQL-expression defaults run through the hook."""
    if not shop.is_postgres:
        pytest.skip("only PostgreSQL pre-executes sequences here")
    plain = create_engine(shop.url)
    with plain.begin() as connection:
        connection.execute(text("CREATE SEQUENCE numbers START 500"))
    plain.dispose()
    items = Table(
        "orders",
        MetaData(),
        Column("id", Integer, Sequence("numbers"), primary_key=True),
        Column("customer_id", Integer, default=select(func.max(ORDERS.c.customer_id)).scalar_subquery()),
        Column("sku", String(20)),
    )
    shop.installed.refresh()
    with shop.engine.begin() as connection:
        assert connection.scalar(Sequence("numbers")) == 500
        assert connection.execute(insert(items).values(sku="s")).inserted_primary_key == (501,)


# Grants, records and principals.


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


def test_changes_by_other_processes_are_noticed(shop: Shop) -> None:
    """Once the lease of the schema is over, what another process changed is read anew."""
    with shop.engine.connect() as connection:
        assert connection.execute(text("SELECT sku FROM orders WHERE id = 10")).all() == [("engine",)]
    if shop.driver == "duckdb":
        shop.engine.dispose()  # one process may hold the file
    plain = create_engine(shop.url)
    with plain.begin() as connection:
        connection.execute(text("CREATE VIEW tags AS SELECT id, sku AS email FROM orders"))
    with shop.engine.connect() as connection:
        assert connection.scalar(text("SELECT email FROM tags WHERE id = 10")) == "engine"
    if shop.driver == "duckdb":
        shop.engine.dispose()
    with plain.begin() as connection:
        connection.execute(text("DROP VIEW tags"))
        connection.execute(text("CREATE VIEW tags AS SELECT id + 9 AS id, email FROM customers"))
    plain.dispose()
    shop.installed.hook.schemas.clock = lambda: monotonic() + 3600
    with shop.engine.connect() as connection:
        assert connection.scalar(text("SELECT email FROM tags WHERE id = 10")) == "[redacted]"


def test_batches_are_judged_by_their_template(shop: Shop) -> None:
    """Rows inserted in batches leave no entry per batch, and a listener's edit of a batch is read whole."""
    if shop.driver == "pymysql":
        pytest.skip("batches its rows itself")
    with shop.engine.begin() as connection:
        rows = [{"id": i, "customer_id": 1, "sku": "b"} for i in range(1000, 2000)]
        connection.execute(
            insert(ORDERS).returning(ORDERS.c.id), rows, execution_options={"insertmanyvalues_page_size": 7}
        )
        view = shop.installed.hook.schemas.known(connection.connection.dbapi_connection)
        assert view is not None
        assert len(view.statements) < 10

        @event.listens_for(connection, "before_cursor_execute", retval=True)
        def edit(_c: Any, _cur: Any, statement: str, parameters: Any, _ctx: Any, _many: Any) -> tuple[str, Any]:
            return f"{statement}, (SELECT pg_sleep(email) FROM customers WHERE id = 1)", parameters

        with pytest.raises(StatementRefused):
            connection.execute(insert(ORDERS).returning(ORDERS.c.id), rows)


# Installing.


def test_install_is_idempotent_and_does_not_connect(shop: Shop) -> None:
    """The same terms give the same hook; other terms are refused; nothing connects."""
    engine = create_engine(shop.url.replace("sqlite:///", "sqlite:////nowhere"))
    event.listen(engine, "connect", lambda *_: pytest.fail("install connected"))
    assert install(engine, policy=POLICY) is install(engine, policy=POLICY)
    with pytest.raises(RewriteError, match="uninstall first"):
        install(engine, policy=POLICY, environment="prod")


def test_uninstall_takes_everything_off(shop: Shop) -> None:
    """After uninstall, statements run as they are, on pooled connections as well."""
    with shop.engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED
    shop.installed.uninstall()
    with shop.engine.connect() as connection:
        assert is_raw(connection.execute(text(READ)).all())
        cursor = connection.connection.cursor()
        cursor.execute(READ)
        assert is_raw(cursor.fetchall())
    install(shop.engine, policy=POLICY)
    with shop.engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED


def test_connections_pooled_before_install_are_guarded(shop: Shop) -> None:
    """Connections that were in the pool before install hand out guarded cursors afterwards."""
    engine = create_engine(shop.url)
    with engine.connect() as connection:
        assert is_raw(connection.execute(text(READ)).all())
    install(engine, policy=POLICY)
    with engine.connect() as connection:
        assert connection.execute(text(READ)).all() == MASKED
        cursor = connection.connection.cursor()
        cursor.execute(READ)
        assert not is_raw(cursor.fetchall())
    engine.dispose()


def test_a_misspelt_policy_fails_before_the_first_statement(shop: Shop) -> None:
    """A policy that names what the database lacks is a PolicyError, not a silent leak."""
    engine = create_engine(shop.url, poolclass=NullPool)
    install(engine, policy=type(POLICY).parse("columns: {custmers.email: redact}"))
    with pytest.raises(PolicyError), engine.connect() as connection:
        connection.execute(text("SELECT 1 FROM customers"))


def test_owners_create_the_tables_that_the_policy_names(request: pytest.FixtureRequest) -> None:
    """An owner may create the schema on a hooked, empty database; until then nobody reads anything."""
    engine = create_engine(request.getfixturevalue("sqlite_database"))
    install(engine, policy=POLICY)
    with pytest.raises(PolicyError), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    with acting_as(OWNER):
        METADATA.create_all(engine)
    with engine.connect() as connection:
        assert connection.execute(text(READ)).all() == []


def test_unknown_relations_give_the_engines_own_error(shop: Shop) -> None:
    """A table that is not there raises what it raises without the hook; one created elsewhere is found."""
    with shop.engine.connect() as connection, pytest.raises(DBAPIError) as hooked:
        connection.execute(text("SELECT * FROM nowhere"))
    plain = create_engine(shop.url)
    with plain.connect() as connection, pytest.raises(DBAPIError) as unhooked:
        connection.execute(text("SELECT * FROM nowhere"))
    assert type(hooked.value.orig) is type(unhooked.value.orig)
    with plain.begin() as connection:
        connection.execute(text("CREATE TABLE elsewhere (id INTEGER)"))
    plain.dispose()
    with shop.engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM elsewhere")).all() == []


def test_refusals_are_raised_as_themselves_and_recorded(shop: Shop) -> None:
    """A refusal is no driver error, it pickles, and the recorder hears of it."""
    with shop.engine.connect() as connection, pytest.raises(StatementRefused) as refused:
        connection.execute(text("GRANT ALL ON customers TO bo"))
    assert pickle.loads(pickle.dumps(refused.value)).reason is refused.value.reason
    assert shop.ledger.refusals[-1] == (None, refused.value.reason.value)


def test_trailing_comments_share_one_entry(shop: Shop) -> None:
    """A tracing comment reaches the engine, and does not make every statement a new one."""
    with shop.engine.connect() as connection:
        for span in ("a1", "b2"):
            rows = connection.exec_driver_sql(f"{READ} /*traceparent='00-{span}',route='%%2Fx'*/").all()
            assert rows == MASKED
