"""What was measured: ratios and differences of variants, as rows of one table and as pyperf's result file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyperf  # type: ignore[import-untyped] # it has no types

from benchmarks.rounds import Timings


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement. `place`: part, engine, case. `results`: what the table says. `timings`: seconds per call."""

    place: tuple[str, str, str]
    results: Mapping[str, str]
    timings: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(
        cls,
        place: tuple[str, str, str],
        timings: Timings,
        ratios: Mapping[str, tuple[str, str]],
        *,
        added: Mapping[str, tuple[str, str]] | None = None,
    ) -> "Figure":
        """Ratios of variants, and differences in microseconds: label → (variant, its reference)."""
        results = {label: f"{timings.ratio(*pair):.2f}" for label, pair in ratios.items()}
        for label, pair in (added or {}).items():
            results[label] = f"{timings.added(*pair) * 1e6:+.1f} µs"
        return cls(place=place, results=results, timings=timings.values)

    def __str__(self) -> str:
        """One row of the table."""
        results = ", ".join(f"{label} **{value}**" for label, value in self.results.items())
        return f"| {' | '.join(self.place)} | {results} |"


def table(figures: Iterable[Figure]) -> str:
    """The figures as one Markdown table."""
    return "\n".join(("| part | engine | case | result |", "| --- | --- | --- | --- |", *map(str, figures)))


def write(figures: Iterable[Figure], path: Path, *, metadata: Mapping[str, str]) -> None:
    """Write every timing where pyperf's own commands (`pyperf stats`, `compare_to`) can read it."""
    benchmarks = []
    for figure in figures:
        for variant, values in figure.timings.items():
            name = " / ".join((*figure.place, variant))
            run = pyperf.Run(values, metadata={"name": name, **metadata}, collect_metadata=False)
            benchmarks.append(pyperf.Benchmark([run]))
    pyperf.BenchmarkSuite(benchmarks).dump(str(path), replace=True)
