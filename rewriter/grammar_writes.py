"""Words of INSERT, UPDATE and DELETE that the parser does not know, or takes for names, and that name nothing.

Unlike the rules of `rewriter.grammar`, these hold before the parser looks: it would take `UPDATE IGNORE customers` for
an update of a table called `ignore`.
"""

import re

from sqlglot.tokenizer_core import Token

from masking.types import Dialect
from rewriter.token_runs import word_at

_REPLACE = re.compile(r"\A(?P<before>\s*)replace\b", re.IGNORECASE)

_PRIORITIES = frozenset(("low_priority", "high_priority", "delayed", "quick"))
_BEFORE = frozenset(("insert", "update", "delete", "overriding"))
"""Words that one of them stands behind."""
_RESOLUTIONS = frozenset(("rollback", "abort", "replace", "fail", "ignore"))


def is_replace(text: str) -> bool:
    """Whether a statement is SQLite's or MySQL's REPLACE."""
    return _REPLACE.match(text) is not None


def with_insert(text: str, dialect: Dialect) -> str:
    """The text with INSERT for REPLACE at its beginning, of the same length."""
    is_there = dialect in ("mysql", "sqlite") and is_replace(text)
    return _REPLACE.sub(r"\g<before>insert ", text, count=1) if is_there else text


def without_modifiers(tokens: tuple[Token, ...], words: tuple[str, ...], dialect: Dialect) -> tuple[Token, ...]:
    """The tokens without the words that say how, and not what, is written. `words`: theirs, in lower case."""
    if _BEFORE.isdisjoint(words):
        return tokens
    dropped: set[int] = set()
    match dialect:
        case "mysql" if word_at(tokens, 0) in ("insert", "update", "delete"):
            known = _PRIORITIES | ({"ignore"} if word_at(tokens, 0) != "insert" else set())
            index = 1
            while word_at(tokens, index) in known and word_at(tokens, index + 1) not in ("", "set"):
                dropped.add(index)
                index += 1
        case "sqlite":
            for index in range(len(tokens) - 2):
                is_or = word_at(tokens, index) == "update" and word_at(tokens, index + 1) == "or"
                if is_or and word_at(tokens, index + 2) in _RESOLUTIONS:
                    dropped |= {index + 1, index + 2}
        case "postgresql":
            for index in range(len(tokens) - 2):
                is_kind = word_at(tokens, index + 1) in ("system", "user") and word_at(tokens, index + 2) == "value"
                if word_at(tokens, index) == "overriding" and is_kind:
                    dropped |= {index, index + 1, index + 2}
        case _:
            pass
    return tuple(token for index, token in enumerate(tokens) if index not in dropped) if dropped else tokens
