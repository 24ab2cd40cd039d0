"""`python -m benchmarks [--rounds N] [--json FILE] [--plot FILE]`: measures, and prints one table.

What each row means is said in docs/performance.md. Ratios compare variants of one run; the seconds in the JSON file
say nothing beside those of another run or machine.
"""

import argparse
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import create_engine

from benchmarks.cold import bound, cold
from benchmarks.concurrency import forks, tasks, threads
from benchmarks.databases import Places, places
from benchmarks.figures import Figure, table, write
from benchmarks.growth import growth
from benchmarks.memory import growth_of_a_process, memory
from benchmarks.newcomers import newcomers
from benchmarks.peers import printers, views
from benchmarks.plot import svg
from benchmarks.trails import Trails
from benchmarks.warm import warm


def main() -> int:
    """Measure everything that is there to be measured."""
    arguments = _arguments()
    with places() as found:
        machine = _machine(found)
        print("\n".join(f"{name}: {value}" for name, value in machine.items()), file=sys.stderr)
        figures: list[Figure] = []
        for figure in _measured(found, rounds=arguments.rounds):
            figures.append(figure)
            print(figure, file=sys.stderr, flush=True)
    heading = ", ".join(f"{name} {value}" for name, value in machine.items())
    print(f"{heading}\n\n{table(figures)}")
    if arguments.plot is not None:
        arguments.plot.write_text(svg(figures), encoding="utf-8")
    if arguments.json is not None:
        write(figures, arguments.json, metadata=machine)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="how often each variant takes its turn (default: 200)")
    parser.add_argument("--json", type=Path, help="where to write every timing, for pyperf to read")
    parser.add_argument("--plot", type=Path, help="where to write the plot that docs/performance.md shows, as SVG")
    return parser.parse_args()


def _measured(found: Places, *, rounds: int) -> Iterator[Figure]:
    for database in found.databases:
        yield from warm(database, rounds=rounds)
    for database in found.databases:
        yield from newcomers(database, rounds=rounds)
    for database in found.databases:
        if database.dialect == "postgresql":
            yield from views(database, rounds=rounds)
        if database.dialect != "duckdb":
            yield from threads(database, rounds=max(2, rounds // 8))
            yield from forks(database, rounds=max(2, rounds // 4))
        yield from tasks(database, rounds=rounds)
    yield from growth(rounds=max(rounds, 40))
    yield from growth_of_a_process()
    for database in found.databases:
        if database.dialect in ("sqlite", "postgresql"):
            engine = create_engine(database.url)
            binding = bound(engine, database.dialect)
            engine.dispose()
            yield from cold(binding, rounds=max(1, rounds // 4))
            yield from printers(binding, rounds=max(1, rounds // 4))
            yield from memory(binding)
    if found.redis is not None:
        trails = Trails(found.redis.url)
        try:
            for database in found.databases:
                yield from trails.used(database, rounds=max(1, rounds // 4))
            yield from trails.looked_up(rounds=max(2, rounds // 4))
            yield from trails.recorded(rounds=max(1, rounds // 4))
            yield from trails.shared(rounds=max(1, rounds // 16))
            yield from trails.grown(found.databases[0], rounds=max(2, rounds // 2))
        finally:
            trails.close()


def _machine(found: Places) -> Mapping[str, str]:
    servers = {database.name: database.version for database in found.databases}
    if found.redis is not None:
        servers["Redis"] = found.redis.version
    libraries = {name: version(name) for name in ("sqlglot", "SQLAlchemy", "redis")}
    missing = {"missing": "; ".join(found.missing)} if found.missing else {}
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"Python": platform.python_version(), "CPUs": str(processors), **libraries, **servers, **missing}


if __name__ == "__main__":
    sys.exit(main())
