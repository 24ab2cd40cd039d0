"""Statements of principals that the policy trusts: they run as they are, once they are recorded."""

import os
from dataclasses import dataclass

from masking import Dialect, Fingerprint, Reveal
from rewriter.errors import StatementRefused
from rewriter.fingerprint import fingerprint
from rewriter.kinds import StatementKind, changes_meaning
from rewriter.prepared import Aftermath, Safe
from rewriter.principals import Who
from rewriter.recorded_text import without_literals
from rewriter.reporter import Reporter
from rewriter.statement import read_statement

_MOST_REMEMBERED = 1024
_LONGEST_REMEMBERED = 8192  # characters

_KEEPS_SCHEMA = frozenset({StatementKind.SELECT, StatementKind.WRITE, StatementKind.TRANSACTION})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is recorded of a statement, and what it leaves to do. Nothing is said of one that cannot be parsed."""

    reveal: Reveal
    aftermath: Aftermath | None


class Trust:
    """Records and passes the statements of trusted principals."""

    def __init__(self, reporter: Reporter, dialect: Dialect) -> None:
        self._reporter = reporter
        self._dialect = dialect
        self._seen: dict[tuple[int, Who, str, bool], _Seen] = {}

    def statement(self, text: str, who: Who, *, is_formatted: bool) -> Safe | None:
        """`text`, marked; None where it could not be recorded."""
        key = (os.getpid(), who, text, is_formatted)  # the record names the process
        seen = self._seen.get(key)
        if seen is None:
            seen = self._read(text, who, is_formatted=is_formatted)
            if len(self._seen) >= _MOST_REMEMBERED:
                self._seen.clear()
            if len(text) <= _LONGEST_REMEMBERED:
                self._seen[key] = seen
        return Safe.of(text, seen.aftermath) if self._reporter.is_trusted(seen.reveal) else None

    def _read(self, text: str, who: Who, *, is_formatted: bool) -> _Seen:
        try:
            statement = read_statement(text, self._dialect, is_percent_doubled=is_formatted)
        except StatementRefused:
            reveal = self._reporter.trust(who, Fingerprint(""), "")
            return _Seen(reveal, Aftermath(is_schema_change=True, is_distrusting=True))
        aftermath = Aftermath(
            is_schema_change=statement.kind not in _KEEPS_SCHEMA,
            is_transaction=statement.kind is StatementKind.TRANSACTION,
            is_setting=changes_meaning(text),
            is_distrusting=statement.kind in (StatementKind.WRITE, StatementKind.DDL),
        )
        reveal = self._reporter.trust(who, fingerprint(statement), without_literals(statement))
        return _Seen(reveal, None if aftermath == Aftermath() else aftermath)
