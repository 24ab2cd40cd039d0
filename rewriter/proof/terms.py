"""What a generated statement may say about its columns, as templates by kind of value and engine.

`{text}` stands for any term of that kind, `{any}` for one of any kind, `{a=text}` … `{a}` for the same term twice and
`{n}` for a small number. A term that an engine does not know would be an error on database and copy alike, so the lists
keep to what each engine has.
"""

from typing import Literal, get_args

from masking.types import Dialect

Kind = Literal["text", "int", "num", "date", "stamp", "bool", "other"]
"""A kind of value; `other` is one that only what takes any type is said of."""
KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "other")
"""Those that a term may be asked for."""

Terms = dict[Kind, tuple[str, ...]]

_EVERYWHERE: Terms = {
    "text": (
        "upper({text})", "lower({text})", "trim({text})", "substr({text}, 1, {n})", "replace({text}, 'a', {text})",
        "coalesce({text}, {text})", "nullif({text}, {text})", "CASE WHEN {bool} THEN {text} ELSE {text} END",
        "CASE {text} WHEN {text} THEN {text} END", "CASE {int} WHEN {int} THEN {text} WHEN 0 THEN 'none' END",
    ),
    "int": (
        "length({text})", "{int} + {int}", "{int} - {n}", "-{int}", "abs({int})", "({int} + {int}) * {n}",
        "coalesce({int}, {n})", "nullif({int}, {int})", "CASE WHEN {bool} THEN {int} ELSE {n} END",
    ),
    "num": ("{num} + {int}", "{num} * {n}", "round({num})", "coalesce({num}, {int})", "abs({num})"),
    "date": ("coalesce({date}, {date})", "nullif({date}, {date})", "CASE WHEN {bool} THEN {date} END"),
    "stamp": ("coalesce({stamp}, {stamp})",),
    "other": ("CASE WHEN {bool} THEN {other} END",),
    "bool": (
        "{text} = {text}", "{int} = {int}", "{num} < {num}", "{text} <> {text}", "{int} >= {int}", "{date} > {date}",
        "{any} IS NULL", "{any} IS NOT NULL", "({bool} AND {bool})", "({bool} OR {bool})", "NOT ({bool})",
        "{text} LIKE {pattern}", "{text} NOT LIKE {pattern}", "{int} BETWEEN {n} AND {int}",
        "{text} IN ({text}, {text})",
        "{date} NOT BETWEEN {date} AND {date}", "({int}, {text}) = ({int}, {text})", "{int} NOT IN ({n}, {int})",
        "coalesce({bool}, {bool})", "{int} % 2 = 0", "{stamp} < {stamp}",
    ),
}  # fmt: skip

