"""Random statements until a limit: what they gave, counted, and each fault made small."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from rewriter.errors import Reason
from rewriter.proof.comparison import Finding, Verdict, compared
from rewriter.proof.shrinking import shrunk
from rewriter.proof.statements import drawn
from rewriter.proof.trio import Trio
from rewriter.proof.vocabulary import vocabulary
from rewriter.proof.writes import Drawn

_MOST_FAULTS = 10
"""Faults that are shrunk and shown; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A statement for which the promise does not hold: its seed, and the smallest one found with the same verdict."""

    seed: int
    verdict: Verdict
    sql: str
    detail: str


@dataclass(slots=True)
class Tally:
    """What has been found so far.

    `seed`: the first statement's; the others follow it. `writes`: how many of them write. `hints`: those of refusals.
    """

    seed: int
    writes: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    refusals: Counter[Reason] = field(default_factory=Counter)
    hints: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many statements were run."""
        return self.verdicts.total()

    @property
    def leaks(self) -> int:
        """How many told the twin apart."""
        return self.verdicts[Verdict.TWIN]

    @property
    def differences(self) -> int:
        """How many answered otherwise than the masked copy."""
        return sum(count for verdict, count in self.verdicts.items() if verdict.is_difference and not verdict.is_leak)


def prove(trio: Trio, tally: Tally, *, is_over: Callable[[], bool]) -> None:
    """Counts in `tally` what statements from its seed on give, until `is_over` says so."""
    words = vocabulary(trio.binding, trio.values, trio.reserved)
    while not is_over():
        number = tally.seed + tally.count
        tried = drawn(words, number)
        finding = compared(trio, tried)
        tally.writes += tried.target is not None
        tally.verdicts[finding.verdict] += 1
        if finding.verdict is Verdict.REFUSED and finding.reason is not None:
            tally.refusals[finding.reason] += 1
            tally.hints[finding.detail] += 1
        if finding.verdict.is_difference and len(tally.faults) < _MOST_FAULTS:
            tally.faults.append(_small(trio, tried, finding, seed=number))


def _small(trio: Trio, tried: Drawn, finding: Finding, *, seed: int) -> Fault:
    small = shrunk(tried.sql, lambda text: compared(trio, replace(tried, sql=text)).verdict is finding.verdict)
    return Fault(seed, finding.verdict, small, compared(trio, replace(tried, sql=small)).detail)
