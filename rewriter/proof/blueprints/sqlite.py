"""A SQLite schema built anew: tables from their columns, views and virtual tables from their own text."""

from rewriter.binding import quoted
from rewriter.catalog.cursors import Cursor, rows, text, text_or_none
from rewriter.proof.blueprints.parts import Blueprint, Step, collated, listed
from rewriter.schema import Catalog, Relation, RelationKind


def blueprint(cursor: Cursor, catalog: Catalog) -> Blueprint:
    """The blueprint of the main database."""
    own = [relation for relation in catalog.relations.values() if relation.schema == "main"]
    strict = {text(name) for (name,) in rows(cursor, "SELECT name FROM pragma_table_list WHERE strict = 1")}
    tables = [relation for relation in own if relation.kind is RelationKind.TABLE and relation.shadow_of is None]
    steps = [Step(t.name, _table(t, _declared(cursor, t), is_strict=t.name in strict)) for t in tables]
    steps += [Step(t.name, t.definition) for t in own if t.kind is RelationKind.VIRTUAL and t.definition]
    created = rows(cursor, "SELECT name, sql FROM main.sqlite_master WHERE type = 'view'")
    views = [Step(text(name), text(sql)) for name, sql in created]
    virtual = [relation for relation in own if relation.kind is RelationKind.VIRTUAL]
    return Blueprint((), tuple(steps), tuple(views), (*tables, *virtual))


def _declared(cursor: Cursor, relation: Relation) -> dict[str, tuple[str, int]]:
    """Column → its declared type, and SQLite's number for how it is generated."""
    name = "'" + relation.name.replace("'", "''") + "'"
    found = rows(cursor, f"SELECT name, type, hidden FROM pragma_table_xinfo({name}, 'main')")
    return {text(column): (text_or_none(declared) or "", int(hidden)) for column, declared, hidden in found}


def _table(relation: Relation, declared: dict[str, tuple[str, int]], *, is_strict: bool) -> str:
    parts = []
    for column in relation.columns:
        kind, hidden = declared[column.name]
        stored = " STORED" if hidden == 3 else ""
        generated = f" GENERATED ALWAYS AS ({column.generation}){stored}" if column.generation else ""
        parts.append(f"{quoted(column.name, 'sqlite')} {kind}{collated(column.type.collation)}{generated}")
    if relation.primary_key:
        parts.append(f"PRIMARY KEY ({listed([quoted(name, 'sqlite') for name in relation.primary_key])})")
    options = ["STRICT"] * is_strict + ["WITHOUT ROWID"] * (not relation.has_rowid)
    return f"CREATE TABLE {quoted(relation.name, 'sqlite')} ({listed(parts)}) {listed(options)}".rstrip()
