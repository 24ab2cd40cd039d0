"""What access allows a statement to reveal, and the record of it, made before the statement runs."""

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from masking import NOBODY, Access, ColumnName, Fingerprint, Permit, Principal, Reveal
from rewriter.errors import StatementRefused
from rewriter.exactness import UNKNOWN, is_exactly
from rewriter.narrowing import Rows
from rewriter.principals import Who
from rewriter.protocols import AccessSource, Recorder
from rewriter.rewritten import Rewritten

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """What one statement may reveal: `columns` in every row, those of `rows` where the condition holds."""

    columns: frozenset[ColumnName] = frozenset()
    rows: Rows = frozenset()

    def __or__(self, other: "Shown") -> "Shown":
        columns = self.columns | other.columns
        return Shown(columns, frozenset(one for one in self.rows | other.rows if one[0] not in columns))


@dataclass(frozen=True, slots=True)
class Allowance:
    """The part of an access that decides how text is rewritten: equal for all who may see the same.

    `always`: in any statement. `statements`: by fingerprint, what that statement may reveal besides. `database_role`:
    the role of the database that statements run under.
    """

    always: Shown = Shown()
    statements: frozenset[tuple[str, Shown]] = frozenset()
    database_role: str | None = None

    def for_statement(self, fingerprint: str) -> Shown:
        """What the statement with this fingerprint may reveal."""
        shown = self.always
        for statement, more in self.statements:
            if statement == fingerprint:
                shown |= more
        return shown


def allowance(access: Access) -> Allowance:
    """What the permits of `access` come to."""
    always, statements = Shown(), set()
    for permit in access.permits:
        if permit.statement is None:
            always |= _shown(permit)
        else:
            statements.add((permit.statement, _shown(permit)))
    carrier = role_permit(access)
    return Allowance(always, frozenset(statements), None if carrier is None else carrier.database_role)


def role_permit(access: Access) -> Permit | None:
    """The permit by which a statement runs under a role of the database: of several roles, the first by name."""
    carriers = [one for one in access.permits if one.database_role is not None and not one.is_narrowed]
    return min(carriers, key=lambda one: one.database_role or "", default=None)


def _shown(permit: Permit) -> Shown:
    if permit.where is None:
        return Shown(permit.columns)
    return Shown(rows=frozenset((column, permit.where) for column in permit.columns))


@dataclass(frozen=True, slots=True)
class Run:
    """A statement that is about to run, where, with which of the driver's parameters, and under which role."""

    rewritten: Rewritten
    database: str
    database_role: str | None = None
    parameters: object = UNKNOWN

    def is_within(self, permit: Permit) -> bool:
        """Whether the statement has the values that `permit` is bound to, if it is for this one, and runs but once."""
        rewritten = self.rewritten
        if permit.uses is not None and self.parameters is UNKNOWN:
            return False  # Fail closed: a batch runs as often as it has rows.
        return (
            permit.exact is None
            or permit.statement != rewritten.fingerprint
            or is_exactly(
                permit.exact,
                rewritten.original,
                rewritten.dialect,
                parameters=self.parameters,
                is_percent_doubled=rewritten.is_percent_doubled,
            )
        )


def without(access: Access, dropped: Callable[[Permit], bool]) -> Access:
    """`access` less some of its permits; the same object where it loses none."""
    permits = tuple(one for one in access.permits if not dropped(one))
    return access if len(permits) == len(access.permits) else Access(permits=permits)


