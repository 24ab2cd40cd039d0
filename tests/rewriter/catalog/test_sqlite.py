"""What `rewriter.catalog.sqlite` reads, on the SQLite that Python came with."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from rewriter.catalog import catalog_stamp, load_catalog
from rewriter.schema import RelationKind
from tests.rewriter.catalog.connecting import loaded, names


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """An empty database in memory."""
    with closing(sqlite3.connect(":memory:")) as connection:
        yield connection


@pytest.fixture
def cursor(connection: sqlite3.Connection) -> sqlite3.Cursor:
    """A cursor of `connection`."""
    return connection.cursor()


def test_columns_come_in_order_with_collations_and_generated_ones(cursor: sqlite3.Cursor) -> None:
    """What SQLite keeps only in the CREATE text is read from there, whatever else the text holds."""
    catalog = loaded(
        cursor,
        "sqlite",
        """CREATE TABLE t (id INTEGER PRIMARY KEY, "odd, name" varchar(20) COLLATE nocase DEFAULT (')'), -- a, b
             [low] TEXT GENERATED ALWAYS AS (lower("odd, name")) VIRTUAL, kept AS (id + 1) STORED,
             plain TEXT CHECK (plain COLLATE nocase <> 'x'), CONSTRAINT one UNIQUE (plain COLLATE rtrim))""",
    )
    table = catalog.relations["main", "t"]
    assert names(table) == ["id", "odd, name", "low", "kept", "plain"]
    assert [column.type.collation for column in table.columns] == [None, "nocase", None, None, None]
    assert [column.generation for column in table.columns] == [None, None, 'lower("odd, name")', "id + 1", None]
    assert table.primary_key == ("id",)
    assert not any(column.is_hidden for column in table.columns)


def test_a_rowid_is_known(cursor: sqlite3.Cursor) -> None:
    """Tables have one unless they say otherwise; views have none."""
    catalog = loaded(
        cursor,
        "sqlite",
        "CREATE TABLE a (id INTEGER)",
        "CREATE TABLE b (id TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE VIEW v AS SELECT id FROM a",
    )
    assert {name: relation.has_rowid for (_, name), relation in catalog.relations.items()} == {
        "a": True,
        "b": False,
        "v": False,
    }


def test_foreign_keys_are_known_at_both_ends(cursor: sqlite3.Cursor) -> None:
    """A reference without columns means the primary key; the other table may be spelled in another case."""
    catalog = loaded(
        cursor,
        "sqlite",
        "CREATE TABLE a (x INTEGER, y INTEGER, z TEXT UNIQUE, PRIMARY KEY (y, x))",
        "CREATE TABLE b (p INTEGER, q INTEGER, r TEXT REFERENCES a (z), FOREIGN KEY (p, q) REFERENCES A)",
        "CREATE TABLE c (gone INTEGER REFERENCES nowhere)",
    )
    assert catalog.relations["main", "a"].foreign_keys == {"x", "y", "z"}
    assert catalog.relations["main", "b"].foreign_keys == {"p", "q", "r"}
    assert catalog.relations["main", "c"].foreign_keys == {"gone"}


def test_views_show_their_select_and_their_column_list(cursor: sqlite3.Cursor) -> None:
    """The prefix is cut off, comments and quotes inside it notwithstanding."""
    catalog = loaded(
        cursor,
        "sqlite",
        "CREATE TABLE t (a TEXT)",
        """CREATE VIEW IF NOT EXISTS main."v AS (" /* AS */ ("x, y", [z]) AS SELECT a, 1 FROM t;""",
        "CREATE TEMPORARY VIEW w AS WITH x AS (SELECT 2) SELECT * FROM x",
    )
    view, temporary = catalog.relations["main", "v AS ("], catalog.relations["temp", "w"]
    assert view.kind is RelationKind.VIEW
    assert (view.definition, view.view_columns) == ("SELECT a, 1 FROM t", ("x, y", "z"))
    assert temporary.definition == "WITH x AS (SELECT 2) SELECT * FROM x"
    assert temporary.is_temporary
    assert not temporary.view_columns


def test_one_broken_view_hides_nothing(cursor: sqlite3.Cursor) -> None:
    """A view over a dropped table has no columns, and the rest of the catalog is there."""
    catalog = loaded(
        cursor, "sqlite", "CREATE TABLE t (a)", "CREATE TABLE u (a)", "CREATE VIEW v AS SELECT a FROM t", "DROP TABLE t"
    )
    assert catalog.relations["main", "v"].columns == ()
    assert names(catalog.relations["main", "u"]) == ["a"]


def test_virtual_tables_and_the_tables_that_hold_their_content(cursor: sqlite3.Cursor) -> None:
    """A full-text table shows its CREATE statement; its shadow tables name it, the longest name first."""
    catalog = loaded(
        cursor,
        "sqlite",
        "CREATE VIRTUAL TABLE notes USING fts5(body)",
        "CREATE VIRTUAL TABLE notes_old USING fts5(body)",
    )
    notes = catalog.relations["main", "notes"]
    assert notes.kind is RelationKind.VIRTUAL
    assert (notes.definition or "").startswith("CREATE VIRTUAL TABLE notes USING fts5")
    assert [(column.name, column.is_hidden) for column in notes.columns] == [
        ("body", False),
        ("notes", True),
        ("rank", True),
    ]
    assert catalog.relations["main", "notes_content"].shadow_of == ("main", "notes")
    assert catalog.relations["main", "notes_old_content"].shadow_of == ("main", "notes_old")


def test_every_database_is_listed_temp_is_searched_first(cursor: sqlite3.Cursor) -> None:
    """temp, main, then what is attached, in order; SQLite's own tables are left out."""
    catalog = loaded(
        cursor,
        "sqlite",
        "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT)",
        "ATTACH ':memory:' AS \"odd ' name\"",
        """CREATE TABLE "odd ' name".u (b)""",
        "CREATE TEMPORARY TABLE t (c)",
    )
    assert catalog.search_path == ("temp", "main", "odd ' name")
    assert set(catalog.relations) == {("main", "t"), ("temp", "t"), ("odd ' name", "u")}


