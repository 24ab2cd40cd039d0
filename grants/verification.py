"""Whether what Redis holds is what people signed and the policy allows.

Redis carries cases; it is not trusted to make them. Rules:
- every token must hold under the key that the policy has *now* for the person it names;
- the request must be for exactly the id, environment and (for a grant) principal under which it was found;
- every decision must name the digest of exactly that request;
- a denial or revocation ends it, and the approval rules are evaluated again, under the policy as it is now.
Pure: no clock, no Redis. Times are compared by the caller, on every use.
"""

from dataclasses import dataclass

from pydantic import ValidationError

from grants import role_rules, rules, workflow
from grants.errors import GrantError, SignatureError
from grants.records import (
    Approval,
    Case,
    Decision,
    Denial,
    Lease,
    Request,
    Review,
    Revocation,
    Signed,
    StoredCase,
    identifier_of,
)
from grants.signing import kind_of, opened_as_claimed
from masking import Permit, Policy, Principal

_DECISIONS: dict[str, type[Approval] | type[Denial] | type[Revocation] | type[Review]] = {
    "approval": Approval,
    "denial": Denial,
    "revocation": Revocation,
    "review": Review,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Under which policy, environment and id a stored case was found."""

    policy: Policy
    environment: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Valid:
    """A grant that holds from `lease.issued_at` until `lease.expires_at`."""

    permit: Permit
    lease: Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Void:
    """A stored grant that reveals nothing, and why."""

    id: str
    problem: str


Verdict = Valid | Void


def opened_case(text: str, place: Place) -> Case:
    """The case stored as `text`, every signature checked.

    Raises:
        SignatureError: it is malformed, altered, or belongs elsewhere.
        UnknownPrincipal: an author is not in the policy any more, or has no key there.
    """
    try:
        stored = StoredCase.model_validate_json(text)
    except ValidationError as exc:
        raise SignatureError(f"{place.id} is stored in a form that this version cannot read") from exc
    request = opened_as_claimed(
        stored.request, Request, key_of=lambda claimed: rules.key_of(claimed.principal, place.policy)
    )
    if (request.record.id, request.record.environment) != (place.id, place.environment):
        raise SignatureError(f"{place.id} holds a request that was made under another id or environment")
    if identifier_of(request.record) != place.id:
        raise SignatureError(f"{place.id} holds a request whose id does not follow from it")
    decisions = tuple(_opened_decision(token, request, policy=place.policy) for token in stored.decisions)
    return Case(request, decisions)


def _opened_decision(token: str, request: Signed[Request], *, policy: Policy) -> Signed[Decision]:
    model = _DECISIONS.get(kind_of(token))
    if model is None:
        raise SignatureError(f"{request.record.id} holds a decision of an unknown kind")
    decision: Signed[Decision] = opened_as_claimed(
        token, model, key_of=lambda claimed: rules.key_of(claimed.author, policy)
    )
    named = (decision.record.request, decision.record.digest, decision.record.environment)
    if named != (request.record.id, request.digest, request.record.environment):
        raise SignatureError(f"{request.record.id} holds a decision that was made on another request")
    return decision


def verdict(text: str, place: Place, *, principal: Principal) -> Verdict:
    """What the grant stored as `text` permits `principal`."""
    try:
        case = opened_case(text, place)
        return _judged(case, place, principal=principal)
    except GrantError as exc:
        # Fail closed: whatever is wrong with a grant, it reveals nothing.
        return Void(id=place.id, problem=str(exc))
    except Exception as exc:  # noqa: BLE001 -- as above: and it must not take the grants beside it away
        return Void(id=place.id, problem=f"it cannot be judged ({type(exc).__name__})")


def _judged(case: Case, place: Place, *, principal: Principal) -> Verdict:
    request = case.request.record
    approvals = workflow.approvals(case)
    if request.principal != principal:
        return Void(id=place.id, problem=f"it is {request.principal}'s, and was found as {principal}'s")
    if any(isinstance(one.record, Denial | Revocation) for one in case.decisions):
        return Void(id=place.id, problem="it was denied or revoked")
    needed = rules.enough(request, approvals, policy=place.policy)
    if needed is None:
        return Void(id=place.id, problem="the policy asks for approvals that it lacks")
    lease = rules.lease_of(request, needed)
    permit = Permit(
        grant=request.id,
        columns=rules.covered(request, place.policy),
        statement=request.statement.fingerprint if request.statement else None,
        exact=request.statement.exact if request.statement else None,
        where=rules.row_condition(request, place.policy),
        uses=request.uses,
        digest=case.request.digest,
        database_role=role_rules.database_role(request, place.policy),
        expires_at=lease.expires_at,
        reason=request.reason,
        break_glass=request.break_glass,
        approvers=tuple(approval.author for approval in needed),
    )
    return Valid(permit=permit, lease=lease)
