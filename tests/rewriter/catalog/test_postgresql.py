"""What `rewriter.catalog.postgresql` reads, on a real server."""

from collections.abc import Iterator
from typing import Any

import psycopg
import psycopg2
import pytest
from sqlalchemy.engine import make_url

from masking.types import Kind
from rewriter.catalog import catalog_stamp, load_catalog
from rewriter.schema import RelationKind
from tests.rewriter.catalog.connecting import Counted, loaded, names, postgresql


@pytest.fixture
def cursor(postgres_database: str) -> "Iterator[psycopg.Cursor[Any]]":
    """A cursor on an empty database, in autocommit."""
    with postgresql(postgres_database) as connection, connection.cursor() as cursor:
        yield cursor


def test_columns_come_in_order_with_their_types_and_without_dropped_ones(cursor: "psycopg.Cursor[Any]") -> None:
    """Columns are the table's own, in its order, as `format_type` spells their types."""
    catalog = loaded(
        cursor,
        "postgresql",
        "CREATE TABLE t (id int PRIMARY KEY, gone int, name varchar(50), at timestamptz(3), paid numeric(10,2))",
        "ALTER TABLE t DROP COLUMN gone",
    )
    table = catalog.relations["public", "t"]
    assert names(table) == ["id", "name", "at", "paid"]
    assert [column.type.sql for column in table.columns] == [
        "integer",
        "character varying(50)",
        "timestamp(3) with time zone",
        "numeric(10,2)",
    ]
    assert table.primary_key == ("id",)


def test_types_of_users_are_qualified_whatever_the_search_path(cursor: "psycopg.Cursor[Any]") -> None:
    """An enum in a schema of the search path is still named with its schema."""
    catalog = loaded(
        cursor,
        "postgresql",
        "CREATE SCHEMA crm",
        "SET search_path = crm, public",
        "CREATE TYPE mood AS ENUM ('low', 'high')",
        "CREATE TABLE t (m mood)",
    )
    column = catalog.relations["crm", "t"].columns[0]
    assert (column.type.kind, column.type.sql) == (Kind.ENUM, "crm.mood")


def test_a_domain_counts_as_the_type_below_it(cursor: "psycopg.Cursor[Any]") -> None:
    """A domain over a domain yields the innermost type, with the length and collation that the domains set."""
    catalog = loaded(
        cursor,
        "postgresql",
        """CREATE DOMAIN mail AS varchar(50) COLLATE "C" CHECK (value LIKE '%@%')""",
        "CREATE DOMAIN work_mail AS mail",
        "CREATE TABLE t (a mail, b work_mail)",
    )
    for column in catalog.relations["public", "t"].columns:
        assert column.type.sql == "character varying(50)"
        assert column.type.collation == 'pg_catalog."C"'


def test_a_collation_is_named_only_where_it_is_not_the_types_own(cursor: "psycopg.Cursor[Any]") -> None:
    """The default collation of text, and the fixed one of `name`, go unsaid."""
    catalog = loaded(cursor, "postgresql", 'CREATE TABLE t (a text, b text COLLATE "C", c name, d int)')
    collations = [column.type.collation for column in catalog.relations["public", "t"].columns]
    assert collations == [None, 'pg_catalog."C"', None, None]


def test_generated_columns_show_their_expression(cursor: "psycopg.Cursor[Any]") -> None:
    """A generated column says what it is computed from; an ordinary default says nothing."""
    catalog = loaded(
        cursor,
        "postgresql",
        "CREATE TABLE t (a text DEFAULT 'x', b text GENERATED ALWAYS AS (lower(a)) STORED)",
    )
    generations = [column.generation for column in catalog.relations["public", "t"].columns]
    assert generations[0] is None
    assert "lower" in (generations[1] or "")


