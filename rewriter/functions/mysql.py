"""Functions of MySQL and MariaDB that are known to be harmless.

Neither server lists its native functions, so this follows their manuals (MySQL 8.4, MariaDB 11.8). Left out on purpose:
`LOAD_FILE`, `SLEEP`, `BENCHMARK`, `MASTER_POS_WAIT` and its kin, `SETVAL`, `ROW_COUNT` (the count of the statement
before may tell a guess), `CURRENT_SETTING`-like reads of variables, `GTID_*`, `ICU_VERSION`-like reports of the server,
`DEFAULT(column)` (reads the definition of a scan that may be replaced), and every UDF. `EXTRACTVALUE` and `UPDATEXML`
are judged by their path (`rewriter.xml_paths`).
"""

_NATIVE = """
abs acos add_months adddate addtime aes_decrypt aes_encrypt any_value ascii asin atan atan2 avg bin bin_to_uuid
bit_and bit_count bit_length bit_or bit_xor cast ceil ceiling char char_length character_length charset chr coalesce
coercibility collation column_add column_check column_create column_delete column_exists column_get column_json
column_list compress concat concat_operator_oracle concat_ws connection_id conv convert convert_tz cos cot count crc32
crc32c cume_dist curdate current_date current_role current_time current_timestamp current_user curtime database date
date_add date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear decode decode_oracle degrees
dense_rank des_decrypt des_encrypt elt encode encrypt exp export_set extract field find_in_set first_value floor
format format_bytes format_pico_time found_rows from_base64 from_days from_unixtime geometrycollection get_format
get_lock greatest group_concat grouping hex hour if ifnull inet6_aton inet6_ntoa inet_aton inet_ntoa insert instr
interval is_free_lock is_ipv4 is_ipv4_compat is_ipv4_mapped is_ipv6 is_used_lock is_uuid isnull json_array
json_array_append json_array_insert json_array_intersect json_arrayagg json_compact json_contains json_contains_path
json_depth json_detailed json_equals json_exists json_extract json_insert json_key_value json_keys json_length
json_loose json_merge json_merge_patch json_merge_preserve json_normalize json_object json_object_filter_keys
json_object_to_array json_objectagg json_overlaps json_pretty json_query json_quote json_remove json_replace
json_schema_valid json_search json_set json_storage_free json_storage_size json_table json_type json_unquote
json_valid json_value lag last_day last_insert_id last_value lastval lcase lead least left length lengthb linestring
ln localtime localtimestamp locate log log10 log2 lower lpad lpad_oracle ltrim ltrim_oracle make_set makedate maketime
max mbrcontains mbrcoveredby mbrcovers mbrdisjoint mbrequal mbrequals mbrintersects mbroverlaps mbrtouches mbrwithin
md5 median member_of microsecond mid min minute mod month monthname multilinestring multipoint multipolygon name_const
natural_sort_key nextval now nth_value ntile nullif nvl nvl2 oct octet_length old_password ord password percent_rank
percentile_cont percentile_disc period_add period_diff pi point polygon position pow power quarter quote radians rand
random_bytes rank release_all_locks release_lock regexp_instr regexp_like regexp_replace regexp_substr repeat replace
replace_oracle reverse right round row row_number rpad rpad_oracle rtrim rtrim_oracle schema sec_to_time second
session_user sformat sha sha1 sha2 sign sin soundex space sqrt st_area st_asbinary st_asgeojson st_astext st_aswkb
st_aswkt st_boundary st_buffer st_centroid st_contains st_convexhull st_crosses st_difference st_dimension st_disjoint
st_distance st_distance_sphere st_endpoint st_envelope st_equals st_exteriorring st_geohash st_geomcollfromtext
st_geometryn st_geometrytype st_geomfromgeojson st_geomfromtext st_geomfromwkb st_interiorringn st_intersection
st_intersects st_isclosed st_isempty st_isring st_issimple st_isvalid st_latfromgeohash st_latitude st_length
st_linefromtext st_longfromgeohash st_longitude st_makeenvelope st_numgeometries st_numinteriorrings st_numpoints
st_overlaps st_pointfromtext st_pointn st_pointonsurface st_polyfromtext st_relate st_simplify st_srid st_startpoint
st_swapxy st_symdifference st_touches st_transform st_union st_validate st_within st_x st_y std stddev stddev_pop
stddev_samp str_to_date strcmp subdate substr substr_oracle substring substring_index subtime sum sys_guid sysdate
system_user tan time time_format time_to_sec timediff timestamp timestampadd timestampdiff to_base64 to_char to_date
to_days to_number to_seconds trim trim_oracle truncate ucase uncompress uncompressed_length unhex unix_timestamp upper
user utc_date utc_time utc_timestamp uuid uuid_short uuid_to_bin uuid_v4 uuid_v7 validate_password_strength value
values var_pop var_samp variance vec_distance vec_distance_cosine vec_distance_euclidean vec_fromtext vec_totext
version week weekday weekofyear weight_string year yearweek
"""

_OLD_NAMES = """
area asbinary astext aswkb aswkt boundary buffer centroid contains convexhull crosses dimension disjoint endpoint
envelope equals exteriorring geomcollfromtext geomcollfromwkb geometrycollectionfromtext geometrycollectionfromwkb
geometryfromtext geometryfromwkb geometryn geometrytype geomfromtext geomfromwkb glength interiorringn intersects
isclosed isempty isring issimple linefromtext linefromwkb linestringfromtext linestringfromwkb mlinefromtext
mlinefromwkb mpointfromtext mpointfromwkb mpolyfromtext mpolyfromwkb multilinestringfromtext multilinestringfromwkb
multipointfromtext multipointfromwkb multipolygonfromtext multipolygonfromwkb numgeometries numinteriorrings numpoints
overlaps pointfromtext pointfromwkb pointn pointonsurface polyfromtext polyfromwkb polygonfromtext polygonfromwkb srid
st_geomcollfromwkb st_geometrycollectionfromtext st_geometrycollectionfromwkb st_geometryfromtext st_geometryfromwkb
st_linefromwkb st_linestringfromtext st_linestringfromwkb st_mlinefromtext st_mlinefromwkb st_mpointfromtext
st_mpointfromwkb st_mpolyfromtext st_mpolyfromwkb st_multilinestringfromtext st_multilinestringfromwkb
st_multipointfromtext st_multipointfromwkb st_multipolygonfromtext st_multipolygonfromwkb st_pointfromwkb
st_polyfromwkb st_polygonfromtext st_polygonfromwkb startpoint touches within x y rownum
"""
"""Geometry under the names that it had before the standard's, and MariaDB's number of the row."""

ADMITTED = frozenset(f"{_NATIVE} {_OLD_NAMES}".split())
"""Lower-case names of admitted native functions, aggregates, window functions and function-like syntax."""
