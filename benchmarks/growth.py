"""What a statement seen before costs as policy, schema and live grants grow: it should not."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from time import perf_counter

from sqlalchemy import create_engine

from benchmarks.figures import Figure
from benchmarks.rounds import timed
from benchmarks.texts import POINT
from benchmarks.warm import masked_text, running
from masking import Policy
from rewriter import install

_RATIO = {"of the same SQL written by hand": ("hooked", "by hand")}
_COLUMNS = (10, 1_000, 10_000)
_TABLES = (10, 500, 5_000)
_CUSTOMERS = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT);
INSERT INTO customers VALUES (7, 'Ada', 'ada@mail.example');
"""


def growth(*, rounds: int) -> Iterator[Figure]:
    """A primary-key SELECT on SQLite, under ever larger policies and beside ever more tables."""
    for count in _COLUMNS:
        yield _measured(f"{count:,} columns in the policy", columns=count, tables=10, rounds=rounds)
    for count in _TABLES:
        yield _measured(f"{count:,} tables in the schema", columns=10, tables=count, rounds=rounds)


def _measured(case: str, *, columns: int, tables: int, rounds: int) -> Figure:
    with ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unmask-bench-"))) / "growth.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"BEGIN;{_CUSTOMERS}{_others(tables)}COMMIT;")
        bare, hooked = create_engine(f"sqlite:///{path}"), create_engine(f"sqlite:///{path}")
        stack.callback(bare.dispose)
        stack.callback(hooked.dispose)
        installed = install(hooked, policy=_policy(columns))
        plain, guarded = stack.enter_context(bare.connect()), stack.enter_context(hooked.connect())
        work = running(guarded, POINT, 7)
        start = perf_counter()
        work()
        first = perf_counter() - start
        variants = {"by hand": running(plain, masked_text(installed, POINT), 7), "hooked": work}
        figure = Figure.of(("growth", "SQLite", case), timed(variants, rounds=rounds), _RATIO)
    results = {**figure.results, "first statement of the process": f"{first * 1e3:.0f} ms"}
    return Figure(place=figure.place, results=results, timings=figure.timings)


def _others(count: int) -> str:
    return "".join(f"CREATE TABLE other{n} (id INTEGER PRIMARY KEY, a TEXT, b TEXT);" for n in range(count))


def _policy(count: int) -> Policy:
    others = "".join(f"  other{n // 2}.{'ab'[n % 2]}: {{mask: redact, optional: true}}\n" for n in range(count))
    return Policy.parse(f"columns:\n  customers.email: email\n{others}")
