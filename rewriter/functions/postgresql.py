"""PostgreSQL's functions that are known to be harmless, and the extensions that add only such functions.

Left out on purpose, although they look harmless: `current_setting` (session settings hold mask keys), `current_query`
(shows the rewritten text), `pg_relation_size` and its kin (sizes depend on raw values), `ts_rewrite` and `ts_stat` (run
SQL given as text), `pg_sleep`, everything about other sessions, files, large objects, replication, statistics, and
`query_to_xml` with its family. What `pg_notify` and `setval` hand on are masks: `rewriter.kept_state`.
"""

_IMMUTABLE = """
abbrev abs aclcontains acldefault aclinsert aclremove acos acosd acosh age area array_append array_dims array_fill
array_length array_lower array_ndims array_position array_positions array_prepend array_remove array_replace
array_to_tsvector array_upper ascii asin asind asinh atan atan2 atan2d atand atanh bit bit_count bit_length bool box
bpchar broadcast btrim cardinality cash_words cbrt ceil ceiling center char char_length character_length chr cidr
circle cos cosd cosh cot cotd date date_bin date_part date_trunc datemultirange daterange decode degrees dexp
diagonal diameter div dlog1 dlog10 dround dtrunc encode exp extract factorial family float4 float8 floor gcd
generate_series generate_subscripts get_bit get_byte height host hostmask initcap int2 int4 int4multirange int4range
int8 int8multirange int8range interval is_normalized isclosed isempty isfinite ishorizontal isopen isparallel isperp
isvertical json_array_elements json_array_elements_text json_array_length json_each json_each_text json_extract_path
json_extract_path_text json_object json_object_keys json_strip_nulls json_to_tsvector json_typeof
jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_each jsonb_each_text jsonb_extract_path
jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_keys jsonb_path_exists jsonb_path_match
jsonb_path_query jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set jsonb_set_lax
jsonb_strip_nulls jsonb_to_tsvector jsonb_typeof justify_days justify_hours justify_interval lcm left length like
line ln log log10 lower lower_inc lower_inf lpad lseg ltrim macaddr macaddr8 macaddr8_set7bit make_date
make_interval make_time make_timestamp makeaclitem masklen md5 min_scale mod multirange name netmask network
normalize notlike npoints num_nonnulls num_nulls numeric numeric_div_trunc numeric_exp numeric_ln numeric_log
numeric_sqrt nummultirange numnode numrange octet_length oid overlaps overlay parse_ident path pclose
pg_encoding_max_length pg_lsn pg_partition_root pg_size_bytes pg_size_pretty pg_snapshot_xip pg_snapshot_xmax
pg_snapshot_xmin pg_visible_in_snapshot pg_wal_lsn_diff phraseto_tsquery pi plainto_tsquery point polygon popen
position pow power querytree quote_ident quote_literal quote_nullable radians radius range_merge regexp_count
regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table
regexp_substr repeat replace reverse right round rpad rtrim scale set_bit set_byte set_masklen setweight sha224
sha256 sha384 sha512 sign similar_escape similar_to_escape sin sind sinh slope split_part sqrt string_to_array
string_to_table strip strpos substr substring tan tand tanh text textlen time timestamp timestamptz timetz timezone
to_ascii to_hex to_timestamp to_tsquery to_tsvector translate trim_array trim_scale trunc ts_delete ts_filter
ts_headline ts_lexize ts_parse ts_rank ts_rank_cd ts_token_type tsmultirange tsquery_phrase tsrange tstzmultirange
tstzrange tsvector_to_array txid_snapshot_xip txid_snapshot_xmax txid_snapshot_xmin txid_visible_in_snapshot unistr
unnest upper upper_inc upper_inf varbit varchar websearch_to_tsquery width width_bucket xid
xml_is_well_formed_content xml_is_well_formed_document xmlcomment xmlexists xmlvalidate xpath xpath_exists
"""
"""Declared immutable by PostgreSQL: their result depends on their arguments alone."""

_OF_OPERATORS = """
array_cat arraycontained arraycontains arrayoverlap bit_and hash_array hash_array_extended hash_record
hash_record_extended hashint4 hashint4extended hashint8 hashint8extended hashtext hashtextextended inet_merge
inet_same_family interval_pl isfinite jsonb_concat jsonb_contained jsonb_contains jsonb_delete jsonb_delete_path
jsonb_exists jsonb_exists_all jsonb_exists_any numeric_power range_adjacent range_contains range_contains_elem
range_intersect range_minus range_overlaps range_union starts_with textcat texteq tsvector_concat xmlconcat2
"""
"""Immutable functions behind operators and hash indexes that people call by name."""

