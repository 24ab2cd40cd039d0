"""Who is told of a step, and what: pure. No notice holds a secret, a literal, a parameter or a cell's value.

Approvers who can act are told of a request, all of them of break-glass; the requester of every decision of others.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from grants import rules
from grants.audit import Event
from grants.errors import GrantError
from grants.office import Docket
from grants.records import State
from masking import ApprovalRule, Policy, Principal
from masking.durations import format_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message for some people. `title` is one line, `body` several."""

    audience: tuple[Principal, ...]
    title: str
    body: str


def notice_of(event: Event, docket: Docket, policy: Policy, *, by: Principal) -> Notice:
    """What is said of the step `event`, which `by` took; its audience may be empty."""
    request = docket.request
    audience = _approvers(docket, policy) if event is Event.REQUESTED else (request.principal,)
    return Notice(
        audience=tuple(name for name in audience if name != by),
        title=f"[unmask {request.environment}] {by}: {_deed(event, docket)}",
        body=told(docket, _next(event, docket)),
    )


def reminder(docket: Docket, audience: Iterable[Principal], *, what: str, advice: str) -> Notice:
    """A message about a request on which nobody took a step."""
    request = docket.request
    title = f"[unmask {request.environment}] {request.id} of {request.principal} {what}"
    return Notice(audience=tuple(audience), title=title, body=told(docket, advice))


def approvers_of(docket: Docket, policy: Policy) -> tuple[Principal, ...]:
    """Everybody with a key who may approve the request as long as it has waited, but for its author."""
    request = docket.request
    try:
        matching = rules.rules_of(request, policy)
    except GrantError:
        return ()  # the policy does not allow it any more: nobody can
    return tuple(name for name in _able(matching, docket, policy) if name != request.principal)


def _approvers(docket: Docket, policy: Policy) -> tuple[Principal, ...]:
    is_live = docket.standing.state is State.APPROVED
    return () if is_live and not docket.request.break_glass else approvers_of(docket, policy)


def _able(matching: Iterable[ApprovalRule], docket: Docket, policy: Policy) -> Iterable[Principal]:
    matching = tuple(matching)
    for name, person in policy.people.items():
        is_approver = any(rules.is_approver(name, rule, policy=policy, waited=docket.waited) for rule in matching)
        if person.key and is_approver:
            yield name


def _deed(event: Event, docket: Docket) -> str:
    request = docket.request
    if event is Event.REQUESTED:
        verb = "broke the glass for" if request.break_glass else "asks for"
        return f"{verb} {', '.join(request.scopes)}"
    return f"{event.value} {request.id}"


def told(docket: Docket, advice: str) -> str:
    """The request in words: who, what, for how long, why; and what to do next."""
    request, lease = docket.request, docket.standing.lease
    narrowed = [f"where {rules.row_shape(request)}"] if request.where is not None else []
    narrowed += [f"{request.uses} use(s)"] if request.uses is not None else []
    narrowed += ["in one statement"] if request.statement is not None else []
    lines = [
        f"request: {request.id} of {request.principal} in {request.environment}",
        f"scope: {', '.join(request.scopes)}" + (f" ({'; '.join(narrowed)})" if narrowed else ""),
        f"for: {format_duration(request.duration)}",
        f"reason: {request.reason}",
        f"state: {docket.standing.state.value}" + (f" until {lease.expires_at:%Y-%m-%d %H:%M:%S} UTC" if lease else ""),
        advice,
    ]
    return "\n".join(line for line in lines if line)


def _next(event: Event, docket: Docket) -> str:
    request = docket.request
    place = f"{request.id} --env {request.environment}"
    if event is not Event.REQUESTED:
        last = docket.case.decisions[-1].record if docket.case.decisions else None
        said = getattr(last, "reason", "")
        return f"said: {said}" if said else ""
    if request.break_glass:
        return f"next: unmask requests {place}; then unmask review or unmask revoke"
    return f"next: unmask requests {place}; then unmask approve or unmask deny"
