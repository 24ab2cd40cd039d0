"""SQL text that has been through the rewriter, marked so that a guarded cursor can tell it from any other text."""

from dataclasses import dataclass, replace
from typing import Self

from rewriter.rewrite import Rewritten


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What is left to do once a statement ran.

    `is_sensitive`: its errors may carry raw cells. `is_rewritten`: they may mean that the schema is out of date.
    `is_schema_change`: what is known of the schema is out of date. `is_transaction`: it may have undone such a change.
    `record`: the record that waits for its row count.
    """

    is_sensitive: bool = False
    is_rewritten: bool = False
    is_schema_change: bool = False
    is_transaction: bool = False
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

    def unrecorded(self) -> "Safe":
        """The same text whose rows somebody else counts."""
        after = self.aftermath
        return self if after is None or after.record is None else Safe.of(self, replace(after, record=None))


class Batch(str):
    """An INSERT of many rows that SQLAlchemy composed of `rewritten`, which is what became of `template`."""

    __slots__ = ("rewritten", "template")
    template: str
    rewritten: str

    @classmethod
    def of(cls, text: str, template: str, rewritten: str) -> Self:
        """`text`, marked; any edit gives a plain `str` again."""
        batch = cls(text)
        batch.template = template
        batch.rewritten = rewritten
        return batch


@dataclass(frozen=True, slots=True)
class Prepared:
    """One statement's text as one set of grants lets it run."""

    sql: Safe
    rewritten: Rewritten

    @classmethod
    def of(cls, rewritten: Rewritten, aftermath: Aftermath) -> Self:
        """What `rewritten` says, ready for the driver."""
        safe = Safe.of(rewritten.sql, None if aftermath == Aftermath() else aftermath)
        return cls(safe, replace(rewritten, sql=safe))  # one copy of the text, not two
