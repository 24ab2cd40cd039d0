"""A MySQL or MariaDB server's schema, from `information_schema`.

All of the server's databases are read, since a statement may name any of them. The temporary tables of a session, which
MariaDB lists from 11.2 on, are not part of the catalog: `rewriter.catalog.unlisted` finds them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import LiteralString

from rewriter.catalog.cursors import Cursor, Row, column_types, rows, stamp, text, text_or_none
from rewriter.functions import BUILTINS
from rewriter.schema import Catalog, Column, Relation, RelationKind

_Key = tuple[str, str]

_SESSION: LiteralString = "SELECT DATABASE(), VERSION(), @@lower_case_table_names"

_IS_USERS: LiteralString = "TABLE_SCHEMA NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')"

_RELATIONS: LiteralString = (
    f"SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES"
    f" WHERE {_IS_USERS} AND TABLE_TYPE <> 'TEMPORARY'"
)

_VIEWS: LiteralString = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE {_IS_USERS}
"""
_COLUMNS: LiteralString = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, COLLATION_NAME, EXTRA, GENERATION_EXPRESSION,
       COLUMN_DEFAULT, IS_NULLABLE
FROM information_schema.COLUMNS WHERE {_IS_USERS} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION
"""
_KEYS: LiteralString = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, CONSTRAINT_NAME,
       REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME
FROM information_schema.KEY_COLUMN_USAGE WHERE {_IS_USERS} ORDER BY ORDINAL_POSITION
"""
_UNIQUE: LiteralString = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS
WHERE {_IS_USERS} AND NON_UNIQUE = 0 AND INDEX_NAME <> 'PRIMARY' ORDER BY SEQ_IN_INDEX
"""
_ROUTINES: LiteralString = """
SELECT DISTINCT LOWER(ROUTINE_NAME) FROM information_schema.ROUTINES
WHERE ROUTINE_TYPE = 'FUNCTION' AND ROUTINE_SCHEMA NOT IN ('mysql', 'sys')
"""
# MySQL 8 only: MariaDB has no such table.
_DEPENDENCIES: LiteralString = """
SELECT VIEW_SCHEMA, VIEW_NAME, TABLE_SCHEMA, TABLE_NAME FROM information_schema.VIEW_TABLE_USAGE
"""

# Hashes are XORed, since GROUP_CONCAT would be cut short. CRC32 is linear: two names that change places cancel out.
# MySQL has no SHA1 any more.
_HASH: LiteralString = (
    "COUNT(*), BIT_XOR(CAST(CONV(LEFT(SHA2(CONCAT_WS(CHAR(0), {}, ''), 256), 16), 16, 10) AS UNSIGNED))"
)
_STAMP: LiteralString = (
    "SELECT DATABASE(), 0 UNION ALL SELECT "
    + _HASH.format(
        "TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, COLLATION_NAME, EXTRA, COLUMN_KEY,"
        " COALESCE(GENERATION_EXPRESSION, ''), COLUMN_DEFAULT"
    )
    + f" FROM information_schema.COLUMNS WHERE {_IS_USERS} UNION ALL SELECT "
    + _HASH.format("TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION")
    + f" FROM information_schema.VIEWS WHERE {_IS_USERS} UNION ALL SELECT "
    + _HASH.format("ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE")
    + " FROM information_schema.ROUTINES"
)


def load(cursor: Cursor) -> Catalog:
    """The schema of the server that `cursor` is connected to, as far as its account may see it."""
    ((database, version, letter_case),) = rows(cursor, _SESSION)
    views = {(text(s), text(n)): text_or_none(definition) for s, n, definition in rows(cursor, _VIEWS)}
    is_mariadb = _is_mariadb(text(version))
    columns = _columns(rows(cursor, _COLUMNS), is_mariadb=is_mariadb)
    primary, foreign = _keys(rows(cursor, _KEYS))
    unique = _unique_keys(rows(cursor, _UNIQUE))
    depends_on = _dependencies(cursor) if _has_dependencies(text(version)) else {}
    user_functions = frozenset(text(name) for (name,) in rows(cursor, _ROUTINES))
    keys = [(text(schema), text(name)) for schema, name, _ in rows(cursor, _RELATIONS)]
    default = text(database or "")
    return Catalog(
        dialect="mysql",
        database=default,
        search_path=(default,) if default else (),
        relations={
            key: Relation(
                schema=key[0],
                name=key[1],
                kind=RelationKind.VIEW if key in views else RelationKind.TABLE,
                columns=tuple(columns[key]),
                primary_key=tuple(primary[key]),
                foreign_keys=frozenset(foreign[key]),
                unique_keys=tuple(tuple(names) for names in unique[key].values()),
                definition=views.get(key) or None,  # empty: the account may not see it
                view_columns=() if is_mariadb else _view_columns(views.get(key), columns[key]),
                depends_on=depends_on.get(key),
            )
            for key in keys
        },
        builtins=BUILTINS["mysql"] - user_functions,
        user_functions=user_functions,
        is_table_case_sensitive=int(letter_case) == 0,
        is_mariadb=is_mariadb,
        server_version=_version(text(version)),
        default_schema=default,
    )


def current_stamp(cursor: Cursor) -> str:
    """Changes with columns, keys' columns, views and functions of any database; takes about 50 µs per table."""
    return stamp(rows(cursor, _STAMP))


