"""What it takes to build a schema anew, without a row of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rewriter.proof.rows import Hints
from rewriter.schema import Relation


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, and what it makes, as people call it. A step may need others: each is tried until it works."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Blueprint:
    """How a schema is built: `types`, then `tables`, then their rows, then `views`.

    `tables`: by relation; those that no rows are put into are under no key of `fillable`. Constraints other than
    primary keys are left out: a masked copy could not hold them. `session`: statements for each connection.
    """

    types: tuple[Step, ...]
    tables: tuple[Step, ...]
    views: tuple[Step, ...]
    fillable: tuple[Relation, ...]
    hints: Hints = field(default_factory=Hints)


def listed(parts: Sequence[str]) -> str:
    """`a, b`."""
    return ", ".join(parts)


def collated(collation: str | None) -> str:
    """` COLLATE c`, where a column has another collation than its database."""
    return "" if collation is None else f" COLLATE {collation}"
