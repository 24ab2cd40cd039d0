"""A DuckDB schema built anew, from what its catalog says."""

from rewriter.binding import quoted
from rewriter.proof.blueprints.parts import Blueprint, Step, collated, listed
from rewriter.schema import Catalog, Relation, RelationKind


def blueprint(catalog: Catalog) -> Blueprint:
    """The blueprint of the current database."""
    own = [relation for relation in catalog.relations.values() if "." not in relation.schema]
    tables = [relation for relation in own if relation.kind is RelationKind.TABLE]
    views = [relation for relation in own if relation.kind is RelationKind.VIEW and relation.definition]
    schemas = dict.fromkeys(relation.schema for relation in own if relation.schema != "main")
    return Blueprint(
        tuple(Step(name, f"CREATE SCHEMA {quoted(name, 'duckdb')}") for name in schemas),
        tuple(Step(relation.name, _table(relation)) for relation in tables),
        tuple(Step(relation.name, _view(relation)) for relation in views),
        tuple(tables),
    )


def _name(relation: Relation) -> str:
    return f"{quoted(relation.schema, 'duckdb')}.{quoted(relation.name, 'duckdb')}"


def _table(relation: Relation) -> str:
    parts = []
    for column in relation.columns:
        generated = f" GENERATED ALWAYS AS ({column.generation})" if column.generation else ""
        kind = f"{column.type.sql}{collated(column.type.collation)}"
        parts.append(f"{quoted(column.name, 'duckdb')} {kind}{generated}")
    if relation.primary_key:
        parts.append(f"PRIMARY KEY ({listed([quoted(name, 'duckdb') for name in relation.primary_key])})")
    return f"CREATE TABLE {_name(relation)} ({listed(parts)})"


def _view(relation: Relation) -> str:
    columns = listed([quoted(name, "duckdb") for name in relation.view_columns])
    return f"CREATE VIEW {_name(relation)}{f' ({columns})' if columns else ''} AS {relation.definition}"
