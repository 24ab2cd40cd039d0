"""Every path by which SQLAlchemy runs SQL, on every driver: what comes out is masked, or the path is closed."""

import pickle
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import (
    Column,
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

from rewriter import Reason, StatementRefused, install
from tests.rewriter.hooked import (
    POLICY,
    RAW,
    Shop,
    shop,
)
from tests.rewriter.shop_tables import CUSTOMERS, MASKED, ORDERS, READ

__all__ = ["shop"]


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