def permits_used(access: Access, run: Run) -> tuple[Permit, ...]:
    """The permits that the statement rests on: as few, and as little narrowed, as will do."""
    rewritten, carrier = run.rewritten, None if run.database_role is None else role_permit(access)
    used = [] if carrier is None else [carrier]
    covered = frozenset[ColumnName]().union(*(permit.columns for permit in used))
    for permit in sorted(access.permits, key=lambda one: (one.uses is not None, one.where is not None)):
        is_meant = permit.statement in (None, rewritten.fingerprint)
        if is_meant and permit.columns & rewritten.revealed - covered:
            used.append(permit)
            covered |= permit.columns if permit.where is None else frozenset()
    return tuple(used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where statements run, as every record says it."""

    environment: str
    policy_version: str


class Reporter:
    """Reports reveals and refusals of one engine."""

    def __init__(self, recorder: Recorder | None, place: Place, *, source: AccessSource | None = None) -> None:
        """`source`: where uses of limited permits are taken."""
        self._recorder = recorder
        self._source = source
        self._place = place
        self._host = socket.gethostname()

    def revealed(self, who: Who, access: Access, run: Run) -> str | Access:
        """The id of the record of this reveal; or what is left of `access`, under which to try again, always less."""
        at, rewritten = datetime.now(UTC), run.rewritten
        left = without(access, lambda one: one.expires_at is not None and at >= one.expires_at)
        left = without(left, lambda one: not run.is_within(one))
        if left is not access:
            return left
        permits = permits_used(access, run)
        covered = frozenset[ColumnName]().union(*(permit.columns for permit in permits))
        if self._recorder is None or who.principal is None or not rewritten.revealed <= covered:
            return NOBODY
        limited = tuple(permit for permit in permits if permit.uses is not None)
        if limited and not (self._source is not None and self._source.spend(limited)):
            # Fail closed: what cannot be counted is not used.
            return without(access, limited.__contains__)
        reveal = self._reveal(who, rewritten.fingerprint, rewritten.statement, permits=permits)
        columns = tuple(sorted(rewritten.revealed))
        reveal = replace(reveal, database=run.database, tables=rewritten.tables, columns=columns)
        reveal = replace(reveal, database_role=run.database_role)
        # Fail closed: what cannot be recorded is masked.
        return self._recorded(self._recorder, reveal) or NOBODY

    def _reveal(self, who: Who, fingerprint: Fingerprint, statement: str, *, permits: tuple[Permit, ...]) -> Reveal:
        return Reveal(
            principal=who.principal or Principal(""),
            groups=tuple(sorted(who.groups)),
            client=f"{self._host}:{os.getpid()}",
            environment=self._place.environment,
            database="",
            tables=(),
            columns=(),
            permits=permits,
            fingerprint=fingerprint,
            statement=statement,
            policy_version=self._place.policy_version,
        )

    @staticmethod
    def _recorded(recorder: Recorder, reveal: Reveal) -> str | None:
        try:
            return recorder.reveal(reveal)
        except Exception as error:  # noqa: BLE001 -- whatever a sink raises, the reveal is not recorded
            _log.warning(
                "a reveal could not be recorded, so the statement runs masked: principal %s, fingerprint %s, %s",
                reveal.principal,
                reveal.fingerprint,
                type(error).__name__,
            )
            return None

    def trusted(self, who: Who, fingerprint: Fingerprint, statement: str) -> bool:
        """Whether the statement of a trusted principal is recorded, or nothing records at all."""
        if self._recorder is None:
            return True
        permit = Permit(grant="trusted", columns=frozenset(), reason="the policy trusts this principal")
        reveal = self._reveal(who, fingerprint, statement, permits=(permit,))
        return self._recorded(self._recorder, reveal) is not None

    def refused(self, principal: Principal | None, refusal: StatementRefused) -> None:
        """Record a refusal as well as can be: nothing was revealed, so nothing depends on it."""
        self._quietly(
            lambda recorder: recorder.refused(
                principal=principal,
                fingerprint=refusal.fingerprint,
                reason=refusal.reason.value,
                environment=self._place.environment,
                at=datetime.now(UTC),
            )
        )

    def rows(self, record: str, count: int) -> None:
        """Add the row count to a record, as well as can be."""
        self._quietly(lambda recorder: recorder.rows(record, count))

    def _quietly(self, report: Callable[[Recorder], None]) -> None:
        if self._recorder is None:
            return
        try:
            report(self._recorder)
        except Exception as error:  # noqa: BLE001 -- see the callers
            _log.warning("a record could not be completed: %s", type(error).__name__)
