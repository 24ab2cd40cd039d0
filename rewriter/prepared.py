"""SQL text that has been through the rewriter, marked so that a guarded cursor can tell it from any other text."""

from dataclasses import dataclass
from typing import Self

from masking.names import ColumnName
from rewriter.rewrite import Rewritten


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What is left to do once a statement ran.

    `is_sensitive`: its errors may carry raw cells. `is_schema_change`: what is known of the schema is out of date.
    `ends_transaction`: so is what was learnt inside the transaction. `record`: the record that waits for its row count.
    """

    is_sensitive: bool = False
    is_schema_change: bool = False
    ends_transaction: bool = False
    record: str | None = None


class Safe(str):
    """Text that the rewriter returned. Any edit gives a plain `str` again, and is noticed by that."""

    __slots__ = ("aftermath",)
    aftermath: Aftermath | None

    @classmethod
    def of(cls, text: str, aftermath: Aftermath | None = None) -> Self:
        """`text`, marked."""
        safe = cls(text)
        safe.aftermath = aftermath
        return safe


@dataclass(frozen=True, slots=True)
class Prepared:
    """One statement's text as one set of grants lets it run; `revealed` is what has to be recorded first."""

    sql: Safe
    rewritten: Rewritten
    revealed: frozenset[ColumnName]
