"""PostgreSQL's `current_setting()`, which must not hand out the keys of hash masks.

Reflection calls it with a bound name, so the name cannot be judged before the statement runs: it is edited so that
no value of it can begin with the settings' prefix.
"""

from collections.abc import Iterator

from sqlglot.tokenizer_core import TokenType

from masking.secrets import session_secrets
from rewriter.binding import Binding
from rewriter.edits import Edit
from rewriter.statement import Statement


def setting_edits(statement: Statement, binding: Binding) -> Iterator[Edit]:
    """`current_setting(x)` → `current_setting(pg_catalog.replace(pg_catalog.lower(x), 'unmask.', '-'))`.

    The replacement holds no part of the prefix, so nothing around it can form one anew. Without hash masks nothing
    changes.
    """
    if statement.dialect != "postgresql" or "current_setting" not in statement.words or not _has_secrets(binding):
        return
    tokens = statement.tokens
    for index, word in enumerate(statement.words[:-1]):
        if word == "current_setting" and tokens[index + 1].token_type == TokenType.L_PAREN:
            depth = 0
            for after in tokens[index + 1 :]:
                depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(after.token_type, 0)
                if depth == 0 or (depth == 1 and after.token_type == TokenType.COMMA):
                    start = tokens[index + 1].end + 1
                    yield Edit(start, start, "pg_catalog.replace(pg_catalog.lower(")
                    yield Edit(after.start, after.start, "), 'unmask.', '-')")
                    break


def _has_secrets(binding: Binding) -> bool:
    known = binding.memo.get("has secrets")
    if known is None:
        known = binding.memo["has secrets"] = bool(session_secrets(binding.policy, "postgresql"))
    return bool(known)
