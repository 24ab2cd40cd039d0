"""Many at once: threads, forked processes, and the tasks of an event loop."""

import asyncio
import multiprocessing
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from sqlalchemy import Engine, create_engine
from sqlalchemy.util.concurrency import greenlet_spawn

from benchmarks.databases import Database
from benchmarks.figures import Figure
from benchmarks.rounds import Timings, timed
from benchmarks.schema import POLICY
from benchmarks.texts import POINT
from benchmarks.warm import masked_text, running
from rewriter import install

THREADS = 16
_PROCESSES = 4
_EACH = 20
"""Statements that each thread runs in one turn."""
_RATIO = {"of the same SQL written by hand": ("hooked", "by hand")}
_DRIVERS = {"sqlite": ("aiosqlite",), "postgresql": ("asyncpg", "psycopg_async")}


def threads(database: Database, *, rounds: int) -> Iterator[Figure]:
    """A primary-key SELECT in sixteen threads, a connection each."""
    with ExitStack() as stack:
        bare, hooked, masked = _engines(database.url, stack, pool_size=THREADS)
        workers = stack.enter_context(ThreadPoolExecutor(THREADS))
        plain = [running(stack.enter_context(bare.connect()), masked, 7) for _ in range(THREADS)]
        guarded = [running(stack.enter_context(hooked.connect()), POINT, 7) for _ in range(THREADS)]
        variants = {"by hand": together(workers, plain), "hooked": together(workers, guarded)}
        timings = timed(variants, rounds=rounds)
    yield Figure.of(("many at once", database.name, f"{THREADS} threads"), timings, _RATIO)


def _engines(url: str, stack: ExitStack, **options: int) -> tuple[Engine, Engine, str]:
    """One without the hook and one with it, and the statement written by hand."""
    bare, hooked = create_engine(url, **options), create_engine(url, **options)
    stack.callback(bare.dispose)
    stack.callback(hooked.dispose)
    return bare, hooked, masked_text(install(hooked, policy=POLICY), POINT)


def together(workers: ThreadPoolExecutor, works: list[Callable[[], object]]) -> Callable[[], None]:
    """Runs each of `works` a few times in a thread of its own, all at once."""

    def repeated(work: Callable[[], object]) -> None:
        for _ in range(_EACH):
            work()

    def together() -> None:
        for _ in workers.map(repeated, works):
            pass

    return together


def forks(database: Database, *, rounds: int) -> Iterator[Figure]:
    """A primary-key SELECT in four processes, forked from one whose engine was hooked and in use."""
    with ExitStack() as stack:
        bare, hooked, masked = _engines(database.url, stack)
        context = multiprocessing.get_context("fork")
        results: multiprocessing.SimpleQueue[dict[str, tuple[float, ...]]] = context.SimpleQueue()

        def child() -> None:
            bare.dispose(close=False)
            hooked.dispose(close=False)
            with bare.connect() as plain, hooked.connect() as guarded:
                variants = {"by hand": running(plain, masked, 7), "hooked": running(guarded, POINT, 7)}
                results.put(dict(timed(variants, rounds=rounds).values))

        children = [context.Process(target=child) for _ in range(_PROCESSES)]
        for process in children:
            process.start()
        timings = [Timings(values=results.get()) for _ in children]
        for process in children:
            process.join()
    ratio = statistics.median(timing.ratio("hooked", "by hand") for timing in timings)
    place = ("many at once", database.name, f"{_PROCESSES} forked processes")
    yield Figure(place=place, results={next(iter(_RATIO)): f"{ratio:.2f}"}, timings=timings[0].values)


def tasks(database: Database, *, rounds: int) -> Iterator[Figure]:
    """A primary-key SELECT on asynchronous drivers."""
    for driver in _DRIVERS.get(database.dialect, ()):
        url = f"{database.dialect}+{driver}://{database.url.partition('://')[2]}"
        with asyncio.Runner() as runner:
            timings = runner.run(greenlet_spawn(_awaited, url, rounds))
        yield Figure.of(("asynchronous", database.name, f"primary-key SELECT, {driver}"), timings, _RATIO)


def _awaited(url: str, rounds: int) -> Timings:
    with ExitStack() as stack:
        bare, hooked, masked = _engines(url, stack)
        plain, guarded = stack.enter_context(bare.connect()), stack.enter_context(hooked.connect())
        return timed({"by hand": running(plain, masked, 7), "hooked": running(guarded, POINT, 7)}, rounds=rounds)
