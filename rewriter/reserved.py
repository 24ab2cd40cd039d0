"""Words that are never a name where they stand without quotes, so that one named like a sensitive table is harmless."""

from sqlglot.tokenizer_core import TokenType

from rewriter.statement import Statement

_RESERVED = frozenset(
    "all and as case check collate constraint create default distinct else foreign from group having in into is join "
    "limit not null on or order primary references select table then to union unique using when where".split()
)
"""Reserved by all four engines: no table of that name can be meant without quotes."""


def is_keyword(statement: Statement, index: int) -> bool:
    """Whether the token at `index` is a keyword for every engine; behind a dot any word may be a name."""
    token = statement.tokens[index]
    is_bare = token.start not in statement.quoted and not statement.is_string(token)
    is_behind_dot = index > 0 and statement.tokens[index - 1].token_type == TokenType.DOT
    return is_bare and not is_behind_dot and token.text.lower() in _RESERVED