_OWN: dict[Dialect, Terms] = {
    "postgresql": {
        "text": (
            "{text} || {text}", "{any}::text", "CAST({any} AS varchar(20))", "left({text}, {n})",
            "split_part({text}, '@', 1)",
            "initcap({text})", "to_char({date}, 'YYYY-MM')", "concat({any}, {any})", "concat_ws('/', {text}, {any})",
            "regexp_replace({text}, '[0-9]', '#', 'g')", "md5({text})", "substring({text} from 2 for {n})",
            "greatest({text}, {text})",
            "overlay({text} placing 'X' from 1)", "format('%s-%s', {any}, {any})", "(ARRAY[{text}, {text}])[1]",
            "pg_typeof({any})::text",
            "to_jsonb({any})::text", "position('a' in {text})::text", "row_to_json(ROW({any}, {any}))::text",
            '{text} COLLATE "C"',
            "(ROW({any}, {any}))::text", "array_to_string(ARRAY[{text}, {text}], ',')",
            "json_build_object('k', {any})::text",
        ),
        "int": (
            "char_length({text})", "position('a' in {text})", "extract(year from {date})::int", "{num}::int",
            "greatest({int}, {int})",
            "strpos({text}, {text})", "num_nulls({any}, {any})", "({date} - {date})",
            "cardinality(ARRAY[{int}, {int}])", "{int} / {n1}",
        ),
        "num": (
            "{int}::numeric / {n1}", "extract(month from {date})", "round({num}, 1)",
            "sqrt(abs({num}))::numeric(10,3)",
        ),
        "date": (
            "{date} + {n}", "({date} + interval '1 month')::date", "date_trunc('month', {stamp})::date",
            "make_date(2000, {n1}, 1)",
        ),
        "stamp": (
            "{stamp} + interval '1 day'", "date_trunc('day', {stamp})", "{date}::timestamp",
            "({stamp} AT TIME ZONE 'UTC')::timestamp",
        ),
        "bool": (
            "{text} ~ '^[ab]'", "{text} ILIKE {pattern}", "{any} IS DISTINCT FROM NULL",
            "{text} = ANY (ARRAY[{text}, {text}])",
            "{int} <> ALL (ARRAY[{n}, {int}])", "{text} SIMILAR TO '(a|b)%'", "starts_with({text}, {text})",
            "({bool}) IS NOT TRUE",
            "{text} !~~ {pattern}", "ROW({int}, {text}) < ROW({int}, {text})",
            "({date}, {date}) OVERLAPS ({date}, {date})", "{bool} = {bool}", "{int} BETWEEN SYMMETRIC {n} AND {int}",
            "{text} OPERATOR(pg_catalog.=) {text}", "{text} ^@ 'a'", "{a=text} IS NOT DISTINCT FROM {a}",
            "({bool}) IS UNKNOWN",
        ),
    },
    "mysql": {
        "text": (
            "concat({any}, {text})", "concat_ws('/', {any}, {text})", "left({text}, {n})",
            "if({bool}, {text}, {text})", "ifnull({text}, {any})",
            "CAST({any} AS char(20))", "reverse({text})", "date_format({date}, '%Y-%m')",
            "substring_index({text}, '@', 1)",
            "lpad({text}, 12, '.')", "json_object('k', {any})", "convert({any}, char)", "hex({text})",
            "elt({n1}, {text}, {text})", "greatest({text}, {text})",
            "regexp_replace({text}, '[0-9]', '#')", "substring({text} from 2 for {n})", "{text} COLLATE utf8mb4_bin",
            "md5({text})",
        ),
        "int": (
            "char_length({text})", "locate('a', {text})", "year({date})", "{int} DIV {n1}", "{int} MOD 7", "{int} & 3",
            "field({text}, 'a', {text})",
            "datediff({date}, {date})", "{bool} + 0", "if({bool}, {int}, {n})", "ascii({text})",
            "timestampdiff(DAY, {date}, {date})", "crc32({text})",
            "strcmp({text}, {text})", "CAST({num} AS signed)", "({bool})",
        ),
        "num": ("{int} / {n1}", "round({num}, 1)", "CAST({int} AS decimal(8,2))", "{num} * 1.5", "truncate({num}, 1)"),
        "date": (
            "{date} + INTERVAL 1 DAY", "date_add({date}, INTERVAL {n} MONTH)", "date({stamp})", "last_day({date})",
        ),
        "stamp": ("{stamp} + INTERVAL 1 HOUR", "timestamp({date})", "date_sub({stamp}, INTERVAL 1 DAY)"),
        "bool": (
            "{text} REGEXP '^[ab]'", "{any} <=> {any}", "{text} RLIKE 'x'", "({bool}) IS NOT TRUE",
            "{bool} XOR {bool}", "{bool} && {bool}",
            "{text} LIKE concat({text}, '%')", "interval({int}, 10, 20) = 1", "{text} = BINARY {text}", "!({bool})",
            "({int}, {int}) < ({int}, {int})",
        ),
    },
    "sqlite": {
        "text": (
            "{text} || {text}", "CAST({any} AS text)", "typeof({any})", "ifnull({text}, {any})",
            "iif({bool}, {text}, {text})", "hex({text})",
            "printf('%s-%d', {text}, {int})", "strftime('%Y', {date})", "quote({any})", "instr({text}, 'a') || ''",
            "max({text}, {text})",
            "json_object('k', {any})", "substr({text}, -{n1})", "json_extract(json_array({any}, {any}), '$[0]')",
            "{text} COLLATE NOCASE", "+{text}",
        ),
        "int": (
            "instr({text}, 'a')", "CAST({text} AS integer)", "unicode({text})", "{int} & 3", "iif({bool}, {int}, {n})",
            "{int} / {n1}", "min({int}, {int})",
            "({bool}) + 1", "CAST(strftime('%Y', {date}) AS integer)", "{text} + 0",
            "CAST(julianday({date}) AS integer)",
        ),
        "num": ("CAST({int} AS real) / {n1}", "round({num}, 1)", "{int} * 1.5", "CAST({text} AS numeric)"),
        "date": ("date({date}, '+1 day')", "date({stamp})", "substr({date}, 1, 10)"),
        "stamp": ("datetime({stamp}, '+1 day')", "datetime({date})"),
        "bool": (
            "{text} GLOB 'a*'", "{any} IS {any}", "{any} IS NOT {any}", "{int} = {text}", "{text} = {int}",
            "{int} BETWEEN {text} AND {n}",
            "{text} < {num}", "{any} IS NOT DISTINCT FROM {any}", "{text} ISNULL", "{text} NOTNULL", "{int} == {int}",
            "({int}, {text}) < ({int}, {text})",
        ),
    },
    "duckdb": {
        "text": (
            "{text} || {text}", "{any}::varchar", "CAST({any} AS varchar)", "left({text}, {n})",
            "split_part({text}, '@', 1)", "strftime({date}, '%Y-%m')",
            "{text}[1:{n}]", "{text}.upper()", "typeof({any})", "concat({any}, {any})",
            "regexp_replace({text}, '[0-9]', '#', 'g')", "reverse({text})",
            "[{text}, {text}][1]", "{{'k': {text}}}.k", "struct_pack(a := {text}).a", "if({bool}, {text}, {text})",
            "list_transform([{text}], lambda x: x || '!')[1]",
            "array_to_string([{text}, {text}], ',')", "{text}.substr(1, {n}).lower()",
            "format('{{}}-{{}}', {any}, {any})", "md5({text})", "TRY_CAST({text} AS int)::varchar",
            "map {{'k': {text}}}['k']", "row({any}, {text})::varchar", "[x.upper() FOR x IN [{text}]][1]",
        ),
        "int": (
            "strlen({text})", "position('a' in {text})", "year({date})", "TRY_CAST({text} AS int)", "{int} // {n1}",
            "instr({text}, 'a')", "greatest({int}, {int})",
            "date_diff('day', {date}, {date})", "len([{int}, {int}])", "extract(month from {date})", "{int} % 7",
            "list_sum([{int}, {int}])::int",
        ),
        "num": ("{int}::decimal(8,2)", "round({num}, 1)", "{num} * 1.5", "CAST({int} AS decimal(10,3))"),
        "date": (
            "{date} + {n}", "(date_trunc('month', {stamp}))::date", "last_day({date})", "{stamp}::date",
            "make_date(2000, {n1}, 1)",
        ),
        "stamp": ("{stamp} + interval '1 day'", "{date}::timestamp", "date_trunc('day', {stamp})"),
        "bool": (
            "{text} ~ '.*a.*'", "{text} ILIKE {pattern}", "{any} IS DISTINCT FROM NULL",
            "{text} = ANY ([{text}, {text}])", "{text} SIMILAR TO 'a.*'",
            "regexp_matches({text}, '^[ab]')", "list_contains([{text}], {text})", "{text} GLOB 'a*'", "{text} ^@ 'a'",
            "{text} IN ['x', {text}]",
            "{a=text} IS NOT DISTINCT FROM {a}", "{text}.contains('a')",
        ),
    },
}  # fmt: skip

