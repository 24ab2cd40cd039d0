"""The transitions, without Redis: who may do what, when, and what a case then comes to."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grants import Ask, RuleError, SelfApproval, State, StatementScope, TransitionError, workflow
from grants.records import Case, Decision, Denial, Revocation
from grants.workflow import Setting
from masking import Fingerprint, Policy, Principal
from tests.grants.conftest import KEYS, Clock, ask, policy_text

ANA, BO, CY, DEE = (Principal(name) for name in ("ana", "bo", "cy", "dee"))
NONCE = "0123456789abcdef"
FIXED = StatementScope(fingerprint=Fingerprint("v1:0"), literals="fixed", text="SELECT 1")


def setting(policy: Policy, clock: Clock, *, environment: str = "prod") -> Setting:
    """Here and now."""
    return Setting(policy=policy, environment=environment, now=clock.now)


def requested(given_setting: Setting, *scopes: str, **options: object) -> Case:
    """A request of ana's."""
    made = workflow.request(ask(*scopes, **options), given_setting, by=ANA, nonce=NONCE)  # type: ignore[arg-type] # as tests give them
    return Case(KEYS["ana"].sign(made))


def followed(case: Case, decision: Decision) -> Case:
    """The case after a decision."""
    return case.followed_by(KEYS[decision.author].sign(decision))


def test_one_approval_makes_a_grant_where_one_is_enough(policy: Policy, clock: Clock) -> None:
    """It starts with the approval and lasts as long as was asked for."""
    here = setting(policy, clock)
    case = requested(here)
    assert workflow.standing(case, here).state is State.PENDING
    clock.advance(timedelta(hours=1))
    later = setting(policy, clock)
    case = followed(case, workflow.approve(case, later, by=BO))
    found = workflow.standing(case, later)
    assert found.state is State.APPROVED
    assert found.lease is not None
    assert found.lease.issued_at == clock.now
    assert found.lease.expires_at == clock.now + timedelta(minutes=30)


def test_a_grant_ends_exactly_at_its_end(policy: Policy, clock: Clock) -> None:
    """Live one microsecond before `expires_at`, expired at it."""
    here = setting(policy, clock)
    case = followed(requested(here), workflow.approve(requested(here), here, by=BO))
    clock.advance(timedelta(minutes=30) - timedelta(microseconds=1))
    assert workflow.standing(case, setting(policy, clock)).state is State.APPROVED
    clock.advance(timedelta(microseconds=1))
    assert workflow.standing(case, setting(policy, clock)).state is State.EXPIRED


def test_two_approvers_are_two_people(policy: Policy, clock: Clock) -> None:
    """Where two are required, the second yes must be somebody else's; the grant starts with it."""
    here = setting(policy, clock)
    case = requested(here, "customers.ssn")
    case = followed(case, workflow.approve(case, here, by=BO))
    assert workflow.standing(case, here).state is State.PENDING
    assert [waiting.count for waiting in workflow.standing(case, here).missing] == [1]
    with pytest.raises(TransitionError, match="already"):
        workflow.approve(case, here, by=BO)
    twice = followed(case, case.decisions[0].record)
    assert workflow.standing(twice, here).state is State.PENDING
    case = followed(case, workflow.approve(case, here, by=CY))
    assert workflow.standing(case, here).state is State.APPROVED


def test_a_grant_lasts_for_the_shortest_approved_duration(policy: Policy, clock: Clock) -> None:
    """An approver may shorten what was asked for, and the shortest counts."""
    here = setting(policy, clock)
    case = requested(here, "customers.ssn")
    case = followed(case, workflow.approve(case, here, by=BO, duration=timedelta(minutes=5)))
    case = followed(case, workflow.approve(case, here, by=CY))
    lease = workflow.standing(case, here).lease
    assert lease is not None
    assert lease.expires_at == clock.now + timedelta(minutes=5)


@pytest.mark.parametrize("duration", [timedelta(), timedelta(seconds=-1), timedelta(minutes=31)])
def test_an_approval_neither_lengthens_nor_is_empty(policy: Policy, clock: Clock, duration: timedelta) -> None:
    """More than was asked for, or nothing, is refused."""
    here = setting(policy, clock)
    with pytest.raises(RuleError):
        workflow.approve(requested(here), here, by=BO, duration=duration)


