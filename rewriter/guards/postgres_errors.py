"""Which PostgreSQL errors carry cells, and what may still be said of them."""

_WITHOUT_CELLS = frozenset(
    "01 02 03 08 0A 0B 25 26 28 2B 2D 34 3B 3D 3F 40 42 53 54 55 57 58".split(),
)
"""SQLSTATE classes raised before a row is read, or whose texts name objects and settings only."""

SAFE_FIELDS = ("schema_name", "table_name", "column_name", "datatype_name", "constraint_name", "sqlstate", "severity")
"""Fields of an error report that name things and never hold a cell."""

_MEANINGS = {
    "22": "a value did not fit where the statement put it",
    "23": "a constraint was violated",
    "44": "a check option was violated",
    "P0": "a function raised an error",
}


def has_cells(sqlstate: str | None) -> bool:
    """Whether the text of an error with this SQLSTATE may hold a cell; None is an error of the client itself."""
    return sqlstate is not None and sqlstate[:2] not in _WITHOUT_CELLS


def is_late(sqlstate: str | None) -> bool:
    """Whether an error of a transaction's end, or of a change of the schema, may hold cells: others name objects."""
    return sqlstate is not None and sqlstate[:2] in _MEANINGS


def is_elsewhere(sqlstate: str | None, context: str | None) -> bool:
    """Whether an error of a write may hold cells of tables that the write does not name.

    What foreign keys and triggers do beside it has a context. A foreign key that is left dangling has none, though its
    key may be that of a row which another one deleted.
    """
    return bool(context) or sqlstate == _FOREIGN_KEY_VIOLATION


_FOREIGN_KEY_VIOLATION = "23503"


def message(sqlstate: str, fields: dict[str, str | None]) -> str:
    """What is said in place of the error's own text: its meaning, and the names of what was violated."""
    meaning = _MEANINGS.get(sqlstate[:2], "the database raised an error")
    words = {"constraint_name": "constraint", "table_name": "table", "column_name": "column"}
    named = [f'{word} "{fields[field]}"' for field, word in words.items() if fields.get(field)]
    place = f" ({', '.join(named)})" if named else ""
    why = "values are withheld: they may be of sensitive columns"
    return f"{meaning}{place}; {why} [SQLSTATE {sqlstate}]"