_AGGREGATES: Terms = {
    "int": (
        "count(*)", "count({any})", "count(DISTINCT {text})", "max({int})", "min({int})", "sum({int})",
        "count(DISTINCT {any})",
    ),
    "text": ("max({text})", "min({text})", "min(upper({text}))"),
    "num": ("sum({num})", "max({num})", "min({num})", "avg({int})", "sum({int}) + sum({num})"),
    "date": ("max({date})", "min({date})"),
    "stamp": ("max({stamp})",),
    "bool": ("count({any}) > {n}", "max({text}) = min({text})", "max({int}) IS NULL"),
    "other": ("max({date})",),
}  # fmt: skip

_OWN_AGGREGATES: dict[Dialect, Terms] = {
    "postgresql": {
        "text": (
            "string_agg({a=text}, ',' ORDER BY {a})", "string_agg(DISTINCT {a=text}, ',')",
            "array_agg({a=text} ORDER BY {a})::text", "json_agg({a=text} ORDER BY {a})::text",
            "percentile_disc(0.5) WITHIN GROUP (ORDER BY {text})", "max({text}) FILTER (WHERE {bool})",
            "jsonb_object_agg(coalesce({a=text}, ''), 1)::text",
        ),
        "int": (
            "count(*) FILTER (WHERE {bool})", "mode() WITHIN GROUP (ORDER BY {int})",
            "rank({n}) WITHIN GROUP (ORDER BY {int})",
        ),
        "bool": ("bool_or({bool})", "every({bool})", "bool_and({bool}) FILTER (WHERE {bool})"),
    },
    "mysql": {
        "text": (
            "group_concat({a=text} ORDER BY {a} SEPARATOR ';')", "group_concat(DISTINCT {a=text} ORDER BY {a})",
            "json_arrayagg({n})",
        ),
        "int": ("count(DISTINCT {text}, {int})", "bit_or({int})", "std({n})"),
        "bool": ("max({bool})",),
    },
    "sqlite": {
        "text": ("group_concat(DISTINCT {n})", "max({text}) FILTER (WHERE {bool})", "json_group_array({n})"),
        "int": ("count(*) FILTER (WHERE {bool})", "total({int})"),
        "bool": ("max({bool})",),
    },
    "duckdb": {
        "text": (
            "string_agg({a=text}, ',' ORDER BY {a})", "list({a=text} ORDER BY {a})::varchar",
            "max({text}) FILTER (WHERE {bool})", "mode({n})::varchar",
            "list_sort(list(DISTINCT {text}))::varchar", "arg_max({a=text}, {a})", "quantile_disc({text}, 0.5)",
        ),
        "int": ("count(*) FILTER (WHERE {bool})", "count_if({bool})", "count()", "approx_count_distinct({n})"),
        "bool": ("bool_or({bool})", "bool_and({bool})"),
    },
}  # fmt: skip

