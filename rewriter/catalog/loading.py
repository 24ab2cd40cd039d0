"""Which engine's reader reads a catalog, and the version that a catalog gets."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from masking.types import Dialect
from rewriter.catalog import duckdb, mysql, postgresql, sqlite
from rewriter.catalog.cursors import Cursor, stamp
from rewriter.schema import Catalog, Relation


def load_catalog(cursor: Cursor, dialect: Dialect) -> Catalog:
    """The schema behind `cursor`, at one instant, with its `version` filled in.

    `cursor` is a plain DBAPI cursor of a synchronous driver whose rows are sequences. Nothing is committed or rolled
    back, and no session setting is left changed.

    Raises:
        RewriteError: the engine is too old to list its schema.
    """
    match dialect:
        case "postgresql":
            catalog = postgresql.load(cursor)
        case "mysql":
            catalog = mysql.load(cursor)
        case "sqlite":
            catalog = sqlite.load(cursor)
        case "duckdb":
            catalog = duckdb.load(cursor)
        case _:
            assert_never(dialect)
    return replace(catalog, version=content_version(catalog))


def merged(catalogs: Sequence[Catalog]) -> Catalog:
    """One schema of what several roles see of it: of each relation, what most of it is known of."""
    first = catalogs[0]
    if len(catalogs) == 1:
        return first
    relations: dict[tuple[str, str], Relation] = {}
    for relation in (one for catalog in catalogs for one in catalog.relations.values()):
        known = relations.get(relation.key)
        if known is None or _known_of(relation) > _known_of(known):
            relations[relation.key] = relation
    user_functions = first.user_functions.union(*(one.user_functions for one in catalogs))
    builtins = first.builtins - user_functions
    whole = replace(first, relations=relations, user_functions=user_functions, builtins=builtins)
    return replace(whole, version=content_version(whole))


def _known_of(relation: Relation) -> tuple[int, bool, int, int]:
    keys = len(relation.primary_key), len(relation.foreign_keys)
    return (len(relation.columns), relation.definition is not None, *keys)


def catalog_stamp(cursor: Cursor, dialect: Dialect) -> str:
    """A short text that changes once any DDL has changed what `load_catalog` reads: one light query to tell staleness.

    Only stamps of the same session can be compared: each sees its own temporary relations and search path. What each
    engine's stamp costs and covers is said at its `current_stamp`.
    """
    match dialect:
        case "postgresql":
            return postgresql.current_stamp(cursor)
        case "mysql":
            return mysql.current_stamp(cursor)
        case "sqlite":
            return sqlite.current_stamp(cursor)
        case "duckdb":
            return duckdb.current_stamp(cursor)
        case _:
            assert_never(dialect)


def content_version(catalog: Catalog) -> str:
    """A hash of the catalog's content: equal catalogs have equal versions, whatever order they were read in."""
    relations = [_content(relation) for _, relation in sorted(catalog.relations.items())]
    rest = (
        catalog.dialect,
        catalog.database,
        catalog.search_path,
        catalog.is_table_case_sensitive,
        catalog.server_version,
        catalog.default_schema,
        sorted(catalog.builtins),
        [_content(relation) for _, relation in sorted(catalog.catalogs.items())],
        sorted(catalog.user_functions),
        sorted((name, sorted(expressions)) for name, expressions in catalog.conversions.items()),
        sorted((name, one.texts, sorted(one.types)) for name, one in catalog.definitions.items()),
    )
    return stamp((relations, rest))


def _content(relation: Relation) -> tuple[object, ...]:
    """Every field of `relation`, its sets in order: the order of a set differs from one process to the next."""
    return (
        relation.key,
        relation.kind.value,
        relation.columns,
        relation.primary_key,
        sorted(relation.foreign_keys),
        relation.definition,
        relation.view_columns,
        None if relation.depends_on is None else sorted(relation.depends_on),
        sorted(relation.parents),
        relation.is_temporary,
        relation.has_rowid,
        relation.row_key,
        relation.shadow_of,
        relation.needs_owner,
        relation.numbers,
        relation.unique_keys,
    )
