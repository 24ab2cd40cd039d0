"""A statement's versioned, stable id, and the words that it is made of.

It stands for the statement in errors, grants and the trail; nothing of a literal is in it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp
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


def _names_of_tables(statement: Statement) -> frozenset[str]:
    """On MySQL and MariaDB, names of tables and their aliases in lower case: there `a` and `A` may be two of them."""
    if statement.dialect != "mysql":
        return frozenset()
    names = [alias.this for alias in statement.nodes(exp.TableAlias)]
    for table in statement.nodes(exp.Table):
        names += (table.this, table.args.get("db"), table.args.get("catalog"))
    return frozenset(name.name.lower() for name in names if isinstance(name, exp.Identifier))


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