_WINDOWS: Terms = {
    "int": (
        "count(*) OVER ({partition})", "rank() OVER ({partition} ORDER BY {any})",
        "row_number() OVER ({partition} ORDER BY {total})",
        "sum({int}) OVER ({partition} ORDER BY {any})", "dense_rank() OVER (ORDER BY {any} DESC)",
        "ntile(3) OVER (ORDER BY {total})",
        "sum({int}) OVER (ORDER BY {total} ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    ),
    "text": (
        "lag({text}) OVER (ORDER BY {total})", "first_value({text}) OVER ({partition} ORDER BY {total})",
        "max({text}) OVER ({partition})",
        "nth_value({text}, 2) OVER (ORDER BY {total} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
        "lead({text}, 2) OVER (ORDER BY {total})",
    ),
    "num": ("avg({int}) OVER ({partition})", "max({num}) OVER ({partition} ORDER BY {any})"),
    "date": ("min({date}) OVER ({partition})", "lag({date}) OVER (ORDER BY {total})"),
    "stamp": ("max({stamp}) OVER ({partition})",),
    "bool": ("count(*) OVER ({partition}) > {n}",),
    "other": ("lag({other}) OVER (ORDER BY {total})",),
}  # fmt: skip


def terms(kind: Kind, dialect: Dialect) -> tuple[str, ...]:
    """Templates of scalar terms of a kind."""
    return _EVERYWHERE[kind] + _OWN[dialect].get(kind, ())


def aggregates(kind: Kind, dialect: Dialect) -> tuple[str, ...]:
    """Templates of aggregates of a kind whose value does not depend on the order of rows."""
    return _AGGREGATES[kind] + _OWN_AGGREGATES[dialect].get(kind, ())


def windows(kind: Kind) -> tuple[str, ...]:
    """Templates of window calls; `{partition}` may be nothing, `{total}` orders rows without ties."""
    return _WINDOWS[kind]
