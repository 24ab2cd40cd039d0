"""What the statement cache weighs for 10,000 short statements, and what 100,000 different texts add to a process."""

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.texts import POINT
from rewriter.binding import Binding
from rewriter.prepared import Outcome, outcome
from rewriter.rewrite import rewrite_bound
from rewriter.statement_cache import StatementCache

_STATEMENTS = 10_000
_ROOMY = 1 << 30
"""Bytes: so much that nothing is forgotten."""
_SHARED = 8 << 20
"""Bytes: what an engine's cache is allowed."""
_TEXTS = 100_000
_FIRST = 30_000
"""Texts that fill what is remembered to its bound, before the growth is measured."""


def memory(binding: Binding) -> Iterator[Figure]:
    """Megabytes held where nothing is forgotten, and where the bound holds."""
    results = {name: f"{_held(binding, limit) / 1e6:.1f} MB" for name, limit in _LIMITS.items()}
    yield Figure(place=("memory", binding.dialect, f"{_STATEMENTS:,} short statements"), results=results, timings={})


_LIMITS = {"if all were kept": _ROOMY, "as bounded": _SHARED}


def growth_of_a_process() -> Iterator[Figure]:
    """Megabytes by which a process of its own grew while it was sent different texts, once its caches were full."""
    words = [sys.executable, "-m", "benchmarks.many_texts", str(_FIRST), str(_TEXTS - _FIRST)]
    root = Path(__file__).parents[1]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=root)  # noqa: S603 -- our own words
    results = {f"growth after {_FIRST:,}": f"{float(done.stdout):+.1f} MB"}
    yield Figure(place=("memory", "SQLite", f"a process, {_TEXTS:,} different texts"), results=results, timings={})


def _held(binding: Binding, limit: int) -> int:
    sample = rewrite_bound(POINT.format(id=0), binding)
    cache: StatementCache[Outcome] = StatementCache(limit)
    tracemalloc.start()
    for number in range(_STATEMENTS):
        # Texts of their own, as rewriting makes them; rewriting itself would take its time under tracemalloc.
        original, sql = POINT.format(id=number), sample.sql.replace(" = 0", f" = {number}")
        rewritten = type(sample)(
            sql=sql,
            original=original,
            kind=sample.kind,
            masked=sample.masked,
            tables=sample.tables,
            dialect=sample.dialect,
        )
        cache.put("lane", original, outcome(rewritten))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held
