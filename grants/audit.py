"""The trail: what one record says, how it is chained to the one before, and how a chain is checked.

Every writer (one process of an application, one person's desk) has a chain of its own: `sequence` counts from 0,
`previous` is the seal of the record before, and `seal` covers the whole record. An application seals with a keyed
hash, a person with their own signature; so whoever can write to a sink can neither alter, remove, reorder nor invent a
record without a trace. Records hold no secret, literal, parameter or cell value.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import AwareDatetime, ValidationError

from grants.records import Record
from grants.signing import PublicKey, SigningKey


class Event(StrEnum):
    """What happened: a closed set."""

    REQUESTED = "requested"
    APPROVED = "approved"
    DENIED = "denied"
    REVOKED = "revoked"
    EXPIRED = "expired"
    REVEALED = "revealed"
    FETCHED = "fetched"
    REFUSED = "refused"
    FAILED = "failed"


_STEPS = frozenset({Event.REQUESTED, Event.APPROVED, Event.DENIED, Event.REVOKED})


class GrantUse(Record):
    """A grant that a reveal rests on: which, why, who approved it, and the shape of its condition on rows."""

    id: str
    reason: str = ""
    approvers: tuple[str, ...] = ()
    where: str | None = None


class Entry(Record):
    """What happened, when, and who did it. Fields that an event does not have are absent."""

    event: Event
    environment: str
    at: AwareDatetime
    principal: str | None = None
    groups: tuple[str, ...] | None = None
    request: str | None = None
    digest: str | None = None
    holder: str | None = None
    scopes: tuple[str, ...] | None = None
    where: str | None = None
    columns: tuple[str, ...] | None = None
    tables: tuple[str, ...] | None = None
    duration: timedelta | None = None
    expires_at: AwareDatetime | None = None
    is_live: bool | None = None
    reason: str | None = None
    grants: tuple[GrantUse, ...] | None = None
    client: str | None = None
    database: str | None = None
    fingerprint: str | None = None
    statement: str | None = None
    policy_version: str | None = None
    record: str | None = None
    rows: int | None = None


class AuditRecord(Entry):
    """An entry in its place in a writer's chain."""

    version: Literal[1] = 1
    id: str
    writer: str
    sequence: int
    previous: str
    seal: str = ""

    def sealed_bytes(self) -> bytes:
        """What the seal covers: everything else."""
        return self.model_copy(update={"seal": ""}).canonical()


class Seal(Protocol):
    """Who vouches for a writer's records."""

    def of(self, content: bytes) -> str:
        """The seal over `content`: `<method>:<key>:<value>`."""
        ...


class KeyedHash:
    """An application's seal: HMAC-SHA-256. Without a key it only shows accidents, and says so (`hmac:none:…`)."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = hashlib.sha256(b"unmask audit key\0" + key).hexdigest()[:16] if key else "none"

    def of(self, content: bytes) -> str:
        """The seal over `content`."""
        return f"hmac:{self.id}:{hmac.new(self._key, content, hashlib.sha256).hexdigest()}"


class PersonalSeal:
    """A person's seal: their signature."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def of(self, content: bytes) -> str:
        """The seal over `content`."""
        return f"ed25519:{self._key.public.id}:{self._key.signature(content)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with a trail. `record`: the id of the record at which it shows; `line` counts from 1."""

    line: int
    record: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seals:
    """What seals are checked with: the applications' key, and the public keys of people.

    Only a person takes a step, their own; only an application reports what statements did.
    """

    seal: KeyedHash
    people: Mapping[str, PublicKey] = field(default_factory=dict)

    def problem(self, record: AuditRecord) -> str:
        """What is wrong with the seal of `record`; empty when it holds."""
        method, _, rest = record.seal.partition(":")
        if method == "hmac":
            return self._applications_problem(record, rest)
        identifier, _, signature = rest.rpartition(":")
        owners = [(name, key) for name, key in self.people.items() if key.id == identifier]
        if method != "ed25519" or not owners:
            return "is sealed with a key that is nobody's in the policy"
        ((name, key),) = owners[:1]
        if not key.has_signed(record.sealed_bytes(), signature):
            return "was altered"
        is_own = record.principal == name and record.event in _STEPS | {Event.FAILED}
        return "" if is_own else f"is sealed by {name}, and tells of what {name} cannot have done"

    def _applications_problem(self, record: AuditRecord, rest: str) -> str:
        if rest.rpartition(":")[0] != self.seal.id:
            return "is sealed with another audit key than the one given"
        if not hmac.compare_digest(self.seal.of(record.sealed_bytes()).encode(), record.seal.encode()):
            return "was altered"
        return "is a step that only a person can take, without their signature" if record.event in _STEPS else ""


