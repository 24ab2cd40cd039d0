"""A PostgreSQL database's schema, from `pg_catalog` in ten queries, whatever the number of relations.

Types and view definitions are printed under an empty search path, so that every name in them is qualified, but for
those of `pg_catalog` and of the session's own temporary relations. That path is set and put back within one statement
(`_ENTER`, `_LEAVE`), which leaves a transaction in progress, and a connection in autocommit, as they were.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import LiteralString

from rewriter.catalog.cursors import Cursor, Row, column_types, rows, stamp, text, text_or_none
from rewriter.catalog.function_bodies import definitions, function_bodies
from rewriter.catalog.type_conversions import CONVERSIONS, conversions
from rewriter.functions import BUILTINS
from rewriter.functions.postgresql import PURE_EXTENSIONS
from rewriter.schema import Catalog, Column, Relation, RelationKind

_SESSION = """
SELECT pg_catalog.current_database(), pg_catalog.current_schemas(true),
       pg_catalog.current_setting('server_version_num'),
       (SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = pg_catalog.pg_my_temp_schema())
"""

# `entered` sets the path before anything that depends on its `is_pretty` and `zero` runs, and the outer query puts it
# back once `listed` is complete. The LEFT JOIN makes that happen for an empty list too. Where the statement fails, the
# transaction that fails with it takes the setting along.
_ENTER: LiteralString = """
WITH saved AS MATERIALIZED (SELECT pg_catalog.current_setting('search_path') AS path),
     entered AS MATERIALIZED (
       SELECT path, pg_catalog.length(pg_catalog.set_config('search_path', '', true)) AS zero FROM saved),
     listed AS MATERIALIZED (
"""
_LEAVE: LiteralString = """)
SELECT listed.* FROM (
  SELECT pg_catalog.set_config('search_path', entered.path, true)
  FROM entered WHERE (SELECT pg_catalog.count(*) FROM listed) >= 0 OFFSET 0) left_path
LEFT JOIN listed ON true
"""

# Sequences are listed too: they can be scanned. Other sessions' temporary relations are not visible.
_USER_RELATIONS: LiteralString = """
  n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND (c.relpersistence <> 't' OR c.relnamespace = pg_catalog.pg_my_temp_schema())
  AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
"""

_RELATIONS: LiteralString = (
    _ENTER
    + """
  SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relpersistence = 't' AS is_temporary,
         CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid, entered.zero > 0) END AS definition,
         ARRAY(SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid)::bigint[] AS parents,
         c.relkind = 'v' AND pg_catalog.pg_get_userbyid(c.relowner) <> current_user
           AND coalesce(c.reloptions::text, '') !~ 'security_invoker=(true|on|1|yes)' AND EXISTS (
             SELECT FROM pg_catalog.pg_rewrite r
             JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
                  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> c.oid
             JOIN pg_catalog.pg_class t ON t.oid = d.refobjid AND t.relkind IN ('r', 'p', 'f', 'v', 'm')
             WHERE r.ev_class = c.oid
               AND (NOT pg_catalog.has_table_privilege(t.oid, 'SELECT') OR pg_catalog.row_security_active(t.oid))
           ) AS needs_owner
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace CROSS JOIN entered
  WHERE """
    + _USER_RELATIONS
    + _LEAVE
)

# A domain counts as the type below it: its checks are made for stored values, not for masks.
_COLUMNS: LiteralString = (
    _ENTER.replace(
        "WITH saved",
        """
WITH RECURSIVE domain AS (
  SELECT oid AS outermost, typbasetype AS type, typtypmod AS typmod, typcollation
  FROM pg_catalog.pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT d.outermost, t.typbasetype, CASE WHEN d.typmod < 0 THEN t.typtypmod ELSE d.typmod END, d.typcollation
  FROM domain d JOIN pg_catalog.pg_type t ON t.oid = d.type WHERE t.typtype = 'd'),
