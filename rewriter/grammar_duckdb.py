"""Forms of DuckDB alone: rules of `rewriter.grammar`."""

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from rewriter.token_runs import is_at, turned, word_at

_PIVOTS = {"pivot_wider": (TokenType.PIVOT, "pivot"), "pivot_longer": (TokenType.UNPIVOT, "unpivot")}
_LISTS = frozenset("tables all databases schemas".split())

SPELLED = frozenset((*_PIVOTS, "show", "desc"))
"""The words of the parser's that it takes for names."""


def spelled_otherwise(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """`PIVOT_WIDER t`, `(SHOW TABLES)`, `(SHOW t)`, `(DESC t)`: the parser takes the first word for a name."""
    result: list[Token] = []
    index = 0
    while index < len(tokens):
        token, word = tokens[index], word_at(tokens, index)
        if word in _PIVOTS:
            token = turned(token, *_PIVOTS[word])
        elif word in ("show", "desc") and is_at(tokens, index - 1, TokenType.L_PAREN):
            end = _list_end(tokens, index + 1) if word == "show" else 0
            token = turned(token, TokenType.SELECT, "select") if end else turned(token, TokenType.DESCRIBE, "describe")
            if end:
                result += [token, turned(token, TokenType.NULL, "null")]
                index = end
                continue
        result.append(token)
        index += 1
    return tuple(result)


def _list_end(tokens: Sequence[Token], index: int) -> int:
    """Of `TABLES)` and `ALL TABLES)` the place of the bracket, 0 where something else is shown."""
    index += word_at(tokens, index) == "all"
    return index + 1 if word_at(tokens, index) in _LISTS and is_at(tokens, index + 1, TokenType.R_PAREN) else 0


def ordered_pivots(tokens: Sequence[Token]) -> list[Token]:
    """`PIVOT t ON a ORDER BY b LIMIT 1` → `SELECT * FROM (PIVOT t ON a) ORDER BY b LIMIT 1`."""
    result = list(tokens)
    if word_at(tokens, 0) not in ("pivot", "unpivot"):
        return result
    depth = 0
    for index, token in enumerate(tokens):
        depth += is_at(tokens, index, TokenType.L_PAREN) - is_at(tokens, index, TokenType.R_PAREN)
        if depth == 0 and word_at(tokens, index) in ("order by", "limit", "offset"):
            first = tokens[0]
            head = [(TokenType.SELECT, "select"), (TokenType.STAR, "*"), (TokenType.FROM, "from")]
            opened = [turned(first, kind, text) for kind, text in (*head, (TokenType.L_PAREN, "("))]
            return [*opened, *tokens[:index], turned(token, TokenType.R_PAREN, ")"), *tokens[index:]]
    return result
