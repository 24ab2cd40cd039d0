"""Requests and grants as JSON documents. The keys are stable: later versions add some, and change or remove none."""

from datetime import timedelta
from typing import Any, assert_never

from grants import role_rules
from grants.cli.approvers import Progress, possible_approvers, progress
from grants.cli.rendering import instant
from grants.office import Docket, Unreadable
from grants.records import Approval, Decision, Denial, Review, Revocation
from masking import Policy
from masking.durations import format_duration

Document = dict[str, Any]


def request_document(docket: Docket | Unreadable, policy: Policy, *, environment: str) -> Document:
    """One request, as `requests --json` lists it."""
    if isinstance(docket, Unreadable):
        return {"id": docket.id, "environment": environment, "state": "unreadable", "problem": docket.problem}
    request, lease = docket.request, docket.standing.lease
    return {
        "id": request.id,
        "digest": docket.digest,
        "environment": request.environment,
        "state": docket.standing.state.value,
        "principal": request.principal,
        "scopes": list(request.scopes),
        "columns": [str(column) for column in request.columns],
        "database_role": role_rules.database_role(request, policy),
        "statement": request.statement.model_dump(mode="json") if request.statement else None,
        "where": request.where,
        "uses": request.uses,
        "uses_left": docket.uses_left,
        "is_break_glass": request.break_glass,
        "is_unreviewed": docket.is_unreviewed,
        **_duration(request.duration),
        "reason": request.reason,
        "requested_at": instant(request.requested_at),
        "decide_by": instant(request.expires_at),
        "approvals": [_progress(one) for one in progress(docket, policy)],
        "possible_approvers": list(possible_approvers(docket, policy)),
        "decisions": [_decision(signed.record) for signed in docket.case.decisions],
        "grant": {"issued_at": instant(lease.issued_at), "expires_at": instant(lease.expires_at)} if lease else None,
        "problem": docket.standing.problem or None,
    }


def _duration(length: timedelta) -> Document:
    return {"duration": format_duration(length), "duration_seconds": int(length.total_seconds())}


def _progress(one: Progress) -> Document:
    return {
        "scope": one.rule.scope,
        "approvers": list(one.rule.approvers),
        "is_automatic": one.rule.auto,
        "given": one.given,
        "required": 0 if one.rule.auto else one.rule.required,
    }


def _decision(decision: Decision) -> Document:
    common: Document = {"by": decision.author, "at": instant(decision.at)}
    match decision:
        case Approval():
            return {"decision": "approved", **common, **_duration(decision.duration)}
        case Denial():
            return {"decision": "denied", **common, "reason": decision.reason}
        case Revocation():
            return {"decision": "revoked", **common, "reason": decision.reason}
        case Review():
            return {"decision": "reviewed", **common, "reason": decision.reason}
        case _:
            assert_never(decision)
