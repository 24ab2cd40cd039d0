"""A PostgreSQL schema built anew, from what its catalogs print under an empty search path."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rewriter.binding import quoted
from rewriter.catalog.cursors import Cursor, rows, text
from rewriter.functions.postgresql import PURE_EXTENSIONS
from rewriter.proof.blueprints.parts import Blueprint, Step, collated, listed
from rewriter.proof.literals import Value
from rewriter.proof.rows import Hints
from rewriter.schema import Catalog, Column, Relation, RelationKind

_TABLES = """
SELECT n.nspname, c.relname, c.relkind::text, pg_catalog.pg_get_partkeydef(c.oid),
       pg_catalog.pg_get_expr(c.relpartbound, c.oid)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'S') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""
_ENUMS = """
SELECT pg_catalog.quote_ident(n.nspname), pg_catalog.quote_ident(t.typname), t.typname, e.enumlabel
FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace ORDER BY t.oid, e.enumsortorder
"""
_DOMAINS = """
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname),
       pg_catalog.format_type(t.typbasetype, t.typtypmod)
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'd' AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY t.oid
"""
_COMPOSITES = """
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname),
       pg_catalog.string_agg(pg_catalog.quote_ident(a.attname) || ' ' ||
                             pg_catalog.format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') GROUP BY 1
"""
_EXTENSIONS = "SELECT extname FROM pg_catalog.pg_extension"
_FUNCTIONS = """
SELECT p.proname, pg_catalog.pg_get_functiondef(p.oid)
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE p.oid >= 16384 AND p.prokind = 'f' AND l.lanname IN ('sql', 'plpgsql')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
_LITERAL = re.compile(r"'((?:[^']|'')*)'|(?<![\w.])(-?\d+)(?![\w.])")


@dataclass(frozen=True, slots=True)
class _Storage:
    """What the catalog does not say of a table: its kind, and how it is or lies in a partition."""

    kind: str
    partitioned: str | None
    bound: str | None


def blueprint(cursor: Cursor, catalog: Catalog) -> Blueprint:
    """The blueprint of the database, without temporary relations and extensions' own ones."""
    found = {(text(s), text(n)): _Storage(text(kind), by, bound) for s, n, kind, by, bound in rows(cursor, _TABLES)}
    stored = [relation for relation in catalog.relations.values() if relation.key in found]
    tables = [relation for relation in stored if found[relation.key].kind != "S"]
    sequences = [Step(r.name, f"CREATE SEQUENCE {_name(r)}") for r in stored if found[r.key].kind == "S"]
    views = [relation for relation in catalog.relations.values() if relation.definition and not relation.is_temporary]
    labels = _labels(cursor)
    return Blueprint(
        (*_types(cursor, catalog, labels), *sequences, *_functions(cursor)),
        tuple(Step(relation.name, _table(relation, found[relation.key])) for relation in tables),
        tuple(Step(relation.name, _view(relation)) for relation in views),
        tuple(relation for relation in tables if found[relation.key].partitioned is None),
        Hints({name: known for names, known in labels.items() for name in names}, dict(_choices(tables, found))),
    )


def _name(relation: Relation) -> str:
    return f"{quoted(relation.schema, 'postgresql')}.{quoted(relation.name, 'postgresql')}"


def _labels(cursor: Cursor) -> dict[tuple[str, str], list[str]]:
    """An enumeration's names, with and without its schema → its labels."""
    labels: dict[tuple[str, str], list[str]] = {}
    for schema, name, _, label in rows(cursor, _ENUMS):
        labels.setdefault((f"{schema}.{name}", text(name)), []).append(text(label))
    return labels


def _types(cursor: Cursor, catalog: Catalog, labels: Mapping[tuple[str, str], list[str]]) -> Iterable[Step]:
    for (name,) in rows(cursor, _EXTENSIONS):
        # Others could reach out of the scratch database.
        if text(name) in PURE_EXTENSIONS:
            yield Step(text(name), f"CREATE EXTENSION IF NOT EXISTS {quoted(text(name), 'postgresql')}")
    for schema in dict.fromkeys(schema for schema, _ in catalog.relations if schema not in ("public", "pg_temp")):
        yield Step(schema, f"CREATE SCHEMA IF NOT EXISTS {quoted(schema, 'postgresql')}")
    for (name, _), known in labels.items():
        texts = ["'" + label.replace("'", "''") + "'" for label in known]
        yield Step(name, f"CREATE TYPE {name} AS ENUM ({listed(texts)})")
    for name, base in rows(cursor, _DOMAINS):
        yield Step(text(name), f"CREATE DOMAIN {name} AS {base}")
    for name, fields in rows(cursor, _COMPOSITES):
        yield Step(text(name), f"CREATE TYPE {name} AS ({fields})")


def _functions(cursor: Cursor) -> Iterable[Step]:
    for name, definition in rows(cursor, _FUNCTIONS):
        yield Step(text(name), text(definition))


def _table(relation: Relation, storage: _Storage) -> str:
    if storage.bound is not None:
        (parent,) = relation.parents
        over = f"{quoted(parent[0], 'postgresql')}.{quoted(parent[1], 'postgresql')}"
        partitioned = f" PARTITION BY {storage.partitioned}" if storage.partitioned else ""
        return f"CREATE TABLE {_name(relation)} PARTITION OF {over} {storage.bound}{partitioned}"
    parts = [_column(column) for column in relation.columns]
    if relation.primary_key:
        parts.append(f"PRIMARY KEY ({listed([quoted(name, 'postgresql') for name in relation.primary_key])})")
    parents = sorted(f"{quoted(s, 'postgresql')}.{quoted(n, 'postgresql')}" for s, n in relation.parents)
    inherits = f" INHERITS ({listed(parents)})" if parents else ""
    partitioned = f" PARTITION BY {storage.partitioned}" if storage.partitioned else ""
    return f"CREATE TABLE {_name(relation)} ({listed(parts)}){inherits}{partitioned}"


def _column(column: Column) -> str:
    generated = f" GENERATED ALWAYS AS ({column.generation}) STORED" if column.generation else ""
    kind = f"{column.type.sql}{collated(column.type.collation)}"
    return f"{quoted(column.name, 'postgresql')} {kind}{generated}"


def _view(relation: Relation) -> str:
    is_stored = relation.kind is RelationKind.MATERIALIZED_VIEW
    columns = listed([quoted(column.name, "postgresql") for column in relation.columns])
    return f"CREATE {'MATERIALIZED ' if is_stored else ''}VIEW {_name(relation)} ({columns}) AS {relation.definition}"


def _choices(
    tables: Iterable[Relation], found: Mapping[tuple[str, str], _Storage]
) -> Iterable[tuple[tuple[tuple[str, str], str], list[Value]]]:
    """For each partition, what the columns that its parent is partitioned by may hold."""
    for relation in tables:
        storage = found[relation.key]
        parent = next((found[key] for key in relation.parents if key in found), None)
        if storage.bound is None or parent is None or "(" not in storage.bound or " WITH (" in storage.bound:
            continue  # no partition, the default one, or one by hash
        bound = storage.bound.partition(" TO ")[0]
        values: list[Value] = [int(n) if n else label.replace("''", "'") for label, n in _LITERAL.findall(bound)]
        for column in relation.columns:
            if re.search(rf"\b{re.escape(column.name)}\b", parent.partitioned or "") and values:
                yield (relation.key, column.name), values
