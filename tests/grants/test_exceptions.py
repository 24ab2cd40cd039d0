"""Break-glass, and escalation to further approvers: what a rule lets happen besides its own approvals."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import redis

from grants import Event, Filter
from grants.errors import RuleError, SelfApproval, TransitionError
from grants.office import Docket
from grants.records import Request
from grants.store import Keys
from grants.verification import Place, Valid, Void, verdict
from masking import Policy, PolicyError, Principal
from tests.grants.conftest import KEYS, Clock, House, ask, policy_text, seen
from tests.grants.test_verification import assert_void, rewritten, stored
from tests.grants.waiting import eventually

URGENT = 'max_duration: 4h, default_duration: 30m, break_glass: {principals: ["group:support"], max_duration: 10m}'
LATE = "max_duration: 4h, default_duration: 30m, escalation: {after: 1h, approvers: [dee, eve]}"


def with_rule(text: str) -> str:
    """The policy's text, with another rule for contact data."""
    return policy_text().replace("max_duration: 4h, default_duration: 30m", text)


@pytest.fixture
def urgent(redis_database: str, clock: Clock) -> Iterator[House]:
    """Where support may grant itself contact data."""
    house = House(redis_database, Policy.parse(with_rule(URGENT)), clock)
    yield house
    for grants in house.opened:
        grants.close()


def broken(house: House, *scopes: str, minutes: float | None = None, by: str = "ana") -> Docket:
    """A grant of somebody's to themselves."""
    return house.desk(by).request(replace(ask(*scopes, minutes=minutes), break_glass=True))


def test_break_glass_is_live_at_once_and_short(urgent: House, clock: Clock) -> None:
    """For minutes, as the policy says; it says so in the trail, and ends like any grant."""
    docket = broken(urgent)
    assert docket.standing.lease is not None
    assert docket.standing.lease.expires_at == clock.now + timedelta(minutes=10)
    view = urgent.view()
    eventually(lambda: seen(view) == {"customers.email"})
    assert [one.break_glass for one in view.access(Principal("ana"), frozenset()).permits] == [True]
    clock.advance(timedelta(minutes=10))
    assert seen(view) == set()
    records = list(urgent.grants.audit("prod", matching=Filter(events=frozenset({Event.REQUESTED}))))
    assert [(one.break_glass, one.is_live) for one in records] == [(True, True)]
    assert urgent.grants.verify("prod", policy=urgent.policy) == ()


@pytest.mark.parametrize(
    ("scope", "by", "minutes", "said"),
    [
        ("customers.email", "cy", 5, "to themselves"),
        ("customers.email", "ana", 11, "too long"),
        ("customers.ssn", "ana", 5, "to themselves"),
    ],
)
def test_break_glass_is_for_those_whom_the_rule_names(
    urgent: House, *, scope: str, by: str, minutes: float, said: str
) -> None:
    """Nobody else, for no longer, and no other columns."""
    with pytest.raises(RuleError, match=said):
        broken(urgent, scope, minutes=minutes, by=by)


def test_break_glass_stays_unreviewed_until_an_approver_signs_it_off(urgent: House, clock: Clock) -> None:
    """Not its holder, not somebody who may not approve it, and only once; weeks later as well."""
    docket = broken(urgent)
    with pytest.raises(SelfApproval):
        urgent.desk("ana").review(docket.id)
    with pytest.raises(RuleError, match="no approver"):
        urgent.desk("dee").review(docket.id)
    with pytest.raises(TransitionError):
        urgent.desk("bo").approve(docket.id)
    clock.advance(timedelta(days=30))
    office = urgent.grants.office(policy=urgent.policy, environment="prod")
    assert [one.is_unreviewed for one in office.dockets() if isinstance(one, Docket)] == [True]
    reviewed = urgent.desk("bo").review(docket.id, reason="the incident of Tuesday")
    assert not reviewed.is_unreviewed
    with pytest.raises(RuleError, match="bo already"):
        urgent.desk("cy").review(docket.id)
    with pytest.raises(RuleError, match="due form"):
        urgent.desk("bo").review(urgent.desk("ana").request(ask()).id)
    (record,) = urgent.grants.audit("prod", matching=Filter(events=frozenset({Event.REVIEWED})))
    assert (record.principal, record.holder, record.reason) == ("bo", "ana", "the incident of Tuesday")
    assert urgent.grants.verify("prod", policy=urgent.policy) == ()


