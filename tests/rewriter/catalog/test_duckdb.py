"""What `rewriter.catalog.duckdb` reads, on DuckDB in memory."""

from collections.abc import Iterator

import duckdb
import pytest

from masking.types import Kind
from rewriter.catalog import catalog_stamp, load_catalog
from rewriter.schema import RelationKind
from tests.rewriter.catalog.connecting import Counted, loaded, names


@pytest.fixture
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory; DuckDB's connection is its own cursor."""
    with duckdb.connect() as connection:
        yield connection


def test_columns_come_in_order_with_collations_and_generated_ones(cursor: duckdb.DuckDBPyConnection) -> None:
    """What DuckDB keeps only in the CREATE text is read from there."""
    catalog = loaded(
        cursor,
        "duckdb",
        "CREATE TYPE mood AS ENUM ('low', 'high')",
        """CREATE TABLE t (id INTEGER PRIMARY KEY, "odd, name" VARCHAR COLLATE nocase DEFAULT ')',
             paid DECIMAL(10,2), m mood, low VARCHAR GENERATED ALWAYS AS (lower("odd, name")))""",
    )
    table = catalog.relations["main", "t"]
    assert names(table) == ["id", "odd, name", "paid", "m", "low"]
    assert [column.type.collation for column in table.columns] == [None, "nocase", None, None, None]
    assert table.columns[2].type.sql == "DECIMAL(10,2)"
    assert table.columns[3].type.kind is Kind.ENUM
    assert "lower" in (table.columns[4].generation or "")
    assert table.primary_key == ("id",)


def test_foreign_keys_are_known_at_both_ends(cursor: duckdb.DuckDBPyConnection) -> None:
    """The referring and the referenced columns are both marked."""
    catalog = loaded(
        cursor,
        "duckdb",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER)",
        "CREATE TABLE b (a_id INTEGER REFERENCES a (id), n INTEGER)",
    )
    assert catalog.relations["main", "a"].foreign_keys == {"id"}
    assert catalog.relations["main", "b"].foreign_keys == {"a_id"}


def test_views_show_their_select_and_their_column_list(cursor: duckdb.DuckDBPyConnection) -> None:
    """The prefix is cut off; temporary views too."""
    catalog = loaded(
        cursor,
        "duckdb",
        "CREATE TABLE t (a INTEGER)",
        'CREATE VIEW v ("x, y") AS SELECT a FROM t',
        "CREATE TEMPORARY VIEW w AS SELECT 1 AS one",
    )
    view, temporary = catalog.relations["main", "v"], catalog.relations["temp.main", "w"]
    assert view.kind is RelationKind.VIEW
    assert (view.definition, view.view_columns) == ("SELECT a FROM t", ("x, y",))
    assert names(view) == ["x, y"]
    assert temporary.is_temporary
    assert temporary.definition == "SELECT 1 AS one"


def test_schemas_elsewhere_are_named_with_their_database(cursor: duckdb.DuckDBPyConnection) -> None:
    """The current database's schemas are bare; `USE` turns them round."""
    statements = ("CREATE TABLE t (a INTEGER)", "ATTACH ':memory:' AS other", "CREATE TABLE other.u (b INTEGER)")
    before = loaded(cursor, "duckdb", *statements)
    after = loaded(cursor, "duckdb", "USE other")
    assert set(before.relations) == {("main", "t"), ("other.main", "u")}
    assert (before.database, after.database) == ("memory", "other")
    assert set(after.relations) == {("memory.main", "t"), ("main", "u")}


def test_the_search_path_is_duckdbs(cursor: duckdb.DuckDBPyConnection) -> None:
    """The temporary schema first, then what the setting names, the current database's main, the system's schemas."""
    statements = ("CREATE SCHEMA s", 'CREATE SCHEMA "odd, name"', "ATTACH ':memory:' AS other")
    plain = loaded(cursor, "duckdb", *statements)
    chosen = loaded(cursor, "duckdb", """SET search_path = '"odd, name",s,other.main,other'""")
    system = ("system.main", "system.pg_catalog")
    assert plain.search_path == ("temp.main", "main", *system)
    assert chosen.search_path == ("temp.main", "odd, name", "s", "other.main", "main", *system)


def test_macros_are_the_users(cursor: duckdb.DuckDBPyConnection) -> None:
    """Scalar and table macros in any database, also one that overrides a built-in, even one that this module calls."""
    catalog = loaded(
        cursor,
        "duckdb",
        "CREATE MACRO lower(x) AS x",
        "CREATE MACRO current_database() AS 'elsewhere'",
        "CREATE TEMPORARY MACRO Mine(x) AS x",
        "CREATE MACRO rows_of(x) AS TABLE SELECT x",
    )
    assert catalog.database == "memory"
    assert catalog.user_functions == {"current_database", "lower", "mine", "rows_of"}
    assert "lower" not in catalog.builtins
    assert "upper" in catalog.builtins


def test_loading_takes_seven_statements(cursor: duckdb.DuckDBPyConnection) -> None:
    """The number of statements does not depend on the number of relations."""
    for number in range(20):
        cursor.execute(f"CREATE TABLE t{number} (a INTEGER)")
    counted = Counted(cursor)
    load_catalog(counted, "duckdb")
    assert len(counted.statements) == 7


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE u (a INTEGER)",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN c INTEGER",
        "ALTER TABLE t RENAME COLUMN a TO c",
        "CREATE TEMPORARY TABLE t (a INTEGER)",
        "CREATE OR REPLACE VIEW v AS SELECT 2 AS one",
        "CREATE MACRO lower(x) AS x",
        "CREATE SCHEMA s",
        "ATTACH ':memory:' AS other",
    ],
)
def test_the_stamp_changes_with_ddl(cursor: duckdb.DuckDBPyConnection, change: str) -> None:
    """Each change that alters the catalog alters the stamp; rows do not."""
    cursor.execute("CREATE TABLE t (a INTEGER, b INTEGER)")
    cursor.execute("CREATE VIEW v AS SELECT 1 AS one")
    before = catalog_stamp(cursor, "duckdb")
    cursor.execute("INSERT INTO t VALUES (1, 2)")
    assert catalog_stamp(cursor, "duckdb") == before
    cursor.execute(change)
    assert catalog_stamp(cursor, "duckdb") != before
