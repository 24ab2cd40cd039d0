"""Words of the parser's grammar that are plain names to an engine: rules of `rewriter.grammar`.

SQLite knows no `ANY`, and lets a column be called `cross`. A word that its engine has no use for is a name wherever it
stands; one that it has, where only a name can stand.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from sqlglot.tokenizer_core import Token, TokenType

from rewriter.token_runs import is_at, turned, word_at

MISREAD = frozenset("anti semi asof".split())
"""Names to SQLite that the parser would take for a kind of join, and so understand, in another way."""

_UNKNOWN: Mapping[str, frozenset[str]] = {
    "sqlite": frozenset(
        "any describe fetch grant ilike lateral lock overlaps partitioned_by qualify revoke rlike straight_join"
        " tablesample uncache xor".split()
    ),
    "duckdb": frozenset(
        "alter drop force grant install lock partitioned_by regexp revoke rlike rollback straight_join uncache"
        " xor".split()
    ),
}
"""Words that mean nothing to the engine, at least in no statement that is parsed."""

_KNOWN: Mapping[str, frozenset[str]] = {
    "sqlite": frozenset("cross inner outer left right full natural for glob like regexp rollback if".split()),
    "duckdb": frozenset("between map if".split()),
}
"""Words that the engine takes for names where its grammar has no place for them."""

_BEFORE = frozenset(
    "select from join into update where and or not on by set case when then else having in as distinct with ( , ="
    " < > <= >= <> != + - * / ||".split()
) | {"group by", "order by"}
_JOINS = frozenset("cross inner outer left right full natural".split())
_AFTER = frozenset(
    "from where order group limit having = < > <= >= <> != + - * / || is in like and or join on as set values then end"
    " when else asc desc union , )".split()
) | {"group by", "order by"}


_OPERANDS = (TokenType.VAR, TokenType.IDENTIFIER)


def _unknown_as_names(tokens: Sequence[Token], dialect: str) -> list[Token]:
    """`SELECT any.id FROM any`: as a name what the engine has no other use for, unless it is called."""
    return [
        turned(token, TokenType.IDENTIFIER, token.text)
        if word_at(tokens, index) in _UNKNOWN[dialect]
        and (not is_at(tokens, index + 1, TokenType.L_PAREN) or word_at(tokens, index - 1) == "into")
        else token
        for index, token in enumerate(tokens)
    ]


def _known_as_names(tokens: Sequence[Token], dialect: str) -> list[Token]:
    """`SELECT cross.id FROM cross`: as a name what stands beside a dot, or between what only stands around names."""
    return [
        turned(token, TokenType.IDENTIFIER, token.text)
        if word_at(tokens, index) in _KNOWN[dialect] and _is_name(tokens, index)
        else token
        for index, token in enumerate(tokens)
    ]


def misread_as_names(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """`FROM customers anti JOIN orders`: an alias, and a join like any other."""
    return tuple([
        turned(token, TokenType.IDENTIFIER, token.text) if word_at(tokens, index) in MISREAD else token
        for index, token in enumerate(tokens)
    ])  # fmt: skip


def _is_name(tokens: Sequence[Token], index: int) -> bool:
    if is_at(tokens, index - 1, TokenType.DOT) or is_at(tokens, index + 1, TokenType.DOT):
        return True
    before = word_at(tokens, index - 1)
    after = word_at(tokens, index + 1) if index + 1 < len(tokens) else ")"
    is_table = before in ("into", "update") or (before == "from" and after != "(")
    is_alias = word_at(tokens, index) not in _JOINS and index > 0 and tokens[index - 1].token_type in _OPERANDS
    return before == "as" or is_table or ((before in _BEFORE or is_alias) and after in _AFTER)


NAMES: Mapping[str, tuple[Callable[[Sequence[Token]], list[Token]], ...]] = {
    dialect: (partial(_unknown_as_names, dialect=dialect), partial(_known_as_names, dialect=dialect))
    for dialect in _UNKNOWN
}
"""The rules of each engine."""
