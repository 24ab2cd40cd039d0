"""How a trail is checked: every writer's chain from its beginning to the last record that anybody knows of.

A chain's beginning is its record number 0, or what a `pruned` record says of it: those before were removed in due form.
Its end is known from checkpoints, kept in a second place (`grants.checkpoints`): without one, records that are cut off
at the end are not missed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from grants.audit import STEPS, AuditRecord, ChainEnd, Event, GrantUse, Seals, parsed
from grants.checkpoints import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with a trail.

    `record`: the id of the record at which it shows; `line` counts from 1, and is one more than there are where it is
    the end that is missing.
    """

    line: int
    record: str
    problem: str


@dataclass(slots=True)
class _Chain:
    """How far one writer's chain has been read. `pruned`: up to where it may be missing."""

    sequence: int = 0
    previous: str = ""
    pruned: int = -1
    seals: dict[int, str] = field(default_factory=dict)


def verify(entries: Iterable[str], seals: Seals, *, heads: Iterable[Head] = ()) -> Iterator[Fault]:
    """Everything that is wrong with a trail: altered, removed, reordered, repeated, foreign or cut off records.

    A record that was written twice, byte for byte, is no fault: a sink repeats what it is not sure of. `heads`: how far
    each chain is known to have come.
    """
    texts = list(entries)
    chains = _beginnings(texts, seals)
    for line, text in enumerate(texts, start=1):
        record = parsed(text)
        if record is None:
            yield Fault(line=line, record="", problem="is not an audit record: it was altered")
            continue
        problem, chain = seals.problem(record), chains.setdefault(record.writer, _Chain())
        # Its place is taken even where the seal does not hold, so that one altered record is one fault; no other
        # place is, so that an invented record does not make faults of true ones.
        if not problem or record.sequence == chain.sequence:
            place_problem = _place_problem(record, chain)
            problem = problem or place_problem
        if problem:
            yield Fault(line=line, record=record.id, problem=problem)
    for head in heads:
        problem = seals.sealed_by(head.sealed_bytes(), head.seal)[0]
        problem = f"has a checkpoint that {problem}" if problem else _end_problem(head, chains)
        if problem:
            yield Fault(line=len(texts) + 1, record=f"{head.writer}-{head.sequence}", problem=problem)


def _beginnings(texts: Iterable[str], seals: Seals) -> dict[str, _Chain]:
    """The chains that begin later than with number 0, because what was before was pruned."""
    chains: dict[str, _Chain] = {}
    for end in pruned_ends(texts, seals):
        chain = chains.setdefault(end.writer, _Chain())
        if end.sequence >= chain.sequence:
            chain.sequence, chain.previous, chain.pruned = end.sequence + 1, end.seal, end.sequence
    return chains


def pruned_ends(texts: Iterable[str], seals: Seals) -> Iterator[ChainEnd]:
    """Up to where each writer's records were pruned, as sealed records say."""
    for text in texts:
        record = parsed(text) if Event.PRUNED.value in text else None
        if record is not None and record.event is Event.PRUNED and not seals.problem(record):
            yield from record.ends or ()


def _place_problem(record: AuditRecord, chain: _Chain) -> str:
    if chain.seals.get(record.sequence) == record.seal or record.sequence <= chain.pruned:
        return ""
    expected, previous = chain.sequence, chain.previous
    if record.sequence < expected:
        return "stands after later records of its writer: it was moved, or another took its place"
    chain.sequence, chain.previous = record.sequence + 1, record.seal
    chain.seals[record.sequence] = record.seal
    if record.sequence > expected:
        return f"follows a gap: {record.sequence - expected} record(s) of its writer before it were removed or moved"
    return "" if record.previous == previous else "does not follow the record before it: one of them was replaced"


def _end_problem(head: Head, chains: dict[str, _Chain]) -> str:
    chain = chains.get(head.writer, _Chain())
    if head.sequence <= chain.pruned:
        return ""
    if head.sequence >= chain.sequence:
        missing = head.sequence + 1 - chain.sequence
        return f"is missing at the end: the last {missing} record(s) of its writer were cut off"
    kept = chain.seals.get(head.sequence)
    return "" if kept in (None, head.head) else "is not the record that the checkpoint tells of: it was replaced"


def last_records(entries: Iterable[str], seals: Seals) -> Iterator[AuditRecord]:
    """The last record of each writer whose seal holds."""
    last: dict[str, AuditRecord] = {}
    for record in map(parsed, entries):
        if record is not None and not seals.problem(record):
            known = last.get(record.writer)
            if known is None or known.sequence < record.sequence:
                last[record.writer] = record
    yield from last.values()


def unfounded(entries: Sequence[str], *, environment: str, steps: Iterable[AuditRecord] = ()) -> Iterator[Fault]:
    """What does not belong into the trail of `environment`, and reveals that rest on steps which it does not hold.

    A person's step is a chain of its own, so that its removal leaves no gap; what it led to tells. `steps`: those that
    are in another place, and hold.
    """
    taken = {(one.request, one.event, one.principal) for one in steps}
    reveals: list[tuple[int, AuditRecord]] = []
    for line, record in enumerate(map(parsed, entries), start=1):
        if record is None:
            continue
        if record.environment != environment:
            problem = f"was written in {record.environment}: somebody copied it"
            yield Fault(line=line, record=record.id, problem=problem)
        elif record.event in STEPS:
            taken.add((record.request, record.event, record.principal))
        elif record.event is Event.REVEALED:
            reveals.append((line, record))
    used: dict[str, set[str]] = {}
    for line, record in reveals:
        for use in record.grants or ():
            used.setdefault(use.id, set()).add(record.id)
            if use.uses is not None and len(used[use.id]) > use.uses:
                yield Fault(line=line, record=record.id, problem=f"is one more use of {use.id} than was granted")
            asked = (use.id, Event.REQUESTED, record.principal)
            approved = {(use.id, Event.APPROVED, name) for name in use.approvers}
            if not taken.issuperset(approved) or (is_asked_for(use) and asked not in taken):
                problem = f"rests on {use.id}, whose request or approval was removed"
                yield Fault(line=line, record=record.id, problem=problem)


def is_asked_for(use: GrantUse) -> bool:
    """Whether somebody requested it: standing permits and trust are the policy's."""
    return not use.id.startswith("standing:") and use.id != "trusted"
