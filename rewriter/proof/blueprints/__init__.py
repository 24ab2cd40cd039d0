"""How each engine's schema is built anew."""

from typing import assert_never

from rewriter.catalog.cursors import Cursor
from rewriter.proof.blueprints import duckdb, mysql, postgresql, sqlite
from rewriter.proof.blueprints.parts import Blueprint, Step
from rewriter.schema import Catalog

__all__ = ["Blueprint", "Step", "blueprint"]


def blueprint(cursor: Cursor, catalog: Catalog) -> Blueprint:
    """The blueprint of the schema behind `cursor`, of which `catalog` was read. No row of a table is read."""
    match catalog.dialect:
        case "postgresql":
            return postgresql.blueprint(cursor, catalog)
        case "mysql":
            return mysql.blueprint(cursor, catalog)
        case "sqlite":
            return sqlite.blueprint(cursor, catalog)
        case "duckdb":
            return duckdb.blueprint(catalog)
        case _:
            assert_never(catalog.dialect)
