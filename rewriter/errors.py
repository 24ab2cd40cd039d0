"""Errors of the rewriter.

RewriteError
├── StatementRefused      the statement is declined; `.reason` says why, `.hint` what to write instead
│   └── UnknownRelation   it names a relation that the schema lacks
└── LeakError             the produced text failed its own check: a defect of this package

No error holds a literal, parameter or cell value of the statement; the fingerprint stands for it.
"""

from enum import StrEnum

from masking.access import Fingerprint


class Reason(StrEnum):
    """Why a statement is refused: a closed set."""

    LEXICAL = "text that the database may read in more than one way"
    UNPARSEABLE = "SQL that cannot be parsed"
    SEVERAL_STATEMENTS = "several statements in one string"
    STATEMENT_KIND = "a kind of statement that is not allowed"
    WRITE = "a write that touches sensitive columns"
    UNKNOWN_RELATION = "a relation that is not in the schema"
    SYSTEM_CATALOG = "a system catalog that may hold other people's values"
    FUNCTION = "a function that is not known to be harmless"
    VIEW = "a view that cannot be masked"
    CONSTRUCT = "a construct that cannot be masked exactly"
    SESSION = "session settings under which statements cannot be read safely"
    DATABASE_ROLE = "a database role that cannot be taken"
    RAW_ACCESS = "driver access that goes around the rewriter"
    ACCESS_ENDED = "rows of a result whose access ended before they were fetched"
    TOO_LARGE = "a statement beyond the size that is examined"


class RewriteError(Exception):
    """Root of every error that `rewriter` raises."""


class StatementRefused(RewriteError):
    """The statement was not run.

    Attributes:
        reason: why, from the closed set `Reason`.
        hint: what to write instead, or which policy line would allow it.
        fingerprint: stands for the statement; empty where it could not be parsed.
    """

    def __init__(self, reason: Reason, hint: str, fingerprint: Fingerprint | None = None) -> None:
        super().__init__(reason, hint, fingerprint)
        self.reason = reason
        self.hint = hint
        self.fingerprint = fingerprint

    def __str__(self) -> str:
        return f"statement refused: {self.reason.value}. {self.hint}"


class UnknownRelation(StatementRefused):
    """The statement names a relation that the schema lacks.

    `probe` is a statement that names only that relation and reads nothing: run on the database, it raises the
    database's own error for a missing relation. `parts` are those of its name, as written but for quotes.
    """

    def __init__(self, parts: tuple[str, ...], probe: str) -> None:
        super().__init__(Reason.UNKNOWN_RELATION, f"There is no relation {'.'.join(parts)} in the schema.")
        self.args = (parts, probe)
        self.parts = parts
        self.probe = probe


class LeakError(RewriteError):
    """The produced text failed its own check; the statement was not run. Please report it."""
