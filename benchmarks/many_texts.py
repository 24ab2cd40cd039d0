"""How much a process grows by texts that it never saw: `python -m benchmarks.many_texts FIRST MORE`.

Sends `FIRST` different texts through a hooked engine, which fill whatever is remembered to its bound, and `MORE`
different ones. Prints by how many megabytes the process's memory grew with these. Every tenth text is of a shape of its
own, and so rewritten and checked from the start; the others differ from an earlier one in a literal, and one in nine of
them comes twice, so that it takes an entry of its own.
"""

import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Connection, create_engine, text

from masking import Policy
from rewriter import install

_RESIDENT = Path("/proc/self/statm")
_MEGABYTE = 1_000_000


def main() -> None:
    """Print the growth."""
    first, more = map(int, sys.argv[1:])
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT)"))
        connection.execute(text("INSERT INTO customers VALUES (1, 'Ada', 'ada@cell.example')"))
    install(engine, policy=Policy.parse("columns: {customers.email: redact}"))
    with engine.connect() as connection:
        _run(connection, range(first))
        before = _resident()
        _run(connection, range(first, first + more))
        after = _resident()
    print(f"{(after - before) / _MEGABYTE:.1f}")


def _run(connection: Connection, numbers: Iterable[int]) -> None:
    for number in numbers:
        shape = f"shape{number}" if number % 10 == 0 else "shape"
        sql = f"SELECT 1 AS {shape}, name, email FROM customers WHERE id = 1 AND name <> 'text {number:09}'"
        for _ in range(2 if number % 10 == 1 else 1):
            if connection.exec_driver_sql(sql).all() != [(1, "Ada", "[redacted]")]:
                raise RuntimeError("a statement was not masked as it should be")


def _resident() -> int:
    """Bytes of memory that the process has; where the system does not tell, the most that it ever had."""
    if _RESIDENT.exists():
        return int(_RESIDENT.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
