"""`CREATE TABLE … AS query`, which stores what it reads: the query in it runs masked, whoever sends it."""

import re
from dataclasses import dataclass

from sqlglot.tokenizer_core import Token, TokenType

from rewriter.errors import Reason, StatementRefused
from rewriter.statement import Statement, tokens_of

_CREATES_TABLE = re.compile(
    r"\s*create\s+(?:or\s+replace\s+)?(?:(?:global|local)\s+)?(?:temp\s+|temporary\s+|unlogged\s+)*table\b",
    re.IGNORECASE,
)
_QUERY_WORDS = frozenset({"select", "with", "from", "values", "table", "("})


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """Where the query stands whose rows a new table stores: `sql[start:end]`."""

    start: int
    end: int


def stored_query(statement: Statement) -> StoredQuery | None:
    """The query of a `CREATE TABLE … AS`; None for every other statement.

    Raises:
        StatementRefused: there is a query whose extent cannot be told.
    """
    if not _CREATES_TABLE.match(statement.text):
        return None
    tokens = tokens_of(statement)
    words = [token.text.lower() for token in tokens]
    depth = 0
    for index, token in enumerate(tokens):
        if depth == 0 and _begins_query(words, index, statement):
            return StoredQuery(token.start, _end(statement, tokens, words))
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
    if "select" in words:
        raise StatementRefused(Reason.CONSTRUCT, "Write the query of CREATE TABLE after AS, without brackets.")
    return None


def _begins_query(words: list[str], index: int, statement: Statement) -> bool:
    """A query follows AS; MySQL also lets it follow the columns."""
    if index < 3 or words[index] not in _QUERY_WORDS:  # noqa: PLR2004 -- CREATE TABLE name
        return False
    if words[index - 1] == "as":
        return True
    return statement.dialect == "mysql" and words[index] in ("select", "with", "values")


def _end(statement: Statement, tokens: tuple[Token, ...], words: list[str]) -> int:
    """The end of the query: `WITH [NO] DATA` after it is not a part of it."""
    last = len(tokens) - 1
    if statement.dialect in ("postgresql", "duckdb") and words[last] == "data":
        last -= 2 if words[last - 1] == "with" else 3
    return tokens[last].end + 1
