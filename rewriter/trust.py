"""Statements of principals that the policy trusts: they run as they are, once they are recorded."""

from dataclasses import dataclass

from masking import Dialect, Fingerprint
from rewriter.errors import StatementRefused
from rewriter.fingerprint import fingerprint
from rewriter.kinds import StatementKind
from rewriter.prepared import Aftermath, Safe
from rewriter.principals import Who
from rewriter.recorded_text import without_literals
from rewriter.reveals import Reporter
from rewriter.statement import read_statement

_MOST_REMEMBERED = 1024

_KEEPS_SCHEMA = frozenset({StatementKind.SELECT, StatementKind.WRITE, StatementKind.TRANSACTION})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the record says of a statement, and what it leaves to do. Nothing is said of one that cannot be parsed."""

    fingerprint: Fingerprint
    statement: str
    aftermath: Aftermath


class Trust:
    """Records and passes the statements of trusted principals."""

    def __init__(self, reporter: Reporter, dialect: Dialect) -> None:
        self._reporter = reporter
        self._dialect = dialect
        self._seen: dict[tuple[str, bool], _Seen] = {}

    def statement(self, text: str, who: Who, *, is_formatted: bool) -> Safe | None:
        """`text`, marked; None where it could not be recorded."""
        seen = self._seen.get((text, is_formatted))
        if seen is None:
            if len(self._seen) >= _MOST_REMEMBERED:
                self._seen.clear()
            seen = self._seen[text, is_formatted] = self._read(text, is_formatted=is_formatted)
        if not self._reporter.trusted(who, seen.fingerprint, seen.statement):
            return None
        return Safe.of(text, None if seen.aftermath == Aftermath() else seen.aftermath)

    def _read(self, text: str, *, is_formatted: bool) -> _Seen:
        try:
            statement = read_statement(text, self._dialect, is_percent_doubled=is_formatted)
        except StatementRefused:
            return _Seen(Fingerprint(""), "", Aftermath(is_schema_change=True))
        aftermath = Aftermath(
            is_schema_change=statement.kind not in _KEEPS_SCHEMA,
            is_transaction=statement.kind is StatementKind.TRANSACTION,
        )
        return _Seen(fingerprint(statement), without_literals(statement), aftermath)
