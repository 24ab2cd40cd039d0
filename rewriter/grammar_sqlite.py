"""Forms of SQLite alone: rules of `rewriter.grammar`."""

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from rewriter.token_runs import is_at, turned, word_at


def strings_as_names(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """`'Order Items'.'price'`, `x IN 'Order Items'`: beside a dot and behind IN only a name can stand."""
    result = list(tokens)
    for index in [index for index, token in enumerate(tokens) if token.token_type is _STRING]:
        if (
            is_at(tokens, index - 1, TokenType.DOT)
            or is_at(tokens, index + 1, TokenType.DOT)
            or word_at(tokens, index - 1) == "in"
        ):
            result[index] = turned(tokens[index], TokenType.IDENTIFIER, tokens[index].text)
    return tuple(result)


_STRING = TokenType.STRING
"""Said so, it costs a quarter of the look-up in the class."""


def without_empty_arguments(tokens: Sequence[Token]) -> list[Token]:
    """`char()` and `sqlite_version(*)`."""
    result: list[Token] = []
    for index, token in enumerate(tokens):
        is_called = is_at(tokens, index + 1, TokenType.L_PAREN)
        is_star = is_at(tokens, index - 1, TokenType.L_PAREN) and is_at(tokens, index + 1, TokenType.R_PAREN)
        if word_at(tokens, index) == "char" and is_called:
            result.append(turned(token, TokenType.VAR, "call_char"))
        elif token.token_type != TokenType.STAR or not is_star or word_at(tokens, index - 2) == "count":
            result.append(token)
    return result


def commas_as_joins(tokens: Sequence[Token]) -> list[Token]:
    """`FROM a, b ON a.id = b.id`: SQLite lets a comma have a condition."""
    result = list(tokens)
    for index, token in enumerate(tokens):
        depth = 0
        for before in reversed(range(index if token.token_type in (TokenType.ON, TokenType.USING) else 0)):
            depth += is_at(tokens, before, TokenType.R_PAREN) - is_at(tokens, before, TokenType.L_PAREN)
            if depth < 0 or (depth == 0 and word_at(tokens, before) in ("join", "from", "on")):
                break
            if depth == 0 and is_at(tokens, before, TokenType.COMMA):
                result[before] = turned(tokens[before], TokenType.JOIN, "join")
                break
    return result
