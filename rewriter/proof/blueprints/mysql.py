"""A MySQL or MariaDB schema built anew: tables from SHOW CREATE TABLE, views from their definitions."""

import re

from rewriter.binding import quoted
from rewriter.catalog.cursors import Cursor, rows, text
from rewriter.proof.blueprints.parts import Blueprint, Step
from rewriter.schema import Catalog, Relation, RelationKind

_CHANGING = re.compile(
    r"""('(?:[^'\\]|''|\\.)*'|`(?:[^`]|``)*`)|\ NOT\ NULL\b|\ AUTO_INCREMENT\b(?:=\d+)?
        |\ ON\ UPDATE\ current_timestamp(?:\(\d*\))?|\ INVISIBLE\b|\ CHECK\ \(json_valid\(`(?:[^`]|``)*`\)\)""",
    re.IGNORECASE | re.VERBOSE,
)


def blueprint(cursor: Cursor, catalog: Catalog) -> Blueprint:
    """The blueprint of the current database; names of that database are left out, so that it can have another."""
    own = [relation for relation in catalog.relations.values() if relation.schema == catalog.database]
    tables = [relation for relation in own if relation.kind is RelationKind.TABLE]
    found = {relation: _created(cursor, relation) for relation in tables}
    steps = [Step(relation.name, _table(sql, relation)) for relation, sql in found.items()]
    home = f"{quoted(catalog.database, 'mysql')}."
    others = {f"{quoted(schema, 'mysql')}." for schema, _ in catalog.relations if schema != catalog.database}
    views = [
        Step(view.name, _view(view, home))
        for view in own
        # A view of another database would read that one's rows.
        if view.kind is RelationKind.VIEW and view.definition and not any(o in view.definition for o in others)
    ]
    return Blueprint((), tuple(steps), tuple(views), tuple(tables))


def _created(cursor: Cursor, relation: Relation) -> str:
    name = f"{quoted(relation.schema, 'mysql')}.{quoted(relation.name, 'mysql')}"
    return text(rows(cursor, f"SHOW CREATE TABLE {name}")[0][1])


def _table(created: str, relation: Relation) -> str:
    """Without foreign keys, checks and unique keys, and without what would change a column beside a masked one."""
    head, *lines = created.splitlines()
    body = [line.strip().removesuffix(",") for line in lines]
    closing = next(i for i, line in enumerate(body) if line.startswith(")"))
    keys = {quoted(name, "mysql") for name in relation.primary_key}
    parts = [_part(line, keys) for line in body[:closing] if not line.startswith("CONSTRAINT ")]
    return f"{head} {', '.join(parts)} {_CHANGING.sub(_kept, ' '.join(body[closing:]))}"


def _part(line: str, keys: set[str]) -> str:
    if line.startswith("`"):
        is_key = any(line.startswith(f"{key} ") for key in keys)
        return _CHANGING.sub(_kept if is_key else _nullable, line)
    return line.removeprefix("UNIQUE ")


def _kept(match: re.Match[str]) -> str:
    is_needed = match[1] is not None or match[0].upper() == " NOT NULL"
    return match[0] if is_needed else ""


def _nullable(match: re.Match[str]) -> str:
    if match[1] is not None:
        return match[1]
    return " NULL" if match[0].upper() == " NOT NULL" else ""


def _view(relation: Relation, home: str) -> str:
    definition = (relation.definition or "").replace(home, "")
    return f"CREATE VIEW {quoted(relation.name, 'mysql')} AS {definition}"