def test_functions_of_the_application_are_the_users(connection: sqlite3.Connection, cursor: sqlite3.Cursor) -> None:
    """Also where one overrides a built-in of the same name; those that SQLAlchemy registers are not counted."""
    assert "lower" in load_catalog(cursor, "sqlite").builtins
    connection.create_function("LOWER", 1, lambda value: value)
    connection.create_function("mine", 0, lambda: 1)
    connection.create_function("regexp", 2, lambda _pattern, _value: True)
    catalog = load_catalog(cursor, "sqlite")
    assert {"lower", "mine"} <= catalog.user_functions
    assert not catalog.builtins & {"lower", "mine"}
    assert "regexp" in catalog.builtins


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE u (a)",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN c",
        "ALTER TABLE t RENAME COLUMN a TO c",
        "CREATE TEMPORARY TABLE t (a)",
        "ATTACH ':memory:' AS other",
        "CREATE VIEW v AS SELECT 1",
    ],
)
def test_the_stamp_changes_with_ddl(cursor: sqlite3.Cursor, change: str) -> None:
    """Each change that alters the catalog alters the stamp; rows do not."""
    cursor.execute("CREATE TABLE t (a, b)")
    before = catalog_stamp(cursor, "sqlite")
    cursor.execute("INSERT INTO t VALUES (1, 2)")
    cursor.connection.commit()
    assert catalog_stamp(cursor, "sqlite") == before
    cursor.execute(change)
    assert catalog_stamp(cursor, "sqlite") != before


def test_the_stamp_changes_with_a_function(connection: sqlite3.Connection, cursor: sqlite3.Cursor) -> None:
    """An override of a built-in is a change."""
    before = catalog_stamp(cursor, "sqlite")
    connection.create_function("lower", 1, lambda value: value)
    assert catalog_stamp(cursor, "sqlite") != before
