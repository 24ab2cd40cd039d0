"""A SQLite connection's schema: main, temp and every attached database.

Relations are read one by one: SQLite runs in this process, and one view that no longer holds must not hide the others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rewriter.catalog.cursors import Cursor, Row, TypeReader, column_types, rows, stamp, text, text_or_none
from rewriter.catalog.definitions import ColumnText, column_texts, view_text
from rewriter.errors import RewriteError
from rewriter.functions import BUILTINS
from rewriter.functions.sqlite import AUXILIARY, REGISTERED_BY_SQLALCHEMY
from rewriter.schema import Catalog, Column, Relation, RelationKind

_OLDEST = (3, 37)
"""The first release with `PRAGMA table_list`."""

_RELATIONS = "SELECT schema, name, type, wr FROM pragma_table_list"
_FUNCTIONS = "SELECT DISTINCT name, narg FROM pragma_function_list WHERE builtin = 0"
_KINDS = {"view": RelationKind.VIEW, "virtual": RelationKind.VIRTUAL}


@dataclass(slots=True)
class _Parts:
    """What was read of one database, by relation, while relations are put together."""

    columns: dict[str, tuple[Column, ...]] = field(default_factory=dict)
    primary_keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    row_keys: dict[str, str] = field(default_factory=dict)
    foreign_keys: dict[str, set[str]] = field(default_factory=dict)
    unique_keys: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def load(cursor: Cursor) -> Catalog:
    """The schema of the connection that `cursor` belongs to.

    Raises:
        RewriteError: SQLite is too old to list its relations.
    """
    version = _version(cursor)
    if version < _OLDEST:
        raise RewriteError("expected SQLite 3.37 or later, whose PRAGMA table_list names every relation")
    databases = [text(row[1]) for row in rows(cursor, "PRAGMA database_list")]
    found = [row for row in rows(cursor, _RELATIONS) if not text(row[1]).startswith("sqlite_")]
    user_functions = _user_functions(cursor)
    relations: list[Relation] = []
    for database in databases:
        relations.extend(_relations(cursor, database, [row for row in found if text(row[0]) == database]))
    return Catalog(
        dialect="sqlite",
        database="main",
        search_path=("temp", *(name for name in databases if name != "temp")),
        relations={relation.key: relation for relation in relations},
        builtins=BUILTINS["sqlite"] - user_functions,
        user_functions=user_functions,
        server_version=version,
        default_schema="main",
    )


def current_stamp(cursor: Cursor) -> str:
    """Changes with any database's schema cookie, with ATTACH and DETACH, and with functions of the application."""
    databases = [(text(row[1]), text_or_none(row[2])) for row in rows(cursor, "PRAGMA database_list")]
    cookies = [rows(cursor, f"PRAGMA {_quoted(name)}.schema_version") for name, _ in databases]
    return stamp((databases, cookies, sorted(_user_functions(cursor))))


def _version(cursor: Cursor) -> tuple[int, ...]:
    ((version,),) = rows(cursor, "SELECT sqlite_version()")
    return tuple(int(part) for part in text(version).split("."))


def _user_functions(cursor: Cursor) -> frozenset[str]:
    found = {(text(name).lower(), narg) for name, narg in rows(cursor, _FUNCTIONS)}
    names = {name for name, narg in found if narg not in AUXILIARY.get(name, ())}
    return frozenset(names - REGISTERED_BY_SQLALCHEMY)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _relations(cursor: Cursor, database: str, found: Iterable[Row]) -> list[Relation]:
    listed = [(text(name), text(kind), bool(without_rowid)) for _, name, kind, without_rowid in found]
    parts = _Parts(texts=_texts(cursor, database))
    typed = column_types("sqlite")
    for name, _, _ in listed:
        _add_columns(parts, name, found=_columns(cursor, database, name), typed=typed)
    spelled = {name.lower(): name for name in parts.columns}
    for name, kind, _ in listed:
        if kind == "table":
            _add_foreign_keys(parts, name, found=_foreign_keys(cursor, database, name), spelled=spelled)
            parts.unique_keys[name] = _unique_keys(parts.columns[name], _indexed(cursor, database, name))
    virtual = [name for name, kind, _ in listed if kind == "virtual"]
    return [_relation(database, entry, parts=parts, virtual=virtual) for entry in listed]


def _texts(cursor: Cursor, database: str) -> dict[str, str]:
    """Relation → its CREATE statement."""
    statement = f"SELECT name, sql FROM {_quoted(database)}.sqlite_master WHERE type IN ('table', 'view')"
    return {text(name): text(sql) for name, sql in rows(cursor, statement) if sql is not None}


