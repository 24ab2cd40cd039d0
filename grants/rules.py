"""What the policy's approval rules say about one request: pure, and the same for who asks, who approves and the hook.

Rules, each evaluated against the policy as it is now, never as it was when the request was made:
- a grant covers the columns that the request names *and* that its scopes still mean: a policy narrows it, or nothing;
- each of these columns has the first approval rule that matches it in the request's environment, and the request must
  satisfy all of them: longest duration, form of the reason, enough distinct approvers;
- nobody's approval of their own request counts; an approver who approves twice counts once;
- further approvers count from when a request has waited as long as its rule says;
- break-glass needs nobody, but a rule that lets its holder do so, and is short;
- a grant starts with the last approval that it needed and lasts for the shortest duration that anybody signed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from grants.errors import RuleError, UnknownPrincipal
from grants.records import Approval, Lease, Request
from grants.role_rules import roles_named
from grants.signing import PublicKey
from masking import ApprovalRule, ColumnName, Policy, PolicyError, Principal, RowCondition
from masking.durations import format_duration

LONGEST = timedelta(days=30)
"""No grant is longer, whatever the policy says."""
LONGEST_PENDING = timedelta(days=7)
"""No request may be decided on after this long."""
CLOCK_SKEW = timedelta(minutes=5)
"""How far two people's clocks may be apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Approvals that a rule still waits for."""

    rule: ApprovalRule
    count: int

    def __str__(self) -> str:
        people = "approver" if self.count == 1 else "approvers"
        late = self.rule.escalation
        further = f", after {format_duration(late.after)} also of {', '.join(late.approvers)}" if late else ""
        return f"{self.count} more {people} of {', '.join(self.rule.approvers)}{further} (for {self.rule.scope})"


def key_of(principal: Principal, policy: Policy) -> PublicKey:
    """The public key under which `principal` signs.

    Raises:
        UnknownPrincipal: the policy does not know the person, or no key of theirs.
    """
    person = policy.people.get(principal)
    if person is None:
        raise UnknownPrincipal(f"{principal} is not in the policy: add them under `people:` with a group and a key")
    if not person.key:
        raise UnknownPrincipal(f"{principal} has no key in the policy: add the line that `unmask keygen` prints")
    return PublicKey.parse(person.key)


def principal_of(key: PublicKey, policy: Policy) -> Principal:
    """Whose key this is.

    Raises:
        UnknownPrincipal: nobody's in the policy, or more than one person's.
    """
    matches = [name for name, person in policy.people.items() if person.key and PublicKey.parse(person.key) == key]
    if not matches:
        raise UnknownPrincipal(
            f"the key {key.id} is nobody's in the policy: add it under `people:` as `key: {key.text}`"
        )
    if len(matches) > 1:
        raise UnknownPrincipal(
            f"the key {key.id} stands for {' and '.join(matches)} in the policy: give each their own"
        )
    return matches[0]


def meant_by(scopes: Iterable[str], policy: Policy) -> frozenset[ColumnName]:
    """The columns that `scopes` mean.

    Raises:
        RuleError: the policy knows no such scope.
    """
    try:
        return frozenset().union(*(policy.scope(scope) for scope in scopes))
    except PolicyError as exc:
        raise RuleError(str(exc)) from exc


def covered(request: Request, policy: Policy) -> frozenset[ColumnName]:
    """The columns that a grant of `request` can still cover.

    Raises:
        RuleError: none, or a scope that the policy no longer knows.
    """
    columns = meant_by(request.scopes, policy) & frozenset(request.columns)
    if not columns:
        raise RuleError(f"nothing that {request.id} asks for is sensitive under this policy any more")
    return columns


def rules_of(request: Request, policy: Policy) -> tuple[ApprovalRule, ...]:
    """The approval rules that a request comes under, each once.

    Raises:
        RuleError: no rule matches something that it asks for, or it asks for nothing that the policy knows.
    """
    return rules_for(covered(request, policy), request.environment, scopes=request.scopes, policy=policy)


