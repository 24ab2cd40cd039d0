"""What SQLAlchemy's dialects send by themselves to get to know a database or to ping it: told by what it can read.

It passes before the schema is known, whoever the principal is. Listeners of the application may run in that moment as
well, so nothing passes for being sent then: only what names no table but those of types, and calls nothing that reads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from sqlglot import exp

from masking.types import Dialect
from rewriter.errors import StatementRefused
from rewriter.kinds import StatementKind
from rewriter.statement import Statement, read_statement

_INTERNAL: ContextVar[bool] = ContextVar("unmask_internal", default=False)
_CATALOGS = frozenset({"pg_type", "pg_namespace", "pg_range"})
_BEFORE_BRACKETS = frozenset(
    {"version", "current_schema", "current_database", "database", "schema", "to_regtype", "cast", "varchar"}
    | {"and", "or", "not", "in", "as", "on", "where"}
)
_OTHER_READS = frozenset({"table", "into"})
_LONGEST = 1_000  # characters


@contextmanager
def internally() -> Iterator[None]:
    """Inside, a dialect of SQLAlchemy's is at work (`initialize`, pings)."""
    token = _INTERNAL.set(True)
    try:
        yield
    finally:
        _INTERNAL.reset(token)


def is_own(sql: str, dialect: Dialect, *, is_percent_doubled: bool) -> bool:
    """Whether a statement is a dialect's own, and may pass as it is."""
    return _INTERNAL.get() and _is_harmless(sql, dialect, is_percent_doubled=is_percent_doubled)


@lru_cache(256)
def _is_harmless(sql: str, dialect: Dialect, *, is_percent_doubled: bool) -> bool:
    """Whether a statement tells of the session, the server and its types alone."""
    if len(sql) > _LONGEST:
        return False
    if not sql.strip("; \n"):
        return True
    try:
        statement = read_statement(sql, dialect, is_percent_doubled=is_percent_doubled)
    except StatementRefused:
        return False
    if statement.kind in (StatementKind.TRANSACTION, StatementKind.SESSION):
        return True
    return statement.kind is StatementKind.SELECT and _reads_types_alone(statement)


def _reads_types_alone(statement: Statement) -> bool:
    tables, words = statement.nodes(exp.Table), statement.words
    if not tables and statement.nodes(exp.Column):
        return False  # SQLite reads a table that is named like one: `1 IN customers`
    if statement.dialect != "postgresql" and tables:
        return False
    if not all(one.name.lower() in _CATALOGS and one.db.lower() in ("", "pg_catalog") for one in tables):
        return False
    called = (before for before, word in zip(statement.tokens, words[1:], strict=False) if word == "(")
    names = {token.text.lower() for token in called if statement.is_word(token)}
    return names <= _BEFORE_BRACKETS and not _OTHER_READS & set(words)
