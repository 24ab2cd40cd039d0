"""Requests for sensitive columns, their signed approvals, live grants in Redis, and the trail of it all."""

from grants.audit import AuditRecord, Event, Fault, Filter, GrantUse
from grants.client import Grants
from grants.desk import Desk, Docket, Office, Unreadable
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
from grants.records import Lease, Request, State, StatementScope
from grants.signing import PublicKey, SigningKey, generate_key, load_key
from grants.sinks import JsonLinesSink, LoggingSink, Sink, StreamSink
from grants.workflow import Ask, Standing

__all__ = [
    "Ask",
    "AuditRecord",
    "Desk",
    "Docket",
    "Event",
    "Fault",
    "Filter",
    "GrantError",
    "GrantUse",
    "Grants",
    "JsonLinesSink",
    "Lease",
    "LoggingSink",
    "Office",
    "PublicKey",
    "RecordError",
    "Request",
    "RuleError",
    "SelfApproval",
    "SignatureError",
    "SigningKey",
    "Sink",
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