def rules_for(
    columns: Iterable[ColumnName], environment: str, *, scopes: Iterable[str], policy: Policy
) -> tuple[ApprovalRule, ...]:
    """The approval rules that these columns come under, and those of the roles that `scopes` name, each once.

    A role that gives a role of the database gives more than its columns: a rule must name it.

    Raises:
        RuleError: a column, or such a role, that no rule matches in this environment.
    """
    rules: list[ApprovalRule] = []
    for column in sorted(columns):
        rule = policy.rule_for(column, environment)
        if rule is None:
            raise RuleError(f"{column} cannot be granted in {environment}: no rule under `approval:` matches it there")
        if rule not in rules:
            rules.append(rule)
    for role in roles_named(scopes, policy):
        rule = policy.rule_for_role(role, environment)
        if rule is None:
            raise RuleError(
                f"role:{role} takes a database role and cannot be granted in {environment}:"
                f" no rule under `approval:` has the scope role:{role} there"
            )
        if rule not in rules:
            rules.append(rule)
    return tuple(rules)


def is_approver(person: Principal, rule: ApprovalRule, *, policy: Policy, waited: timedelta = timedelta()) -> bool:
    """Whether `person` may approve under `rule`, by name or by group, once a request has `waited` so long."""
    if rule.auto:
        return False
    late = rule.escalation
    further = late.approvers if late is not None and waited >= late.after else ()
    return _is_among(person, (*rule.approvers, *further), policy)


def _is_among(person: Principal, listed: Iterable[str], policy: Policy) -> bool:
    names = {f"group:{group}" for group in policy.groups_of(person)}
    if not person.startswith("group:"):  # nobody is a group by calling themselves one
        names.add(person)
    return not names.isdisjoint(listed)


def longest(rules: Iterable[ApprovalRule]) -> timedelta:
    """The longest duration that all of `rules` allow."""
    return min((rule.max_duration for rule in rules), default=LONGEST)


def row_condition(request: Request, policy: Policy) -> RowCondition | None:
    """The condition on rows that narrows the request; None where it covers all of them.

    Raises:
        RuleError: it is none, spans tables, or compares a column that is itself sensitive.
    """
    if request.where is None:
        return None
    try:
        condition = RowCondition.parse(request.where)
    except PolicyError as exc:
        raise RuleError(str(exc)) from exc
    tables = {column.table for column in request.columns}
    if len(tables) != 1:
        raise RuleError("a condition on rows needs columns of one table: ask for each table by itself")
    (table,) = tables
    sensitive = {column.column.lower() for column in request.columns}
    sensitive.update(column.column.lower() for column in policy.columns if column.table == table)
    for name in sorted(condition.columns):
        if name.lower() in sensitive or policy.is_sensitive(ColumnName(table, name)):
            raise RuleError(f"a condition on rows may not compare {name}: it is sensitive itself")
    return condition


def row_shape(request: Request) -> str | None:
    """The request's condition on rows with every literal as `?`; None where it has none."""
    if request.where is None:
        return None
    try:
        return RowCondition.parse(request.where).shape
    except PolicyError:
        return "unreadable"  # its author made it by hand: nothing comes of it, but it can be denied


def check_terms(request: Request, rules: tuple[ApprovalRule, ...], *, policy: Policy) -> None:
    """Raises unless the request's own terms are within `rules`.

    Raises:
        RuleError: the duration, the reason, the condition on rows, the time to decide, or something that is not
            enforced yet.
    """
    row_condition(request, policy)
    if request.break_glass:
        _check_break_glass(request, rules, policy)
    _check_duration(request.duration, min(longest(rules), LONGEST))
    if not request.reason.strip():
        raise RuleError("a request needs a reason: say what for, with --reason")
    for rule in rules:
        if rule.reason and not re.search(rule.reason, request.reason):
            raise RuleError(f"the reason for {rule.scope} must match {_pattern(rule.reason)}")
    if not timedelta() < request.expires_at - request.requested_at <= LONGEST_PENDING:
        raise RuleError(f"a request must be decided within {LONGEST_PENDING.days} days")
    # Fail closed: a narrowing that the hook does not enforce must not turn into a wide grant.
    if request.statement is not None and (request.statement.literals == "fixed") != bool(request.statement.exact):
        raise RuleError("a statement with fixed literals needs what binds them, and no other statement has it")


