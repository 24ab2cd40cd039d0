"""How masks are spelled in each dialect: one module each, all with the functions that `Spelling` lists."""

from masking.dialects import duckdb, mysql, postgresql, sqlite
from masking.dialects.spelling import Spelling
from masking.types import Dialect

__all__ = ["Spelling", "spelling"]


def spelling(dialect: Dialect) -> Spelling:
    """The spelling of `dialect`."""
    match dialect:
        case "postgresql":
            return postgresql
        case "mysql":
            return mysql
        case "sqlite":
            return sqlite
        case "duckdb":
            return duckdb
