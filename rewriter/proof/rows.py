"""Rows of every table for a database and for its twin, invented from a policy bound to a schema. Pure.

The twin's rows differ in secrets alone, and the masks show both alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from masking.masks import Mask
from masking.types import Dialect
from rewriter.binding import Binding
from rewriter.proof.literals import Value, as_stored
from rewriter.proof.twins import Cell, another
from rewriter.proof.values import distinct, invented
from rewriter.schema import Column, Relation

Key = tuple[str, str]

_COUNT = 14
"""Rows of a table: enough for groups and joins, few enough for thousands of statements."""
_NULLS = 0.12


@dataclass(frozen=True, slots=True)
class Hints:
    """What the catalog does not say: labels of enumerations by type, and values that a column must have.

    `choices`: relation and column → values that partitions or checks of the table are known to take.
    """

    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    choices: Mapping[tuple[Key, str], Sequence[Value]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filling:
    """Rows of one table: its columns, and per row what the database and its twin hold."""

    relation: Relation
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    twins: tuple[tuple[Value, ...], ...]


def filling(relation: Relation, binding: Binding, hints: Hints) -> Filling:
    """Rows for `relation`, the same ones each time."""
    draw = _Draw(relation, binding.dialect, _masks(relation, binding), hints, Random(relation.name))
    columns = [column for column in relation.columns if column.generation is None and not column.is_hidden]
    rows, twins = [], []
    for number in range(1, _COUNT + 1):
        row = [as_stored(draw.cell(column, number), binding.dialect) for column in columns]
        rows.append(tuple(row))
        twins.append(tuple(draw.twin(value, column) for value, column in zip(row, columns, strict=True)))
    return Filling(relation, tuple(column.name for column in columns), tuple(rows), tuple(twins))


def _masks(relation: Relation, binding: Binding) -> dict[str, Mask]:
    """Column → its mask."""
    protected = binding.protected.get(relation.key)
    if protected is None:
        return {}
    named = zip(relation.columns, protected.columns, strict=True)
    found = {column.name: binding.policy.mask_of(bound.name) for column, bound in named if bound.name is not None}
    return {name: mask for name, mask in found.items() if mask is not None}


@dataclass(frozen=True, slots=True)
class _Draw:
    """Invents the cells of one table."""

    relation: Relation
    dialect: Dialect
    masks: Mapping[str, Mask]
    hints: Hints
    random: Random

    def cell(self, column: Column, number: int) -> Value:
        """What row `number` holds: keys tell rows apart, and what refers to keys finds some of them."""
        choices = self.hints.choices.get((self.relation.key, column.name))
        if choices:
            return self.random.choice(list(choices))
        if column.name in self.relation.primary_key:
            is_last = column.name == self.relation.primary_key[-1]
            found = distinct(column.type, number if is_last else number % 3 + 1)
            return self._any(column) if found is None else found
        if self.random.random() < _NULLS:
            return None
        if column.name not in self.masks and self._is_reference(column):
            found = distinct(column.type, self.random.randint(1, _COUNT // 2))
            return self._any(column) if found is None else found
        return self._any(column)

    def _is_reference(self, column: Column) -> bool:
        return column.name in self.relation.foreign_keys or column.name.lower().endswith("id")

    def _any(self, column: Column) -> Value:
        return invented(column.type, self.random, mask=self.masks.get(column.name), labels=self._labels(column))

    def _labels(self, column: Column) -> Sequence[str]:
        return self.hints.labels.get(column.type.sql, ())

    def twin(self, value: Value, column: Column) -> Value:
        """What the twin holds in its place: another secret that the mask shows alike."""
        mask = self.masks.get(column.name)
        if mask is None:
            return value
        cell = Cell(value, mask, column.type, self.dialect, self._labels(column))
        return another(cell, self.random)