def _check_break_glass(request: Request, rules: tuple[ApprovalRule, ...], policy: Policy) -> None:
    for rule in rules:
        urgent = rule.break_glass
        if rule.auto:
            continue
        if urgent is None or not _is_among(request.principal, urgent.principals, policy):
            raise RuleError(f"{request.principal} may not grant {rule.scope} to themselves: ask for approval")
        _check_duration(request.duration, urgent.max_duration)


def _check_duration(duration: timedelta, maximum: timedelta) -> None:
    if duration <= timedelta():
        raise RuleError("a grant's duration must be longer than nothing: say for how long, such as 30m")
    if duration > maximum:
        asked, most = format_duration(duration), format_duration(maximum)
        raise RuleError(f"a grant of {asked} is too long: the most that the policy allows here is {most}")


def _pattern(reason: "str | re.Pattern[str]") -> str:
    return reason if isinstance(reason, str) else reason.pattern


def missing(request: Request, approvals: Iterable[Approval], *, policy: Policy) -> tuple[Missing, ...]:
    """What the request still waits for, rule by rule; empty when it is approved.

    Raises:
        RuleError: the policy does not allow the request at all.
    """
    matching = rules_of(request, policy)
    check_terms(request, matching, policy=policy)
    return _missing(request, matching, _counted(request, approvals), policy=policy)


def _missing(
    request: Request, matching: Iterable[ApprovalRule], approvals: Iterable[Approval], *, policy: Policy
) -> tuple[Missing, ...]:
    waiting: list[Missing] = []
    for rule in () if request.break_glass else matching:
        count = sum(counts(approval, rule, request, policy=policy) for approval in approvals)
        if not rule.auto and count < rule.required:
            waiting.append(Missing(rule=rule, count=rule.required - count))
    return tuple(waiting)


def counts(approval: Approval, rule: ApprovalRule, request: Request, *, policy: Policy) -> bool:
    """Whether the author of `approval` was an approver under `rule` when they approved."""
    return is_approver(approval.author, rule, policy=policy, waited=approval.at - request.requested_at)


def enough(request: Request, approvals: Iterable[Approval], *, policy: Policy) -> tuple[Approval, ...] | None:
    """The earliest approvals that together satisfy every rule, in their order; None while some are missing.

    Whatever came after them changes nothing: an approval that was not needed cannot prolong a grant.

    Raises:
        RuleError: the policy does not allow the request at all.
    """
    matching = rules_of(request, policy)
    check_terms(request, matching, policy=policy)
    needed: list[Approval] = []
    for approval in _counted(request, approvals):
        if not _missing(request, matching, needed, policy=policy):
            break
        if any(counts(approval, rule, request, policy=policy) for rule in matching):
            needed.append(approval)
    return None if _missing(request, matching, needed, policy=policy) else tuple(needed)


def lease_of(request: Request, needed: tuple[Approval, ...]) -> Lease:
    """The time box of the grant that `needed`, the approvals that were enough, make of `request`."""
    issued_at = max((approval.at for approval in needed), default=request.requested_at)
    duration = min((request.duration, *(approval.duration for approval in needed)))
    return Lease(issued_at=issued_at, expires_at=issued_at + duration)


def _counted(request: Request, approvals: Iterable[Approval]) -> tuple[Approval, ...]:
    """The first approval of each person other than the requester that was made while the request could be decided."""
    first: dict[Principal, Approval] = {}
    for approval in sorted(approvals, key=lambda approval: approval.at):
        is_in_time = request.requested_at - CLOCK_SKEW <= approval.at < request.expires_at
        if approval.author != request.principal and is_in_time and approval.duration > timedelta():
            first.setdefault(approval.author, approval)
    return tuple(first.values())
