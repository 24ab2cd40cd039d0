"""A trail as it is kept: read, checked, checkpointed and pruned."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from grants import chains
from grants.audit import STEPS, AuditRecord, Entry, Event, Filter, KeyedHash, Seals, parsed
from grants.chains import Fault
from grants.checkpoints import Checkpoints, Head, head_of
from grants.errors import RecordError, UnknownPrincipal
from grants.retention import Pruning, pruning
from grants.rules import key_of
from grants.signing import PublicKey
from grants.sinks import Kept
from grants.trail import Trail
from masking import Policy


def seals_of(policy: Policy, seal: KeyedHash) -> Seals:
    """What the seals of a trail are checked with: the applications' key, and the keys of everybody in `policy`."""
    people: dict[str, PublicKey] = {}
    for principal in policy.people:
        with suppress(UnknownPrincipal):
            people[principal] = key_of(principal, policy)
    return Seals(seal=seal, people=people)


def records_of(kept: Kept, environment: str, *, matching: Filter | None = None) -> Iterator[AuditRecord]:
    """The records that `matching` lets through, oldest first; unreadable ones are left to `verify`."""
    wanted = matching or Filter()
    for record in map(parsed, kept.entries(environment)):
        if record is not None and wanted.matches(record):
            yield record


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The trail of one environment in one place, and the second place that knows how far it has come.

    `steps`: where people's steps are as well, if they may be in another place than what rests on them.
    """

    kept: Kept
    environment: str
    seals: Seals
    checkpoints: Checkpoints | None = None
    steps: Kept | None = None

    def verify(self, *, against: Iterable[Kept] = ()) -> tuple[Fault, ...]:
        """Everything that is wrong: altered, removed, reordered, invented or cut off records.

        `against`: other places that keep the same trail, and tell how far it has come as well.

        Raises:
            GrantError, OSError: a place could not tell.
        """
        heads = [head for head in self._known() if self.kept.place in head.places]
        for other in against:
            heads += self._heads(other)
        # Read last, so that what is written meanwhile is not missed in it.
        entries = list(self.kept.entries(self.environment))
        faults = [*chains.verify(entries, self.seals, heads=heads)]
        faults += chains.unfounded(entries, environment=self.environment, steps=self._steps_elsewhere())
        return tuple(sorted(faults, key=lambda fault: fault.line))

    def _steps_elsewhere(self) -> Iterator[AuditRecord]:
        for record in records_of(self.steps, self.environment) if self.steps is not None else ():
            if record.event in STEPS and not self.seals.problem(record):
                yield record

    def knows_ends(self) -> bool:
        """Whether the second place knows how far anybody in the environment has come.

        Raises:
            GrantError, OSError: it could not tell.
        """
        return next(self._known(), None) is not None

    def _known(self) -> Iterator[Head]:
        return iter(()) if self.checkpoints is None else self.checkpoints.heads(self.environment)

    def _heads(self, kept: Kept) -> Iterator[Head]:
        for record in chains.last_records(kept.entries(self.environment), self.seals):
            yield head_of(record, self.seals.seal, places=(self.kept.place,))

    def checkpoint(self) -> int:
        """How many chains' heads were kept in the second place: those of people's steps too.

        Raises:
            RecordError: there is no second place, or the trail is not whole.
            GrantError, OSError: a place does not answer.
        """
        if self.checkpoints is None:
            raise RecordError("there is no second place: name one in UNMASK_AUDIT_CHECKPOINTS or with --checkpoints")
        self._check_whole()
        known = {head.writer: head.sequence for head in self._known()}
        heads = list(self._heads(self.kept))
        for head in heads:
            if head.sequence > known.get(head.writer, -1):
                self.checkpoints.keep(head)
        return len(heads)

    def prune(self, *, before: datetime, now: datetime) -> Pruning:
        """What was removed, once a sealed record of it is kept in the trail.

        Raises:
            RecordError: the trail is not whole.
            GrantError, OSError: a place does not answer.
        """
        self._check_whole()
        found = pruning(list(records_of(self.kept, self.environment)), before=before)
        trail = Trail([self.kept], self.seals.seal, checkpoints=self.checkpoints)
        for ends in found.anchors():
            trail.write(Entry(event=Event.PRUNED, environment=self.environment, at=now, ends=ends))
        if found.ids:
            self.kept.remove(self.environment, found.ids)
        if self.checkpoints is not None and found.finished:
            self.checkpoints.forget(self.environment, found.finished)
        return found

    def _check_whole(self) -> None:
        if self.verify():
            raise RecordError("the trail is not whole, so nothing was changed: see `unmask audit verify`")

    def close(self) -> None:
        """Gives back what the places hold."""
        self.kept.close()
        if self.checkpoints is not None:
            self.checkpoints.close()
