"""Whether a statement may keep a value beyond its end: in a user variable, lock, sequence, random seed, message.

Connections are pooled and locks are seen by all, and what a grant reveals goes to its holder alone: nothing is revealed
in such a statement. It reads masks, as a write does.
"""

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from masking.types import Dialect
from rewriter.functions import BUILTINS
from rewriter.statement import Statement

_KEEPING: Mapping[Dialect, frozenset[str]] = {
    "postgresql": frozenset(
        ("nextval", "setval", "setseed", "pg_notify", *(f for f in BUILTINS["postgresql"] if "_advisory_" in f))
    ),
    "mysql": frozenset(("last_insert_id", "nextval", "get_lock", "release_lock", "release_all_locks")),
    "sqlite": frozenset(),
    "duckdb": frozenset(("nextval", "setseed")),
}
"""Admitted functions that change what a session or the database keeps; merely whether one is called tells something."""


def keeps_values(statement: Statement) -> bool:
    """Whether `statement` may leave something behind beside the rows that it writes."""
    if not _KEEPING[statement.dialect].isdisjoint(statement.words):
        return True
    is_assigning = statement.dialect == "mysql" and any(
        token.token_type == TokenType.COLON_EQ for token in statement.tokens
    )
    return is_assigning or any(True for _ in statement.nodes(exp.NextValueFor))