saved""",
    )
    + """
  SELECT a.attrelid, a.attname, pg_catalog.format_type(t.oid, coalesce(d.typmod, a.atttypmod) + entered.zero) AS type,
         t.typtype = 'e' AS is_enum,
         CASE WHEN a.attcollation <> t.typcollation THEN (
           SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.collname)
           FROM pg_catalog.pg_collation o JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace
           WHERE o.oid = a.attcollation) END AS collation,
         CASE WHEN a.attgenerated <> '' THEN (
           SELECT pg_catalog.pg_get_expr(g.adbin, g.adrelid, entered.zero > 0) FROM pg_catalog.pg_attrdef g
           WHERE g.adrelid = a.attrelid AND g.adnum = a.attnum) END AS generation,
         a.attnum
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN domain d ON d.outermost = a.atttypid
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_type x WHERE x.oid = d.type AND x.typtype = 'd')
  JOIN pg_catalog.pg_type t ON t.oid = coalesce(d.type, a.atttypid)
  CROSS JOIN entered
  WHERE a.attnum > 0 AND NOT a.attisdropped AND """
    + _USER_RELATIONS
    + " ORDER BY a.attrelid, a.attnum"
    + _LEAVE
)

_KEYS = """
SELECT contype::text, conrelid, conkey, confrelid, confkey FROM pg_catalog.pg_constraint WHERE contype IN ('p', 'f')
"""

_DEPENDENCIES = """
SELECT DISTINCT r.ev_class, n.nspname, c.relname
FROM pg_catalog.pg_rewrite r
JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
     AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class
JOIN pg_catalog.pg_class c ON c.oid = d.refobjid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE r.ev_class >= 16384
"""

# Objects below 16384 are initdb's. What a superuser adds to pg_catalog does not count as built in.
_FUNCTIONS = """
SELECT DISTINCT pg_catalog.lower(p.proname), e.extname, pg_catalog.lower(n.nspname)
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
     AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE p.oid >= 16384 AND n.nspname <> 'information_schema'
UNION
SELECT 'operator ' || o.oprname, e.extname, ''
FROM pg_catalog.pg_operator o
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND d.objid = o.oid
     AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE o.oid >= 16384
"""

# Every relation of pg_catalog, and the columns of those that hold more than definitions.
_CATALOGS: LiteralString = """
SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.relname IN (
  'pg_class', 'pg_attribute', 'pg_stat_activity', 'pg_authid', 'pg_shadow', 'pg_cursors', 'pg_prepared_statements',
  'pg_sequences')
WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind IN ('r', 'v') AND c.oid < 16384
ORDER BY c.relname, a.attnum
"""

# What PostgreSQL itself declares to depend on its arguments alone, in every overload; `internal` marks machinery.
_IMMUTABLE = """
SELECT pg_catalog.lower(proname) FROM pg_catalog.pg_proc
WHERE pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND oid < 16384
GROUP BY proname
HAVING pg_catalog.bool_and(provolatile = 'i' AND prorettype <> 'internal'::pg_catalog.regtype
                           AND 'internal'::pg_catalog.regtype <> ALL (proargtypes::oid[]))
