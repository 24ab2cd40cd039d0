"""What generated statements may speak of, from a policy bound to a live schema: relations, keys, and values to compare.

Pure. Values become literals, so that predicates meet what cells hold, raw and masked.
"""

import datetime
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from types import MappingProxyType
from typing import assert_never

from masking.types import ColumnType, Dialect
from masking.types import Kind as TypeKind
from rewriter.binding import Binding
from rewriter.proof.sources import Column, Relation, Target, Vocabulary
from rewriter.proof.terms import KINDS, Kind
from rewriter.schema import Catalog, RelationKind
from rewriter.schema import Relation as Stored

_PLAIN = ("", "a", "B", "[redacted]", "it's", "a***@***.example")
_NUMBERS = (0, 1, 7, 10, 42, -3)
_PATTERNS = ("a%", "%e", "_***%", "%@%", "[r%", "%4%", "B%")
_DATES = (datetime.date(1980, 1, 1), datetime.date(2024, 3, 1))


def vocabulary(binding: Binding, values: Iterable[object], reserved: frozenset[str] = frozenset()) -> Vocabulary:
    """The vocabulary of statements over `binding`'s schema.

    `values`: what cells hold, raw and masked. `reserved`: words that the engine takes for a name only in quotes.
    """
    catalog = binding.catalog
    relations = {relation.key: _spoken(relation, catalog) for relation in _readable(catalog)}
    held = tuple(dict.fromkeys(values))
    return Vocabulary(
        dialect=catalog.dialect,
        database=catalog.database,
        relations=tuple(relations.values()),
        sensitive=tuple(relation for key, relation in relations.items() if key in binding.protected),
        targets=tuple(_target(stored, relations[stored.key], binding) for stored in _writable(catalog)),
        literals=MappingProxyType({kind: _literals(kind, held, catalog.dialect) for kind in (*KINDS, "other")}),
        patterns=tuple(_quoted(pattern) for pattern in (*_PATTERNS, *_patterns(held))),
        reserved=reserved,
        is_pinned=binding.policy.row_order == "pinned",
    )


def _readable(catalog: Catalog) -> Iterable[Stored]:
    """Relations of the database itself with columns; MySQL lists every database of the server, PostgreSQL sequences."""
    for relation in catalog.relations.values():
        is_own = catalog.dialect != "mysql" or relation.schema == catalog.database
        is_attached = catalog.dialect == "duckdb" and "." in relation.schema
        if is_own and not is_attached and relation.columns and relation.shadow_of is None:
            yield relation


def _writable(catalog: Catalog) -> Iterable[Stored]:
    """Tables; not those of DuckDB that share their name, where a write may be refused by the check of its result."""
    shared = Counter(relation.name.lower() for relation in catalog.relations.values())
    for relation in _readable(catalog):
        is_alone = catalog.dialect != "duckdb" or shared[relation.name.lower()] == 1
        if relation.kind is RelationKind.TABLE and is_alone:
            yield relation


def _target(stored: Stored, spoken: Relation, binding: Binding) -> Target:
    protected = binding.protected.get(stored.key)
    bound = zip(stored.columns, protected.columns, strict=True) if protected is not None else ()
    masked = {column.name for column, rule in bound if rule.mask is not None}
    fixed = {column.name for column in stored.columns if column.generation is not None} | set(stored.primary_key)
    free = [column for column in spoken.columns if column.name not in fixed]
    keys = [column for column in spoken.columns if (column.name,) == stored.primary_key and column.kind == "int"]
    return Target(
        spoken,
        plain=tuple(column for column in free if column.name not in masked and column.kind != "other"),
        masked=tuple(column for column in free if column.name in masked),
        number=keys[0].name if keys and keys[0].name not in masked else None,
    )


def _spoken(relation: Stored, catalog: Catalog) -> Relation:
    columns = tuple(
        Column(column.name, kind_of(column.type, catalog.dialect))
        for column in relation.columns
        if not column.is_hidden
    )
    return Relation(
        relation.name,
        columns,
        relation.primary_key or None,
        schema=relation.schema,
        is_on_path=relation.schema in catalog.search_path,
        is_table=relation.kind is RelationKind.TABLE,
    )


def kind_of(type_: ColumnType, dialect: Dialect) -> Kind:
    """Which templates fit a column of that type."""
    match type_.kind:
        case TypeKind.TEXT:
            return "text"
        case TypeKind.INTEGER:
            return "int"
        case TypeKind.DECIMAL | TypeKind.FLOAT:
            return "num"
        case TypeKind.DATE:
            return "date"
        case TypeKind.TIMESTAMP:
            return "other" if type_.with_time_zone and dialect != "mysql" else "stamp"
        case TypeKind.BOOLEAN:
            return "bool"
        case TypeKind.ENUM | TypeKind.UUID | TypeKind.JSON | TypeKind.BINARY | TypeKind.TIME | TypeKind.OTHER:
            # SQLite computes with whatever there is; elsewhere only what takes any type is said of such columns.
            return "text" if dialect == "sqlite" else "other"
        case _:
            assert_never(type_.kind)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literals(kind: Kind, values: tuple[object, ...], dialect: Dialect) -> tuple[str, ...]:
    typed = "" if dialect == "sqlite" else "DATE "
    stamped = "" if dialect == "sqlite" else "TIMESTAMP "
    match kind:
        case "text":
            texts = [value for value in values if isinstance(value, str) and _is_plain(value)]
            return tuple(_quoted(text) for text in (*_PLAIN, *texts))
        case "int":
            numbers = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
            return tuple(str(number) for number in (*_NUMBERS, *numbers))
        case "num":
            decimals = [value for value in values if isinstance(value, Decimal | float) and -_LARGE < value < _LARGE]
            return ("0", "12.5", "33.00", *(f"{value:f}" for value in decimals))
        case "date":
            dates = [value for value in values if type(value) is datetime.date]
            return tuple(f"{typed}'{date}'" for date in (*_DATES, *dates))
        case "stamp":
            stamps = [value for value in values if isinstance(value, datetime.datetime) and value.tzinfo is None]
            return (f"{stamped}'1980-01-01 03:04:05'", *(f"{stamped}'{stamp}'" for stamp in stamps))
        case "bool":
            return ("1 = 1", "1 = 0") if dialect in ("mysql", "sqlite") else ("true", "false", "1 = 1")
        case "other":
            return ("NULL",)
        case _:
            assert_never(kind)


_LARGE = 1e9


def _is_plain(text: str) -> bool:
    """Whether it says the same in every engine's quotes, under every setting."""
    return text.isprintable() and "\\" not in text


def _patterns(values: tuple[object, ...]) -> Iterable[str]:
    """Patterns that some values begin or end with."""
    texts = [value for value in values if isinstance(value, str) and _is_plain(value) and len(value) > 3]
    for text in texts[::3]:
        yield f"{text[:2]}%"
        yield f"%{text[-4:]}"
