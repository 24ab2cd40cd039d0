"""Requests, approvals and grants as pure transitions: (case, event, now) → a record to sign, or an error.

States: `pending` until enough approvers approved (`approved`), one denied it (`denied`), it was withdrawn (`revoked`)
or its time to decide ended (`expired`); `approved` until it is revoked or its lease ends. No other way leads anywhere.
Nothing here signs, stores or reads a clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from pydantic import ValidationError

from grants import role_rules, rules
from grants.errors import GrantError, RuleError, SelfApproval, TransitionError
from grants.records import (
    LONGEST_LINE,
    Approval,
    Case,
    Denial,
    Lease,
    Request,
    Review,
    Revocation,
    State,
    StatementScope,
    identifier_of,
)
from grants.rules import Missing
from masking import ApprovalRule, Policy, Principal
from masking.durations import format_duration

TIME_TO_DECIDE = timedelta(days=3)
"""How long a request stays open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Under which policy, in which environment and when something is decided. `now` is aware UTC."""

    policy: Policy
    environment: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What somebody asks for, as typed. `duration` None: the policy's default, else the longest it allows."""

    scopes: tuple[str, ...]
    reason: str
    duration: timedelta | None = None
    statement: StatementScope | None = None
    where: str | None = None
    uses: int | None = None
    break_glass: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a case stands at one instant. `problem`: why the policy would not let it go on."""

    state: State
    lease: Lease | None = None
    missing: tuple[Missing, ...] = ()
    problem: str = ""


def approvals(case: Case) -> tuple[Approval, ...]:
    """The approvals among the decisions."""
    return tuple(signed.record for signed in case.decisions if isinstance(signed.record, Approval))


def standing(case: Case, setting: Setting) -> Standing:
    """Where `case` stands."""
    policy, now = setting.policy, setting.now
    for decision in case.decisions:
        if isinstance(decision.record, Denial):
            return Standing(state=State.DENIED)
        if isinstance(decision.record, Revocation):
            return Standing(state=State.REVOKED)
    request = case.request.record
    try:
        needed = rules.enough(request, approvals(case), policy=policy)
        waiting = rules.missing(request, approvals(case), policy=policy)
    except GrantError as exc:
        is_over = now >= request.expires_at
        return Standing(state=State.EXPIRED if is_over else State.PENDING, problem=str(exc))
    if needed is None:
        return Standing(state=State.PENDING if now < request.expires_at else State.EXPIRED, missing=waiting)
    lease = rules.lease_of(request, needed)
    return Standing(state=State.APPROVED if now < lease.expires_at else State.EXPIRED, lease=lease)


def request(ask: Ask, setting: Setting, *, by: Principal, nonce: str) -> Request:
    """The request that `ask` is. `nonce`: 16 random hexadecimal digits, which tell it from another such ask.

    Raises:
        RuleError: the policy does not allow it, or nobody could ever approve it.
    """
    policy = setting.policy
    columns = rules.meant_by(ask.scopes, policy)
    if not columns:
        raise RuleError("nothing was asked for: name a column, `tag:…` or `role:…` of the policy")
    matching = rules.rules_for(columns, setting.environment, scopes=ask.scopes, policy=policy)
    made = _made(
        {
            "nonce": nonce,
            "environment": setting.environment,
            "principal": by,
            "scopes": ask.scopes,
            "columns": tuple(sorted(columns)),
            "database_role": None if role_rules.is_narrowed(ask) else role_rules.role_meant(ask.scopes, policy),
            "statement": ask.statement,
            "where": ask.where,
            "uses": ask.uses,
            "break_glass": ask.break_glass,
            "duration": _duration(ask, matching),
            "reason": ask.reason.strip(),
            "requested_at": setting.now,
            "expires_at": setting.now + TIME_TO_DECIDE,
            "policy_version": policy.version,
        }
    )
    rules.check_terms(made, matching, policy=policy)
    _check_approvable(by, matching, policy=policy)
    return made


def _made(fields: dict[str, object]) -> Request:
    try:
        draft = Request.model_validate(fields | {"id": "0000"})
    except ValidationError as exc:
        faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in exc.errors() if fault["loc"])
        raise RuleError(f"the request is malformed: {faults}") from exc
    return draft.model_copy(update={"id": identifier_of(draft)})


def _duration(ask: Ask, matching: Iterable[ApprovalRule]) -> timedelta:
    if ask.duration is not None:
        return ask.duration
    defaults = [rule.default_duration for rule in matching if rule.default_duration is not None]
    if ask.break_glass:
        defaults = [rule.break_glass.max_duration for rule in matching if rule.break_glass is not None]
    if not defaults:
        raise RuleError("say for how long, such as --for 30m: the policy has no default duration here")
    return min(defaults)


def _check_approvable(by: Principal, matching: tuple[ApprovalRule, ...], *, policy: Policy) -> None:
    for rule in matching:
        if rule.auto:
            continue
        able = [
            name
            for name, person in policy.people.items()
            if name != by and person.key and rules.is_approver(name, rule, policy=policy)
        ]
        if len(able) < rule.required:
            raise RuleError(
                f"{rule.scope} needs {rule.required} approver(s) of {', '.join(rule.approvers)} other than you, and "
                f"the policy has {len(able)} with a key: this could never be approved"
            )


def approve(case: Case, setting: Setting, *, by: Principal, duration: timedelta | None = None) -> Approval:
    """The approval of `case` by `by`, for at most `duration`.

    Raises:
        SelfApproval: `by` is the requester.
        TransitionError: the request is not pending, or `by` approved it before.
        RuleError: `by` is no approver of it, or the duration is longer than was asked for.
    """
    asked = case.request.record
    _check_decider(case, setting, by=by, event="approve")
    if any(approval.author == by for approval in approvals(case)):
        raise TransitionError(asked.id, State.PENDING, "approve", "You approved it already; it waits for others.")
    granted = asked.duration if duration is None else duration
    if not timedelta() < granted <= asked.duration:
        most = format_duration(asked.duration)
        raise RuleError(f"an approval may shorten what was asked for ({most}), not lengthen it or be empty")
    return Approval(**_decision(case, setting, by=by), duration=granted)


def deny(case: Case, setting: Setting, *, by: Principal, reason: str) -> Denial:
    """The denial of `case` by `by`.

    Raises:
        SelfApproval: `by` is the requester, who may revoke it instead.
        TransitionError: the request is not pending.
        RuleError: `by` is no approver of it, or there is no reason.
    """
    _check_decider(case, setting, by=by, event="deny")
    if not reason.strip():
        raise RuleError("a denial needs a reason: say why, with --reason")
    return Denial(**_decision(case, setting, by=by), reason=_line(reason))


def revoke(case: Case, setting: Setting, *, by: Principal, reason: str = "") -> Revocation:
    """The revocation of `case`, pending or approved, by its requester or by anyone who may approve it.

    Raises:
        TransitionError: it is over already.
        RuleError: `by` is neither.
    """
    asked = case.request.record
    found = standing(case, setting)
    if found.state not in (State.PENDING, State.APPROVED):
        raise TransitionError(asked.id, found.state, "revoke", "There is nothing left to end.")
    if by != asked.principal:
        _check_approver(asked, setting, by=by)
    return Revocation(**_decision(case, setting, by=by), reason=_line(reason))


def review(case: Case, setting: Setting, *, by: Principal, reason: str = "") -> Review:
    """The review by `by` of a grant that its holder gave to themselves, live or over.

    Raises:
        SelfApproval: `by` is the holder.
        RuleError: it was not break-glass, was reviewed already, or `by` is no approver of it.
    """
    asked = case.request.record
    if not asked.break_glass:
        raise RuleError(f"{asked.id} was approved in due form: there is nothing to review")
    if by == asked.principal:
        raise SelfApproval(f"{by} cannot review {asked.id}: it is their own")
    for decision in case.decisions:
        if isinstance(decision.record, Review):
            raise RuleError(f"{asked.id} was reviewed by {decision.record.author} already")
    _check_approver(asked, setting, by=by)
    return Review(**_decision(case, setting, by=by), reason=_line(reason))


def is_unreviewed(case: Case) -> bool:
    """Whether the holder granted this to themselves, and no approver has signed it off."""
    is_reviewed = any(isinstance(decision.record, Review) for decision in case.decisions)
    return case.request.record.break_glass and not is_reviewed


def _check_decider(case: Case, setting: Setting, *, by: Principal, event: str) -> None:
    asked = case.request.record
    if by == asked.principal:
        raise SelfApproval(f"{by} cannot {event} {asked.id}: it is their own. `unmask revoke {asked.id}` withdraws it")
    found = standing(case, setting)
    if found.state is not State.PENDING:
        raise TransitionError(asked.id, found.state, event, "Only a pending request can be decided: ask for a new one.")
    if found.problem:
        raise RuleError(found.problem)
    if setting.now < asked.requested_at - rules.CLOCK_SKEW:
        # It would not count, and could not be repeated either.
        raise RuleError(f"{asked.id} comes from the future: set your clock, or that of {asked.principal}; then repeat")
    _check_approver(asked, setting, by=by)


def _check_approver(asked: Request, setting: Setting, *, by: Principal) -> None:
    matching = rules.rules_of(asked, setting.policy)
    waited = setting.now - asked.requested_at
    if not any(rules.is_approver(by, rule, policy=setting.policy, waited=waited) for rule in matching):
        able = sorted({approver for rule in matching for approver in rule.approvers})
        raise RuleError(f"{by} is no approver of {asked.id} in {asked.environment}: {', '.join(able) or 'nobody'} may")


def _line(text: str) -> str:
    line = " ".join(text.split())
    if not line.isprintable() or len(line) > LONGEST_LINE:
        raise RuleError(f"a reason must be one line of at most {LONGEST_LINE} printable characters")
    return line


class _DecisionFields(TypedDict):
    request: str
    digest: str
    environment: str
    author: Principal
    at: datetime


def _decision(case: Case, setting: Setting, *, by: Principal) -> _DecisionFields:
    asked = case.request.record
    return {
        "request": asked.id,
        "digest": case.request.digest,
        "environment": asked.environment,
        "author": by,
        "at": setting.now,
    }
