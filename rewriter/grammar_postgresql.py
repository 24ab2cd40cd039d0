"""PostgreSQL's forms that the parser's grammar lacks, as forms that it knows: rules of `rewriter.grammar`."""

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from rewriter.token_runs import closing, is_at, turned, word_at

Tokens = list[Token]


def tables_out_of_brackets(tokens: Sequence[Token]) -> Tokens:
    """`ONLY (person)`: as without the brackets."""
    result = list(tokens)
    for index in reversed(range(len(tokens))):
        if word_at(tokens, index) == "only" and is_at(tokens, index + 1, TokenType.L_PAREN):
            end = closing(tokens, index + 1)
            if _is_path(tokens[index + 2 : end]):
                del result[end : end + 1]
                del result[index + 1]
    return result


def _is_path(tokens: Sequence[Token]) -> bool:
    """Whether there is nothing but a name, with those of its schema and database."""
    dots = tokens[1::2]
    is_alternating = len(tokens) % 2 == 1 and all(token.token_type == TokenType.DOT for token in dots)
    return is_alternating and all(token.token_type != TokenType.L_PAREN for token in tokens)


def rows_without_lateral(tokens: Sequence[Token]) -> Tokens:
    """`LATERAL ROWS FROM (…)`: functions in FROM see what stands before them without the word."""
    is_extra = {
        index
        for index in range(len(tokens))
        if [word_at(tokens, index + i) for i in range(3)] == ["lateral", "rows", "from"]
    }
    return [token for index, token in enumerate(tokens) if index not in is_extra]


def operators_as_signs(tokens: Sequence[Token]) -> Tokens:
    """`OPERATOR(pg_catalog.-) x`: a minus, which stands before one operand or between two."""
    result: Tokens = []
    index = 0
    while index < len(tokens):
        is_operator = word_at(tokens, index) == "operator" and is_at(tokens, index + 1, TokenType.L_PAREN)
        end = closing(tokens, index + 1) if is_operator else index
        result.append(turned(tokens[index], TokenType.DASH, "-") if is_operator else tokens[index])
        index = end + 1
    return result


def without_finer_words(tokens: Sequence[Token]) -> Tokens:
    """`x IS NFC NORMALIZED` and `x AT LOCAL`."""
    result: Tokens = []
    for index, token in enumerate(tokens):
        is_form = word_at(tokens, index) in _FORMS and word_at(tokens, index + 1) == "normalized"
        is_local = "at local" in (f"{word_at(tokens, index + i)} {word_at(tokens, index + i + 1)}" for i in (-1, 0))
        if not is_form and not is_local:
            result.append(token)
    return result


_FORMS = frozenset(("nfc", "nfd", "nfkc", "nfkd"))


def without_stars_of_tables(tokens: Sequence[Token]) -> Tokens:
    """`FROM person* p`: with its children, as without the star."""
    result: Tokens = []
    for index, token in enumerate(tokens):
        start = index - 1
        while is_at(tokens, start - 1, TokenType.DOT):
            start -= 2
        is_table = word_at(tokens, start - 1) in ("from", "join") and word_at(tokens, index + 1) not in ("(", "")
        if token.token_type != TokenType.STAR or not is_table:
            result.append(token)
    return result


def patterns_as_arguments(tokens: Sequence[Token]) -> Tokens:
    """`substring(a SIMILAR b ESCAPE c)` and `COLLATION FOR (a)`."""
    result = list(tokens)
    for index in reversed(range(len(tokens))):
        word = word_at(result, index)
        if word == "collation" and word_at(result, index + 1) == "for":
            del result[index + 1]
        elif word == "substring" and is_at(result, index + 1, TokenType.L_PAREN):
            end = closing(result, index + 1)
            result[index:end] = [
                turned(token, TokenType.COMMA, ",") if word_at([token], 0) in ("similar", "escape") else token
                for token in result[index:end]
            ]
    return result


def without_details(tokens: Sequence[Token]) -> Tokens:
    """`x::regtype[]`, `numeric(3, -6)`, `interval second(2)`, `U&'…' UESCAPE '!'`: what says more of a type or text."""
    result: Tokens = []
    index = 0
    while index < len(tokens):
        is_list = word_at(tokens, index - 1).startswith("reg") and is_at(tokens, index - 2, TokenType.DCOLON)
        is_escape = word_at(tokens, index) == "uescape" and is_at(tokens, index - 1, TokenType.STRING)
        is_scale = is_at(tokens, index, TokenType.DASH) and word_at(tokens, index - 4) in ("numeric", "decimal")
        is_seconds = word_at(tokens, index - 1) == "second" and word_at(tokens, index - 2) in ("interval", "to")
        if is_escape or (is_list and is_at(tokens, index, TokenType.L_BRACKET)):
            index += 2
        elif is_seconds and is_at(tokens, index, TokenType.L_PAREN):
            index = closing(tokens, index) + 1
        elif is_scale and is_at(tokens, index - 1, TokenType.COMMA) and is_at(tokens, index + 2, TokenType.R_PAREN):
            index += 1
        else:
            result.append(tokens[index])
            index += 1
    return result
