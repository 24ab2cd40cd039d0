"""A statement's versioned, stable id, and the words that it is made of.

It stands for the statement in errors, grants and the trail; nothing of a literal is in it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot.tokenizer_core import Token, TokenType

from masking.access import Fingerprint
from rewriter.lexical_forms import folded
from rewriter.placeholders import hidden_pieces
from rewriter.statement import Statement

_LITERALS = frozenset(
    {
        TokenType.STRING,
        TokenType.NUMBER,
        TokenType.HEREDOC_STRING,
        TokenType.BYTE_STRING,
        TokenType.BIT_STRING,
        TokenType.HEX_STRING,
        TokenType.NATIONAL_STRING,
        TokenType.RAW_STRING,
        TokenType.UNICODE_STRING,
        TokenType.PLACEHOLDER,
    }
)


def _canonical(statement: Statement, token: Token, kept: frozenset[str]) -> str:
    """A token as the fingerprint sees it: literals as `?`, plain words in upper case but for `kept` and quoted ones."""
    if token.token_type in _LITERALS or (token.start in statement.quoted and statement.is_string(token)):
        return "?"
    text = statement.text[token.start : token.end + 1]
    return text if token.start in statement.quoted or text.lower() in kept else folded(text)


_LISTS = frozenset({"from", "join", "straight_join", "update", "into", "using", "table", "delete"})
"""Words that tables follow."""
_ENDS = frozenset(
    {"select", "where", "set", "group", "order", "having", "limit", "union", "except", "intersect", "values", "window"}
)
_GRAMMAR = _LISTS | _ENDS | frozenset(
    {"as", "left", "right", "inner", "outer", "cross", "natural", "full", "lateral", "partition", "use", "force"}
    | {"ignore", "index", "key", "for", "system_time", "of", "only", "low_priority", "quick", "insert", "replace"}
    | {"dual", "all", "with", "recursive", "on", "distinct", "exists", "not", "and", "or", "in", "is", "null"}
)  # fmt: skip
"""Words that stand among tables and are none."""


def _names_of_tables(statement: Statement) -> frozenset[str]:
    """On MySQL and MariaDB, names of tables and their aliases in lower case: there `a` and `A` may be two of them.

    Told by the words around them, so that it can be told of a text that does not parse; a few names more do no harm.
    """
    if statement.dialect != "mysql":
        return frozenset()
    found: set[str] = set()
    listing = [""]  # of each open bracket, the word that says whether tables are listed in it
    for token, word, following in _with_next(statement):
        if word == "(":
            listing.append(listing[-1])
        elif word == ")" and len(listing) > 1:
            listing.pop()
        elif word in _LISTS or word in _ENDS or word == "on":
            listing[-1] = word
        elif word == "," and listing[-1] == "on":
            listing[-1] = "from"
        elif word not in _GRAMMAR and (following == "." or listing[-1] in _LISTS) and statement.is_word(token):
            found.add(word)
    return frozenset(found)


def _with_next(statement: Statement) -> Iterator[tuple[Token, str, str]]:
    words = [token.text.lower() for token in statement.tokens]
    return zip(statement.tokens, words, [*words, ""][1:], strict=True)


@dataclass(frozen=True, slots=True)
class Word:
    """One token of a statement: `canonical`, as the fingerprint sees it, and `text`, as it stands there."""

    canonical: str
    text: str


def words(statement: Statement) -> Iterator[Word]:
    """Each token; with what the parser was not shown in its place."""
    hidden = hidden_pieces(statement.sql, statement.dialect, is_percent_doubled=statement.is_percent_doubled)
    places = {token.start for token in statement.tokens}
    kept = _names_of_tables(statement)
    apart = [(start, folded(text), text) for start, text in hidden.items() if start not in places]
    told = []
    for token in statement.tokens:
        canonical, text = _canonical(statement, token, kept), statement.text[token.start : token.end + 1]
        if (operator := hidden.get(token.start)) is not None:
            canonical = text = operator
        told.append((token.start, canonical, text))
    for _, canonical, text in sorted(told + apart):
        yield Word(canonical, text)


def fingerprint(statement: Statement) -> Fingerprint:
    """`v2:` and 32 hex digits: equal for statements that differ only in literals, layout, comments and letter case.

    Of letters that some engine tells apart by their case, each is what it is (`rewriter.lexical_forms.folded`).
    """
    canonical = "\x00".join(word.canonical for word in words(statement))
    return Fingerprint("v2:" + hashlib.sha256(f"{statement.dialect}\x00{canonical}".encode()).hexdigest()[:32])
