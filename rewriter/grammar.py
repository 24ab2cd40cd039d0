"""Forms that an engine reads and the parser's grammar lacks, written as forms that it knows.

Only the parser sees what these rules make, and only where it failed on the statement as it stands. A rule moves no
name: it drops words of the grammar, turns one into a comma, a bracket or a plain call, so that every table and column
keeps its place in the tree. What is dropped holds no query; names in it still count as mentioned, since those are read
from the tokens.
"""

from collections.abc import Callable, Iterator, Sequence

from sqlglot.expressions import FUNCTION_BY_NAME
from sqlglot.tokenizer_core import Token, TokenType

from masking.types import Dialect
from rewriter.grammar_duckdb import SPELLED, ordered_pivots, spelled_otherwise
from rewriter.grammar_mysql import (
    as_operators,
    geometry_as_calls,
    match_in_brackets,
    outer_joins_in_brackets,
    plain_types,
    without_group_order,
    without_typed_arguments,
    without_update_hints,
)
from rewriter.grammar_names import MISREAD, NAMES, misread_as_names
from rewriter.grammar_postgresql import (
    operators_as_signs,
    patterns_as_arguments,
    rows_without_lateral,
    tables_out_of_brackets,
    without_details,
    without_finer_words,
    without_stars_of_tables,
)
from rewriter.grammar_sqlite import commas_as_joins, strings_as_names, without_empty_arguments
from rewriter.grammar_writes import without_modifiers
from rewriter.grammar_xml import xml_as_calls
from rewriter.token_runs import closing, is_at, opening, turned, word_at

Tokens = list[Token]
Rule = Callable[[Sequence[Token]], Tokens]


def plain(tokens: tuple[Token, ...], words: tuple[str, ...], dialect: Dialect) -> tuple[Token, ...]:
    """`tokens` without what the parser would take for something else: these rules hold before it looks.

    `words`: theirs, in lower case; few statements have one that a rule is about.
    """
    match dialect:
        case "sqlite":
            plainer = without_modifiers(tokens, words, dialect)
            plainer = plainer if MISREAD.isdisjoint(words) else misread_as_names(plainer)
            return strings_as_names(plainer) if "." in words or "in" in words else plainer
        case "duckdb":
            return tokens if SPELLED.isdisjoint(words) else spelled_otherwise(tokens)
        case _:
            return without_modifiers(tokens, words, dialect)


def simplified(tokens: Sequence[Token], dialect: Dialect) -> Iterator[Tokens]:
    """`tokens` as the parser may understand them, with ever more rules applied."""
    result = list(tokens)
    for rule in _RULES[dialect]:
        changed = rule(result)
        if [(token.token_type, token.text) for token in changed] != [(t.token_type, t.text) for t in result]:
            result = changed
            yield list(result)


def _grouping_as_calls(tokens: Sequence[Token]) -> Tokens:
    """`CUBE (a = 1)`: any expression may stand inside, as in a call."""
    return [
        turned(token, TokenType.VAR, token.text)
        if word_at(tokens, index) in ("cube", "rollup", "grouping sets") and is_at(tokens, index + 1, TokenType.L_PAREN)
        else token
        for index, token in enumerate(tokens)
    ]


def _plain_in_brackets(tokens: Sequence[Token]) -> Tokens:
    """`(unnest(a) AS u JOIN …)` and `(LATERAL (SELECT …) AS l JOIN …)`."""
    result: Tokens = []
    for index, token in enumerate(tokens):
        is_first = is_at(tokens, index - 1, TokenType.L_PAREN)
        if is_first and word_at(tokens, index) == "unnest":
            result.append(turned(token, TokenType.VAR, "call_unnest"))
        elif not is_first or word_at(tokens, index) != "lateral":
            result.append(token)
    return result


def _json_as_calls(tokens: Sequence[Token]) -> Tokens:
    """`json_object('{…}')` with one argument, or with one called `value`; `jsonb_object_agg(DISTINCT a, b)`."""
    names = ("json_object", "json_object_agg", "jsonb_object_agg")
    return [
        turned(token, TokenType.VAR, f"call_{token.text}") if word_at(tokens, index) in names else token
        for index, token in enumerate(tokens)
    ]


def _tables_as_selects(tokens: Sequence[Token]) -> Tokens:
    """`(TABLE t)` → `(SELECT * FROM t)`."""
    result: Tokens = []
    for index, token in enumerate(tokens):
        before = word_at(tokens, index - 1)
        if word_at(tokens, index) == "table" and before in ("(", "union", "all", "intersect", "except"):
            result += [turned(token, TokenType.SELECT, "select"), turned(token, TokenType.STAR, "*")]
            result.append(turned(token, TokenType.FROM, "from"))
        else:
            result.append(token)
    return result


def _values_as_selects(tokens: Sequence[Token]) -> Tokens:
    """`VALUES (1, 2)` where a query may stand: a list of rows is read as a list of outputs."""
    before = ("(", "union", "all", "distinct", "intersect", "except")
    return [
        turned(token, TokenType.SELECT, token.text)
        if word_at(tokens, index) == "values"
        and (index == 0 or word_at(tokens, index - 1) in before or _follows_expression(tokens, index))
        else token
        for index, token in enumerate(tokens)
    ]


def _follows_expression(tokens: Sequence[Token], index: int) -> bool:
    """Whether the place is behind the brackets of a common table expression."""
    if not is_at(tokens, index - 1, TokenType.R_PAREN):
        return False
    return word_at(tokens, opening(tokens, index - 1) - 1) in ("as", "materialized")


