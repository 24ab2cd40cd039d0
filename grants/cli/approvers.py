"""Who may say yes to a request, and how far it has come: read from the policy as it is now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from grants import rules
from grants.errors import GrantError
from grants.office import Docket
from grants.records import State
from masking import Policy, Principal
from masking.policy import ApprovalRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many of the approvals that one rule asks for there are."""

    rule: ApprovalRule
    given: int

    @property
    def brief(self) -> str:
        """`1/2`."""
        return "auto" if self.rule.auto else f"{self.given}/{self.rule.required}"

    def __str__(self) -> str:
        if self.rule.auto:
            return "automatic"
        return f"{self.brief} of {', '.join(self.rule.approvers)}"


def progress(docket: Docket, policy: Policy) -> tuple[Progress, ...]:
    """Each rule that the request comes under, with its approvals; empty where the policy no longer allows it."""
    request = docket.request
    try:
        matching = rules.rules_of(request, policy)
    except GrantError:
        return ()  # the docket's own `problem` says why
    approvals = {one.author: one for one in reversed(docket.approvals) if one.author != request.principal}.values()
    return tuple(
        Progress(
            rule=rule,
            given=min(rule.required, sum(rules.counts(one, rule, request, policy=policy) for one in approvals)),
        )
        for rule in matching
    )


def possible_approvers(docket: Docket, policy: Policy) -> tuple[Principal, ...]:
    """Who could approve the request next."""
    if docket.standing.state is not State.PENDING:
        return ()
    open_rules = [one.rule for one in progress(docket, policy) if not one.rule.auto and one.given < one.rule.required]
    done = {docket.request.principal, *(approval.author for approval in docket.approvals)}
    return tuple(name for name in able(open_rules, policy, waited=docket.waited) if name not in done)


def able(matching: Iterable[ApprovalRule], policy: Policy, *, waited: timedelta = timedelta()) -> tuple[Principal, ...]:
    """The people with a key whom any of the rules `matching` lets approve what has `waited` so long."""
    matching = tuple(matching)
    return tuple(
        name
        for name, person in policy.people.items()
        if person.key and any(rules.is_approver(name, rule, policy=policy, waited=waited) for rule in matching)
    )