def test_foreign_keys_are_known_at_both_ends(cursor: "psycopg.Cursor[Any]") -> None:
    """The referring and the referenced columns are both marked, also for a key other than the primary one."""
    catalog = loaded(
        cursor,
        "postgresql",
        "CREATE TABLE a (id int PRIMARY KEY, code text UNIQUE)",
        "CREATE TABLE b (a_id int REFERENCES a, a_code text REFERENCES a (code), other int)",
    )
    assert catalog.relations["public", "a"].foreign_keys == {"id", "code"}
    assert catalog.relations["public", "b"].foreign_keys == {"a_id", "a_code"}


def test_children_and_partitions_name_their_parents(cursor: "psycopg.Cursor[Any]") -> None:
    """Inheritance children, in any schema, and partitions of a partitioned table."""
    catalog = loaded(
        cursor,
        "postgresql",
        "CREATE SCHEMA crm",
        "CREATE TABLE a (id int)",
        "CREATE TABLE crm.child () INHERITS (a)",
        "CREATE TABLE p (id int) PARTITION BY LIST (id)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    )
    assert catalog.relations["crm", "child"].parents == {("public", "a")}
    assert catalog.relations["public", "p1"].parents == {("public", "p")}
    assert catalog.relations["public", "p"].kind is RelationKind.TABLE


def test_views_show_a_qualified_definition_and_what_they_read(cursor: "psycopg.Cursor[Any]") -> None:
    """Definitions are qualified though `public` is on the search path; dependencies come from the catalog."""
    catalog = loaded(
        cursor,
        "postgresql",
        "CREATE TABLE a (id int, name text)",
        "CREATE VIEW v (n) AS SELECT name FROM a",
        "CREATE MATERIALIZED VIEW m AS SELECT n FROM v",
        "CREATE VIEW s AS SELECT schemaname, null_frac FROM pg_stats",
    )
    view, stored = catalog.relations["public", "v"], catalog.relations["public", "m"]
    assert (view.kind, stored.kind) == (RelationKind.VIEW, RelationKind.MATERIALIZED_VIEW)
    assert "public.a" in (view.definition or "")
    assert not (view.definition or ";").endswith(";")
    assert names(view) == ["n"]
    assert view.depends_on == frozenset({("public", "a")})
    assert stored.depends_on == frozenset({("public", "v")})
    assert catalog.relations["public", "s"].depends_on == frozenset({("pg_catalog", "pg_stats")})
    assert catalog.relations["public", "a"].depends_on is None


def test_a_sessions_own_temporary_relations_are_in_pg_temp(postgres_database: str) -> None:
    """They are called `pg_temp` and searched first; another session's are not listed."""
    with postgresql(postgres_database) as mine, postgresql(postgres_database) as other:
        other.execute("CREATE TEMPORARY TABLE theirs (a int)")
        before = load_catalog(mine.cursor(), "postgresql")
        mine.execute("CREATE TEMPORARY TABLE t (a int)")
        catalog = load_catalog(mine.cursor(), "postgresql")
    assert before.search_path == catalog.search_path == ("pg_temp", "pg_catalog", "public")
    assert list(catalog.relations) == [("pg_temp", "t")]
    assert catalog.relations["pg_temp", "t"].is_temporary


@pytest.mark.parametrize("autocommit", [True, False])
def test_loading_leaves_the_search_path_alone(postgres_database: str, *, autocommit: bool) -> None:
    """Neither a connection in autocommit nor a transaction in progress sees another search path afterwards."""
    with postgresql(postgres_database, autocommit=autocommit) as connection:
        connection.execute("CREATE SCHEMA crm")
        connection.execute("CREATE VIEW crm.v AS SELECT 1 AS one")
        connection.execute("SET search_path = crm")
        connection.commit()
        if not autocommit:
            connection.execute("SET LOCAL search_path = crm, public")
        load_catalog(connection.cursor(), "postgresql")
        during = connection.execute("SHOW search_path").fetchone()
        connection.commit()
        after = connection.execute("SHOW search_path").fetchone()
    assert during == (("crm",) if autocommit else ("crm, public",))
    assert after == ("crm",)


def test_loading_an_empty_database_puts_the_search_path_back(cursor: "psycopg.Cursor[Any]") -> None:
    """No relation at all is no reason to leave the transaction with an empty path."""
    cursor.execute("SET search_path = public")
    with cursor.connection.transaction():
        catalog = load_catalog(cursor, "postgresql")
        path = cursor.execute("SHOW search_path").fetchone()
    assert catalog.relations == {}
    assert path == ("public",)


def test_loading_takes_ten_statements(cursor: "psycopg.Cursor[Any]") -> None:
    """The number of statements does not depend on the number of relations."""
    for number in range(20):
        cursor.execute(f"CREATE TABLE t{number} (id int PRIMARY KEY)".encode())
    counted = Counted(cursor)
    assert len(load_catalog(counted, "postgresql").relations) == 20
    assert len(counted.statements) == 10


def test_statements_hold_nothing_that_a_paramstyle_could_read(cursor: "psycopg.Cursor[Any]") -> None:
    """No percent sign: drivers disagree on whether to double it without parameters."""
    counted = Counted(cursor)
    load_catalog(counted, "postgresql")
    catalog_stamp(counted, "postgresql")
    assert not any("%" in statement for statement in counted.statements)


def test_psycopg2_reads_the_same_catalog(cursor: "psycopg.Cursor[Any]", postgres_database: str) -> None:
    """The version does not depend on the driver."""
    expected = loaded(
        cursor,
        "postgresql",
        "CREATE TABLE a (id int PRIMARY KEY, n text)",
        "CREATE TABLE b (a_id int REFERENCES a) ",
        "CREATE TABLE c () INHERITS (a)",
        "CREATE VIEW v AS SELECT n FROM a",
    )
    address = make_url(postgres_database).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg2.connect(address)
    try:
        assert load_catalog(connection.cursor(), "postgresql") == expected
    finally:
        connection.close()


def test_a_function_with_a_built_in_name_is_the_users(cursor: "psycopg.Cursor[Any]") -> None:
    """Which of the two runs depends on the types of the arguments, so the name is no longer known to be harmless."""
    catalog = loaded(
        cursor,
        "postgresql",
        "CREATE FUNCTION lower(a int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION pg_catalog.upper(a int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        """CREATE FUNCTION "Mine"(a int) RETURNS int LANGUAGE sql AS 'SELECT 1'""",
    )
    assert catalog.user_functions == {"lower", "upper", "mine"}
    assert not catalog.builtins & {"lower", "upper", "mine"}
    assert "length" in catalog.builtins


def _skip_without(cursor: "psycopg.Cursor[Any]", *extensions: str) -> None:
    """PostgreSQL from a wheel comes without the contributed extensions."""
    available = {name for (name,) in cursor.execute("SELECT name FROM pg_available_extensions")}
    if missing := set(extensions) - available:
        pytest.skip(f"this PostgreSQL lacks the extensions {sorted(missing)}")


def test_functions_of_pure_extensions_count_as_built_in(cursor: "psycopg.Cursor[Any]") -> None:
    """`citext` overloads `replace` and others; that must not cost the application its `replace`."""
    _skip_without(cursor, "citext", "pg_trgm")
    catalog = loaded(cursor, "postgresql", "CREATE EXTENSION citext", "CREATE EXTENSION pg_trgm")
    assert {"replace", "citext_eq", "similarity", "public.similarity"} <= catalog.builtins
    assert not catalog.user_functions
    assert not catalog.conversions


def test_operators_that_someone_made_are_the_users(cursor: "psycopg.Cursor[Any]") -> None:
    """An operator calls a function, so it is listed beside them."""
    catalog = loaded(cursor, "postgresql", "CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = textcat)")
    assert catalog.user_functions == {"operator ==="}


def test_extensions_that_run_text_are_the_users(cursor: "psycopg.Cursor[Any]") -> None:
    """`dblink` reads other tables by text."""
    _skip_without(cursor, "dblink")
    catalog = loaded(cursor, "postgresql", "CREATE EXTENSION dblink")
    assert "dblink" in catalog.user_functions


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE u (a int)",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN c int",
        "ALTER TABLE t RENAME COLUMN a TO c",
        "ALTER TABLE t DROP COLUMN a",
        "ALTER TABLE t ALTER COLUMN b TYPE varchar(20)",
        "ALTER TABLE t ADD PRIMARY KEY (a)",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE t SET SCHEMA crm",
        "ALTER SCHEMA crm RENAME TO sales",
        "ALTER TABLE child NO INHERIT t",
        "CREATE OR REPLACE VIEW v AS SELECT a || '' AS a FROM t",
        "CREATE FUNCTION lower(a int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = textcat)",
        "CREATE TEMPORARY TABLE t (a int)",
        "SET search_path = crm",
    ],
)
def test_the_stamp_changes_with_ddl(cursor: "psycopg.Cursor[Any]", change: str) -> None:
    """Each change that alters the catalog alters the stamp."""
    cursor.execute("CREATE SCHEMA crm")
    cursor.execute("CREATE TABLE t (a text, b varchar(10))")
    cursor.execute("CREATE TABLE child () INHERITS (t)")
    if not change.startswith(("DROP", "ALTER TABLE t ")):
        cursor.execute("CREATE VIEW v AS SELECT a FROM t")
    else:
        cursor.execute("DROP TABLE child")
    before = catalog_stamp(cursor, "postgresql")
    assert catalog_stamp(cursor, "postgresql") == before
    cursor.execute(change.encode())
    assert catalog_stamp(cursor, "postgresql") != before


def test_the_stamp_does_not_change_with_rows(cursor: "psycopg.Cursor[Any]") -> None:
    """Rows, statistics and VACUUM leave it alone."""
    cursor.execute("CREATE TABLE t (a int PRIMARY KEY)")
    before = catalog_stamp(cursor, "postgresql")
    cursor.execute("INSERT INTO t SELECT generate_series(1, 100)")
    cursor.execute("ANALYZE t")
    cursor.execute("VACUUM t")
    assert catalog_stamp(cursor, "postgresql") == before


def test_the_stamp_changes_when_an_older_transaction_commits_late(postgres_database: str) -> None:
    """A change is seen although a younger one was seen before it."""
    with postgresql(postgres_database, autocommit=False) as slow, postgresql(postgres_database) as quick:
        quick.execute("CREATE TABLE t (a int, b int)")
        slow.execute("ALTER TABLE t RENAME COLUMN a TO c")
        quick.execute("CREATE TABLE younger (a int)")
        before = catalog_stamp(quick.cursor(), "postgresql")
        slow.commit()
        assert catalog_stamp(quick.cursor(), "postgresql") != before


def test_what_runs_where_a_value_becomes_a_type(cursor: "psycopg.Cursor[Any]") -> None:
    """Checks of domains, and casts that someone made, by the type's names and by the tables that have it."""
    catalog = loaded(
        cursor,
        "postgresql",
        "CREATE DOMAIN even AS int CHECK (VALUE % 2 = 0)",
        "CREATE DOMAIN zero AS even",
        "CREATE TYPE zeros AS (each_one zero[])",
        "CREATE TABLE counts (c zeros)",
        "CREATE VIEW counted AS SELECT c FROM counts",
        "CREATE TYPE evens AS RANGE (subtype = even)",
        "CREATE TYPE pair AS (a text)",
        "CREATE TABLE pairs (p pair)",
        "CREATE FUNCTION spoken(pair) RETURNS varchar LANGUAGE sql AS 'SELECT 1'",
        "CREATE CAST (pair AS varchar) WITH FUNCTION spoken(pair) AS ASSIGNMENT",
    )
    made = frozenset({"public.spoken(NULL)"})
    checked = {word for word, found in catalog.conversions.items() if "((VALUE % 2) = 0)" in found}
    assert checked >= set("even _even zero _zero zeros _zeros counts _counts counted evens".split())
    words = "pair _pair pairs _pairs varchar _varchar character char nchar national =".split()
    assert {word for word, found in catalog.conversions.items() if found == made} == set(words)
