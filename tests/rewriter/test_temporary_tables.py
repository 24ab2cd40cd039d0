"""Tables of MySQL and MariaDB that no catalog lists: a session's temporary ones, and MariaDB's sequences."""

from collections.abc import Iterator
from dataclasses import replace

import pymysql
import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from rewriter import install
from rewriter.binding import bind
from rewriter.catalog import load_catalog, unlisted_tables, with_unlisted
from rewriter.errors import Reason, StatementRefused, UnknownRelation
from rewriter.rewrite import rewrite_bound
from tests.rewriter.hooked import OWNER, POLICY, RAW, TRUSTED, fill, is_raw


@pytest.fixture
def engine(mariadb_database: str) -> Iterator[Engine]:
    """The shop, hooked."""
    fill(mariadb_database)
    hooked = create_engine(mariadb_database)
    install(hooked, policy=POLICY)
    yield hooked
    hooked.dispose()


def _run(connection: Connection, principal: str, *statements: str) -> None:
    acting = connection.execution_options(principal=principal)
    for sql in statements:
        acting.execute(text(sql))
    connection.execution_options(principal=None)


def test_a_temporary_table_is_read_joined_and_written(engine: Engine) -> None:
    """By whoever uses the connection; what is copied into it are masks."""
    with engine.connect() as connection:
        _run(
            connection,
            OWNER,
            "CREATE TEMPORARY TABLE picked (id int PRIMARY KEY, note varchar(60))",
            "CREATE TEMPORARY TABLE copied AS SELECT id, email FROM customers",
        )
        connection.execute(text("INSERT INTO picked SELECT id, ssn FROM customers"))
        joined = "picked p JOIN customers c ON c.id = p.id JOIN copied x ON x.id = c.id"
        rows = connection.execute(text(f"SELECT p.id, p.note, c.email, x.email FROM {joined} ORDER BY p.id")).all()
        assert [row[0] for row in rows] == [1, 2]
        assert not is_raw(rows)
        database = make_url(str(engine.url)).database
        assert connection.execute(text(f"SELECT count(*) FROM {database}.picked")).scalar() == 2
        assert connection.execute(text("DELETE FROM picked WHERE id = 1")).rowcount == 1
        with engine.connect() as other, pytest.raises(ProgrammingError, match=r"picked.* doesn't exist"):
            other.execute(text("SELECT * FROM picked"))


def test_what_becomes_of_a_temporary_table_is_noticed(engine: Engine) -> None:
    """It is made anew with other columns, takes a masked table's name, or is gone."""
    with engine.connect() as connection:
        _run(connection, OWNER, "CREATE TEMPORARY TABLE picked (id int)")
        assert connection.execute(text("SELECT * FROM picked")).all() == []
        _run(connection, OWNER, "DROP TEMPORARY TABLE picked", "CREATE TEMPORARY TABLE picked (other int, more int)")
        connection.execute(text("INSERT INTO picked VALUES (1, 2)"))
        assert connection.execute(text("SELECT more FROM picked")).all() == [(2,)]
        _run(connection, OWNER, "DROP TEMPORARY TABLE picked")
        with pytest.raises(ProgrammingError, match=r"picked.* doesn't exist"):
            connection.execute(text("SELECT more FROM picked"))
        _run(connection, OWNER, "CREATE TABLE picked AS SELECT * FROM orders")
        assert connection.execute(text("SELECT count(*) FROM picked")).scalar() == 2


def test_a_temporary_table_hides_no_masks(engine: Engine) -> None:
    """Under a masked table's name it has that table's masks, and a view of it is never taken for one of the other."""
    with engine.connect() as connection:
        _run(connection, OWNER, "CREATE VIEW mails AS SELECT id, email FROM customers")
        _run(connection, OWNER, "CREATE TEMPORARY TABLE customers (id int, email varchar(60), ssn varchar(11))")
        connection.execute(text("INSERT INTO customers (id) VALUES (7)"))
        for sql in ("SELECT * FROM mails", "SELECT email FROM mails", "SELECT id, email, ssn FROM customers"):
            assert not is_raw(connection.execute(text(sql)).all())
        with engine.connect() as other:
            rows = other.execute(text("SELECT email FROM mails")).all()
            assert len(rows) == 2
            assert not is_raw(rows)


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TEMPORARY TABLE taken AS SELECT * FROM customers",),
        (
            "CREATE TEMPORARY TABLE taken (id int, email varchar(60))",
            "INSERT INTO taken SELECT id, email FROM customers",
        ),
    ],
)
def test_what_a_trusted_principal_copied_is_not_read(engine: Engine, statements: tuple[str, ...]) -> None:
    """Its statements run as they are: from then on, nothing is read from the connection's temporary tables."""
    with engine.connect() as connection:
        _run(connection, OWNER, "CREATE TEMPORARY TABLE mine (id int)")
        assert connection.execute(text("SELECT * FROM mine")).all() == []
        _run(connection, TRUSTED, *statements)
        for table in ("taken", "mine"):
            with pytest.raises(StatementRefused) as caught:
                connection.execute(text(f"SELECT * FROM {table}"))
            assert caught.value.reason is Reason.UNKNOWN_RELATION
        assert len(connection.execute(text("SELECT id FROM orders")).all()) == 2


def test_a_views_table_is_not_the_temporary_one(mariadb_database: str) -> None:
    """A view over a table that the account does not see is refused, also where a temporary one has that name."""
    fill(mariadb_database)
    address = make_url(mariadb_database)
    connection = pymysql.connect(
        host=address.host, port=address.port or 3306, user=address.username, password=address.password or "",
        database=address.database,
    )  # fmt: skip
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE unseen AS SELECT * FROM customers")
        cursor.execute("CREATE VIEW shown AS SELECT ssn FROM unseen")
        known = load_catalog(cursor, "mysql")
        cursor.execute("CREATE TEMPORARY TABLE unseen (ssn int)")
        key = (str(address.database), "unseen")
        lasting = {other: relation for other, relation in known.relations.items() if other != key}
        catalog = with_unlisted(replace(known, relations=lasting), unlisted_tables(cursor, [key], pymysql.Error))
        assert catalog.relations[key].is_temporary
        binding = bind(POLICY, catalog)
        assert rewrite_bound("SELECT ssn FROM unseen", binding).is_unchanged
        with pytest.raises(UnknownRelation):
            rewrite_bound("SELECT ssn FROM shown", binding)
        assert {row[0] for row in _rows(cursor, "SELECT ssn FROM shown")} <= set(RAW)


def _rows(cursor: "pymysql.cursors.Cursor", sql: str) -> list[tuple[object, ...]]:
    cursor.execute(sql)
    return list(cursor.fetchall())


def test_sequences_are_tables_of_numbers(engine: Engine) -> None:
    """MariaDB has one for every `seq_…` name; what is called so and is no sequence is not."""
    with engine.connect() as connection:
        if not getattr(engine.dialect, "is_mariadb", False):
            pytest.skip("MySQL has no sequences")
        joined = "seq_1_to_5_step_2 s LEFT JOIN customers c ON c.id = s.seq"
        rows = connection.execute(text(f"SELECT s.seq, c.email FROM {joined}")).all()
        assert [row[0] for row in rows] == [1, 3, 5]
        assert not is_raw(rows)