def _without_join_aliases(tokens: Sequence[Token]) -> Tokens:
    """`JOIN b USING (id) AS j`: the alias names columns that the join has anyway."""
    result = list(tokens)
    for index in reversed(range(len(tokens))):
        if word_at(tokens, index) != "using" or not is_at(tokens, index + 1, TokenType.L_PAREN):
            continue
        end = closing(tokens, index + 1)
        is_list = all(is_at(tokens, i, TokenType.COMMA) for i in range(index + 3, end, 2))
        if is_list and word_at(tokens, end + 1) == "as":
            del result[end + 1 : end + 3]
    return result


def _without_search_and_cycle(tokens: Sequence[Token]) -> Tokens:
    """`SEARCH DEPTH FIRST BY a SET s`, `CYCLE a SET c USING p`: columns of their own; MariaDB: `CYCLE a RESTRICT`."""
    result: Tokens = []
    index = 0
    while index < len(tokens):
        is_there = word_at(tokens, index) in _LAST_WORDS and _follows_expression([*result, tokens[index]], len(result))
        end = _clause_end(tokens, index) if is_there else index
        if end == index:
            result.append(tokens[index])
            end += 1
        index = end
    return result


_LAST_WORDS = {"search": {"set": 1}, "cycle": {"using": 1, "restrict": 0}}
"""Clause → the word that ends it, and how many words follow that."""


def _clause_end(tokens: Sequence[Token], start: int) -> int:
    """The place after the clause; where it begins if it holds more than words and literals."""
    ends = _LAST_WORDS[word_at(tokens, start)]
    for index in range(start, len(tokens)):
        if word_at(tokens, index) in ends:
            return index + 1 + ends[word_at(tokens, index)]
        if is_at(tokens, index, TokenType.L_PAREN):
            break
    return start


def _without_typed_literals(tokens: Sequence[Token]) -> Tokens:
    """`txid_snapshot '1:2:'`, `… ESCAPE '$'::bytea`, `TABLESAMPLE system (a.n)`: what is dropped names no table."""
    result: Tokens = []
    index = 0
    while index < len(tokens):
        token, word = tokens[index], word_at(tokens, index)
        is_typed = (
            token.token_type == TokenType.VAR
            and is_at(tokens, index + 1, TokenType.STRING)
            and word not in _BEFORE_TEXT
        )
        if not is_typed:
            result.append(token)
        index += 1
        if (
            token.token_type == TokenType.STRING
            and word_at(tokens, index - 2) == "escape"
            and is_at(tokens, index, TokenType.DCOLON)
        ):
            index += 2
        elif word in ("set", "convert") and is_at(tokens, index, TokenType.L_PAREN):
            result[-1] = turned(token, TokenType.VAR, f"call_{word}")
        elif word == "repeatable" or word_at(tokens, index - 2) == "tablesample":
            end = closing(tokens, index)
            if not any(t.token_type == TokenType.SELECT for t in tokens[index:end]):
                result += [tokens[index], turned(tokens[index], TokenType.NUMBER, "1")]
                index = end
    return result


_BEFORE_TEXT = frozenset(
    "escape uescape placing zone like ilike to using similar as date time timestamp interval".split()
)


def _plain_calls(tokens: Sequence[Token]) -> Tokens:
    """`json_remove(x)`, `format()`: a call with another number of arguments than the parser expects."""
    result: Tokens = []
    for index, token in enumerate(tokens):
        is_call = word_at(tokens, index).upper() in FUNCTION_BY_NAME and is_at(tokens, index + 1, TokenType.L_PAREN)
        # Behind an operand, or before AS and a bracket, it is a name that the statement gives.
        is_named = index and tokens[index - 1].token_type in _OPERANDS
        end = closing(tokens, index + 1) if is_call else index
        is_cte = word_at(tokens, end + 1) == "as" and is_at(tokens, end + 2, TokenType.L_PAREN)
        is_spoken = word_at(tokens, index) not in _SPOKEN and not is_named and not is_cte
        result.append(turned(token, TokenType.VAR, f"call_{token.text}") if is_call and is_spoken else token)
    return result


_OPERANDS = frozenset((TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.ALIAS, TokenType.STRING))
_SPOKEN = frozenset("cast try_cast extract trim position substring overlay convert exists array struct map".split())
"""Calls whose arguments are no plain list, and those that may hold a query."""


_RULES: dict[Dialect, tuple[Rule, ...]] = {
    "postgresql": (
        tables_out_of_brackets,
        rows_without_lateral,
        operators_as_signs,
        without_finer_words,
        _grouping_as_calls,
        _plain_in_brackets,
        _tables_as_selects,
        without_stars_of_tables,
        _json_as_calls,
        _values_as_selects,
        _without_join_aliases,
        _without_search_and_cycle,
        xml_as_calls,
        patterns_as_arguments,
        _without_typed_literals,
        without_details,
        _plain_calls,
    ),
    "mysql": (
        _json_as_calls,
        _values_as_selects,
        _without_search_and_cycle,
        match_in_brackets,
        without_group_order,
        as_operators,
        outer_joins_in_brackets,
        without_typed_arguments,
        without_update_hints,
        geometry_as_calls,
        plain_types,
        _plain_calls,
    ),
    "sqlite": (*NAMES["sqlite"], _json_as_calls, without_empty_arguments, commas_as_joins, _plain_calls),
    "duckdb": (*NAMES["duckdb"], _grouping_as_calls, _plain_in_brackets, _json_as_calls, ordered_pivots, _plain_calls),
}