def _version(version: str) -> tuple[int, ...]:
    """`10.11.19-MariaDB-0+deb12u1` → `(10, 11, 19)`."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0]))


def _is_mariadb(version: str) -> bool:
    return "mariadb" in version.lower()


def _has_dependencies(version: str) -> bool:
    return not _is_mariadb(version) and _version(version) >= (8, 0, 13)


_OUTPUTS = re.compile(
    r"""(?P<quoted>`(?:[^`]|``)*`|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")|(?P<word>\w+)|(?P<sign>[(),])""", re.DOTALL
)


def _view_columns(definition: str | None, columns: Sequence[Column]) -> tuple[str, ...]:
    """The names of a view's columns, where its definition has others: MySQL's leaves out `v(a, b)`."""
    names = tuple(column.name for column in columns)
    return () if not definition or _outputs(definition) == names else names


def _outputs(definition: str) -> tuple[str, ...]:
    """The names that a definition gives its outputs, each of which has its `AS`; those of the first of several queries.

    None of a definition that does not begin with SELECT.
    """
    names: list[str] = []
    depth, last, is_named = 0, "", False
    for found in _OUTPUTS.finditer(definition):
        text = found.group().lower() if found["word"] else found.group()
        depth += (text == "(") - (text == ")")
        if not last and text != "select":
            return ()
        if depth == 0 and (text in _AFTER_OUTPUTS or text == ","):
            names += [last[1:-1].replace("``", "`")] if is_named else []
            if text != ",":
                return tuple(names)
        is_named, last = (last == "as" and bool(found["quoted"])), text
    return (*names, *([last[1:-1].replace("``", "`")] if is_named else []))


_AFTER_OUTPUTS = frozenset(("from", "union", "limit", "where", "intersect", "except", "order", "having", "group"))

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"0": "\0", "n": "\n", "r": "\r"}


def _unescaped(expression: str) -> str:
    r"""`_utf8mb4\'@\\'` → `_utf8mb4'@'`: MySQL shows a generated column's expression as if it stood in a literal.

    Empty where it holds more than ASCII: MySQL shows those characters wrong.
    """
    if not expression.isascii():
        return ""
    return _ESCAPED.sub(lambda found: _CONTROLS.get(found[1], found[1]), expression)


def _columns(found: Iterable[Row], *, is_mariadb: bool) -> defaultdict[_Key, list[Column]]:
    typed = column_types("mysql")
    columns: defaultdict[_Key, list[Column]] = defaultdict(list)
    for schema, table, name, declared, data_type, collation, extra, generation, default, nullable in found:
        kind = typed(text(declared), collation=text_or_none(collation), enum=text(data_type) == "enum")
        is_hidden = "INVISIBLE" in text(extra).upper()
        # MySQL says '' where MariaDB says NULL.
        shown = text(generation) if generation else None
        if shown is not None and not is_mariadb:
            shown = _unescaped(shown)
        # MariaDB says 'NULL' for none. Without one, a column that is never NULL may be given an empty value.
        is_null = text(nullable) == "YES" and (default is None or text(default) == "NULL")
        columns[text(schema), text(table)].append(
            Column(
                name=text(name),
                type=kind,
                is_hidden=is_hidden,
                generation=shown,
                has_row_default="`" in text(default or ""),  # as both quote every name
                has_default=not is_null and "auto_increment" not in text(extra).lower(),
            )
        )
    return columns


def _keys(found: Iterable[Row]) -> tuple[defaultdict[_Key, list[str]], defaultdict[_Key, set[str]]]:
    """Primary key columns in key order, and columns at either end of a foreign key, by table."""
    primary: defaultdict[_Key, list[str]] = defaultdict(list)
    foreign: defaultdict[_Key, set[str]] = defaultdict(set)
    for schema, table, column, constraint, other_schema, other_table, other_column in found:
        if other_table is not None:
            foreign[text(schema), text(table)].add(text(column))
            foreign[text(other_schema), text(other_table)].add(text(other_column))
        elif text(constraint) == "PRIMARY":
            primary[text(schema), text(table)].append(text(column))
    return primary, foreign


def _unique_keys(found: Iterable[Row]) -> defaultdict[_Key, dict[str, list[str]]]:
    """By table, unique index → its columns; no name for an expression and for the beginning of a value."""
    unique: defaultdict[_Key, dict[str, list[str]]] = defaultdict(dict)
    for schema, table, index, column, length in found:
        name = text(column) if column is not None and length is None else ""
        unique[text(schema), text(table)].setdefault(text(index), []).append(name)
    return unique


def _dependencies(cursor: Cursor) -> dict[_Key, frozenset[_Key]]:
    reads: defaultdict[_Key, set[_Key]] = defaultdict(set)
    for view_schema, view, schema, table in rows(cursor, _DEPENDENCIES):
        reads[text(view_schema), text(view)].add((text(schema), text(table)))
    return {view: frozenset(tables) for view, tables in reads.items()}
