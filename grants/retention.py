"""Retention: which records may go, and what stays of them so that what is left can still be verified."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from grants.audit import STEPS, AuditRecord, ChainEnd, Event
from grants.chains import is_asked_for
from grants.workflow import TIME_TO_DECIDE

_MOST_ENDS = 500  # in one record


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What may go: the records `ids`, up to and with `ends`. `finished`: writers of whom nothing is left."""

    ids: frozenset[str]
    ends: tuple[ChainEnd, ...]
    finished: frozenset[str]

    def anchors(self) -> Iterator[tuple[ChainEnd, ...]]:
        """`ends`, as many as one record takes at a time."""
        for start in range(0, len(self.ends), _MOST_ENDS):
            yield self.ends[start : start + _MOST_ENDS]


def pruning(records: Sequence[AuditRecord], *, before: datetime) -> Pruning:
    """The records from before `before` that nothing needs which stays: of each chain, a beginning without gaps.

    A person's step stays while its grant may live and while a reveal that rests on it stays; records of earlier
    prunings always do.
    """
    needed = _needed(record for record in records if record.at >= before)
    while True:
        going = _going(records, before, needed)
        more = _needed(record for record in records if record.id not in going)
        if more <= needed:
            break
        needed |= more
    gone = [record for record in records if record.id in going]
    last = {record.writer: record for record in gone}  # in the order of the chain
    ends = tuple(ChainEnd(writer=one.writer, sequence=one.sequence, seal=one.seal) for one in last.values())
    left = {record.writer for record in records if record.id not in going}
    return Pruning(ids=going, ends=ends, finished=frozenset(last) - left)


def _going(records: Sequence[AuditRecord], before: datetime, needed: set[str | None]) -> frozenset[str]:
    going, held = set(), set()
    for record in records:
        if record.writer in held or not _may_go(record, before, needed):
            held.add(record.writer)
        else:
            going.add(record.id)
    return frozenset(going)


def _may_go(record: AuditRecord, before: datetime, needed: set[str | None]) -> bool:
    if record.event is Event.PRUNED:
        return False
    if record.event not in STEPS:
        return record.at < before
    return record.request not in needed and record.at + TIME_TO_DECIDE + (record.duration or timedelta()) < before


def _needed(records: Iterable[AuditRecord]) -> set[str | None]:
    """The requests that reveals among `records` rest on."""
    return {use.id for record in records for use in record.grants or () if is_asked_for(use)}
