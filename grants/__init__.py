"""Requests for sensitive columns, their signed approvals, live grants in Redis, and the trail of it all."""

from importlib import import_module
from typing import TYPE_CHECKING

from grants.audit import AuditRecord, Event, Filter, GrantUse
from grants.chains import Fault
from grants.checkpoint_file import CheckpointFile
from grants.checkpoints import Checkpoints, Head
from grants.client import Grants
from grants.desk import Desk
from grants.errors import (
    GrantError,
    RecordError,
    RuleError,
    SelfApproval,
    SignatureError,
    StoreError,
    TransitionError,
    UnknownPrincipal,
    UnknownRequest,
)
from grants.office import Docket, Office, Unreadable
from grants.records import Lease, Request, State, StatementScope
from grants.sealing import Sealed
from grants.signing import PublicKey, SigningKey, generate_key, load_key
from grants.sinks import JsonLinesSink, LoggingSink, Sink, StreamSink
from grants.workflow import Ask, Standing

if TYPE_CHECKING:
    from grants.sql_checkpoints import SqlCheckpoints
    from grants.sql_sink import SqlSink

__all__ = [
    "Ask",
    "AuditRecord",
    "CheckpointFile",
    "Checkpoints",
    "Desk",
    "Docket",
    "Event",
    "Fault",
    "Filter",
    "GrantError",
    "GrantUse",
    "Grants",
    "Head",
    "JsonLinesSink",
    "Lease",
    "LoggingSink",
    "Office",
    "PublicKey",
    "RecordError",
    "Request",
    "RuleError",
    "Sealed",
    "SelfApproval",
    "SignatureError",
    "SigningKey",
    "Sink",
    "SqlCheckpoints",
    "SqlSink",
    "Standing",
    "State",
    "StatementScope",
    "StoreError",
    "StreamSink",
    "TransitionError",
    "UnknownPrincipal",
    "UnknownRequest",
    "Unreadable",
    "generate_key",
    "load_key",
]


_LATE = {"SqlCheckpoints": "grants.sql_checkpoints", "SqlSink": "grants.sql_sink"}


def __getattr__(name: str) -> object:
    """What needs SQLAlchemy is imported when it is asked for: most commands would wait longer for it than they run."""
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
