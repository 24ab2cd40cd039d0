"""What people should be reminded of, though nobody took a step: pure.

- further approvers, once a request has waited so long that they count;
- the holder of a grant, shortly before it ends, so that a new request can be approved in time;
- approvers, of break-glass that nobody has signed off, once a day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from grants import rules
from grants.errors import GrantError
from grants.notices import Notice, approvers_of, reminder
from grants.office import Docket
from grants.records import State
from masking import Policy, Principal

SOON = timedelta(minutes=5)
"""How long before its end the holder of a grant is warned; of a short one, in its last fifth."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """A notice that is due. `occasion`: what tells it from others about the same request, so that it is sent once."""

    request: str
    occasion: str
    notice: Notice


def ends_soon(docket: Docket, now: datetime) -> bool:
    """Whether the grant is live, and about to end."""
    lease = docket.standing.lease
    if docket.standing.state is not State.APPROVED or lease is None:
        return False
    return lease.expires_at - now <= min(SOON, (lease.expires_at - lease.issued_at) / 5)


def due(docket: Docket, policy: Policy, *, now: datetime) -> Iterator[Reminder]:
    """Every reminder about the request that is due at `now`."""
    request, place = docket.request, f"{docket.request.id} --env {docket.request.environment}"
    if docket.standing.state is State.PENDING and (further := _further(docket, policy)):
        notice = reminder(docket, further, what="waits for you now", advice=f"next: unmask requests {place}")
        yield Reminder(request=docket.id, occasion="escalated", notice=notice)
    if ends_soon(docket, now):
        advice = f"more time takes a new approval: unmask renew {place}"
        notice = reminder(docket, (request.principal,), what="ends soon", advice=advice)
        yield Reminder(request=docket.id, occasion="ends", notice=notice)
    days = (now - request.requested_at) // _DAY
    if docket.is_unreviewed and days:
        advice = f"next: unmask requests {place}; then unmask review"
        notice = reminder(docket, approvers_of(docket, policy), what="is unreviewed", advice=advice)
        yield Reminder(request=docket.id, occasion=f"unreviewed-{days}", notice=notice)


def _further(docket: Docket, policy: Policy) -> tuple[Principal, ...]:
    """The people who may approve only because the request has waited."""
    request = docket.request
    try:
        matching = rules.rules_of(request, policy)
    except GrantError:
        return ()
    first = {name for name in policy.people for rule in matching if rules.is_approver(name, rule, policy=policy)}
    return tuple(name for name in approvers_of(docket, policy) if name not in first)