def test_a_review_changes_nothing_of_the_grant(urgent: House) -> None:
    """A live one lives on, as long as before; one that somebody took away is not put back."""
    first, second = broken(urgent), broken(urgent, "customers.phone")
    with redis.Redis.from_url(urgent.url, decode_responses=True) as server:
        before = server.pexpiretime(Keys("prod").grant(first.id))
        server.delete(Keys("prod").grant(second.id))
        for docket in (first, second):
            urgent.desk("bo").review(docket.id)
        assert server.pexpiretime(Keys("prod").grant(first.id)) == before
        assert not server.exists(Keys("prod").grant(second.id))
    view = urgent.view()
    eventually(lambda: seen(view) == {"customers.email"})


def test_a_request_cannot_be_made_break_glass_by_others(urgent: House) -> None:
    """Nor does one hold where the policy lets its holder do so no more."""
    docket = urgent.desk("ana").request(ask(minutes=5))
    place = Place(policy=urgent.policy, environment="prod", id=docket.id)
    for key in (None, KEYS["bo"], KEYS["mallory"]):
        forged = rewritten(docket.case.request.token, {"break_glass": True}, key=key)
        assert_void(verdict(stored(forged), place, principal=Principal("ana")))
    made = broken(urgent)
    text = made.case.stored()
    place = replace(place, id=made.id)
    assert isinstance(verdict(text, place, principal=Principal("ana")), Valid)
    stricter = replace(place, policy=Policy.parse(policy_text()))
    assert isinstance(verdict(text, stricter, principal=Principal("ana")), Void)


def test_further_approvers_count_once_a_request_has_waited(redis_database: str, clock: Clock) -> None:
    """From the rule's time on, half-open; the hook judges by when they signed."""
    house = House(redis_database, Policy.parse(with_rule(LATE)), clock)
    docket = house.desk("ana").request(ask())
    assert "after 1h also of dee, eve" in str(docket.standing.missing[0])
    clock.advance(timedelta(minutes=59, seconds=59))
    with pytest.raises(RuleError, match="no approver"):
        house.desk("dee").approve(docket.id)
    clock.advance(timedelta(seconds=1))
    approved = house.desk("dee").approve(docket.id)
    assert approved.standing.lease is not None
    view = house.view()
    eventually(lambda: seen(view) == {"customers.email"})
    early = rewritten(approved.case.decisions[0].token, {"at": _stamp(docket.request)}, key=KEYS["dee"])
    place = Place(policy=house.policy, environment="prod", id=docket.id)
    assert_void(verdict(stored(docket.case.request.token, early), place, principal=Principal("ana")))
    for grants in house.opened:
        grants.close()


def _stamp(request: Request) -> object:
    return request.model_dump(mode="json")["requested_at"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("break_glass: {principals: [nobody]}", "nobody is not among the people"),
        ("break_glass: {principals: [ana], max_duration: 2h}", "longer than an hour"),
        ("break_glass: {principals: []}", "principals"),
        ('escalation: {after: 1h, approvers: ["group:none"]}', "nobody is in the group none"),
        ("escalation: {approvers: [bo]}", "after"),
    ],
)
def test_exceptions_are_checked_with_the_policy(rule: str, said: str) -> None:
    """At their place in the file, like everything else."""
    with pytest.raises(PolicyError, match=said):
        Policy.parse(with_rule(f"max_duration: 4h, {rule}"))


def test_an_automatic_rule_has_no_exceptions() -> None:
    """Nobody waits for anybody there."""
    text = policy_text().replace("auto: true,", "auto: true, break_glass: {principals: [ana]},")
    with pytest.raises(PolicyError, match="no exceptions"):
        Policy.parse(text)
