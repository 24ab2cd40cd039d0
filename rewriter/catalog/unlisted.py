"""Tables of MySQL and MariaDB that `information_schema` does not list: a session's temporary ones, MariaDB's sequences.

Each is asked for by its name. What the server would create is what tells: a table that the account may not see is none
of them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from rewriter.catalog.cursors import Cursor, column_types, rows, stamp, text, text_or_none
from rewriter.schema import Catalog, Column, Relation, RelationKind

_NUMBERS = re.compile(r"seq_\d+_to_\d+(?:_step_\d+)?", re.IGNORECASE)


def unlisted_tables(
    cursor: Cursor, names: Iterable[tuple[str, str]], errors: type[BaseException] | tuple[type[BaseException], ...]
) -> tuple[Relation, ...]:
    """Those of `names`, each schema and table, that are such tables now. `errors`: the roots of the driver's own."""
    return tuple(_unlisted(cursor, sorted(names), errors))


def _unlisted(
    cursor: Cursor, names: list[tuple[str, str]], errors: type[BaseException] | tuple[type[BaseException], ...]
) -> Iterator[Relation]:
    for schema, name in names:
        written = ".".join("`" + part.replace("`", "``") + "`" for part in (schema, name))
        try:
            created = text(rows(cursor, f"SHOW CREATE TABLE {written}")[0][1])
            if _is_unlisted(name, created):
                yield _relation(cursor, (schema, name), written)
        except errors:
            continue  # it is gone


def _is_unlisted(name: str, created: str) -> bool:
    if created.startswith("CREATE TEMPORARY TABLE "):
        return True
    is_of_numbers = created.rsplit("\n", 1)[-1].startswith(") ENGINE=SEQUENCE")
    return is_of_numbers and _NUMBERS.fullmatch(name) is not None


def _relation(cursor: Cursor, key: tuple[str, str], written: str) -> Relation:
    typed = column_types("mysql")
    found = rows(cursor, f"SHOW FULL COLUMNS FROM {written}")
    columns = tuple(
        Column(
            name=text(name),
            type=typed(text(declared), collation=text_or_none(collation), enum=text(declared).startswith("enum(")),
            is_hidden="INVISIBLE" in text(extra).upper(),
        )
        for name, declared, collation, _, _, _, extra, *_ in found
    )
    primary = tuple(text(row[0]) for row in found if text(row[4]) == "PRI")
    schema, name = key
    return Relation(
        schema=schema, name=name, kind=RelationKind.TABLE, columns=columns, primary_key=primary, is_temporary=True
    )


def with_unlisted(catalog: Catalog, tables: Iterable[Relation]) -> Catalog:
    """`catalog` with `tables`, but for those that hide a listed one of their name: its rules hold for both."""
    added = {table.key: table for table in tables if table.key not in catalog.relations}
    if not added:
        return catalog
    version = stamp((catalog.version, *added.values()))
    return replace(catalog, relations={**catalog.relations, **added}, version=version)
