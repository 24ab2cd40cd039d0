"""PostgreSQL's own functions that return several rows: in a select list they decide how many a row becomes."""

SET_RETURNING = frozenset(
    """
    generate_series generate_subscripts unnest explode aclexplode
    json_array_elements json_array_elements_text json_each json_each_text json_object_keys json_populate_recordset
    json_to_recordset jsonb_array_elements jsonb_array_elements_text jsonb_each jsonb_each_text jsonb_object_keys
    jsonb_path_query jsonb_path_query_tz jsonb_populate_recordset jsonb_to_recordset
    pg_get_keywords pg_listening_channels pg_options_to_table pg_partition_ancestors pg_partition_tree pg_snapshot_xip
    pg_timezone_abbrevs pg_timezone_names regexp_matches
    regexp_split_to_table string_to_table ts_debug ts_parse ts_stat ts_token_type txid_snapshot_xip
    """.split()
)
