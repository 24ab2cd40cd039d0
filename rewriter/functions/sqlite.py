"""SQLite's functions that are known to be harmless.

Left out on purpose: `load_extension`, `fts3_tokenizer`, `sqlite_offset`, `sqlite_log`, `rtreecheck` (reads a table by
name), and the auxiliary functions of full-text search (`AUXILIARY`), which read the stored row behind a masked scan:
they are admitted where no virtual table stores sensitive values.
"""

_BUILT_IN = """
-> ->> abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling changes char coalesce cos cosh count cume_dist
current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor format glob
group_concat hex ifnull iif instr json json_array json_array_length json_extract json_group_array json_group_object
json_insert json_object json_patch json_quote json_remove json_replace json_set json_type json_valid julianday lag
last_insert_rowid last_value lead length like likelihood likely ln log log10 log2 lower ltrim max min mod nth_value
ntile nullif percent_rank pi pow power printf quote radians random randomblob rank replace round row_number rtrim
sign sin sinh soundex sqlite_compileoption_get sqlite_compileoption_used sqlite_source_id sqlite_version sqrt
strftime substr substring subtype sum tan tanh time total total_changes trim trunc typeof unicode unixepoch unlikely
upper zeroblob
"""
_LATER = """
concat concat_ws if json_error_position json_pretty jsonb jsonb_array jsonb_extract jsonb_group_array
jsonb_group_object jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set median octet_length
percentile percentile_cont percentile_disc string_agg timediff unhex unistr unistr_quote
"""
"""Came after SQLite 3.40, or only with some builds."""

_TABLE_VALUED = "json_each json_tree jsonb_each jsonb_tree generate_series"
"""Called in FROM; the last only where the extension is compiled in."""

CATALOG_FUNCTIONS = frozenset(
    (
        "pragma_application_id",
        "pragma_collation_list",
        "pragma_compile_options",
        "pragma_database_list",
        "pragma_encoding",
        "pragma_foreign_key_list",
        "pragma_function_list",
        "pragma_index_info",
        "pragma_index_list",
        "pragma_index_xinfo",
        "pragma_module_list",
        "pragma_pragma_list",
        "pragma_schema_version",
        "pragma_table_info",
        "pragma_table_list",
        "pragma_table_xinfo",
        "pragma_user_version",
    )
)
"""Table-valued PRAGMAs that show definitions alone."""

AUXILIARY = {"bm25": {-1}, "highlight": {-1}, "matchinfo": {1, 2}, "offsets": {1}, "snippet": {-1}}
"""Read the row of the full-text table that the statement scans: name → for how many arguments they are registered."""

REGISTERED_BY_SQLALCHEMY = frozenset(("regexp", "floor"))
"""SQLAlchemy's pysqlite and aiosqlite dialects add these to every connection: not the application's own."""

ADMITTED = CATALOG_FUNCTIONS.union(f"{_BUILT_IN} {_LATER} {_TABLE_VALUED} regexp cast raise".split())
"""Lower-case names of admitted functions."""
