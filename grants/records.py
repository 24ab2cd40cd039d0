"""Requests and decisions: what people sign, and the form in which it is kept.

Shape: a *request* is signed by the person who asks; an *approval*, *denial* or *revocation* is signed by the person who
decides, and names the request by the digest of the signed bytes, so that a decision means exactly one request. A *case*
is a request with its decisions, in the order in which they were made. Everything else (state, lease, approvers) is
derived from a case and the policy, and is never stored.

Stored form: canonical JSON (keys sorted, no white space) under a version; instants as RFC 3339 in UTC, durations as
ISO 8601. A reader refuses a field or version that it does not know.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from masking.access import Fingerprint
from masking.names import ColumnName, Principal


class State(StrEnum):
    """Where a request stands. `approved` means a live grant."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    REVOKED = "revoked"
    EXPIRED = "expired"


def _column(value: object) -> ColumnName:
    return value if isinstance(value, ColumnName) else ColumnName.parse(str(value))


def _printable(text: str) -> str:
    # An approver reads this on a terminal: control characters could rewrite what they see.
    if not text.isprintable():
        raise ValueError("expected text in one line, without control characters")
    return text


def _instant(at: datetime) -> datetime:
    # UTC alone, so that an instant has one spelling; far from the ends of the calendar, so that no sum leaves it.
    if at.utcoffset() or not _EARLIEST <= at < _LATEST:
        raise ValueError("expected an instant in UTC, between the years 2000 and 3000")
    return at


_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no letter that looks like another
LONGEST_LINE = 500
"""Characters in a reason, a scope or a row condition."""

MOST_DECISIONS = 100
"""Decisions on one request."""

Column = Annotated[ColumnName, BeforeValidator(_column), PlainSerializer(str)]
Line = Annotated[str, AfterValidator(_printable), Field(max_length=LONGEST_LINE)]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9-]{4,64}$")]
Environment = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Instant = Annotated[AwareDatetime, AfterValidator(_instant)]
Person = Annotated[Principal, AfterValidator(_printable), Field(min_length=1, max_length=200)]


class Record(BaseModel):
    """A frozen record that is stored as canonical JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def canonical(self) -> bytes:
        """The one spelling of this record, in UTF-8. Absent fields are left out, so that later ones can be added."""
        return canonical_json(self.model_dump(mode="json", exclude_none=True))


def canonical_json(value: object) -> bytes:
    """`value` as JSON with sorted keys and no white space, in UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class StatementScope(Record):
    """One statement that a request is bound to. `text` is what the approver was shown.

    `exact`: with fixed literals, what the statement's values are bound by, as `v1:<salt>:<hash>`.
    """

    fingerprint: Fingerprint
    literals: Literal["fixed", "free"]
    text: str = Field(max_length=100_000)
    exact: str | None = Field(default=None, max_length=200)


class Request(Record):
    """An ask for a scope, with a reason and a duration; signed by `principal`.

    `scopes` is what was typed; `columns` what it meant under `policy_version`, and the most that a grant can ever
    cover, and `database_role` the role of the database that comes with them. `expires_at` is the exclusive end of the
    time in which it may be decided. `id` is `identifier_of` the rest.
    """

    kind: Literal["request"] = "request"
    version: Literal[1] = 1
    id: Identifier
    environment: Environment
    principal: Person
    scopes: tuple[Line, ...] = Field(min_length=1, max_length=1000)
    columns: tuple[Column, ...] = Field(min_length=1, max_length=10_000)
    database_role: Line | None = None
    statement: StatementScope | None = None
    where: Line | None = None
    uses: Annotated[int, Field(ge=1)] | None = None
    duration: timedelta
    reason: Line
    break_glass: bool = False
    requested_at: Instant
    expires_at: Instant
    policy_version: str = Field(max_length=LONGEST_LINE)
    nonce: str = Field(pattern=r"^[0-9a-f]{16}$")


def identifier_of(request: Request) -> str:
    """The id that `request` must have: eight letters of the hash of everything else in it, as in `k7fq-9xwd`.

    So an id does not come to stand for another request. It is short enough to type, hence too short to rely on against
    whoever tries a million requests of their own: a decision is bound by the digest.
    """
    rest = request.model_dump(mode="json", exclude_none=True, exclude={"id"})
    number = int.from_bytes(hashlib.sha256(canonical_json(rest)).digest())
    letters = ""
    for _ in range(8):
        number, letter = divmod(number, len(_ALPHABET))
        letters += _ALPHABET[letter]
    return f"{letters[:4]}-{letters[4:]}"


class _Decision(Record):
    version: Literal[1] = 1
    request: Identifier
    digest: str = Field(max_length=LONGEST_LINE)
    environment: Environment
    author: Person
    at: Instant


class Approval(_Decision):
    """A yes, for at most `duration`."""

    kind: Literal["approval"] = "approval"
    duration: timedelta


class Denial(_Decision):
    """A no; it ends the request."""

    kind: Literal["denial"] = "denial"
    reason: Line


class Revocation(_Decision):
    """The early end of a request or grant."""

    kind: Literal["revocation"] = "revocation"
    reason: Line = ""


class Review(_Decision):
    """An approver's look at a grant that its holder gave to themselves. It changes nothing of the grant."""

    kind: Literal["review"] = "review"
    reason: Line = ""


Decision = Approval | Denial | Revocation | Review
Author = Request | Decision
R_co = TypeVar("R_co", bound=Author, covariant=True)


@dataclass(frozen=True, slots=True)
class Signed(Generic[R_co]):
    """A record with the token (JWS, compact) that carries its author's signature."""

    record: R_co
    token: str

    @property
    def digest(self) -> str:
        """What a decision names this record by: the SHA-256 of the signed bytes."""
        payload = self.token.split(".")[1]
        return "sha256:" + hashlib.sha256(base64.urlsafe_b64decode(payload + "==")).hexdigest()


@dataclass(frozen=True, slots=True)
class Case:
    """A request with its decisions."""

    request: Signed[Request]
    decisions: tuple[Signed[Decision], ...] = ()

    def followed_by(self, decision: Signed[Decision]) -> "Case":
        """This case with one more decision."""
        return Case(self.request, (*self.decisions, decision))

    def stored(self) -> str:
        """The text that the store keeps."""
        tokens = [decision.token for decision in self.decisions]
        return canonical_json({"version": 1, "request": self.request.token, "decisions": tokens}).decode()


class StoredCase(Record):
    """The outer form of a case: tokens whose signatures have not been looked at."""

    version: Literal[1]
    request: str
    decisions: tuple[str, ...] = Field(max_length=MOST_DECISIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The time box of a grant: live from `issued_at`, no longer at `expires_at`. Both aware UTC."""

    issued_at: datetime
    expires_at: datetime
