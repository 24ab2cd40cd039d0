"""A DuckDB connection's schema: the current database, the temporary one and every attached one.

Functions are called by their full names: a macro of the user's may override any built-in, also those used here.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rewriter.catalog.cursors import Cursor, Row, column_types, rows, stamp, text, text_or_none
from rewriter.catalog.definitions import ColumnText, column_texts, view_text
from rewriter.functions import BUILTINS
from rewriter.schema import Catalog, Column, Relation, RelationKind

_Key = tuple[str, str]

_SESSION = """
SELECT system.main.current_database(), system.main.current_schema(),
       system.main.current_setting('search_path'), system.main.version()
"""
_SCHEMAS = "SELECT database_name, schema_name FROM system.main.duckdb_schemas()"
_TABLES = """
SELECT database_name, schema_name, table_name, temporary, sql FROM system.main.duckdb_tables() WHERE NOT internal
"""
_VIEWS = """
SELECT database_name, schema_name, view_name, temporary, sql FROM system.main.duckdb_views() WHERE NOT internal
"""
_COLUMNS = """
SELECT database_name, schema_name, table_name, column_name, data_type, column_default
FROM system.main.duckdb_columns() WHERE NOT internal ORDER BY table_oid, column_index
"""
_KEYS = """
SELECT database_name, schema_name, table_name, constraint_type, constraint_column_names,
       referenced_table, referenced_column_names
FROM system.main.duckdb_constraints() WHERE constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY', 'UNIQUE')
UNION ALL
SELECT database_name, schema_name, table_name, 'UNIQUE', [''], NULL, NULL
FROM system.main.duckdb_indexes() WHERE is_unique
"""
_INDEXES = "SELECT database_name, schema_name, index_name, is_unique FROM system.main.duckdb_indexes()"
_FUNCTIONS = "SELECT function_name, macro_definition FROM system.main.duckdb_functions() WHERE NOT internal"

_PATH_ENTRY = re.compile(r'(?:"((?:[^"]|"")*)"|([^",.]+))(?:\.(?:"((?:[^"]|"")*)"|([^",.]+)))?(?:,|$)')


@dataclass(slots=True)
class _Parts:
    """What the queries found, by relation, while relations are put together."""

    columns: defaultdict[_Key, list[Row]] = field(default_factory=lambda: defaultdict(list))
    primary_keys: dict[_Key, tuple[str, ...]] = field(default_factory=dict)
    foreign_keys: defaultdict[_Key, set[str]] = field(default_factory=lambda: defaultdict(set))
    unique_keys: defaultdict[_Key, list[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(list))


def load(cursor: Cursor) -> Catalog:
    """The schema of the connection that `cursor` belongs to."""
    ((current, schema, path, version),) = rows(cursor, _SESSION)
    schemas = {text(name) for database, name in rows(cursor, _SCHEMAS) if database == current}
    tables, views = rows(cursor, _TABLES), rows(cursor, _VIEWS)
    parts = _Parts()
    for database, of, relation, *column in rows(cursor, _COLUMNS):
        parts.columns[_schema(database, of, current), text(relation)].append(column)
    _add_keys(parts, rows(cursor, _KEYS), current)
    user_functions = frozenset(text(name).lower() for name, _ in rows(cursor, _FUNCTIONS))
    relations = [_relation(row, parts, current=current, kind=RelationKind.TABLE) for row in tables]
    relations += [_relation(row, parts, current=current, kind=RelationKind.VIEW) for row in views]
    entries = _path_entries(text(path or ""), current, schemas) if path else (text(schema),)
    return Catalog(
        dialect="duckdb",
        database=text(current),
        search_path=tuple(dict.fromkeys(("temp.main", *entries, "main", "system.main", "system.pg_catalog"))),
        relations={relation.key: relation for relation in relations},
        builtins=BUILTINS["duckdb"] - user_functions,
        user_functions=user_functions,
        server_version=tuple(int(part) for part in re.findall(r"\d+", text(version).partition("-")[0])),
        default_schema="main",
    )


def current_stamp(cursor: Cursor) -> str:
    """Changes with every schema, table, view, unique index and function of any database, and with the search path."""
    queries = (_SESSION, _SCHEMAS, _TABLES, _VIEWS, _FUNCTIONS, _INDEXES)
    return stamp(sorted(rows(cursor, query), key=repr) for query in queries)


def _schema(database: object, schema: object, current: object) -> str:
    """`schema` in the current database, `database.schema` elsewhere."""
    return text(schema) if database == current else f"{text(database)}.{text(schema)}"


def _path_entries(path: str, current: str, schemas: Iterable[str]) -> Iterator[str]:
    """`s,memory."odd, name",other.main` → `s`, `odd, name`, `other.main`, where `memory` is the current database.

    A lone name means a schema of the current database, else a database's `main`: DuckDB's own order.
    """
    for quoted, bare, quoted_schema, bare_schema in _PATH_ENTRY.findall(path):
        first = quoted.replace('""', '"') or bare.strip()
        second = quoted_schema.replace('""', '"') or bare_schema.strip()
        if second:
            yield _schema(first, second, current)
        else:
            yield first if first in schemas else _schema(first, "main", current)


def _add_keys(parts: _Parts, found: Iterable[Row], current: object) -> None:
    for database, of, table, kind, columns, referenced, referenced_columns in found:
        schema = _schema(database, of, current)
        names = [text(column) for column in columns]
        if kind == "PRIMARY KEY":
            parts.primary_keys[schema, text(table)] = tuple(names)
        elif kind == "UNIQUE":
            parts.unique_keys[schema, text(table)].append(tuple(names))
        else:
            parts.foreign_keys[schema, text(table)].update(names)
            # A foreign key stays within its schema: DuckDB does not say which one it refers to.
            parts.foreign_keys[schema, text(referenced)].update(text(column) for column in referenced_columns)


def _relation(row: Row, parts: _Parts, *, current: object, kind: RelationKind) -> Relation:
    database, of, name, is_temporary, create = row
    key = (_schema(database, of, current), text(name))
    view = view_text(text(create)) if create and kind is RelationKind.VIEW else None
    return Relation(
        schema=key[0],
        name=key[1],
        kind=kind,
        columns=tuple(_columns(parts.columns[key], text_or_none(create) or "", kind)),
        primary_key=parts.primary_keys.get(key, ()),
        foreign_keys=frozenset(parts.foreign_keys.get(key, ())),
        unique_keys=tuple(parts.unique_keys.get(key, ())),
        definition=view.definition if view else None,
        view_columns=view.columns if view else (),
        is_temporary=bool(is_temporary),
    )


def _columns(found: Iterable[Row], create: str, kind: RelationKind) -> Iterator[Column]:
    """Columns in order; DuckDB shows collations and generated columns only in the text of the CREATE statement."""
    typed = column_types("duckdb")
    says_more = kind is RelationKind.TABLE and ("COLLATE" in create.upper() or "GENERATED" in create.upper())
    texts = column_texts(create) if says_more else {}
    for name, declared, default in found:
        clause = texts.get(text(name).lower(), ColumnText())
        column_type = typed(text(declared), collation=clause.collation, enum=text(declared).startswith("ENUM("))
        # A sequence gives each row another value.
        has_default = default is not None and not text(default).lower().startswith("nextval(")
        yield Column(name=text(name), type=column_type, generation=clause.generation, has_default=has_default)
