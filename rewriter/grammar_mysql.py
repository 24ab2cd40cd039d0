"""Forms of MySQL and MariaDB alone: rules of `rewriter.grammar`."""

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from rewriter.token_runs import closing, is_at, turned, word_at


def match_in_brackets(tokens: Sequence[Token]) -> list[Token]:
    """MariaDB's `MATCH a, b AGAINST ('x')` → `MATCH (a, b) AGAINST ('x')`."""
    result: list[Token] = []
    is_open = False
    for index, token in enumerate(tokens):
        if is_open and word_at(tokens, index) == "against":
            result.append(turned(token, TokenType.R_PAREN, ")"))
            is_open = False
        result.append(token)
        if word_at(tokens, index) == "match" and not is_at(tokens, index + 1, TokenType.L_PAREN):
            result.append(turned(token, TokenType.L_PAREN, "("))
            is_open = True
    return result


_SELECT_WORDS = frozenset(
    "straight_join high_priority sql_calc_found_rows sql_no_cache sql_cache sql_small_result sql_big_result"
    " sql_buffer_result".split()
)


def without_group_order(tokens: Sequence[Token]) -> list[Token]:
    """MariaDB's `GROUP BY a DESC`, `LIMIT ROWS EXAMINED 5`, and several words after SELECT."""
    result: list[Token] = []
    is_grouping = False
    for index, token in enumerate(tokens):
        word = word_at(tokens, index)
        is_grouping = word == "group by" or (
            is_grouping and word not in ("having", "order by", "limit", "select", "union")
        )
        if word == "default" and is_at(tokens, index + 1, TokenType.L_PAREN):
            result.append(turned(token, TokenType.VAR, "call_default"))
        elif is_grouping and word in ("asc", "desc"):
            is_grouping = True
        elif "examined" in (word, word_at(tokens, index + 1) if word == "rows" else "") or (
            word_at(tokens, index - 1) == "examined" and word_at(tokens, index - 3) != "limit"
        ):
            is_grouping = False
        elif word not in _SELECT_WORDS or not result or word_at(result, len(result) - 1) not in ("select", "distinct"):
            result.append(token)
    return result


def as_operators(tokens: Sequence[Token]) -> list[Token]:
    """`ESCAPE 0x5c`, and `@a := b` where the parser expects no assignment: any operator between two operands."""
    result: list[Token] = []
    for index, token in enumerate(tokens):
        if word_at(tokens, index) == "escape" and not is_at(tokens, index + 1, TokenType.STRING):
            result.append(turned(token, TokenType.PLUS, "+"))
        elif token.token_type == TokenType.COLON_EQ:
            result.append(turned(token, TokenType.EQ, "="))
        else:
            result.append(token)
    return result


def outer_joins_in_brackets(tokens: Sequence[Token]) -> list[Token]:
    """ODBC's `{ OJ a LEFT JOIN b ON … }`."""
    result: list[Token] = []
    depth = 0
    for index, token in enumerate(tokens):
        if is_at(tokens, index, TokenType.L_BRACE) and word_at(tokens, index + 1) == "oj":
            depth += 1
            result.append(turned(token, TokenType.L_PAREN, "("))
        elif depth and is_at(tokens, index, TokenType.R_BRACE):
            depth -= 1
            result.append(turned(token, TokenType.R_PAREN, ")"))
        elif word_at(tokens, index) != "oj" or not is_at(tokens, index - 1, TokenType.L_BRACE):
            result.append(token)
    return result


def without_update_hints(tokens: Sequence[Token]) -> list[Token]:
    """`UPDATE t USE INDEX (a) SET …`: what stands between UPDATE and SET is dropped, it holds names of indexes."""
    result: list[Token] = []
    end = 0
    is_target = False
    for index, token in enumerate(tokens):
        word = word_at(tokens, index)
        is_target = (is_target or word == "update") and word != "set"
        is_hint = word in ("use", "force", "ignore") and word_at(tokens, index + 1) in ("index", "key")
        if is_target and is_hint and index >= end:
            opening = next((i for i in range(index, len(tokens)) if is_at(tokens, i, TokenType.L_PAREN)), index)
            end = closing(tokens, opening) + 1 if opening > index else index
        if index >= end:
            result.append(token)
    return result


_TYPED_CALLS = frozenset(("column_create", "column_add", "column_get", "weight_string"))


def without_typed_arguments(tokens: Sequence[Token]) -> list[Token]:
    """`COLUMN_CREATE(1, x AS CHAR(5), 2, y)`, `WEIGHT_STRING(a LEVEL 1)`: what follows an argument names no column."""
    result: list[Token] = []
    brackets: list[bool] = []
    dropped_at: int | None = None
    for index, token in enumerate(tokens):
        depth = len(brackets)
        if is_at(tokens, index, TokenType.R_PAREN) and brackets:
            brackets.pop()
        if dropped_at is not None and depth == dropped_at and token.token_type in (TokenType.COMMA, TokenType.R_PAREN):
            dropped_at = None
        is_typed = bool(brackets) and brackets[-1] and word_at(tokens, index) in ("as", "level")
        if dropped_at is None and is_typed:
            dropped_at = depth
        if is_at(tokens, index, TokenType.L_PAREN):
            brackets.append(word_at(tokens, index - 1) in _TYPED_CALLS)
        if dropped_at is None:
            result.append(token)
    return result


_GEOMETRIC = frozenset(("overlaps", "contains", "within", "crosses", "touches", "equals", "disjoint", "intersects"))


def geometry_as_calls(tokens: Sequence[Token]) -> list[Token]:
    """`Overlaps(a, b)`: an operator to the parser."""
    return [
        turned(token, TokenType.VAR, f"call_{token.text}")
        if word_at(tokens, index) in _GEOMETRIC and is_at(tokens, index + 1, TokenType.L_PAREN)
        else token
        for index, token in enumerate(tokens)
    ]


def plain_types(tokens: Sequence[Token]) -> list[Token]:
    """`CAST(x AS UNSIGNED INT)`, `CHAR(2) BINARY`, `COLLATE DEFAULT`: what says more of a type."""
    result: list[Token] = []
    for index, token in enumerate(tokens):
        word, before = word_at(tokens, index), word_at(tokens, index - 1)
        is_last = is_at(tokens, index + 1, TokenType.R_PAREN)
        is_detail = (word in ("int", "integer") and before in ("unsigned", "signed")) or (
            is_last and word in ("binary", "unicode", "ascii") and is_at(tokens, index - 1, TokenType.R_PAREN)
        )
        is_default = (word == "collate" and word_at(tokens, index + 1) == "default") or (
            word == "default" and before == "collate"
        )
        if not is_detail and not is_default:
            result.append(token)
    return result
