"""A look at a run of the parser's tokens: which word stands where, and which bracket closes which."""

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType


def turned(token: Token, kind: TokenType, text: str) -> Token:
    """Another token at a token's place."""
    return Token(kind, text, token.line, token.col, token.start, token.end, [])


def word_at(tokens: Sequence[Token], index: int) -> str:
    """The word at an index in lower case; empty for a quoted one and for a place outside."""
    if not 0 <= index < len(tokens):
        return ""
    token = tokens[index]
    is_quoted = token.token_type in (TokenType.IDENTIFIER, TokenType.STRING)
    return "" if is_quoted else token.text.lower()


def is_at(tokens: Sequence[Token], index: int, kind: TokenType) -> bool:
    """Whether a token of a kind stands at an index."""
    return 0 <= index < len(tokens) and tokens[index].token_type == kind


def closing(tokens: Sequence[Token], opening: int) -> int:
    """The bracket that closes the one at `opening`; the end where there is none."""
    depth = 0
    for index in range(opening, len(tokens)):
        depth += is_at(tokens, index, TokenType.L_PAREN) - is_at(tokens, index, TokenType.R_PAREN)
        if depth == 0:
            return index
    return len(tokens)


def opening(tokens: Sequence[Token], closing: int) -> int:
    """The bracket that the one at `closing` closes; the beginning where there is none."""
    depth = 0
    for index in range(closing, -1, -1):
        depth += is_at(tokens, index, TokenType.R_PAREN) - is_at(tokens, index, TokenType.L_PAREN)
        if depth == 0:
            return index
    return 0