def test_nobody_decides_on_their_own_request(policy: Policy, clock: Clock) -> None:
    """Not even an approver: neither yes nor no."""
    here = setting(policy, clock)
    made = workflow.request(ask("customers.ssn"), setting(policy_of_three(), clock), by=BO, nonce=NONCE)
    case = Case(KEYS["bo"].sign(made))
    with pytest.raises(SelfApproval, match="their own"):
        workflow.approve(case, here, by=BO)
    with pytest.raises(SelfApproval):
        workflow.deny(case, here, by=BO, reason="no")


def policy_of_three() -> Policy:
    """The policy, with dee among the approvers."""
    return Policy.parse(policy_text().replace("dee: {groups: [support]", "dee: {groups: [privacy]"))


@pytest.mark.parametrize("who", [DEE, Principal("mallory"), Principal("group:privacy"), Principal("")])
def test_only_approvers_decide(policy: Policy, clock: Clock, who: Principal) -> None:
    """Anyone else is told who may."""
    here = setting(policy, clock)
    case = requested(here)
    for step in (
        lambda: workflow.approve(case, here, by=who),
        lambda: workflow.deny(case, here, by=who, reason="no"),
        lambda: workflow.revoke(case, here, by=who),
    ):
        with pytest.raises(RuleError, match="group:privacy"):
            step()


@pytest.mark.parametrize("end", ["denied", "revoked", "expired", "approved"])
def test_a_decision_on_what_is_no_longer_pending_is_an_error(policy: Policy, clock: Clock, end: str) -> None:
    """It names the state, so that a late approver knows why."""
    here = setting(policy, clock)
    case = requested(here)
    match end:
        case "denied":
            case = followed(case, workflow.deny(case, here, by=BO, reason="no"))
        case "revoked":
            case = followed(case, workflow.revoke(case, here, by=ANA))
        case "approved":
            case = followed(case, workflow.approve(case, here, by=BO))
        case _:
            clock.advance(workflow.TIME_TO_DECIDE)
    later = setting(policy, clock)
    for event, step in (
        ("approve", lambda: workflow.approve(case, later, by=CY)),
        ("deny", lambda: workflow.deny(case, later, by=CY, reason="no")),
    ):
        with pytest.raises(TransitionError) as caught:
            step()
        assert (caught.value.state, caught.value.event, caught.value.id) == (end, event, case.request.record.id)


def test_a_grant_may_be_revoked_by_its_holder_or_by_any_approver(policy: Policy, clock: Clock) -> None:
    """Also by one who had no part in it; once."""
    here = setting(policy, clock)
    case = requested(here)
    case = followed(case, workflow.approve(case, here, by=BO))
    for who in (ANA, BO, CY):
        ended = followed(case, workflow.revoke(case, here, by=who, reason="done"))
        assert workflow.standing(ended, here).state is State.REVOKED
        with pytest.raises(TransitionError):
            workflow.revoke(ended, here, by=who)


def test_a_denial_needs_a_reason(policy: Policy, clock: Clock) -> None:
    """Blank is none."""
    here = setting(policy, clock)
    with pytest.raises(RuleError, match="reason"):
        workflow.deny(requested(here), here, by=BO, reason="  ")


@pytest.mark.parametrize("minutes", [0, -1, 4 * 60 + 1, 60 * 24 * 365])
def test_a_duration_of_nothing_or_beyond_the_longest_is_refused(policy: Policy, clock: Clock, minutes: float) -> None:
    """Zero, negative, more than the rule's, a year."""
    with pytest.raises(RuleError, match=r"longer|too long"):
        requested(setting(policy, clock), minutes=minutes)


def test_without_a_duration_the_default_of_the_policy_holds(policy: Policy, clock: Clock) -> None:
    """And where there is none, one must be given."""
    here = setting(policy, clock)
    assert requested(here, minutes=None).request.record.duration == timedelta(minutes=30)
    with pytest.raises(RuleError, match="how long"):
        requested(here, "customers.ssn", minutes=None)


@pytest.mark.parametrize("reason", ["", "   ", "because", "two\nlines OPS-1", "OPS-1 \x1b[31m", "OPS-1 " + "x" * 500])
def test_a_reason_must_be_there_fit_the_rule_and_be_one_line(policy: Policy, clock: Clock, reason: str) -> None:
    """Control characters could deceive the approver's terminal."""
    with pytest.raises(RuleError):
        requested(setting(policy, clock), "customers.ssn", reason=reason)


@pytest.mark.parametrize("scopes", [("customers.nope",), ("tag:nope",), ("role:nope",), ("nonsense",), ("",)])
def test_an_unknown_scope_is_refused(policy: Policy, clock: Clock, scopes: tuple[str, ...]) -> None:
    """A misspelt scope is an error, not an empty grant."""
    with pytest.raises(RuleError):
        requested(setting(policy, clock), *scopes)


