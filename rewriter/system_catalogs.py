"""Which of an engine's own catalogs anyone may read, and which of their columns are measured from stored values.

Closed lists: a catalog is open when it holds definitions alone. Those stay closed that hold sampled values (`pg_stats`,
`sqlite_stat1`, `COLUMN_STATISTICS`), other sessions' statements (`pg_stat_activity`, `PROCESSLIST`), settings (they may
be secrets or mask keys; but PostgreSQL's `pg_settings` shows what `SHOW ALL` does, and no setting that a session made
up), passwords, large objects or sizes. What SQLAlchemy's dialects read is open.
"""

from collections.abc import Mapping

from masking.types import Dialect
from rewriter.functions.duckdb import CATALOG_FUNCTIONS as DUCKDB_FUNCTIONS
from rewriter.functions.sqlite import CATALOG_FUNCTIONS as SQLITE_FUNCTIONS

_STANDARD_VIEWS = frozenset(
    """
    administrable_role_authorizations applicable_roles attributes character_sets check_constraint_routine_usage
    check_constraints collation_character_set_applicability collations column_column_usage column_domain_usage
    column_privileges column_udt_usage columns constraint_column_usage constraint_table_usage data_type_privileges
    domain_constraints domain_udt_usage domains element_types enabled_roles foreign_data_wrappers foreign_servers
    foreign_tables information_schema_catalog_name key_column_usage parameters referential_constraints
    role_column_grants role_routine_grants role_table_grants role_udt_grants role_usage_grants routine_column_usage
    routine_privileges routine_routine_usage routine_sequence_usage routine_table_usage routines schemata sequences
    sql_features sql_implementation_info sql_parts sql_sizing table_constraints table_privileges tables transforms
    triggered_update_columns triggers udt_privileges usage_privileges user_defined_types view_column_usage
    view_routine_usage view_table_usage views
    """.split()
)

_PG_CATALOG = frozenset(
    """
    pg_aggregate pg_am pg_amop pg_amproc pg_attrdef pg_attribute pg_auth_members pg_available_extension_versions
    pg_available_extensions pg_cast pg_class pg_collation pg_constraint pg_conversion pg_database pg_default_acl
    pg_depend pg_description pg_enum pg_event_trigger pg_extension pg_foreign_data_wrapper pg_foreign_table pg_group
    pg_index pg_indexes pg_inherits pg_init_privs pg_language pg_matviews pg_namespace pg_opclass pg_operator
    pg_opfamily pg_partitioned_table pg_policies pg_policy pg_prepared_xacts pg_proc pg_publication
    pg_publication_namespace pg_publication_rel pg_publication_tables pg_range pg_rewrite pg_roles pg_rules pg_seclabel
    pg_seclabels pg_sequence pg_sequences pg_settings pg_shdepend pg_shdescription pg_shseclabel pg_statistic_ext
    pg_tables pg_tablespace pg_timezone_abbrevs pg_timezone_names pg_transform pg_trigger pg_ts_config pg_ts_config_map
    pg_ts_dict pg_ts_parser pg_ts_template pg_type pg_user pg_views
    """.split()
)

_MYSQL_INFORMATION_SCHEMA = frozenset(
    """
    administrable_role_authorizations applicable_roles character_sets check_constraints collations
    collation_character_set_applicability columns columns_extensions column_privileges enabled_roles engines events
    geometry_columns key_column_usage keywords parameters partitions referential_constraints
    role_column_grants role_routine_grants role_table_grants routines schemata schemata_extensions schema_privileges
    spatial_ref_sys sql_functions statistics st_geometry_columns st_spatial_reference_systems st_units_of_measure
    tables tables_extensions table_constraints table_constraints_extensions table_privileges triggers user_privileges
    view_routine_usage view_table_usage views
    """.split()
)

_SQLITE = frozenset(("sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema", "sqlite_sequence"))
"""The last holds the greatest row number that each table had; a policy cannot mask row numbers."""

