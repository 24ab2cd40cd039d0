"""SQL text that has been through the rewriter, marked so that a guarded cursor can tell it from any other text."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self

from rewriter.kinds import StatementKind, changes_meaning
from rewriter.results import OpenResults
from rewriter.rewritten import Rewritten
from rewriter.writes import TellingCount


class Cells(StrEnum):
    """Which errors of a statement may carry raw cells.

    `ELSEWHERE`: those that arise in other tables than it names, where constraints lead. `LATE`: also of what statements
    before it did: constraints that wait for the transaction's end, and rows that a new one does not fit.
    """

    NONE = "none"
    ELSEWHERE = "elsewhere"
    LATE = "late"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What is left to do once a statement ran.

    `cells`: which of its errors may carry raw ones. `is_rewritten`: they may mean that the schema is out of date.
    `is_schema_change`: what is known of the schema is out of date. `is_transaction`: it may have undone such a change.
    `check`: raises once what the statement reveals may not be handed out any more. `under`: takes cursor and call of
    the driver, and has that made under a database role. `telling_count`: as of `Rewritten`.
    `results`: where its result is kept in mind while open. `is_distrusting`: it may have left raw values in tables
    of the session. `is_setting`: statements may mean something else from now on. `is_quiet`: nothing, unless it fails.
    """

    cells: Cells = Cells.NONE
    is_rewritten: bool = False
    is_schema_change: bool = False
    is_transaction: bool = False
    check: Callable[[], None] | None = None
    results: OpenResults | None = None
    under: Callable[[Any, Callable[[], Any]], Any] | None = None
    telling_count: TellingCount = TellingCount.NO
    is_distrusting: bool = False
    is_setting: bool = False
    is_quiet: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        is_change = self.is_schema_change or self.is_transaction or self.is_distrusting or self.is_setting
        is_quiet = self.check is None and not is_change
        object.__setattr__(self, "is_quiet", is_quiet)


class Safe(str):
    """Text that the rewriter returned. Any edit gives a plain `str` again, and is noticed by that.

    `record`: the record of what it reveals, which waits for a count of rows.
    """

    __slots__ = ("aftermath", "record")
    aftermath: Aftermath | None
    record: str | None

    @classmethod
    def of(cls, text: str, aftermath: Aftermath | None = None, *, record: str | None = None) -> Self:
        """`text`, marked."""
        safe = cls(text)
        safe.aftermath = aftermath
        safe.record = record
        return safe

    def unrecorded(self) -> "Safe":
        """The same text whose rows somebody else counts."""
        return self if self.record is None else Safe.of(self, self.aftermath)


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


@dataclass(frozen=True, slots=True, eq=False)
class Revealing:
    """A statement that may run once its reveal is recorded, or that it takes `database_role`. Compared by identity."""

    sql: Safe
    rewritten: Rewritten
    database_role: str | None = None


Outcome = Safe | Revealing
"""What became of one text for one set of grants. Few statements reveal anything; of the others only text is kept."""


def text_of(found: Outcome) -> Safe:
    """The text that may run."""
    return found.sql if isinstance(found, Revealing) else found


_UNDER_ROLES = (StatementKind.SELECT, StatementKind.WRITE)
"""Kinds that run under a database role. A savepoint made under one would bring it back: it is no such kind."""


_CHANGING = (StatementKind.SESSION, StatementKind.DDL)


def outcome(rewritten: Rewritten, database_role: str | None = None) -> Outcome:
    """What `rewritten` says, ready for the driver, for a principal whose statements run under `database_role`."""
    safe = Safe.of(rewritten.sql, _aftermath(rewritten))
    role = database_role if rewritten.kind in _UNDER_ROLES else None
    if not rewritten.revealed and role is None:
        return safe
    return Revealing(safe, replace(rewritten, sql=safe, aside=None), role)  # one copy of the text, not two


_CELLS = {
    StatementKind.WRITE: Cells.ELSEWHERE,
    StatementKind.TRANSACTION: Cells.LATE,
    StatementKind.DDL: Cells.LATE,
}
"""Of statements that name no table with sensitive columns."""


def _aftermath(rewritten: Rewritten) -> Aftermath | None:
    return _shared(
        Aftermath(
            cells=Cells.ANY if rewritten.tables else _CELLS.get(rewritten.kind, Cells.NONE),
            is_rewritten=not rewritten.is_unchanged,
            is_schema_change=rewritten.kind is StatementKind.DDL,
            is_transaction=rewritten.kind is StatementKind.TRANSACTION,
            is_setting=rewritten.kind in _CHANGING and changes_meaning(rewritten.original),
            telling_count=rewritten.telling_count,
        )
    )


@lru_cache
def _shared(after: Aftermath) -> Aftermath | None:
    """One object for all statements that are alike in this; None where nothing is ever left to do."""
    return None if after == Aftermath() else after
