"""The closed lists of `rewriter.functions`, held against live engines."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from fnmatch import fnmatchcase

import duckdb
import pytest

from rewriter.functions import BUILTINS
from rewriter.functions import duckdb as duckdb_lists
from rewriter.functions import postgresql as postgresql_lists
from rewriter.functions import sqlite as sqlite_lists
from tests.rewriter.catalog.connecting import mysql, postgresql

_OLDEST_POSTGRESQL = 14
_NEWEST_POSTGRESQL = 16
"""The newest major version that the lists were compared with, function by function."""

# Machinery, told by the role that the catalog itself gives it: input and output of types, support for operators,
# indexes, aggregates, conversions, planner and triggers. Nobody calls it by name, so it is refused.
_POSTGRESQL_MACHINERY = """
SELECT DISTINCT lower(p.proname) FROM pg_proc p
LEFT JOIN pg_description d ON d.objoid = p.oid AND d.classoid = 'pg_proc'::regclass
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.oid < 16384 AND (
  'internal'::regtype = ANY (p.proargtypes::oid[])
  OR p.prorettype IN ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype, 'index_am_handler'::regtype,
                      'table_am_handler'::regtype, 'language_handler'::regtype, 'fdw_handler'::regtype,
                      'tsm_handler'::regtype)
  OR d.description LIKE 'implementation of % operator'
  OR EXISTS (SELECT FROM pg_type t WHERE p.oid IN (
       t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze))
  OR EXISTS (SELECT FROM pg_aggregate a WHERE p.oid IN (
       a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn,
       a.aggmfinalfn))
  OR EXISTS (SELECT FROM pg_conversion c WHERE c.conproc = p.oid)
  OR EXISTS (SELECT FROM pg_amproc a WHERE a.amproc = p.oid)
  OR EXISTS (SELECT FROM pg_operator o WHERE p.oid IN (o.oprrest::oid, o.oprjoin::oid))
  OR EXISTS (SELECT FROM pg_proc c WHERE c.prosupport = p.oid))
"""

_POSTGRESQL_REFUSED = (
    "binary_upgrade_*", "brin_*_range", "brin_summarize_new_values", "currtid2", "current_query", "current_setting",
    "cursor_to_xml*", "database_to_xml*", "query_to_xml*", "schema_to_xml*", "table_to_xml*", "enum_*", "fmgr_*",
    "gin_clean_pending_list", "like_escape", "lo_*", "loread", "lowrite", "mxid_age", "nameconcatoid",
    "*_subdiff", "*_canonical", "int4inc", "int8_sum", "numeric_inc", "pg_available_extension*", "pg_backup_*",
    "pg_blocking_pids", "pg_cancel_backend", "pg_conf_load_time", "pg_config", "pg_control_*",
    "pg_*_replication_slot*", "pg_create_restore_point", "pg_current_logfile", "pg_current_wal_*", "pg_cursor",
    "pg_database_size", "pg_database_collation_actual_version", "pg_event_trigger_*", "pg_export_snapshot",
    "pg_extension_*", "pg_filenode_relation", "pg_get_backend_memory_contexts", "pg_get_catalog_foreign_keys",
    "pg_get_multixact_members", "pg_get_publication_tables", "pg_get_shmem_allocations", "pg_get_wal_*",
    "pg_hba_file_rules", "pg_ident_file_mappings", "pg_import_system_collations", "pg_indexam_progress_phasename",
    "pg_indexes_size", "pg_is_wal_replay_paused", "pg_isolation_test_*", "pg_jit_available", "pg_last_*",
    "pg_lock_status", "pg_log_*", "pg_logical_*", "pg_ls_*", "pg_mcv_list_items", "pg_nextoid",
    "pg_notification_queue_usage", "pg_prepared_*", "pg_promote", "pg_read_*", "pg_relation_file*",
    "pg_relation_size", "pg_reload_conf", "pg_replication_*", "pg_rotate_logfile*", "pg_safe_snapshot_blocking_pids",
    "pg_sequence_last_value", "pg_settings_get_flags", "pg_show_*", "pg_sleep*", "pg_split_walfile_name", "pg_stat_*",
    "pg_stop_making_pinned_objects", "pg_switch_wal", "pg_table_size", "pg_tablespace_*", "pg_terminate_backend",
    "pg_total_relation_size", "pg_wal_replay_*", "pg_walfile_name*", "pg_xact_*", "plpgsql_*",
    "postgresql_fdw_validator", "satisfies_hash_partition", "set_config", "shell_*", "ts_rewrite", "ts_stat",
    "txid_status", "amvalidate",
)  # fmt: skip
"""What PostgreSQL has beside the admitted functions and the machinery."""

_MARIADB_REFUSED = (
    "benchmark", "binlog_gtid_pos", "decode_histogram", "extractvalue", "load_file", "master_*", "row_count",
    "schemas", "sleep", "updatexml", "wsrep_*",
)  # fmt: skip

_SQLITE_REFUSED = (
    "bm25", "fts3_tokenizer", "fts5", "fts5_*", "highlight", "load_extension", "match", "matchinfo", "offsets",
    "optimize", "rtree*", "snippet", "sqlite_log", "sqlite_offset", "geopoly_*", "edit", "readfile", "writefile",
)  # fmt: skip

_DUCKDB_REFUSED = (
    "!*", "%", "&*", "[*]*", "+", "-*", "/*", "<*", "=*", ">*", "@*", "^*", "|*", "~*", "is distinct from",
    "is not distinct from", "__*", "collate_*", "icu_collate_*", "arrow_scan*", "assert_true", "checkpoint",
    "*_external_resource*", "current_query", "current_setting", "disable_*", "duckdb_*", "enable_*", "error",
    "force_checkpoint", "get_block_size", "getenv", "getvariable", "glob", "histogram", "histogram_values",
    "index_key", "invoke", "json_copy_*", "json_deserialize_sql", "json_execute_serialized_sql", "json_serialize_*",
    "map_to_pg_oid", "pandas_scan", "parquet_*", "parse_duckdb_log_message", "pg_conf_load_time", "pg_sleep",
    "pragma_*", "python_*", "query", "query_table", "read_*", "seq_scan", "setval", "sleep_ms", "sniff_csv", "stats",
    "summary", "test_*", "truncate_duckdb_logs", "variant_*_variant", "vector_type", "which_secret", "write_log",
)  # fmt: skip


def _unexplained(names: set[str], refused: tuple[str, ...]) -> list[str]:
    return sorted(name for name in names if not any(fnmatchcase(name, pattern) for pattern in refused))


@pytest.fixture
def postgresql_functions(postgres_database: str) -> Iterator[tuple[set[str], set[str]]]:
    """PostgreSQL's own functions, and which of them are machinery."""
    with postgresql(postgres_database) as connection:
        if connection.info.server_version // 10000 < _OLDEST_POSTGRESQL:
            pytest.skip(f"the lists hold functions that PostgreSQL has from {_OLDEST_POSTGRESQL} on")
        if connection.info.server_version // 10000 > _NEWEST_POSTGRESQL:
            pytest.skip(f"the lists were last compared with PostgreSQL {_NEWEST_POSTGRESQL}")
        query = "SELECT DISTINCT lower(proname) FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
        own = {name for (name,) in connection.execute(query)}
        machinery = {name for (name,) in connection.execute(_POSTGRESQL_MACHINERY)}
        yield own, machinery


