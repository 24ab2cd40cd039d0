"""The value that a row which replaces another lends from it: what is stored, where its own mask comes back.

`CASE WHEN EXISTS (<the row in the way>) THEN (SELECT <what it holds, if the new value is its mask> FROM …) ELSE <the
new value> END`. The row in the way is the one of the same primary key, else of another unique key: each has its WHEN.
"""

from collections.abc import Iterator, Sequence

from rewriter.binding import Binding, BoundColumn, Protected, quoted
from rewriter.errors import Reason, StatementRefused
from rewriter.kept_value import KeptValue
from rewriter.schema import Relation

NEW = "unmask_new"
"""What the rows to store are called, whose columns are `c1`, `c2`, …"""
_OLD = "unmask_old"
_ROW_NUMBER = ("rowid", "oid", "_rowid_")


def lent_value(column: BoundColumn, protected: Protected, *, listed: Sequence[str], binding: Binding) -> str:
    """The value for a sensitive column of a row that replaces another; `listed`: the columns written, in lower case.

    Raises:
        StatementRefused: which row is in the way cannot be told.
    """
    kept = KeptValue(column, protected, _OLD, binding)
    new = f"{NEW}.c{listed.index(column.word) + 1}"
    lent = ""
    for key in _keys(protected, listed, binding):
        found = " AND ".join(f"{_OLD}.{name} = {value}" for name, value in key)
        row = f"FROM {protected.sql} AS {_OLD} WHERE {found}"
        lent += f"WHEN EXISTS (SELECT 0 {row}) THEN (SELECT {kept.named(new)} {row} LIMIT 1) "
    return f"CASE {lent}ELSE {kept.plain(new)} END" if lent else kept.cast(new)


def _keys(protected: Protected, listed: Sequence[str], binding: Binding) -> list[list[tuple[str, str]]]:
    """Each key by which a row may be in the way: its columns' quoted names, and their new values."""
    relation = protected.relation
    masked = protected.masked_words
    found: list[list[tuple[str, str]]] = []
    for key in _unique(relation, listed):
        words = [name.lower() for name in key]
        if "" in words or not masked.isdisjoint(words):
            raise refused("DELETE and INSERT, since masked columns, expressions or conditions decide which rows go")
        missing = [word for word in words if word not in listed]
        if not missing:
            found.append([_value(name, relation, listed, binding=binding) for name in key])
        elif not any(_is_new(relation, word) for word in missing):
            raise refused(f"{missing[0]} as well: a row may be found by it")
    return found


def _value(name: str, relation: Relation, listed: Sequence[str], *, binding: Binding) -> tuple[str, str]:
    """The quoted name of a column and its new value, which MySQL compares by the column's collation only if told to."""
    value = f"{NEW}.c{listed.index(name.lower()) + 1}"
    collation = next((own.type.collation for own in relation.columns if own.name.lower() == name.lower()), None)
    if binding.dialect == "mysql" and collation is not None:
        value = f"CONVERT({value} USING {collation.partition('_')[0]}) COLLATE {collation}"
    return quoted(name, binding.dialect), value


def _unique(relation: Relation, listed: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The keys of a table, the primary one first; SQLite's own number of a row is one."""
    if relation.primary_key:
        yield relation.primary_key
    yield from relation.unique_keys
    named = [name for name in _ROW_NUMBER if name in listed and name not in relation.words]
    if relation.has_rowid and named:
        yield (named[0],)


def _is_new(relation: Relation, word: str) -> bool:
    """Whether a row that does not name the column has no value in it, or one that no other row has."""
    column = next((column for column in relation.columns if column.name.lower() == word), None)
    return column is not None and (word == (relation.row_key or "").lower() or not column.has_default)


def refused(what: str) -> StatementRefused:
    """The refusal of a REPLACE in another form."""
    return StatementRefused(Reason.WRITE, f"In a REPLACE of sensitive columns, write {what}; or write an upsert.")
