"""MySQL's and MariaDB's `MATCH (…) AGAINST` and `DEFAULT(…)`: calls of a column, and of no expression."""

from collections.abc import Iterator, Mapping

from rewriter.errors import Reason, StatementRefused
from rewriter.scans import Scan
from rewriter.statement import Statement


def check_column_arguments(statement: Statement, hidden: Mapping[Scan, frozenset[str]]) -> None:
    """None of them is of a masked column. `hidden`: the words of those, by scan.

    Raises:
        StatementRefused: one is: a full-text index tells of raw values, and a mask has no default.
    """
    if statement.dialect != "mysql" or not any(hidden.values()):
        return
    for call, index in _arguments(statement):
        word = statement.tokens[index].text.lower()
        is_qualified = statement.words[index - 1] == "."
        scans = [s for s in hidden if not is_qualified or s.word == statement.tokens[index - 2].text.lower()]
        if any(word in hidden[scan] for scan in scans):
            name = statement.tokens[index].text
            raise StatementRefused(Reason.CONSTRUCT, _HINTS[call].format(name=name))


_HINTS = {
    "match": "The full-text index of {name} holds unmasked values: search columns without a mask, or use LIKE.",
    "default": "The default of {name}, a masked column, is in SHOW COLUMNS; to store it, write a bare DEFAULT.",
}


def _arguments(statement: Statement) -> Iterator[tuple[str, int]]:
    """Each word among the arguments of such a call, with the call's name."""
    words, tokens = statement.words, statement.tokens
    for start, call in enumerate(words):
        if call not in _HINTS or tokens[start].start in statement.quoted or not statement.is_word(tokens[start]):
            continue
        if call == "default" and words[start + 1 : start + 2] != ("(",):
            continue
        end = "against" if call == "match" else ")"
        for index in range(start + 1, len(words)):
            if words[index] == end:
                break
            if statement.is_word(tokens[index]):
                yield call, index