def _columns(cursor: Cursor, database: str, relation: str) -> list[Row]:
    statement = (
        f"SELECT name, type, pk, hidden, dflt_value FROM pragma_table_xinfo({_literal(relation)}, {_literal(database)})"
    )
    try:
        return rows(cursor, statement)
    except Exception:  # noqa: BLE001 -- each driver has its own root
        # Fail closed: a view over a dropped table, or a virtual table whose module is not loaded, has no columns.
        return []


def _foreign_keys(cursor: Cursor, database: str, relation: str) -> list[Row]:
    arguments = f"{_literal(relation)}, {_literal(database)}"
    return rows(cursor, f'SELECT seq, "table", "from", "to" FROM pragma_foreign_key_list({arguments})')


def _add_columns(parts: _Parts, relation: str, *, found: list[Row], typed: TypeReader) -> None:
    create = parts.texts.get(relation, "")
    is_plain = "COLLATE" not in create.upper() and not any(row[3] in (2, 3) for row in found)
    texts = {} if is_plain else column_texts(create)
    parts.columns[relation] = tuple(_column(row, texts.get(text(row[0]).lower(), ColumnText()), typed) for row in found)
    keyed = sorted((row[2], text(row[0])) for row in found if row[2])
    parts.primary_keys[relation] = tuple(name for _, name in keyed)
    parts.row_keys.update((relation, text(row[0])) for row in found if len(keyed) == 1 == row[2] and _is_integer(row))


def _is_integer(row: Row) -> bool:
    """Whether a column is declared so that a primary key of it alone is the row's own number."""
    return text(row[1] or "").upper() == "INTEGER"


def _column(row: Row, clause: ColumnText, typed: TypeReader) -> Column:
    name, declared, _, hidden, default = row
    generation = None
    if hidden in (2, 3):
        # Fail closed: a generated column whose expression was not found counts as one that reads something.
        generation = clause.generation or ""
    kind = typed(text(declared or ""), collation=clause.collation)
    has_default = default is not None
    return Column(name=text(name), type=kind, is_hidden=hidden == 1, generation=generation, has_default=has_default)


def _indexed(cursor: Cursor, database: str, relation: str) -> list[Row]:
    """Each column of each unique index: the index, its origin, whether it has a condition, column and collation."""
    listed = f"pragma_index_list({_literal(relation)}, {_literal(database)}) AS i"
    columns = f"pragma_index_xinfo(i.name, {_literal(database)}) AS c"
    wanted = f'{listed}, {columns} WHERE i."unique" AND c.key ORDER BY i.seq, c.seqno'
    return rows(cursor, f"SELECT i.name, i.origin, i.partial, c.name, c.coll FROM {wanted}")


def _unique_keys(columns: Iterable[Column], found: Iterable[Row]) -> tuple[tuple[str, ...], ...]:
    """The keys beside the primary one, and that where its order is not the columns'."""
    own = {column.name: (column.type.collation or "binary").strip('"').lower() for column in columns}
    keys: dict[str, list[str]] = {}
    primary: set[str] = set()
    for index, origin, is_partial, column, collation in found:
        is_plain = column is not None and not is_partial and own.get(text(column)) == text(collation).lower()
        keys.setdefault(text(index), []).append(text(column) if is_plain else "")
        primary |= {text(index)} if origin == "pk" else set()
    return tuple(tuple(names) for index, names in keys.items() if index not in primary or "" in names)


def _add_foreign_keys(parts: _Parts, relation: str, *, found: list[Row], spelled: Mapping[str, str]) -> None:
    for position, other, column, other_column in found:
        parts.foreign_keys.setdefault(relation, set()).add(text(column))
        referenced = spelled.get(text(other).lower())
        if referenced is None:
            continue
        key = parts.primary_keys[referenced]
        if other_column is not None:
            parts.foreign_keys.setdefault(referenced, set()).add(text(other_column))
        elif position < len(key):
            parts.foreign_keys.setdefault(referenced, set()).add(key[position])


def _relation(database: str, entry: tuple[str, str, bool], *, parts: _Parts, virtual: Iterable[str]) -> Relation:
    name, kind, is_without_rowid = entry
    create = parts.texts.get(name, "")
    view = view_text(create) if kind == "view" else None
    owners = sorted((owner for owner in virtual if name.startswith(f"{owner}_")), key=len) if kind == "shadow" else []
    return Relation(
        schema=database,
        name=name,
        kind=_KINDS.get(kind, RelationKind.TABLE),
        columns=parts.columns[name],
        primary_key=parts.primary_keys[name],
        foreign_keys=frozenset(parts.foreign_keys.get(name, ())),
        unique_keys=parts.unique_keys.get(name, ()),
        definition=view.definition if view else create if kind == "virtual" else None,
        view_columns=view.columns if view else (),
        shadow_of=(database, owners[-1]) if owners else None,
        is_temporary=database == "temp",
        has_rowid=kind != "view" and not is_without_rowid,
        row_key=None if is_without_rowid else parts.row_keys.get(name),
    )