_DUCKDB_PG_CATALOG = frozenset(
    """
    pg_am pg_attrdef pg_attribute pg_class pg_collation pg_constraint pg_database pg_depend pg_description pg_enum
    pg_index pg_indexes pg_namespace pg_proc pg_sequence pg_tables pg_tablespace pg_type pg_views
    """.split()
)

_STORAGE = frozenset(
    (
        "table_rows",
        "avg_row_length",
        "data_length",
        "max_data_length",
        "index_length",
        "max_index_length",
        "data_free",
        "auto_increment",
        "update_time",
        "check_time",
        "checksum",
    )
)

_MEASURED: Mapping[tuple[Dialect, str, str], frozenset[str]] = {
    ("postgresql", "pg_catalog", "pg_class"): frozenset(
        ("relpages", "reltuples", "relallvisible", "relallfrozen", "relfilenode", "relfrozenxid", "relminmxid")
    ),
    ("postgresql", "pg_catalog", "pg_attribute"): frozenset(("attmissingval",)),
    ("postgresql", "pg_catalog", "pg_sequences"): frozenset(("last_value",)),
    ("postgresql", "pg_catalog", "pg_stat_activity"): frozenset(
        ("query", "query_id", "client_addr", "client_hostname")
    ),
    ("postgresql", "pg_catalog", "pg_authid"): frozenset(("rolpassword",)),
    ("postgresql", "pg_catalog", "pg_shadow"): frozenset(("passwd",)),
    ("postgresql", "pg_catalog", "pg_cursors"): frozenset(("statement",)),
    ("postgresql", "pg_catalog", "pg_prepared_statements"): frozenset(("statement",)),
    ("mysql", "information_schema", "tables"): _STORAGE,
    ("mysql", "information_schema", "partitions"): _STORAGE,
    ("mysql", "information_schema", "statistics"): frozenset(("cardinality",)),
    ("duckdb", "", "duckdb_tables"): frozenset(("estimated_size",)),
    ("duckdb", "", "duckdb_sequences"): frozenset(("last_value",)),
    ("duckdb", "pg_catalog", "pg_class"): frozenset(("reltuples",)),
}


def is_readable_catalog(dialect: Dialect, schema: str, name: str) -> bool:
    """Whether anyone may read the engine's own relation or table function `schema.name`.

    Letter case does not matter. An empty `schema` is what SQLite's schema tables and DuckDB's `duckdb_*` functions are
    written with; on PostgreSQL it stands for `pg_catalog`.
    """
    schema, name = schema.lower(), name.lower()
    match dialect:
        case "postgresql":
            standard = schema == "information_schema" and name in _STANDARD_VIEWS
            return standard or (schema in ("", "pg_catalog") and name in _PG_CATALOG)
        case "mysql":
            return schema == "information_schema" and name in _MYSQL_INFORMATION_SCHEMA
        case "sqlite":
            return name in _SQLITE or name in SQLITE_FUNCTIONS
        case "duckdb":
            # Both schemas' views are found whatever database or schema they are written with.
            is_standard = schema == "information_schema" and name in _STANDARD_VIEWS
            return is_standard or name in _DUCKDB_PG_CATALOG or name in _SQLITE or name in DUCKDB_FUNCTIONS


def measured_columns(dialect: Dialect, schema: str, name: str) -> frozenset[str]:
    """Lower-case names of the catalog's columns that are measured from stored values: sizes, counts, checksums.

    Two databases that differ only in masked cells may differ in them, so whoever reads a readable catalog should not
    read these.
    """
    schema, name = schema.lower(), name.lower()
    if dialect == "postgresql" and not schema:
        schema = "pg_catalog"
    if dialect == "duckdb":
        schema = "pg_catalog" if name.startswith("pg_") else ""
    return _MEASURED.get((dialect, schema, name), frozenset())
