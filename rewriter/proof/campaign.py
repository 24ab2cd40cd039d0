"""Random statements until a limit: what they gave, counted, and each fault made small."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from rewriter.errors import Reason
from rewriter.proof.comparison import Finding, Verdict, compared
from rewriter.proof.shrinking import shrunk
from rewriter.proof.statements import statement
from rewriter.proof.trio import Trio
from rewriter.proof.vocabulary import vocabulary

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
    """What has been found so far. `seed`: the first statement's; the others follow it. `hints`: those of refusals."""

    seed: int
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
        sql = statement(words, number)
        finding = compared(trio, sql)
        tally.verdicts[finding.verdict] += 1
        if finding.verdict is Verdict.REFUSED and finding.reason is not None:
            tally.refusals[finding.reason] += 1
            tally.hints[finding.detail] += 1
        if finding.verdict.is_difference and len(tally.faults) < _MOST_FAULTS:
            tally.faults.append(_small(trio, sql, finding, seed=number))


def _small(trio: Trio, sql: str, finding: Finding, *, seed: int) -> Fault:
    small = shrunk(sql, lambda text: compared(trio, text).verdict is finding.verdict)
    return Fault(seed, finding.verdict, small, compared(trio, small).detail)
