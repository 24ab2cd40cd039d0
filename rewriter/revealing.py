"""Statements that reveal something, made ready to run: judged, recorded, and handed on with what is left to do.

The same statement of the same principal under the same access reveals the same. So what was judged once is kept; what
is left is what must be done each time: to see that no permit expired meanwhile, and to record the reveal.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from masking import NOBODY, Access, Principal, Reveal
from rewriter import roles
from rewriter.errors import StatementRefused
from rewriter.holding import Holding
from rewriter.prepared import Aftermath, Cells, Revealing, Safe
from rewriter.principals import Who
from rewriter.reporter import Reporter
from rewriter.results import OpenResults
from rewriter.reveals import Run, is_repeatable
from rewriter.rewritten import Rewritten

_Result = TypeVar("_Result")

_MOST_REMEMBERED = 1024
_LONGEST_REMEMBERED = 8192  # characters


@dataclass(frozen=True, slots=True)
class Judged:
    """A reveal of `rewritten`, judged under `access`. `until`: the end of the first permit in it, if any has one."""

    rewritten: Rewritten
    access: Access
    until: datetime | None
    reveal: Reveal
    aftermath: Aftermath
    process: int


class Repeats(dict[tuple[Who, int], Judged]):
    """What was judged in one view of the schema: by principal, and by the identity of what it holds for."""

    __slots__ = ()

    def keep(self, who: Who, judged: Judged) -> None:
        """`judged` holds for every run of its statement by `who` under its access."""
        if len(judged.rewritten.sql) > _LONGEST_REMEMBERED:
            return
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        self[who, id(judged.rewritten)] = judged


class Reveals:
    """Judges and records the reveals of one engine."""

    def __init__(
        self,
        reporter: Reporter,
        access: Callable[[Who], Access],
        taken: Callable[[Any, str], AbstractContextManager[None]] | None,
    ) -> None:
        """`access`: what somebody may see at this instant. `taken`: as of `Driver`."""
        self._reporter = reporter
        self._access = access
        self._taken = taken
        self._open: dict[Principal | None, OpenResults] = {}

    def is_open(self, principal: Principal | None) -> bool:
        """Whether rows may still come of a result that revealed something to `principal`."""
        return bool(self._open.get(principal))

    def again(self, who: Who, found: Revealing, *, access: Access, known: Repeats) -> Safe | Access | None:
        """The text to run, its reveal recorded; or the access under which to judge it; None: under `access`."""
        rewritten = found.rewritten
        judged = known.get((who, id(rewritten)))
        if judged is None or judged.rewritten is not rewritten or judged.access is not access:
            return None
        if judged.process != os.getpid():  # which the record names
            return None
        if judged.until is not None and datetime.now(UTC) >= judged.until:
            return None
        record = self._reporter.recorded(judged.reveal)
        # Fail closed: what cannot be recorded is masked.
        return NOBODY if record is None else Safe.of(found.sql, judged.aftermath, record=record)

    def ready(self, who: Who, found: Revealing, run: Run, *, access: Access, known: Repeats) -> Safe | Access:
        """The text to run, its reveal recorded; or what is left of `access`, under which to try again, always less."""
        ready = self.again(who, found, access=access, known=known)
        if ready is not None:
            return ready
        reveal = self._reporter.judged(who, access, run)
        if isinstance(reveal, Access):
            return reveal
        aftermath = self._aftermath(who, reveal, run)
        if is_repeatable(access, run.rewritten):
            until = min((one.expires_at for one in access.permits if one.expires_at is not None), default=None)
            known.keep(who, Judged(run.rewritten, access, until, reveal, aftermath, os.getpid()))
        record = self._reporter.recorded(reveal)
        # Fail closed: what cannot be recorded is masked.
        return NOBODY if record is None else Safe.of(found.sql, aftermath, record=record)

    def _aftermath(self, who: Who, reveal: Reveal, run: Run) -> Aftermath:
        holding = Holding(self._access, self._reporter, who=who, used=reveal.permits)
        under = None if run.database_role is None else partial(self._under_role, who, run.database_role)
        if len(self._open) >= _MOST_REMEMBERED:
            self._open = {name: found for name, found in self._open.items() if found}
        results = self._open.setdefault(who.principal, OpenResults())
        return Aftermath(cells=Cells.ANY, is_rewritten=True, check=holding.check, results=results, under=under)

    def _under_role(self, who: Who, role: str, /, cursor: Any, call: Callable[[], _Result]) -> _Result:  # noqa: PLR0917 -- two are bound
        """What `call` returns; the role is there for it alone."""
        try:
            if self._taken is None:
                raise roles.unavailable()
            with self._taken(cursor, role):
                return call()
        except StatementRefused as refusal:
            self._reporter.refused(who.principal, refusal)
            raise
