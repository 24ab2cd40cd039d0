"""What holds for every engine's catalog."""

import os
import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import duckdb

from rewriter.catalog import load_catalog
from rewriter.catalog.loading import content_version
from rewriter.schema import Catalog, Relation

_PRINT_VERSION = """
import duckdb
from rewriter.catalog import load_catalog
connection = duckdb.connect()
connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)")
connection.execute("CREATE TABLE b (id INTEGER REFERENCES a (id), n INTEGER REFERENCES a (n))")
print(load_catalog(connection, "duckdb").version)
"""


def _catalog(*statements: str) -> Catalog:
    with duckdb.connect() as connection:
        for statement in statements:
            connection.execute(statement)
        return load_catalog(connection, "duckdb")


def test_the_version_is_the_content() -> None:
    """Equal content has one version, in whatever order it came to be; another content has another."""
    one, two = "CREATE TABLE a (x INTEGER)", "CREATE TABLE b (x INTEGER)"
    assert _catalog(one, two).version == _catalog(two, one).version
    assert _catalog(one, two).version != _catalog(one).version
    assert _catalog(one).version != _catalog("CREATE TABLE a (x BIGINT)").version


def test_the_version_is_the_same_in_every_process() -> None:
    """It does not hang on the seed with which Python orders its sets."""
    versions = {
        subprocess.run(  # noqa: S603 -- this very interpreter
            [sys.executable, "-c", _PRINT_VERSION],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(versions) == 1


def test_every_field_of_a_catalog_counts_towards_its_version() -> None:
    """A field added later must not be forgotten."""
    catalog = _catalog("CREATE TABLE a (x INTEGER)")
    relation = catalog.relations["main", "a"]
    changed: dict[str, Any] = {
        "schema": "s",
        "name": "b",
        "kind": next(kind for kind in type(relation.kind) if kind is not relation.kind),
        "columns": (),
        "primary_key": ("x",),
        "foreign_keys": frozenset({"x"}),
        "definition": "SELECT 1",
        "view_columns": ("y",),
        "depends_on": frozenset({("main", "z")}),
        "parents": frozenset({("main", "z")}),
        "is_temporary": True,
        "has_rowid": True,
        "row_key": "x",
        "shadow_of": ("main", "z"),
        "needs_owner": True,
        "numbers": (1, 16384),
        "unique_keys": (("x",),),
    }
    assert set(changed) == {field.name for field in fields(Relation) if field.init}
    versions = {content_version(catalog)}
    for name, value in changed.items():
        other = replace(relation, **{name: value})
        versions.add(content_version(replace(catalog, relations={relation.key: other})))
    assert len(versions) == len(changed) + 1
