"""What access allows a statement to reveal, and the record of it, made before the statement runs."""

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from masking import Access, ColumnName, Fingerprint, Permit, Principal, Reveal
from rewriter.errors import StatementRefused
from rewriter.principals import Who
from rewriter.protocols import Recorder
from rewriter.rewrite import Rewritten

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """The part of an access that decides how text is rewritten: equal for all who may see the same.

    `columns`: in any statement. `statements`: (fingerprint, columns) in that statement only.
    """

    columns: frozenset[ColumnName] = frozenset()
    statements: frozenset[tuple[str, frozenset[ColumnName]]] = frozenset()

    def for_statement(self, fingerprint: str) -> frozenset[ColumnName]:
        """The columns that the statement with this fingerprint may reveal."""
        bound = (columns for statement, columns in self.statements if statement == fingerprint)
        return self.columns.union(*bound)


NOTHING = Allowance()


def is_usable(permit: Permit) -> bool:
    """Whether the hook can hold a statement to the permit's terms."""
    # Fail closed: a permit narrowed by rows or uses would have to be widened to be used here.
    return permit.where is None and permit.uses is None


def allowance(access: Access) -> Allowance:
    """What the permits of `access` come to."""
    usable = [permit for permit in access.permits if is_usable(permit)]
    return Allowance(
        frozenset().union(*(permit.columns for permit in usable if permit.statement is None)),
        frozenset((permit.statement, permit.columns) for permit in usable if permit.statement is not None),
    )


def permits_used(access: Access, rewritten: Rewritten, at: datetime) -> tuple[Permit, ...] | None:
    """The permits that cover what the statement reveals; None where one of its columns has no permit left at `at`."""
    used = tuple(
        permit
        for permit in access.permits
        if is_usable(permit)
        and permit.statement in (None, rewritten.fingerprint)
        and (permit.expires_at is None or at < permit.expires_at)
        and not permit.columns.isdisjoint(rewritten.revealed)
    )
    covered = frozenset[ColumnName]().union(*(permit.columns for permit in used))
    return used if rewritten.revealed <= covered else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where statements run, as every record says it."""

    environment: str
    policy_version: str


class Reporter:
    """Reports reveals and refusals of one engine."""

    def __init__(self, recorder: Recorder | None, place: Place) -> None:
        self._recorder = recorder
        self._place = place
        self._host = socket.gethostname()

    def revealed(self, who: Who, access: Access, rewritten: Rewritten, *, database: str) -> str | None:
        """The id of the record of this reveal; None where it could not be made, so nothing may be revealed."""
        at = datetime.now(UTC)
        permits = permits_used(access, rewritten, at)
        if self._recorder is None or permits is None or who.principal is None:
            return None
        reveal = self._reveal(who, rewritten.fingerprint, rewritten.statement, permits=permits, at=at)
        columns = tuple(sorted(rewritten.revealed))
        reveal = replace(reveal, database=database, tables=rewritten.tables, columns=columns)
        return self._recorded(self._recorder, reveal)

    def _reveal(
        self, who: Who, fingerprint: Fingerprint, statement: str, *, permits: tuple[Permit, ...], at: datetime
    ) -> Reveal:
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
            at=at,
        )

    @staticmethod
    def _recorded(recorder: Recorder, reveal: Reveal) -> str | None:
        try:
            return recorder.reveal(reveal)
        except Exception as error:  # noqa: BLE001 -- whatever a sink raises, the reveal is not recorded
            # Fail closed: what cannot be recorded is masked.
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
        reveal = self._reveal(who, fingerprint, statement, permits=(permit,), at=datetime.now(UTC))
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