"""

_KINDS = {"v": RelationKind.VIEW, "m": RelationKind.MATERIALIZED_VIEW}

# xmin changes with each version of a row, so the sums change with every CREATE, ALTER and DROP, whatever the order in
# which their transactions end. Objects below 16384 are initdb's.
_STAMP = """
SELECT pg_catalog.current_database(), pg_catalog.current_schemas(true)::text, (
  SELECT pg_catalog.string_agg(pg_catalog.concat_ws(':', part, n, s), ' ' ORDER BY part) FROM (
    SELECT 1 AS part, count(*) AS n, sum(xmin::text::bigint * (pg_catalog.mod(oid::bigint, 8191) + 1)) AS s
      FROM pg_catalog.pg_class WHERE oid >= 16384
    UNION ALL SELECT 2, count(*), sum(xmin::text::bigint * (pg_catalog.mod(attrelid::bigint, 8191) + attnum))
      FROM pg_catalog.pg_attribute WHERE attrelid >= 16384 AND attnum > 0
    UNION ALL SELECT 3, count(*), sum(xmin::text::bigint * (pg_catalog.mod(oid::bigint, 8191) + 1))
      FROM pg_catalog.pg_rewrite WHERE oid >= 16384
    UNION ALL SELECT 4, count(*), sum(xmin::text::bigint * (pg_catalog.mod(oid::bigint, 8191) + 1))
      FROM pg_catalog.pg_proc WHERE oid >= 16384
    UNION ALL SELECT 5, count(*), sum(xmin::text::bigint * (pg_catalog.mod(oid::bigint, 8191) + 1))
      FROM pg_catalog.pg_type WHERE oid >= 16384 AND typtype IN ('d', 'e')
    UNION ALL SELECT 6, count(*), sum(xmin::text::bigint * (pg_catalog.mod(oid::bigint, 8191) + 1))
      FROM pg_catalog.pg_constraint WHERE oid >= 16384
    UNION ALL SELECT 7, count(*), sum(xmin::text::bigint * (pg_catalog.mod(inhrelid::bigint, 8191) + inhseqno))
      FROM pg_catalog.pg_inherits
    UNION ALL SELECT 8, count(*), sum(xmin::text::bigint * (pg_catalog.mod(oid::bigint, 8191) + 1))
      FROM pg_catalog.pg_operator WHERE oid >= 16384
    UNION ALL SELECT 9, count(*), sum(xmin::text::bigint * (pg_catalog.mod(oid::bigint, 8191) + 1))
      FROM pg_catalog.pg_namespace
    UNION ALL SELECT 10, count(*), sum(xmin::text::bigint * (pg_catalog.mod(oid::bigint, 8191) + 1))
      FROM pg_catalog.pg_cast WHERE oid >= 16384
  ) parts)
"""


@dataclass(slots=True)
class _Parts:
    """What the queries found, by the oid of its relation, while relations are put together."""

    names: dict[int, tuple[str, str]] = field(default_factory=dict)
    columns: defaultdict[int, dict[int, Column]] = field(default_factory=lambda: defaultdict(dict))
    primary_keys: dict[int, tuple[str, ...]] = field(default_factory=dict)
    foreign_keys: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    dependencies: defaultdict[int, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))


def load(cursor: Cursor) -> Catalog:
    """The schema of the database that `cursor` is connected to."""
    ((database, path, version, temporary),) = rows(cursor, _SESSION)
    found = [row for row in rows(cursor, _RELATIONS) if row[0] is not None]
    parts = _Parts({row[0]: (_schema(row[1], temporary), text(row[2])) for row in found})
    _add_columns(parts, rows(cursor, _COLUMNS))
    _add_keys(parts, rows(cursor, _KEYS))
    for oid, schema, name in rows(cursor, _DEPENDENCIES):
        parts.dependencies[oid].add((_schema(schema, temporary), text(name)))
    immutable = frozenset(text(name) for (name,) in rows(cursor, _IMMUTABLE))
    builtins, user_functions = _functions(rows(cursor, _FUNCTIONS), immutable)
    relations = (_relation(row, parts) for row in found)
    server_version = (int(version) // 10000, int(version) % 10000)
    return Catalog(
        dialect="postgresql",
        database=text(database),
        search_path=_search_path(path, temporary),
        relations={relation.key: relation for relation in relations},
        catalogs=_catalogs(rows(cursor, _CATALOGS)),
        builtins=builtins,
        user_functions=user_functions,
        conversions=conversions(rows(cursor, CONVERSIONS)),
        definitions=definitions(
            rows(cursor, function_bodies(server_version[0])),
            admitted=BUILTINS["postgresql"] | immutable,
            user_functions=user_functions,
        ),
        server_version=server_version,
        default_schema="public",
    )


def current_stamp(cursor: Cursor) -> str:
    """Changes with every committed DDL, and with this session's search path and own temporary relations."""
    return stamp(rows(cursor, _STAMP))


