"""The policy file's shape, as pydantic models: what may stand where. What refers to what is `masking.references`."""

import base64
import binascii
import re
from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr, WithJsonSchema
from pydantic.functional_validators import AfterValidator
from pydantic_core import PydanticCustomError

from masking.durations import parse_duration
from masking.masks import Mask


def _duration(value: object) -> timedelta:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ValueError as exc:
            raise PydanticCustomError("duration", "{reason}", {"reason": str(exc)}) from None
    if isinstance(value, timedelta):
        return value
    raise PydanticCustomError("duration", "a duration needs its unit: write it like 30m, 8h, 1h30m or 7d")


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as exc:
        message = "not a regular expression: {reason}"
        raise PydanticCustomError("pattern", message, {"reason": str(exc)}) from None
    return value


_LONGEST_NAME = 63
"""PostgreSQL cuts names that have more bytes."""


def _database_role(value: str) -> str:
    is_written = value.isprintable() and 0 < len(value.encode()) <= _LONGEST_NAME
    if not is_written or value.lower() in ("none", "default", "public"):
        raise PydanticCustomError("database_role", "not the name of a database role")
    return value


_KEY_HEAD = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
"""Name and length of an Ed25519 key in SSH's encoding (RFC 8709, section 4); 32 bytes follow."""


def _public_key(value: str) -> str:
    words = value.split()
    try:
        raw = base64.b64decode(words[1], validate=True) if len(words) > 1 else b""
    except (binascii.Error, ValueError):
        raw = b""
    if words[:1] != ["ssh-ed25519"] or not raw.startswith(_KEY_HEAD) or len(raw) != len(_KEY_HEAD) + 32:
        message = "not an Ed25519 public key: expected `ssh-ed25519 AAAA…`, as `unmask keygen` prints it"
        raise PydanticCustomError("public_key", message)
    return value


Name: TypeAlias = Annotated[StrictStr, Field(pattern=r"^[\w.@+/-]+$", max_length=200)]
"""A tag, group, role or environment."""
PrincipalText: TypeAlias = Annotated[StrictStr, Field(pattern=r"^\S+$", max_length=500)]
Scope: TypeAlias = Annotated[StrictStr, Field(min_length=1, max_length=500)]
Duration: TypeAlias = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?$", "examples": ["30m", "8h"]}),
]
Pattern: TypeAlias = Annotated[StrictStr, AfterValidator(_pattern)]
_ADDRESS = r"^(env:[A-Za-z_]\w*|[A-Za-z][\w+.-]*://\S+)$"
Address: TypeAlias = Annotated[StrictStr, Field(pattern=_ADDRESS, max_length=2000)]
"""Where somebody is notified: an apprise URL, or `env:NAME` for the variable that holds it."""
PublicKeyText: TypeAlias = Annotated[StrictStr, AfterValidator(_public_key)]
AnyMask: TypeAlias = Annotated[Mask, Field(discriminator="kind"), WithJsonSchema({"description": "a mask"})]


class _Entry(BaseModel):
    """What the entries share: frozen, closed to unknown keys, and silent about what was written in them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ColumnEntry(_Entry):
    """One sensitive column."""

    mask: AnyMask
    tags: tuple[Name, ...] = ()
    lookup: Literal["exact"] | None = None
    optional: StrictBool = False


class TableEntry(_Entry):
    """One closed table."""

    default: AnyMask
    clear: tuple[StrictStr, ...] = ()


class PersonEntry(_Entry):
    """One person."""

    groups: tuple[Name, ...] = ()
    key: PublicKeyText | None = None
    notify: tuple[Address, ...] = ()


class RoleEntry(_Entry):
    """One role. `database_role`: the database's own role that its holders' statements run under."""

    scopes: tuple[Scope, ...]
    database_role: Annotated[StrictStr, AfterValidator(_database_role)] | None = None


def _long_role(value: object) -> object:
    return {"scopes": value} if isinstance(value, list | tuple) else value


class BreakGlassEntry(_Entry):
    """Who may grant themselves what a rule covers, for how long."""

    principals: Annotated[tuple[PrincipalText, ...], Field(min_length=1)]
    max_duration: Duration = timedelta(minutes=15)


class EscalationEntry(_Entry):
    """Who else may approve, once a request has waited so long."""

    after: Duration
    approvers: Annotated[tuple[PrincipalText, ...], Field(min_length=1)]


class ApprovalEntry(_Entry):
    """One approval rule."""

    scope: Scope
    environments: tuple[Name, ...] | None = None
    approvers: tuple[PrincipalText, ...] = ()
    required: Annotated[StrictInt, Field(ge=1, le=100)] = 1
    auto: StrictBool = False
    max_duration: Duration = timedelta(hours=8)
    default_duration: Duration | None = None
    reason: Pattern | None = None
    break_glass: BreakGlassEntry | None = None
    escalation: EscalationEntry | None = None


class StandingEntry(_Entry):
    """One standing rule."""

    principals: Annotated[tuple[PrincipalText, ...], Field(min_length=1)]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]


class Document(_Entry):
    """A whole policy file."""

    columns: dict[str, ColumnEntry] = {}
    tables: dict[str, TableEntry] = {}
    people: dict[PrincipalText, PersonEntry] = {}
    roles: dict[Name, Annotated[RoleEntry, BeforeValidator(_long_role)]] = {}
    approval: tuple[ApprovalEntry, ...] = ()
    standing: tuple[StandingEntry, ...] = ()
    owners: tuple[PrincipalText, ...] = ()
    trusted: tuple[PrincipalText, ...] = ()
    writes: Literal["guard", "refuse"] = "guard"
    row_order: Literal["engine", "pinned"] = "engine"
    functions: tuple[StrictStr, ...] = ()
