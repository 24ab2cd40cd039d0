"""MySQL's and MariaDB's XML functions, whose XPath may name user variables, and is quoted in errors."""

from sqlglot.tokenizer_core import TokenType

from rewriter.statement import Statement

PATH_CALLS = frozenset(("extractvalue", "updatexml"))


def is_plain_path(statement: Statement, opening: int) -> bool:
    """Whether the second argument, behind the bracket at `opening`, is a literal that names no variable."""
    tokens, depth = statement.tokens, 0
    for index in range(opening, len(tokens) - 2):
        kind = tokens[index].token_type
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(kind, 0)
        if depth == 0:
            return False
        if depth == 1 and kind == TokenType.COMMA:
            is_alone = tokens[index + 2].token_type in (TokenType.COMMA, TokenType.R_PAREN)
            path = statement.sql[tokens[index + 1].start : tokens[index + 2].start]
            # A backslash may write the sign, and so may a placeholder's value.
            return is_alone and statement.is_string(tokens[index + 1]) and not any(sign in path for sign in "$\\%")
    return False
