"""The parts of an expression of which one becomes its value, unchanged: branches of CASE, arguments of COALESCE.

Found in the tree, and in the text, where the tree does not say where an expression ends.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from rewriter.token_runs import closing, is_at, word_at

_ENDS = frozenset(("from", "where", "returning", "order", "limit", "when", "on"))
_QUERIES = frozenset(("select", "with", "values", "table"))


def leaves(value: exp.Expr, *, is_tested: bool = True) -> Iterator[exp.Expr]:
    """The parts that `value` can be; `value` itself where it is computed.

    `is_tested`: with those that are also looked at: COALESCE goes by whether its arguments but the last are NULL.
    """
    match value:
        case exp.Paren():
            yield from leaves(value.this, is_tested=is_tested)
        case exp.Coalesce():
            parts = (value.this, *value.expressions)
            for part in parts if is_tested else parts[-1:]:
                yield from leaves(part, is_tested=is_tested)
        case exp.If():
            for part in (value.args["true"], value.args.get("false")):
                yield from leaves(part, is_tested=is_tested) if part is not None else ()
        case exp.Case():
            for branch in value.args.get("ifs") or ():
                yield from leaves(branch.args["true"], is_tested=is_tested)
            if value.args.get("default") is not None:
                yield from leaves(value.args["default"], is_tested=is_tested)
        case _:
            yield value


def value_spans(tokens: Sequence[Token], after: int) -> Iterator[tuple[int, int]]:
    """First and last token of each part of the value that is assigned to the name which ends at `after`."""
    first = next(i for i, token in enumerate(tokens) if token.start >= after) + 1
    yield from _spans(tokens, first, _last(tokens, first))


def element_spans(tokens: Sequence[Token], after: int, index: int) -> Iterator[tuple[int, int]]:
    """The same of the value at `index` of the row that is assigned to a list of names, whose last ends at `after`.

    None where what is assigned is no row of so many values.
    """
    opening = next(i for i, token in enumerate(tokens) if token.start >= after) + 2
    opening += word_at(tokens, opening) == "row"
    if is_at(tokens, opening, TokenType.L_PAREN):
        end = closing(tokens, opening)
        marks = [opening, *_separators(tokens, opening + 1, end), end]
        if index + 1 < len(marks):
            yield from _spans(tokens, marks[index] + 1, marks[index + 1] - 1)


def _last(tokens: Sequence[Token], first: int) -> int:
    depth = cases = 0
    for index in range(first, len(tokens)):
        word = word_at(tokens, index)
        depth += is_at(tokens, index, TokenType.L_PAREN) - is_at(tokens, index, TokenType.R_PAREN)
        cases += (word == "case") - (word == "end" and cases > 0)
        is_end = is_at(tokens, index, TokenType.COMMA) or (
            word.split(" ")[0] in _ENDS and not (word == "from" and word_at(tokens, index - 1) == "distinct")
        )
        if depth < 0 or (depth == 0 and not cases and is_end):
            return index - 1
    return len(tokens) - 1


def _spans(tokens: Sequence[Token], first: int, last: int) -> Iterator[tuple[int, int]]:
    is_bracketed = is_at(tokens, first, TokenType.L_PAREN) and closing(tokens, first) == last > first + 1
    if is_bracketed and word_at(tokens, first + 1) not in _QUERIES:
        yield from _spans(tokens, first + 1, last - 1)
    elif word_at(tokens, first) in ("coalesce", "ifnull") and closing(tokens, first + 1) == last:
        commas = [first + 1, *_separators(tokens, first + 2, last), last]
        for before, after in pairwise(commas):
            yield from _spans(tokens, before + 1, after - 1)
    elif word_at(tokens, first) in ("if", "iif") and closing(tokens, first + 1) == last:
        commas = [*_separators(tokens, first + 2, last), last]
        for before, after in pairwise(commas):
            yield from _spans(tokens, before + 1, after - 1)
    elif word_at(tokens, first) == "case" and word_at(tokens, last) == "end":
        marks = [*_separators(tokens, first + 1, last, words=("when", "then", "else")), last]
        for before, after in pairwise(marks):
            if word_at(tokens, before) in ("then", "else"):
                yield from _spans(tokens, before + 1, after - 1)
    else:
        yield first, last


def _separators(tokens: Sequence[Token], first: int, last: int, *, words: Sequence[str] = ()) -> Iterator[int]:
    """Tokens outside deeper brackets and cases: `words`, or commas where there are none."""
    depth = cases = 0
    for index in range(first, last):
        word = word_at(tokens, index)
        depth += is_at(tokens, index, TokenType.L_PAREN) - is_at(tokens, index, TokenType.R_PAREN)
        is_one = word in words if words else is_at(tokens, index, TokenType.COMMA)
        if is_one and depth == 0 and cases == 0:
            yield index
        cases += (word == "case") - (word == "end")