@dataclass(slots=True)
class _Chain:
    """How far one writer's chain has been read."""

    sequence: int = 0
    previous: str = ""
    seals: dict[int, str] = field(default_factory=dict)


def parsed(text: str) -> AuditRecord | None:
    """The record in `text`; None if it holds none."""
    try:
        return AuditRecord.model_validate_json(text)
    except ValidationError:
        return None


def verify(entries: Iterable[str], seals: Seals) -> Iterator[Fault]:
    """Everything that is wrong with a trail: altered, removed, reordered, repeated or foreign records.

    A record that was written twice, byte for byte, is no fault: a sink repeats what it is not sure of.
    """
    chains: dict[str, _Chain] = {}
    for line, text in enumerate(entries, start=1):
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


def _place_problem(record: AuditRecord, chain: _Chain) -> str:
    if chain.seals.get(record.sequence) == record.seal:
        return ""
    expected, previous = chain.sequence, chain.previous
    if record.sequence < expected:
        return "stands after later records of its writer: it was moved, or another took its place"
    chain.sequence, chain.previous = record.sequence + 1, record.seal
    chain.seals[record.sequence] = record.seal
    if record.sequence > expected:
        return f"follows a gap: {record.sequence - expected} record(s) of its writer before it were removed or moved"
    return "" if record.previous == previous else "does not follow the record before it: one of them was replaced"


def unfounded(entries: Iterable[str], *, environment: str) -> Iterator[Fault]:
    """What does not belong into the trail of `environment`, and reveals that rest on steps which it does not hold.

    A person's step is a chain of its own, so that its removal leaves no gap; what it led to tells.
    """
    steps: set[tuple[str | None, Event, str | None]] = set()
    reveals: list[tuple[int, AuditRecord]] = []
    for line, record in enumerate(map(parsed, entries), start=1):
        if record is None:
            continue
        if record.environment != environment:
            problem = f"was written in {record.environment}: somebody copied it"
            yield Fault(line=line, record=record.id, problem=problem)
        elif record.event in _STEPS:
            steps.add((record.request, record.event, record.principal))
        elif record.event is Event.REVEALED:
            reveals.append((line, record))
    for line, record in reveals:
        for use in record.grants or ():
            asked = (use.id, Event.REQUESTED, record.principal)
            approved = {(use.id, Event.APPROVED, name) for name in use.approvers}
            if not steps.issuperset(approved) or (_is_asked_for(use) and asked not in steps):
                problem = f"rests on {use.id}, whose request or approval was removed"
                yield Fault(line=line, record=record.id, problem=problem)


def _is_asked_for(use: GrantUse) -> bool:
    return not use.id.startswith("standing:") and use.id != "trusted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which records to show. `since` is inclusive, `until` exclusive; what is None or empty does not matter."""

    who: str | None = None
    column: str | None = None
    request: str | None = None
    events: frozenset[Event] = frozenset()
    since: datetime | None = None
    until: datetime | None = None

    def matches(self, record: AuditRecord) -> bool:
        """Whether `record` is one of them."""
        requests = {record.request, *(use.id for use in record.grants or ())}
        return (
            (self.who is None or self.who in (record.principal, record.holder))
            and (self.column is None or self.column in (record.columns or ()))
            and (self.request is None or self.request in requests)
            and (not self.events or record.event in self.events)
            and (self.since is None or record.at >= self.since)
            and (self.until is None or record.at < self.until)
        )
