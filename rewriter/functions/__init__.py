"""Which of each engine's own functions are known to be harmless: closed lists, by the engine's manual and its catalog.

Harmless means: reads no table, file or setting, no state of another session, and runs no SQL, whatever its arguments.
What is not listed is refused. Each list is held against a live engine by `tests/rewriter/catalog`.
"""

from collections.abc import Mapping

from masking.types import Dialect
from rewriter.functions import duckdb, mysql, postgresql, sqlite

BUILTINS: Mapping[Dialect, frozenset[str]] = {
    "postgresql": postgresql.ADMITTED,
    "mysql": mysql.ADMITTED,
    "sqlite": sqlite.ADMITTED,
    "duckdb": duckdb.ADMITTED,
}
"""Lower-case names of admitted functions, aggregates and window functions."""

__all__ = ["BUILTINS"]