def test_a_request_for_nothing_is_refused(policy: Policy, clock: Clock) -> None:
    """No scope at all is an error."""
    with pytest.raises(RuleError, match="nothing"):
        workflow.request(Ask(scopes=(), reason="x"), setting(policy, clock), by=ANA, nonce=NONCE)


def test_what_no_rule_matches_cannot_be_granted(policy: Policy, clock: Clock) -> None:
    """Nor can a tag of which one column is such."""
    with pytest.raises(RuleError, match=r"customers\.salary.*prod"):
        requested(setting(policy, clock), "customers.salary")


def test_a_request_under_several_rules_must_satisfy_all(policy: Policy, clock: Clock) -> None:
    """`tag:pii` is contact and secret: the stricter count of approvers holds for the whole."""
    here = setting(policy, clock)
    case = requested(here, "tag:pii")
    case = followed(case, workflow.approve(case, here, by=BO))
    assert workflow.standing(case, here).state is State.PENDING
    case = followed(case, workflow.approve(case, here, by=CY))
    assert workflow.standing(case, here).state is State.APPROVED


def test_what_is_approved_by_itself_is_live_at_once_and_only_in_its_environment(policy: Policy, clock: Clock) -> None:
    """In staging, contact data need nobody; elsewhere they do; secrets do everywhere."""
    staging = setting(policy, clock, environment="staging")
    assert workflow.standing(requested(staging), staging).state is State.APPROVED
    assert workflow.standing(requested(setting(policy, clock)), setting(policy, clock)).state is State.PENDING
    assert workflow.standing(requested(staging, "customers.ssn"), staging).state is State.PENDING


def test_a_request_that_nobody_could_approve_is_refused_at_once(policy: Policy, clock: Clock) -> None:
    """The requester does not count among the approvers, nor does one without a key."""
    with pytest.raises(RuleError, match="never be approved"):
        workflow.request(ask("customers.ssn"), setting(policy, clock), by=BO, nonce=NONCE)


def test_fixed_literals_need_what_binds_them(policy: Policy, clock: Clock) -> None:
    """Without it the request would be silently wider than was asked for."""
    wanted = Ask(scopes=("customers.email",), reason="OPS-7", duration=timedelta(minutes=1), statement=FIXED)
    with pytest.raises(RuleError, match="what binds them"):
        workflow.request(wanted, setting(policy, clock), by=ANA, nonce=NONCE)


def test_a_policy_that_got_stricter_ends_what_it_would_not_allow(policy: Policy, clock: Clock) -> None:
    """A pending request cannot be approved any more, and says why."""
    stricter = Policy.parse(policy_text().replace("max_duration: 4h, default_duration: 30m", "max_duration: 10m"))
    case = requested(setting(policy, clock))
    with pytest.raises(RuleError, match="too long"):
        workflow.approve(case, setting(stricter, clock), by=BO)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["approve", "deny", "revoke"]),
        st.sampled_from([ANA, BO, CY, DEE]),
        st.integers(0, 6 * 60),
        st.integers(-5, 300),
    ),
    max_size=8,
)


@given(steps=_STEPS, probe=st.integers(0, 10_000))
def test_whatever_happens_in_whatever_order_no_grant_is_wrong(
    policy: Policy, steps: list[tuple[str, Principal, int, int]], probe: int
) -> None:
    """A live grant has two distinct approvers other than its holder, is within its end, and nobody ended it."""
    clock = Clock()
    case = requested(setting(policy, clock), "customers.ssn", minutes=120)
    for event, who, wait, minutes in steps:
        clock.advance(timedelta(minutes=wait))
        here = setting(policy, clock)
        try:
            match event:
                case "approve":
                    decision: Decision = workflow.approve(case, here, by=who, duration=timedelta(minutes=minutes))
                case "deny":
                    decision = workflow.deny(case, here, by=who, reason="no")
                case _:
                    decision = workflow.revoke(case, here, by=who)
        except (RuleError, TransitionError, SelfApproval):
            continue
        case = followed(case, decision)
    clock.advance(timedelta(minutes=probe))
    found = workflow.standing(case, setting(policy, clock))
    if found.state is State.APPROVED:
        given_by = workflow.approvals(case)
        assert {approval.author for approval in given_by} == {BO, CY}
        assert not [one for one in case.decisions if isinstance(one.record, Denial | Revocation)]
        assert clock.now < max(one.at for one in given_by) + min(one.duration for one in given_by)
