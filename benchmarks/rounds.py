"""Variants of one piece of work, timed in turns.

pyperf runs a benchmark to its end, in processes of its own, before it begins with the next. On a machine whose speed
drifts, which a shared one's does by half within minutes, two such results say nothing of each other. Here each round
times every variant (A B C, then B C A, then C A B) within milliseconds, and only ratios within a round count. The
result file is pyperf's.
"""

import gc
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

Work = Callable[[], object]

_SLICE = 0.001
"""Seconds for which one variant runs at a time: far more than the clock's step, less than a scheduler's turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Seconds per call, of each variant in each round: `values[variant][round]`."""

    values: Mapping[str, tuple[float, ...]]

    def ratio(self, variant: str, reference: str) -> float:
        """The median over rounds of what `variant` takes in terms of `reference` in the same round."""
        pairs = zip(self.values[variant], self.values[reference], strict=True)
        return statistics.median(one / other for one, other in pairs)

    def added(self, variant: str, reference: str) -> float:
        """The median over rounds of the seconds that `variant` takes beyond `reference`."""
        pairs = zip(self.values[variant], self.values[reference], strict=True)
        return statistics.median(one - other for one, other in pairs)

    def median(self, variant: str) -> float:
        """The median seconds of `variant`: to be read beside others of this run only."""
        return statistics.median(self.values[variant])


def timed(variants: Mapping[str, Work], *, rounds: int) -> Timings:
    """Each variant's time per call in each of `rounds` rounds, after one call of each to warm it up."""
    for work in variants.values():
        work()
    loops = {name: _loops(work) for name, work in variants.items()}
    values: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    gc.collect()
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            values[name].append(_seconds(variants[name], loops[name]))
    return Timings(values={name: tuple(measured) for name, measured in values.items()})


def _loops(work: Work) -> int:
    """How often `work` runs in one slice."""
    once = min(_seconds(work, 1) for _ in range(3))
    return max(1, round(_SLICE / max(once, 1e-9)))


def _seconds(work: Work, loops: int) -> float:
    start = perf_counter()
    for _ in range(loops):
        work()
    return (perf_counter() - start) / loops