_STABLE = """
aclexplode array_to_json array_to_string col_description concat concat_ws convert convert_from convert_to
current_database current_schema current_schemas current_user enum_first enum_last enum_range format format_type
get_current_ts_config getdatabaseencoding getpgusername has_any_column_privilege has_column_privilege
has_database_privilege has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege
has_parameter_privilege has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege
has_tablespace_privilege has_type_privilege inet_client_addr inet_client_port inet_server_addr inet_server_port
json_build_array json_build_object json_populate_record json_populate_recordset json_to_record json_to_recordset
jsonb_build_array jsonb_build_object jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_array_tz
jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record jsonb_populate_recordset jsonb_to_record
jsonb_to_recordset make_timestamptz money now obj_description oidvectortypes pg_backend_pid pg_char_to_encoding
pg_client_encoding pg_collation_for pg_collation_is_visible pg_column_compression pg_column_is_updatable
pg_column_size pg_conversion_is_visible pg_current_snapshot pg_current_xact_id pg_current_xact_id_if_assigned
pg_describe_object pg_encoding_to_char pg_function_is_visible pg_get_constraintdef pg_get_expr
pg_get_function_arg_default pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result
pg_get_function_sqlbody pg_get_functiondef pg_get_indexdef pg_get_keywords pg_get_object_address
pg_get_partition_constraintdef pg_get_partkeydef pg_get_replica_identity_index pg_get_ruledef pg_get_serial_sequence
pg_get_statisticsobjdef pg_get_statisticsobjdef_columns pg_get_statisticsobjdef_expressions pg_get_triggerdef
pg_get_userbyid pg_get_viewdef pg_has_role pg_identify_object pg_identify_object_as_address
pg_index_column_has_property pg_index_has_property pg_indexam_has_property pg_is_other_temp_schema pg_my_temp_schema
pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible pg_options_to_table pg_postmaster_start_time
pg_relation_is_publishable pg_relation_is_updatable pg_sequence_parameters pg_statistics_obj_is_visible
pg_table_is_visible pg_timezone_abbrevs pg_timezone_names pg_trigger_depth pg_ts_config_is_visible
pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible pg_type_is_visible pg_typeof regclass
row_security_active row_to_json session_user shobj_description statement_timestamp to_char to_date to_json to_jsonb
to_number to_regclass to_regcollation to_regnamespace to_regoper to_regoperator to_regproc to_regprocedure
to_regrole to_regtype transaction_timestamp ts_debug txid_current txid_current_if_assigned txid_current_snapshot
version xml xml_is_well_formed
"""
"""Read the clock, the session's own role and settings of form, or the definitions of objects; never a table's rows."""

_VOLATILE = """
clock_timestamp currval gen_random_uuid lastval nextval pg_listening_channels pg_notify setval pg_advisory_lock
pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared pg_advisory_xact_lock
pg_advisory_xact_lock_shared pg_collation_actual_version pg_is_in_recovery pg_partition_ancestors pg_partition_tree
pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared random
setseed timeofday
"""
_AGGREGATES_AND_WINDOWS = """
array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp cume_dist dense_rank every
first_value json_agg json_object_agg jsonb_agg jsonb_object_agg lag last_value lead max min mode nth_value ntile
percent_rank percentile_cont percentile_disc range_agg range_intersect_agg rank regr_avgx regr_avgy regr_count
regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy row_number stddev stddev_pop stddev_samp string_agg sum
var_pop var_samp variance xmlagg
"""
_SYNTAX = """
cast coalesce current_catalog current_date current_role current_time current_timestamp extract greatest grouping
json json_array json_arrayagg json_exists json_objectagg json_query json_scalar json_serialize json_table json_value
least localtime localtimestamp merge_action nullif row user xmlconcat xmlelement xmlforest xmlparse xmlpi xmlroot
xmlserialize xmltable
"""
"""Written like functions, but part of the grammar."""

_LATER = """
any_value array_reverse array_sample array_shuffle array_sort casefold crc32 crc32c date_add date_subtract erf erfc
gamma icu_unicode_version json_agg_strict json_object_agg_strict json_object_agg_unique
json_object_agg_unique_strict jsonb_agg_strict jsonb_object_agg_strict jsonb_object_agg_unique
jsonb_object_agg_unique_strict lgamma pg_basetype pg_input_error_info pg_input_is_valid random_normal system_user
to_bin to_oct unicode_assigned unicode_version uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7 xmltext
"""
"""Came after PostgreSQL 15."""

NOT_EVERYWHERE = frozenset(f"{_SYNTAX} {_LATER}".split())
"""Admitted names that a given server may lack."""

ADMITTED = frozenset(
    f"{_IMMUTABLE} {_OF_OPERATORS} {_STABLE} {_VOLATILE} {_AGGREGATES_AND_WINDOWS} {_SYNTAX} {_LATER}".split()
)
"""Lower-case names of admitted functions."""

PURE_EXTENSIONS = frozenset(
    (
        "btree_gin",
        "btree_gist",
        "citext",
        "cube",
        "earthdistance",
        "fuzzystrmatch",
        "hstore",
        "intarray",
        "isn",
        "ltree",
        "pg_trgm",
        "pgcrypto",
        "seg",
        "unaccent",
        "uuid-ossp",
        "vector",
    )
)
"""Extensions all of whose functions compute on their arguments alone (and the session's own settings of form)."""
