"""Where each item of each select list stands in the text.

Read from the tokens: the tree does not say where an expression ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot.tokenizer_core import TokenType

from rewriter.kinds import StatementKind
from rewriter.statement import Statement
from rewriter.token_runs import is_at, word_at

_ENDS = frozenset("from where group having order limit union intersect except into".split())
_FREE_ENDS = frozenset("window for lock fetch offset procedure".split())
"""Words that may also be a column's name."""

_OPERAND_ENDS = frozenset(
    (TokenType.NUMBER, TokenType.STRING, TokenType.PLACEHOLDER, TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.STAR)
)
_MODIFIERS = frozenset(
    "distinct all straight_join high_priority sql_calc_found_rows sql_no_cache sql_cache sql_small_result"
    " sql_big_result sql_buffer_result distinctrow".split()
)
_OPENING = (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE)
_CLOSING = (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE)

_OUTSIDE, _EXPECTED, _DISTINCT_ON = -1, -2, -3
"""Of one level of brackets: no select list, an item comes next, `DISTINCT ON` waits for its brackets."""


@dataclass(frozen=True, slots=True)
class SelectItem:
    """First and last token of an item, by index."""

    first: int
    last: int


def select_items(statement: Statement) -> Iterator[SelectItem]:
    """Every select item, at any depth."""
    levels = [_OUTSIDE]
    for index, token in enumerate(statement.tokens):
        if token.token_type in _OPENING:
            levels[-1] = index if levels[-1] == _EXPECTED else levels[-1]
            levels.append(_OUTSIDE)
        elif token.token_type in _CLOSING:
            yield from _ended(levels.pop(), index)
            levels[-1:] = [_EXPECTED if level == _DISTINCT_ON else level for level in levels[-1:]]
        else:
            before = levels[-1]
            levels[-1] = _after(statement, index, before)
            if levels[-1] < 0:
                yield from _ended(before, index)
    yield from _ended(levels[-1], len(statement.tokens))


def _after(statement: Statement, index: int, level: int) -> int:
    """What holds behind a token that is no bracket."""
    token = statement.tokens[index]
    word = "" if token.start in statement.quoted else token.text.lower().split(" ")[0]
    if word == "select" or (word == "returning" and statement.kind is StatementKind.WRITE):
        return _EXPECTED
    if level == _OUTSIDE or (level == _EXPECTED and word in _MODIFIERS):
        return level
    if level == _EXPECTED and word == "on" and statement.tokens[index - 1].text.lower() == "distinct":
        return _DISTINCT_ON
    if token.token_type == TokenType.COMMA:
        return _EXPECTED
    if _is_end(statement, index, word):
        return _OUTSIDE
    return index if level == _EXPECTED else level


def _is_end(statement: Statement, index: int, word: str) -> bool:
    """Whether a word ends a select list; `IS DISTINCT FROM` does not."""
    tokens = statement.tokens
    before = tokens[index - 1]
    if word in _FREE_ENDS:
        is_between = statement.is_word(before) or before.token_type in _OPERAND_ENDS
        after = tokens[index + 1 : index + 2]
        return is_between and any(statement.is_word(t) or t.token_type == TokenType.NUMBER for t in after)
    return word in _ENDS and not (word == "from" and before.text.lower() == "distinct")


def _ended(first: int, after: int) -> Iterator[SelectItem]:
    if 0 <= first < after:
        yield SelectItem(first, after - 1)


def returned_items(statement: Statement, start: int) -> Iterator[SelectItem]:
    """Each item of the RETURNING of the write whose tables are named before `start`."""
    tokens = statement.tokens
    depth = 0
    first: int | None = None
    last = len(tokens)
    for index, token in enumerate(tokens):
        if token.start < start:
            continue
        depth += is_at(tokens, index, TokenType.L_PAREN) - is_at(tokens, index, TokenType.R_PAREN)
        if depth < 0:
            last = index
            break
        if first is None and depth == 0 and word_at(tokens, index) == "returning":
            first = index + 1
        elif first is not None and depth == 0 and token.token_type == TokenType.COMMA:
            yield SelectItem(first, index - 1)
            first = index + 1
    if first is not None:
        yield SelectItem(first, last - 1)
