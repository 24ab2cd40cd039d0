"""What an engine reports: reveals, recorded before their statements run, refusals, and counts of rows."""

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from masking import NOBODY, Access, ColumnName, Fingerprint, Permit, Principal, Reveal
from rewriter.errors import StatementRefused
from rewriter.principals import Who
from rewriter.protocols import AccessSource, Recorder
from rewriter.reveals import Run, permits_used, without

_log = logging.getLogger(__name__)


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

    def judged(self, who: Who, access: Access, run: Run) -> Reveal | Access:
        """What is to be recorded before `run`; or what is left of `access`, under which to try again, always less."""
        rewritten = run.rewritten
        left = _live(access, run)
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
        return replace(
            self._reveal(who, rewritten.fingerprint, rewritten.statement, permits=permits),
            database=run.database,
            tables=rewritten.tables,
            columns=tuple(sorted(rewritten.revealed)),
            database_role=run.database_role,
        )

    def left(self, access: Access, run: Run) -> Access:
        """What of `access` the statement could rest on now; the same object where it could on all. Nothing is taken."""
        left = _live(access, run)
        limited = tuple(permit for permit in permits_used(left, run) if permit.uses is not None)
        if limited and not (self._source is not None and self._source.has_uses(limited)):
            return without(left, limited.__contains__)
        return left

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

    def recorded(self, reveal: Reveal) -> str | None:
        """The id of the record of `reveal`; None where nothing recorded it, so that nothing may be revealed."""
        if self._recorder is None:
            return None
        try:
            return self._recorder.reveal(reveal)
        except Exception as error:  # noqa: BLE001 -- whatever a sink raises, the reveal is not recorded
            _log.warning(
                "a reveal could not be recorded, so the statement runs masked: principal %s, fingerprint %s, %s",
                reveal.principal,
                reveal.fingerprint,
                type(error).__name__,
            )
            return None

    def trust(self, who: Who, fingerprint: Fingerprint, statement: str) -> Reveal:
        """What is to be recorded before the statement of a trusted principal."""
        permit = Permit(grant="trusted", columns=frozenset(), reason="the policy trusts this principal")
        return self._reveal(who, fingerprint, statement, permits=(permit,))

    def is_trusted(self, reveal: Reveal) -> bool:
        """Whether the statement of a trusted principal is recorded, or nothing records at all."""
        return self._recorder is None or self.recorded(reveal) is not None

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


def _live(access: Access, run: Run) -> Access:
    """`access` without what has ended, or is not for this statement."""
    at = datetime.now(UTC)
    left = without(access, lambda one: one.expires_at is not None and at >= one.expires_at)
    return without(left, lambda one: not run.is_within(one))
