"""Functions that an engine calls where a value becomes another type: the checks of domains, casts that someone made.

They are called without being named, so the types' names are looked for instead.
"""

from rewriter.binding import Binding
from rewriter.calls import check_calls
from rewriter.judged import judged_functions
from rewriter.kinds import StatementKind
from rewriter.statement import Statement, read_statement


def check_conversions(statement: Statement, binding: Binding) -> None:
    """No type that the statement names runs a function that is not known to be harmless.

    Raises:
        StatementRefused: one does.
    """
    conversions = binding.catalog.conversions
    if not conversions:
        return
    words = {"", *(token.text.lower() for token in statement.tokens if statement.is_word(token))}
    if statement.kind is StatementKind.WRITE:
        words.add("=")
    if not _BY_TEXT.isdisjoint(words):
        words |= conversions.keys()
    for word in sorted(words & conversions.keys()):
        _check_type(word, binding)


_BY_TEXT = frozenset(("pg_input_is_valid", "pg_input_error_info"))
"""Functions that take the name of a type as text, and try a value on it."""


def _check_type(word: str, binding: Binding) -> None:
    """What becoming a type runs. Found out once per type."""
    key = ("conversions", word)
    if key not in binding.memo:
        for expression in sorted(binding.catalog.conversions[word]):
            statement = read_statement(f"SELECT {expression}", binding.dialect)
            check_calls(statement, binding, judged=judged_functions(statement, binding))
        binding.memo[key] = True
