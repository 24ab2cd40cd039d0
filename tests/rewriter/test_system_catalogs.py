"""The closed lists of `rewriter.system_catalogs`, held against live engines and against what SQLAlchemy reads."""

import re
from fnmatch import fnmatchcase

import duckdb
import pytest
from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, String, Table, create_engine, event, inspect
from sqlalchemy.dialects.postgresql import pg_catalog

from masking import Policy
from masking.types import Dialect
from rewriter.binding import bind
from rewriter.catalog import load_catalog
from rewriter.rewrite import rewrite_bound
from rewriter.system_catalogs import is_readable_catalog, measured_columns
from tests.rewriter.catalog.connecting import mysql, postgresql


@pytest.mark.parametrize(
    ("dialect", "schema", "name"),
    [
        ("postgresql", "pg_catalog", "pg_stats"),
        ("postgresql", "pg_catalog", "pg_statistic"),
        ("postgresql", "pg_catalog", "pg_statistic_ext_data"),
        ("postgresql", "pg_catalog", "pg_stat_activity"),
        ("postgresql", "pg_catalog", "pg_stat_statements"),
        ("postgresql", "pg_catalog", "pg_authid"),
        ("postgresql", "pg_catalog", "pg_shadow"),
        ("postgresql", "pg_catalog", "pg_largeobject"),
        ("postgresql", "pg_catalog", "pg_prepared_statements"),
        ("postgresql", "pg_catalog", "pg_cursors"),
        ("postgresql", "pg_catalog", "pg_user_mappings"),
        ("postgresql", "pg_catalog", "pg_subscription"),
        ("postgresql", "pg_toast", "pg_toast_16384"),
        ("postgresql", "information_schema", "user_mapping_options"),
        ("postgresql", "public", "pg_class"),
        ("mysql", "information_schema", "PROCESSLIST"),
        ("mysql", "information_schema", "COLUMN_STATISTICS"),
        ("mysql", "information_schema", "INNODB_BUFFER_PAGE"),
        ("mysql", "information_schema", "INNODB_FT_INDEX_TABLE"),
        ("mysql", "information_schema", "USER_VARIABLES"),
        ("mysql", "mysql", "user"),
        ("mysql", "mysql", "column_stats"),
        ("mysql", "performance_schema", "events_statements_current"),
        ("mysql", "sys", "processlist"),
        ("sqlite", "main", "sqlite_stat1"),
        ("sqlite", "", "sqlite_stat4"),
        ("sqlite", "", "dbstat"),
        ("sqlite", "", "sqlite_dbpage"),
        ("duckdb", "", "duckdb_settings"),
        ("duckdb", "", "duckdb_variables"),
        ("duckdb", "", "duckdb_secrets"),
        ("duckdb", "", "duckdb_logs"),
        ("duckdb", "", "duckdb_prepared_statements"),
        ("duckdb", "", "pragma_storage_info"),
        ("duckdb", "pg_catalog", "pg_settings"),
    ],
)
def test_what_may_hold_values_or_secrets_stays_closed(dialect: Dialect, schema: str, name: str) -> None:
    """Sampled values, other people's statements, passwords, settings, sizes."""
    assert not is_readable_catalog(dialect, schema, name)


def test_what_sqlalchemy_reflects_on_postgresql_is_open() -> None:
    """Each relation of SQLAlchemy's own description of `pg_catalog`."""
    for table in pg_catalog.pg_catalog_meta.tables.values():
        assert is_readable_catalog("postgresql", "pg_catalog", table.name)


def test_what_drivers_and_tools_ask_postgresql_for_is_open() -> None:
    """The transactions that two-phase commit recovers, settings as `SHOW ALL` shows them, sequences."""
    for name in ("pg_prepared_xacts", "pg_settings", "pg_sequences"):
        assert is_readable_catalog("postgresql", "pg_catalog", name)


def test_letter_case_does_not_matter() -> None:
    """MySQL writes its catalog in capitals, people do as they like."""
    assert is_readable_catalog("mysql", "INFORMATION_SCHEMA", "Columns")
    assert is_readable_catalog("sqlite", "MAIN", "SQLITE_MASTER")


