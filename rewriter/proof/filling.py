"""Three scratch databases filled: the same rows in all, secrets of their own in the twin, masks over the copy."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from rewriter.binding import Binding, Protected, quoted
from rewriter.proof.blueprints import Blueprint, Step
from rewriter.proof.literals import Value, literal
from rewriter.proof.policies import local_name, masking_updates, stored_images
from rewriter.proof.rows import Filling, filling
from rewriter.schema import Relation

Sides = Mapping[str, Connection]


@dataclass(frozen=True, slots=True)
class Filled:
    """`values`: what cells hold, raw and masked. `kept`: masked columns that the twin holds the same in."""

    values: tuple[Value, ...]
    kept: tuple[str, ...]


def build(engines: Mapping[str, Engine], steps: Sequence[Step]) -> tuple[str, ...]:
    """What could not be built on all of them. A step may need others, so each is tried until no more of them works."""
    missing: dict[str, None] = {}
    for engine in engines.values():
        with engine.connect() as connection:
            pending, count = list(steps), len(steps) + 1
            while len(pending) < count:
                count = len(pending)
                pending = [step for step in pending if not _is_done(connection, step.sql)]
        missing |= dict.fromkeys(step.name for step in pending)
    return tuple(missing)


def fill(plain: Sides, binding: Binding, plan: Blueprint) -> tuple[Filling, ...]:
    """The rows that are in the tables now, the same ones but for secrets."""
    known = (_built_as(relation, binding) for relation in plan.fillable)
    return tuple(_put(plain, filling(r, binding, plan.hints), binding) for r in known if r is not None)


def settle(hooked: Sides, fillings: Iterable[Filling], binding: Binding) -> Filled:
    """Masks over the copy, and a twin that shows the same images; where it does not, it is given the same secrets."""
    for update in masking_updates(binding):
        hooked["copy"].exec_driver_sql(update)
    hooked["copy"].commit()
    values: dict[Value, None] = {}
    kept: list[str] = []
    for rows in fillings:
        values |= dict.fromkeys(value for row in rows.rows for value in row)
        protected = binding.protected.get(rows.relation.key)
        if protected is not None:
            _make_alike(hooked, protected, rows, binding=binding)
            values |= dict.fromkeys(_shown(hooked, protected, binding))
            kept += _same(hooked, protected, binding)
    return Filled(tuple(values), tuple(sorted(kept)))


def _built_as(relation: Relation, binding: Binding) -> Relation | None:
    """The scratch database's own; MySQL's has another name."""
    catalog = binding.catalog
    return catalog.relations.get((catalog.database if catalog.dialect == "mysql" else relation.schema, relation.name))


def _put(plain: Sides, rows: Filling, binding: Binding) -> Filling:
    """The same rows in all: those that the engine takes, and for a secret that it does not take the row's own."""
    raw, twin = plain["raw"], plain["twin"]
    taken, twins = list(rows.rows), list(rows.twins)
    if not _is_done(raw, _insert(rows, taken, binding)):
        pairs = [
            pair for pair in zip(rows.rows, rows.twins, strict=True) if _is_done(raw, _insert(rows, pair[:1], binding))
        ]
        taken, twins = [ours for ours, _ in pairs], [theirs for _, theirs in pairs]
    if taken:
        _run(plain["copy"], _insert(rows, taken, binding))
    if taken and not _is_done(twin, _insert(rows, twins, binding)):
        for ours, theirs in zip(taken, twins, strict=True):
            if not _is_done(twin, _insert(rows, [theirs], binding)):
                _run(twin, _insert(rows, [ours], binding))
    return Filling(rows.relation, rows.columns, tuple(taken), tuple(twins))


def _insert(rows: Filling, cells: Sequence[Sequence[Value]], binding: Binding) -> str:
    names = ", ".join(quoted(name, binding.dialect) for name in rows.columns)
    texts = [f"({', '.join(literal(value, binding.dialect) for value in row)})" for row in cells]
    return f"INSERT INTO {local_name(rows.relation, binding.catalog)} ({names}) VALUES {', '.join(texts)}"


def _make_alike(hooked: Sides, protected: Protected, rows: Filling, *, binding: Binding) -> None:
    """Gives the twin the same secrets where its masked images are not the same, as they must be."""
    name = local_name(protected.relation, binding.catalog)
    masked = stored_images(protected)
    images = [*masked, *(f"({mask}) IS NULL" for mask in masked)]  # drivers give JSON's null as None too
    ours, theirs = (Counter(map(repr, _selected(hooked[side], images, name))) for side in ("raw", "twin"))
    if ours != theirs:
        only = "ONLY " if binding.dialect == "postgresql" else ""
        _run(hooked["twin"], f"DELETE FROM {only}{name}")
        _run(hooked["twin"], _insert(rows, rows.rows, binding))


def _shown(hooked: Sides, protected: Protected, binding: Binding) -> Iterator[Value]:
    """Masked values."""
    name = local_name(protected.relation, binding.catalog)
    masks = [column.mask for column in protected.columns if column.mask is not None]
    for row in _selected(hooked["raw"], masks, name):
        yield from (value for value in row if isinstance(value, get_args(Value)))


def _same(hooked: Sides, protected: Protected, binding: Binding) -> Iterator[str]:
    """Masked columns that hold the same in the twin, as the policy calls them."""
    name = local_name(protected.relation, binding.catalog)
    for column in protected.columns:
        if column.name is not None:
            ours, theirs = (Counter(map(repr, _selected(hooked[side], [column.sql], name))) for side in ("raw", "twin"))
            if ours == theirs:
                yield str(column.name)


def _selected(connection: Connection, items: Sequence[str], table: str) -> Sequence[Sequence[object]]:
    found = connection.exec_driver_sql(f"SELECT {', '.join(items)} FROM {table}").all()
    connection.rollback()
    return found


def _run(connection: Connection, sql: str) -> None:
    connection.exec_driver_sql(sql)
    connection.commit()


def _is_done(connection: Connection, sql: str) -> bool:
    """Whether the database took it; it is committed then."""
    try:
        _run(connection, sql)
    except DBAPIError:
        connection.rollback()
        return False
    return True
