"""The trail: what one record says, and how it is sealed and chained to the one before.

Every writer (one process of an application, one person's desk) has a chain of its own: `sequence` counts from 0,
`previous` is the seal of the record before, and `seal` covers the whole record. An application seals with a keyed
hash, a person with their own signature; so whoever can write to a sink can neither alter, remove, reorder nor invent a
record without a trace. Records hold no secret, literal, parameter or cell value.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import AwareDatetime, ValidationError

from grants.records import Record
from grants.signing import PublicKey, Signer


class Event(StrEnum):
    """What happened: a closed set."""

    REQUESTED = "requested"
    APPROVED = "approved"
    DENIED = "denied"
    REVOKED = "revoked"
    EXPIRED = "expired"
    REVEALED = "revealed"
    REVIEWED = "reviewed"
    FETCHED = "fetched"
    REFUSED = "refused"
    FAILED = "failed"
    PRUNED = "pruned"


STEPS = frozenset({Event.REQUESTED, Event.APPROVED, Event.DENIED, Event.REVOKED, Event.REVIEWED})
"""What only a person does."""


class GrantUse(Record):
    """A grant that a reveal rests on: which, why, and who approved it.

    `where`: the shape of its condition on rows. `uses`: how many statements it was for. `break_glass`: its holder
    granted it to themselves.
    """

    id: str
    reason: str = ""
    approvers: tuple[str, ...] = ()
    where: str | None = None
    uses: int | None = None
    break_glass: bool | None = None


class ChainEnd(Record):
    """The last record of a writer up to some point: its number and its seal."""

    writer: str
    sequence: int
    seal: str


class Count(Record):
    """How many rows of one reveal were fetched."""

    record: str
    rows: int


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
    uses: int | None = None
    break_glass: bool | None = None
    columns: tuple[str, ...] | None = None
    tables: tuple[str, ...] | None = None
    duration: timedelta | None = None
    expires_at: AwareDatetime | None = None
    is_live: bool | None = None
    reason: str | None = None
    grants: tuple[GrantUse, ...] | None = None
    client: str | None = None
    database: str | None = None
    database_role: str | None = None
    fingerprint: str | None = None
    statement: str | None = None
    policy_version: str | None = None
    counts: tuple[Count, ...] | None = None
    ends: tuple[ChainEnd, ...] | None = None


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


_KEYLESS = "none"


class KeyedHash:
    """An application's seal: HMAC-SHA-256. Without a key it only shows accidents, and says so (`hmac:none:…`)."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = hashlib.sha256(b"unmask audit key\0" + key).hexdigest()[:16] if key else _KEYLESS

    def of(self, content: bytes) -> str:
        """The seal over `content`."""
        return f"hmac:{self.id}:{hmac.digest(self._key, content, 'sha256').hex()}"


class PersonalSeal:
    """A person's seal: their signature."""

    def __init__(self, key: Signer) -> None:
        self._key = key

    def of(self, content: bytes) -> str:
        """The seal over `content`."""
        return f"ed25519:{self._key.public.id}:{self._key.signature(content)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seals:
    """What seals are checked with: the applications' key, and the public keys of people.

    Only a person takes a step, their own; only an application reports what statements did.
    """

    seal: KeyedHash
    people: Mapping[str, PublicKey] = field(default_factory=dict)

    def problem(self, record: AuditRecord) -> str:
        """What is wrong with the seal of `record`; empty when it holds."""
        problem, name = self.sealed_by(record.sealed_bytes(), record.seal)
        if problem:
            return problem
        if name is None:
            return "is a step that only a person can take, without their signature" if record.event in STEPS else ""
        is_own = record.principal == name and record.event in STEPS | {Event.FAILED}
        return "" if is_own else f"is sealed by {name}, and tells of what {name} cannot have done"

    def sealed_by(self, content: bytes, seal: str) -> tuple[str, str | None]:
        """What is wrong with `seal` over `content` (empty when it holds), and whose it is; None: an application's."""
        method, _, rest = seal.partition(":")
        if method == "hmac":
            return self._applications_problem(content, seal), None
        identifier, _, signature = rest.rpartition(":")
        owners = [(name, key) for name, key in self.people.items() if key.id == identifier]
        if method != "ed25519" or not owners:
            return "is sealed with a key that is nobody's in the policy", None
        ((name, key),) = owners[:1]
        return ("" if key.has_signed(content, signature) else "was altered"), name

    def _applications_problem(self, content: bytes, seal: str) -> str:
        if seal.removeprefix("hmac:").rpartition(":")[0] != self.seal.id:
            key = "an audit key, and none was" if self.seal.id == _KEYLESS else "another audit key than the one"
            return f"is sealed with {key} given"
        return "" if hmac.compare_digest(self.seal.of(content).encode(), seal.encode()) else "was altered"


def parsed(text: str) -> AuditRecord | None:
    """The record in `text`; None if it holds none."""
    try:
        return AuditRecord.model_validate_json(text)
    except ValidationError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which records to show. `since` is inclusive, `until` exclusive; what is None or empty does not matter."""

    who: str | None = None
    column: str | None = None
    table: str | None = None
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
            and (self.table is None or self.table in _tables(record))
            and (self.request is None or self.request in requests)
            and (not self.events or record.event in self.events)
            and (self.since is None or record.at >= self.since)
            and (self.until is None or record.at < self.until)
        )


def _tables(record: AuditRecord) -> set[str]:
    """The tables that a record is about: read by a statement, or those of the columns that were asked for."""
    return {*(record.tables or ()), *(column.rpartition(".")[0] for column in record.columns or ())}
