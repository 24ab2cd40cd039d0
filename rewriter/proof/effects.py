"""What a statement wrote, held against what it wrote to the masked copy.

Columns without a mask must be the copy's, cell by cell. A secret is kept where the copy's mask was kept, and is the new
value where the copy holds a new one; only the mask of some value may be given without being stored.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from masking.errors import PolicyError
from masking.masks import Mask, masked
from rewriter.binding import Binding, quoted
from rewriter.proof.policies import MASKER, local_name
from rewriter.proof.writes import Drawn
from rewriter.schema import Relation

Rows = tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A table's rows before and after a statement, as they are stored."""

    before: Rows = ()
    after: Rows = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a statement writes. `is_replacing`: it drops rows before it writes them anew."""

    relation: Relation
    binding: Binding
    is_replacing: bool = False

    @classmethod
    def of(cls, drawn: Drawn, binding: Binding) -> "Table | None":
        """The table that a generated statement writes, if it does."""
        if drawn.target is None:
            return None
        relation = binding.catalog.relations[drawn.target.schema, drawn.target.name]
        return cls(relation, binding, is_replacing=drawn.sql.startswith("REPLACE"))

    def rows(self, connection: Connection) -> Rows:
        """All rows, unmasked; behind their cells, whether each is NULL, as which drivers also give JSON's null."""
        names = [quoted(column.name, self.binding.dialect) for column in self.relation.columns]
        items = ", ".join([*names, *(f"{name} IS NULL" for name in names)])
        sql = f"SELECT {items} FROM {local_name(self.relation, self.binding.catalog)}"
        found = connection.exec_driver_sql(sql, execution_options={"principal": MASKER})
        return tuple(tuple(row) for row in found)

    def plain(self, rows: Rows) -> Counter[str]:
        """Rows without secrets and what is made of them, in no order."""
        width = len(self.relation.columns)
        hidden = {place for index in (*self._secret(), *self._made()) for place in (index, width + index)}
        return Counter(repr([cell for index, cell in enumerate(row) if index not in hidden]) for row in rows)

    def has_lost(self, ours: Written, wanted: Written) -> bool:
        """Whether a secret is neither kept nor replaced as the copy's mask was. Rows without a key are not compared."""
        key = [index for index, column in enumerate(self.relation.columns) if column.name in self.relation.primary_key]
        if not key or not self._secret():
            return False
        now, then, copy, image = (
            {repr([row[i] for i in key]): row for row in rows}
            for rows in (ours.after, ours.before, wanted.after, wanted.before)
        )
        return any(self._is_lost(index, place, (now, then, copy, image)) for place in now for index in self._secret())

    def _is_lost(self, index: int, place: str, states: Sequence[Mapping[str, tuple[object, ...]]]) -> bool:
        width = len(self.relation.columns)
        now, then, copy, image = (
            (state[place][index], state[place][width + index]) if place in state else None for state in states
        )
        if self.is_replacing and now == copy:
            return False
        if place in states[3] and copy == image:
            return now != then
        is_kept = then is not None and now == then
        return now != copy and not (is_kept and copy is not None and self._is_image(index, copy[0]))

    def _is_image(self, index: int, value: object) -> bool:
        """Whether the value is what the column's mask shows of it."""
        mask = self._masks()[index]
        try:
            return mask is not None and masked(mask, value, self.relation.columns[index].type) == value
        except (PolicyError, TypeError, ValueError):
            return False

    def _masks(self) -> list[Mask | None]:
        protected = self.binding.protected.get(self.relation.key)
        if protected is None:
            return [None] * len(self.relation.columns)
        return [self.binding.policy.mask_of(column.name) if column.name else None for column in protected.columns]

    def _secret(self) -> list[int]:
        columns = self.relation.columns
        return [i for i, mask in enumerate(self._masks()) if mask is not None and columns[i].generation is None]

    def _made(self) -> list[int]:
        return [index for index, column in enumerate(self.relation.columns) if column.generation is not None]
