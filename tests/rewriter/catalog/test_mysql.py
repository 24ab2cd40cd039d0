"""What `rewriter.catalog.mysql` reads, on a real server."""

from collections.abc import Iterator

import pytest
from pymysql.cursors import Cursor as MySQLCursor
from sqlalchemy.engine import make_url

from masking.types import Kind
from rewriter.catalog import catalog_stamp, load_catalog
from rewriter.schema import RelationKind
from tests.rewriter.catalog.connecting import Counted, loaded, mysql, names


@pytest.fixture
def cursor(mariadb_database: str) -> Iterator[MySQLCursor]:
    """A cursor whose default database is an empty one."""
    with mysql(mariadb_database) as connection, connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def database(mariadb_database: str) -> str:
    """The name of the cursor's database."""
    return make_url(mariadb_database).database or ""


def test_columns_come_in_order_with_their_types(cursor: MySQLCursor, database: str) -> None:
    """Types as `COLUMN_TYPE` spells them, invisible columns flagged, generated ones with their expression."""
    catalog = loaded(
        cursor,
        "mysql",
        """CREATE TABLE t (
             id int unsigned PRIMARY KEY, name varchar(50) COLLATE utf8mb4_bin, mood enum('low', 'high'),
             shout varchar(60) AS (upper(name)) STORED, secret int INVISIBLE)""",
    )
    table = catalog.relations[database, "t"]
    assert names(table) == ["id", "name", "mood", "shout", "secret"]
    assert table.columns[0].type.unsigned
    assert table.columns[1].type.collation == "utf8mb4_bin"
    assert table.columns[2].type.kind is Kind.ENUM
    assert "name" in (table.columns[3].generation or "")
    assert [column.is_hidden for column in table.columns] == [False, False, False, False, True]
    assert table.primary_key == ("id",)
    assert catalog.search_path == (database,)
    assert catalog.default_schema == catalog.database == database


def test_keys_are_known_at_both_ends_and_in_order(cursor: MySQLCursor, database: str) -> None:
    """A primary key of several columns keeps its order; foreign keys mark both tables."""
    catalog = loaded(
        cursor,
        "mysql",
        "CREATE TABLE a (x int, y int, z int, PRIMARY KEY (y, x))",
        "CREATE TABLE b (a_y int, a_x int, FOREIGN KEY (a_y, a_x) REFERENCES a (y, x))",
    )
    assert catalog.relations[database, "a"].primary_key == ("y", "x")
    assert catalog.relations[database, "a"].foreign_keys == {"x", "y"}
    assert catalog.relations[database, "b"].foreign_keys == {"a_x", "a_y"}


def test_views_show_their_definition(cursor: MySQLCursor, database: str) -> None:
    """A view's own column names are in its definition on MariaDB, beside it on MySQL."""
    catalog = loaded(cursor, "mysql", "CREATE TABLE t (a int)", "CREATE VIEW v (b) AS SELECT a FROM t WHERE a > 1")
    view = catalog.relations[database, "v"]
    assert view.kind is RelationKind.VIEW
    assert names(view) == ["b"]
    assert f"`{database}`.`t`" in (view.definition or "")
    assert view.view_columns == (() if catalog.is_mariadb else ("b",))


def test_other_databases_are_part_of_the_catalog(cursor: MySQLCursor, mariadb_url: str, database: str) -> None:
    """A statement may name a table of any database, so they are all listed; the server's own are not."""
    cursor.execute("CREATE TABLE t (a int)")
    with mysql(mariadb_url) as connection, connection.cursor() as other:
        catalog = load_catalog(other, "mysql")
    assert (database, "t") in catalog.relations
    assert catalog.search_path == ()
    assert not {schema for schema, _ in catalog.relations} & {"mysql", "information_schema", "sys"}


def test_stored_functions_are_the_users(cursor: MySQLCursor) -> None:
    """Also where they bear the name of a native one; procedures are not functions."""
    catalog = loaded(
        cursor,
        "mysql",
        "CREATE FUNCTION Mine(a int) RETURNS int DETERMINISTIC RETURN a",
        "CREATE FUNCTION soundex(a int) RETURNS int DETERMINISTIC RETURN a",
        "CREATE PROCEDURE theirs() SELECT 1",
    )
    assert {"mine", "soundex"} <= catalog.user_functions
    assert "theirs" not in catalog.user_functions
    assert "soundex" not in catalog.builtins
    assert "lower" in catalog.builtins


def test_letter_case_of_tables_follows_the_server(cursor: MySQLCursor) -> None:
    """`lower_case_table_names` 0 means that case matters."""
    cursor.execute("SELECT @@lower_case_table_names")
    ((setting,),) = cursor.fetchall()
    assert load_catalog(cursor, "mysql").is_table_case_sensitive == (setting == 0)


def test_loading_takes_at_most_seven_statements(cursor: MySQLCursor) -> None:
    """The number of statements does not depend on the number of relations."""
    for number in range(10):
        cursor.execute(f"CREATE TABLE t{number} (a int)")
    counted = Counted(cursor)
    load_catalog(counted, "mysql")
    assert len(counted.statements) <= 7
    assert not any("%" in statement for statement in counted.statements)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE u (a int)",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN c int",
        "ALTER TABLE t RENAME COLUMN a TO c",
        "ALTER TABLE t DROP COLUMN a",
        "ALTER TABLE t MODIFY b varchar(20)",
        "ALTER TABLE t ADD PRIMARY KEY (a)",
        "ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a",
        "RENAME TABLE t TO u",
        "CREATE OR REPLACE VIEW v AS SELECT b AS a FROM t",
        "CREATE FUNCTION f(a int) RETURNS int DETERMINISTIC RETURN a",
        "USE information_schema",
    ],
)
def test_the_stamp_changes_with_ddl(cursor: MySQLCursor, change: str) -> None:
    """Each change that alters the catalog alters the stamp, also when two names change places."""
    cursor.execute("CREATE TABLE t (a varchar(10) NOT NULL, b varchar(10) NOT NULL)")
    cursor.execute("CREATE VIEW v AS SELECT a FROM t")
    before = catalog_stamp(cursor, "mysql")
    assert catalog_stamp(cursor, "mysql") == before
    cursor.execute(change)
    assert catalog_stamp(cursor, "mysql") != before


def test_the_stamp_does_not_change_with_rows(cursor: MySQLCursor) -> None:
    """Rows and statistics leave it alone."""
    cursor.execute("CREATE TABLE t (a int AUTO_INCREMENT PRIMARY KEY)")
    before = catalog_stamp(cursor, "mysql")
    cursor.execute("INSERT INTO t VALUES (1), (2)")
    cursor.execute("ANALYZE TABLE t")
    cursor.fetchall()
    assert catalog_stamp(cursor, "mysql") == before
