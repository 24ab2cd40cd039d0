"""What the hook reports: reveals, rows fetched, refusals. Satisfies the hook's protocol by shape."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from grants.audit import Count, Entry, Event, GrantUse
from grants.errors import RecordError
from grants.judge import Ended
from grants.sealing import Form
from grants.tally import Tally
from grants.trail import Trail
from masking import Fingerprint, Permit, Principal, Reveal

_log = logging.getLogger(__name__)
_MOST_REMEMBERED = 1024  # reveals
_LONGEST_REMEMBERED = 8192  # characters of a statement


class Recorder:
    """Records what statements reveal, in the trail of their environment."""

    def __init__(
        self, trail: Callable[[str], Trail], trails: Mapping[str, Trail], *, clock: Callable[[], datetime]
    ) -> None:
        self._trail = trail
        self._trails = trails
        self._clock = clock
        self._tally = Tally(self._counted)
        self._forms: dict[int, tuple[Reveal, Form]] = {}

    def reveal(self, reveal: Reveal) -> str:
        """The id of the record of `reveal`, once a durable sink has taken it.

        Raises:
            RecordError: none took it; nothing may be revealed.
        """
        at, known = self._clock(), self._forms.get(id(reveal))
        form = known[1] if known is not None and known[0] is reveal else self._learnt(reveal, at)
        return self._trail(reveal.environment).write_as(form, at=at)

    def _learnt(self, reveal: Reveal, at: datetime) -> Form:
        """How `reveal` is spelt. It is kept with its spelling, so that no other object can have its id meanwhile."""
        form = Form.of(_entry(reveal, at))
        if len(self._forms) >= _MOST_REMEMBERED:
            self._forms.clear()
        if len(reveal.statement) <= _LONGEST_REMEMBERED:
            self._forms[id(reveal)] = (reveal, form)
        return form

    def rows(self, record: str, count: int) -> None:
        """Has it recorded, a moment later, that `count` rows of the reveal `record` were fetched. Never raises."""
        self._tally.add(record, count)

    def settle(self) -> None:
        """Whatever `rows` was told until now is recorded."""
        self._tally.settle()

    def _counted(self, counts: Sequence[Count]) -> None:
        for environment, trail in list(self._trails.items()):
            own = tuple(count for count in counts if trail.wrote(count.record))
            if own:
                trail.note(Entry(event=Event.FETCHED, environment=environment, at=self._clock(), counts=own))

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


def _entry(reveal: Reveal, at: datetime) -> Entry:
    return Entry(
        event=Event.REVEALED,
        environment=reveal.environment,
        at=at,
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


def _use(permit: Permit) -> GrantUse:
    return GrantUse(
        id=permit.grant,
        reason=permit.reason,
        approvers=permit.approvers,
        where=permit.where.shape if permit.where is not None else None,
        uses=permit.uses,
        break_glass=permit.break_glass or None,
    )