def test_every_function_of_postgresql_is_admitted_or_refused_by_a_rule(
    postgresql_functions: tuple[set[str], set[str]],
) -> None:
    """A function that a new version brings must be put on one list or the other."""
    own, machinery = postgresql_functions
    rest = own - postgresql_lists.ADMITTED - machinery
    assert _unexplained(rest, _POSTGRESQL_REFUSED) == []


def test_every_admitted_function_of_postgresql_exists(postgresql_functions: tuple[set[str], set[str]]) -> None:
    """But for the grammar's own, and for what later versions bring."""
    own, _ = postgresql_functions
    assert postgresql_lists.ADMITTED - own <= postgresql_lists.NOT_EVERYWHERE


def test_nothing_dangerous_is_admitted_on_postgresql() -> None:
    """No admitted name matches a refused pattern, whatever the version; two harmless kin are named here."""
    admitted = {
        name for name in postgresql_lists.ADMITTED if any(fnmatchcase(name, pattern) for pattern in _POSTGRESQL_REFUSED)
    }
    assert admitted == {"enum_first", "enum_last", "enum_range"}


def test_every_native_function_of_mariadb_is_admitted_or_refused_by_a_rule(mariadb_database: str) -> None:
    """MariaDB lists its native functions since 10.6, though not those that its grammar knows."""
    with mysql(mariadb_database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION() LIKE '%MariaDB%'")
        if cursor.fetchall() != ((1,),):
            pytest.skip("MySQL lists no functions")
        cursor.execute("SELECT DISTINCT LOWER(`FUNCTION`) FROM information_schema.SQL_FUNCTIONS")
        own = {str(name) for (name,) in cursor.fetchall()}
    assert "concat_ws" in own
    assert _unexplained(own - BUILTINS["mysql"], _MARIADB_REFUSED) == []
    assert not any(fnmatchcase(name, pattern) for name in BUILTINS["mysql"] for pattern in _MARIADB_REFUSED)


def test_every_function_of_sqlite_is_admitted_or_refused_by_a_rule() -> None:
    """Builds differ: what this one lacks must be on the list of what later or other builds have."""
    with closing(sqlite3.connect(":memory:")) as connection:
        own = {name.lower() for (name,) in connection.execute("SELECT name FROM pragma_function_list")}
    assert _unexplained(own - sqlite_lists.ADMITTED, _SQLITE_REFUSED) == []
    assert not any(fnmatchcase(name, pattern) for name in sqlite_lists.ADMITTED for pattern in _SQLITE_REFUSED)


def test_every_function_of_duckdb_is_admitted_or_refused_by_a_rule() -> None:
    """Scalar, aggregate, window, table functions and macros alike; PRAGMA functions cannot be called in a query."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE internal AND function_type <> 'pragma'"
        ).fetchall()
    own = {str(name) for (name,) in found}
    assert _unexplained(own - duckdb_lists.ADMITTED, _DUCKDB_REFUSED) == []


def test_nothing_dangerous_is_admitted_on_duckdb() -> None:
    """Only catalogs of definitions match the refused patterns."""
    admitted = {
        name for name in duckdb_lists.ADMITTED if any(fnmatchcase(name, pattern) for pattern in _DUCKDB_REFUSED)
    }
    assert admitted <= duckdb_lists.CATALOG_FUNCTIONS