def test_open_catalogs_of_postgresql_hold_no_measure_but_the_listed(postgres_database: str) -> None:
    """By their columns: what is named like a statistic, a setting or a password is closed or listed."""
    with postgresql(postgres_database) as connection:
        found = connection.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns"
            " WHERE table_schema IN ('pg_catalog', 'information_schema')"
        ).fetchall()
    suspicious = (
        "relpages",
        "reltuples",
        "*allvisible",
        "*missingval",
        "*_vals",
        "*freq*",
        "histogram*",
        "query",
        "last_value",
    )
    open_ones = [row for row in found if is_readable_catalog("postgresql", row[0], row[1])]
    assert {name for _, name, _ in open_ones} >= {"pg_class", "columns"}
    for schema, table, column in open_ones:
        if any(fnmatchcase(column, pattern) for pattern in suspicious):
            assert column in measured_columns("postgresql", schema, table)


@pytest.mark.parametrize("name", ["tables", "partitions", "statistics"])
def test_measured_columns_of_mariadb_exist(mariadb_database: str, name: str) -> None:
    """Every listed column is one that the server has, but for those that only its tables' status has."""
    with mysql(mariadb_database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT LOWER(COLUMN_NAME) FROM information_schema.COLUMNS"
            f" WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = '{name}'"
        )
        own = {str(column) for (column,) in cursor.fetchall()}
    assert measured_columns("mysql", "information_schema", name) - own <= {"auto_increment", "max_index_length"}


def test_duckdbs_own_views_are_open_or_closed_by_name() -> None:
    """A view that a new version brings must be put on one list or the other."""
    closed = {"duckdb_logs", "pg_prepared_statements", "pg_sequences", "pg_settings"}
    with duckdb.connect() as connection:
        found = connection.execute("SELECT schema_name, view_name FROM duckdb_views() WHERE internal").fetchall()
    shut = {name for schema, name in found if not is_readable_catalog("duckdb", schema, name)}
    assert shut <= closed


def test_reflection_on_sqlite_reads_open_catalogs_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No statement that SQLAlchemy's inspector sends names a closed one."""
    file = tmp_path_factory.mktemp("reflection") / "reflected.db"
    engine = create_engine(f"sqlite:///{file}")
    metadata = MetaData()
    Table("a", metadata, Column("id", Integer, primary_key=True), Column("n", String(5)), Index("by_n", "n"))
    Table("b", metadata, Column("a_id", Integer, ForeignKey("a.id")))
    metadata.create_all(engine)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    MetaData().reflect(engine)
    inspect(engine).get_view_names()
    engine.dispose()
    catalogs = {name for statement in statements for name in re.findall(r"\b(?:sqlite|pragma)_\w*[a-z]\b", statement)}
    assert catalogs
    assert {name for name in catalogs if not is_readable_catalog("sqlite", "main", name)} == set()


_MEASURES = """
SELECT c FROM pg_class c WHERE relname = 't'
SELECT to_jsonb(c) FROM pg_class c WHERE relname = 't'
SELECT c.* FROM pg_catalog.pg_class AS c WHERE relname = 't'
SELECT x FROM pg_class AS c(a1, a2, a3, a4, a5, a6, a7, a8, a9, x)
SELECT * FROM measured
SELECT query FROM pg_stat_activity WHERE query <> ''
SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL
SELECT passwd FROM pg_shadow WHERE passwd IS NOT NULL
"""


def test_what_postgresql_measures_comes_as_null(postgres_database: str, subtests: pytest.Subtests) -> None:
    """Sizes, other sessions' statements and passwords, by whatever name; the definitions beside them stay."""
    with postgresql(postgres_database) as connection:
        for sql in (
            "CREATE TABLE t AS SELECT g FROM generate_series(1, 4711) g",
            "CREATE VIEW measured AS SELECT relname, reltuples FROM pg_class WHERE relname = 't'",
            "CREATE TABLE pg_mine AS SELECT 1 AS a",
            "ALTER ROLE CURRENT_USER PASSWORD '4711'",
            "ANALYZE t",
        ):
            connection.execute(sql)
        binding = bind(Policy.parse("{}"), load_catalog(connection.cursor(), "postgresql"))
        for sql in _MEASURES.strip().splitlines():
            with subtests.test(sql):
                seen = repr(connection.execute(rewrite_bound(sql, binding).sql.encode()).fetchall())
                assert not any(told in seen for told in ("4711", "SCRAM", "md5", "FROM"))
        for sql in (
            "SELECT relname, oid FROM pg_class",
            "SELECT count(*) FROM pg_stat_activity",
            "SELECT * FROM pg_mine",
        ):
            assert rewrite_bound(sql, binding).is_unchanged
