"""What the hook reports: reveals, rows fetched, refusals. Satisfies the hook's protocol by shape."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from grants.audit import Entry, Event, GrantUse
from grants.errors import RecordError
from grants.judge import Ended
from grants.trail import Trail
from masking import Fingerprint, Permit, Principal, Reveal

_log = logging.getLogger(__name__)


class Recorder:
    """Records what statements reveal, in the trail of their environment."""

    def __init__(
        self, trail: Callable[[str], Trail], trails: Mapping[str, Trail], *, clock: Callable[[], datetime]
    ) -> None:
        self._trail = trail
        self._trails = trails
        self._clock = clock

    def reveal(self, reveal: Reveal) -> str:
        """The id of the record of `reveal`, once a durable sink has taken it.

        Raises:
            RecordError: none took it; nothing may be revealed.
        """
        entry = Entry(
            event=Event.REVEALED,
            environment=reveal.environment,
            at=reveal.at,
            principal=reveal.principal,
            groups=reveal.groups,
            client=reveal.client,
            database=reveal.database,
            tables=reveal.tables,
            database_role=reveal.database_role,
            columns=tuple(str(column) for column in reveal.columns),
            grants=tuple(map(_use, reveal.permits)),
            fingerprint=reveal.fingerprint,
            statement=reveal.statement,
            policy_version=reveal.policy_version,
        )
        return self._trail(reveal.environment).write(entry)

    def rows(self, record: str, count: int) -> None:
        """Records that `count` rows of the reveal `record` were fetched. Never raises: the reveal stands recorded."""
        for environment, trail in list(self._trails.items()):
            if trail.wrote(record):
                self._try(
                    Entry(event=Event.FETCHED, environment=environment, at=self._clock(), record=record, rows=count)
                )

    def refused(
        self,
        *,
        principal: Principal | None,
        fingerprint: Fingerprint | None,
        reason: str,
        environment: str,
        at: datetime,
    ) -> None:
        """Records that a statement was declined. Never raises: it was not run."""
        self._try(
            Entry(
                event=Event.REFUSED,
                environment=environment,
                at=at,
                principal=principal,
                fingerprint=fingerprint,
                reason=reason,
            )
        )

    def ended(self, environment: str, ended: Ended) -> None:
        """Records that a grant expired or turned out to be void. Never raises: nothing was revealed."""
        self._try(
            Entry(
                event=ended.event,
                environment=environment,
                at=self._clock(),
                principal=ended.principal,
                request=ended.id,
                reason=ended.problem or None,
            )
        )

    def _try(self, entry: Entry) -> None:
        try:
            self._trail(entry.environment).write(entry)
        except RecordError as exc:
            _log.warning("%s is not recorded: %s", entry.event, exc)


def _use(permit: Permit) -> GrantUse:
    return GrantUse(
        id=permit.grant,
        reason=permit.reason,
        approvers=permit.approvers,
        where=permit.where.shape if permit.where is not None else None,
        uses=permit.uses,
        break_glass=permit.break_glass or None,
    )