def _schema(name: object, temporary: object) -> str:
    """The schema's name; the session's own temporary one is called `pg_temp` in every session."""
    return "pg_temp" if name == temporary else text(name)


def _search_path(path: Sequence[object], temporary: object) -> tuple[str, ...]:
    """`current_schemas(true)`, with `pg_temp` first where the session has no temporary relation yet."""
    schemas = tuple(_schema(name, temporary) for name in path)
    return schemas if "pg_temp" in schemas else ("pg_temp", *schemas)


def _add_columns(parts: _Parts, found: Iterable[Row]) -> None:
    typed = column_types("postgresql")
    for oid, name, declared, is_enum, collation, generation, number in found:
        if oid is not None:
            kind = typed(text(declared), collation=text_or_none(collation), enum=is_enum)
            parts.columns[oid][number] = Column(name=text(name), type=kind, generation=text_or_none(generation))


def _add_keys(parts: _Parts, found: Iterable[Row]) -> None:
    for contype, oid, numbers, referenced, referenced_numbers in found:
        if contype == "p":
            parts.primary_keys[oid] = tuple(_column_names(parts, oid, numbers))
        else:
            parts.foreign_keys[oid].update(_column_names(parts, oid, numbers))
            parts.foreign_keys[referenced].update(_column_names(parts, referenced, referenced_numbers))


def _column_names(parts: _Parts, oid: int, numbers: Iterable[int]) -> Iterator[str]:
    columns = parts.columns.get(oid, {})
    return (columns[number].name for number in numbers if number in columns)


def _relation(row: Row, parts: _Parts) -> Relation:
    oid, _, _, kind, is_temporary, definition, parents, needs_owner = row
    schema, name = parts.names[oid]
    columns = parts.columns.get(oid, {})
    is_view = kind in _KINDS
    return Relation(
        schema=schema,
        name=name,
        kind=_KINDS.get(kind, RelationKind.TABLE),
        columns=tuple(columns[number] for number in sorted(columns)),
        primary_key=parts.primary_keys.get(oid, ()),
        foreign_keys=frozenset(parts.foreign_keys.get(oid, ())),
        definition=None if definition is None else text(definition).strip().removesuffix(";"),
        depends_on=frozenset(parts.dependencies.get(oid, ())) if is_view else None,
        parents=frozenset(parts.names[parent] for parent in parents if parent in parts.names),
        is_temporary=is_temporary,
        needs_owner=needs_owner,
        numbers=(*sorted(columns), oid),
    )


def _catalogs(found: Iterable[Row]) -> dict[tuple[str, str], Relation]:
    """`Catalog.catalogs`."""
    typed = column_types("postgresql")
    columns: defaultdict[str, list[Column]] = defaultdict(list)
    for relation, name, declared in found:
        own = columns[text(relation)]
        if name is not None:
            own.append(Column(name=text(name), type=typed(text(declared))))
    relations = (
        Relation(schema="pg_catalog", name=name, kind=RelationKind.TABLE, columns=tuple(own))
        for name, own in columns.items()
    )
    return {relation.key: relation for relation in relations}


def _functions(found: Iterable[Row], immutable: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """`(builtins, user_functions)`: those of extensions known to be pure count as built in.

    A name that someone else defined too is no built-in: which of the two runs depends on the arguments' types.
    """
    extensions: defaultdict[str, set[str | None]] = defaultdict(set)
    homes: defaultdict[str, set[str]] = defaultdict(set)
    for name, extension, schema in found:
        extensions[text(name)].add(text_or_none(extension))
        homes[text(name)].add(f"{text(schema)}.{text(name)}")
    pure = {name for name, owners in extensions.items() if owners <= PURE_EXTENSIONS}
    user_functions = frozenset(extensions.keys() - pure)
    pure.update(*(homes[name] for name in pure))
    return (BUILTINS["postgresql"] | immutable | pure) - user_functions, user_functions
