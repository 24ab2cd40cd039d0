"""The workflow against a plain model of what may be visible, driven at random over a real Redis.

Requests, decisions, clocks, policies and faults come in any order. What the verification lets a process see is exactly
what the model says; where somebody tampered with a request, it is at most what people rightly approved.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from grants.errors import GrantError
from grants.judge import Judge
from grants.store import Keys, Store
from masking import Policy, Principal
from tests.grants.conftest import Clock, House, ask
from tests.grants.test_exceptions import URGENT, with_rule

PEOPLE = ("ana", "bo", "cy", "dee")
APPROVERS = {"bo", "cy"}
NEEDED = {"customers.email": 1, "customers.phone": 1, "customers.ssn": 2}
LONGEST = timedelta(hours=4)
MINUTES = st.sampled_from([5, 30, 120, 300])
PROD = Keys("prod")


@dataclass
class Asked:
    """One request as the model knows it. `is_spoilt`: somebody tampered with what Redis holds of it."""

    holder: str
    column: str
    duration: timedelta
    at: datetime
    is_urgent: bool
    approvals: list[tuple[str, datetime, timedelta]] = field(default_factory=list)
    is_over: bool = False
    is_spoilt: bool = False

    def lease(self) -> tuple[datetime, datetime] | None:
        """From when until when it is granted, revoked or not; None while approvals are missing."""
        if self.is_urgent:
            return self.at, self.at + self.duration
        if len(self.approvals) < NEEDED[self.column]:
            return None
        needed = self.approvals[: NEEDED[self.column]]
        start = max(at for _, at, _ in needed)
        return start, start + min([self.duration, *(length for _, _, length in needed)])

    def is_live(self, now: datetime, *, allows_urgent: bool) -> bool:
        """Whether it reveals its column, if nobody ended it early."""
        lease = self.lease()
        if lease is None or (self.is_urgent and not allows_urgent):
            return False
        if self.is_spoilt and self.approvals:  # an old copy was put back and approved anew, by whoever had not yet
            return now < max(at for _, at, _ in self.approvals) + self.duration
        return now < lease[1]


class Workflow(RuleBasedStateMachine):
    """People at their desks, a clock, one server, and somebody who writes to it."""

    url = ""

    @initialize()
    def open_house(self) -> None:
        """An empty database, and a policy that allows break-glass."""
        self.server = redis.Redis.from_url(self.url)
        self.server.flushdb()
        self.clock = Clock()
        self.policies = [Policy.parse(with_rule(URGENT)), Policy.parse(with_rule("max_duration: 4h"))]
        self.house = House(self.url, self.policies[0], self.clock)
        self.store = Store(self.url)
        self.judges = [Judge(policy=one, environment="prod", clock=self.clock) for one in self.policies]
        self.asked: dict[str, Asked] = {}
        self.copies: dict[str, bytes | str | None] = {}

    @rule(by=st.sampled_from(PEOPLE), column=st.sampled_from(sorted(NEEDED)), minutes=MINUTES, is_urgent=st.booleans())
    def request(self, by: str, column: str, minutes: int, *, is_urgent: bool) -> None:
        """Somebody asks, or grants it to themselves."""
        duration = timedelta(minutes=minutes)
        longest = timedelta(minutes=10) if is_urgent else LONGEST
        is_allowed = duration <= longest and (
            (by in ("ana", "dee") and column != "customers.ssn")
            if is_urgent
            else len(APPROVERS - {by}) >= NEEDED[column]
        )
        wanted = replace(ask(column, minutes=minutes), break_glass=is_urgent)
        try:
            docket = self.house.desk(by).request(wanted)
        except GrantError:
            assert not is_allowed
            return
        assert is_allowed
        self.asked[docket.id] = Asked(by, column, duration, self.clock.now, is_urgent)

    def _id(self, number: int) -> str:
        return list(self.asked)[number % len(self.asked)]

    @precondition(lambda self: self.asked)
    @rule(number=st.integers(0, 50), by=st.sampled_from(["bo", "cy", "ana"]), minutes=MINUTES)
    def approve(self, number: int, by: str, minutes: int) -> None:
        """Somebody approves something, for a while."""
        identifier = self._id(number)
        asked, length = self.asked[identifier], timedelta(minutes=minutes)
        is_pending = not asked.is_over and asked.lease() is None and self.clock.now < asked.at + timedelta(days=3)
        is_new = by not in [name for name, _, _ in asked.approvals]
        is_right = is_pending and by in APPROVERS - {asked.holder} and is_new and length <= asked.duration
        try:
            self.house.desk(by).approve(identifier, duration=length)
        except GrantError:
            assert asked.is_spoilt or not is_right
            return
        assert is_right or asked.is_spoilt
        asked.approvals.append((by, self.clock.now, length))

    @rule(
        by=st.sampled_from(["ana", "dee"]), column=st.sampled_from(sorted(NEEDED)), lengths=st.tuples(MINUTES, MINUTES)
    )
    def grant(self, by: str, column: str, lengths: tuple[int, int]) -> None:
        """Somebody asks, and whoever is needed approves it, mostly for less."""
        self.request(by, column, 120, is_urgent=False)
        for approver, minutes in zip(("bo", "cy")[: NEEDED[column]], lengths, strict=False):
            self.approve(len(self.asked) - 1, approver, min(minutes, 120))

    @precondition(lambda self: self.asked)
    @rule(number=st.integers(0, 50), by=st.sampled_from(PEOPLE), is_denial=st.booleans())
    def end(self, number: int, by: str, *, is_denial: bool) -> None:
        """Somebody denies or revokes something."""
        identifier = self._id(number)
        asked, desk = self.asked[identifier], self.house.desk(by)
        try:
            if is_denial:
                desk.deny(identifier, reason="no")
            else:
                desk.revoke(identifier)
        except GrantError:
            return
        assert by in {asked.holder, *APPROVERS}
        assert not (is_denial and by == asked.holder)
        asked.is_over = True

    @rule(minutes=st.sampled_from([4, 10, 45, 240]))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.clock.advance(timedelta(minutes=minutes))

    @precondition(lambda self: self.asked)
    @rule(
        number=st.integers(0, 50),
        to=st.sampled_from(PEOPLE),
        kind=st.sampled_from(["copy", "put back", "move", "remove"]),
    )
    def tamper(self, number: int, to: str, kind: str) -> None:
        """Somebody keeps what Redis holds of a request, puts it back later, hands it to others, or removes it."""
        identifier = self._id(number)
        places = (PROD.case(identifier), PROD.grant(identifier))
        text = self.server.get(places[0])
        if kind == "copy":
            self.copies[identifier] = text
            return
        if kind == "remove":
            self.server.delete(places[number % 2])
        elif (text := self.copies.get(identifier, text) if kind == "put back" else text) is not None:
            for place in places:
                self.server.set(place, text)
            self.server.zadd(PROD.holder(to), {identifier: 2**45})
            self.server.zadd(PROD.holder(self.asked[identifier].holder), {identifier: 2**45})
        self.asked[identifier].is_spoilt = True

    @invariant()
    def nobody_sees_more_or_less(self) -> None:
        """Under either policy, for everybody."""
        for judge, allows_urgent in zip(getattr(self, "judges", ()), (True, False), strict=False):
            for person in PEOPLE:
                _, (held,) = self.store.held("prod", person)
                permits = judge.permits(Principal(person), held, server_now=self.clock.now)
                seen = {one.permit.grant for one in permits}
                mine = {key: one for key, one in self.asked.items() if one.holder == person}
                live = {k for k, one in mine.items() if one.is_live(self.clock.now, allows_urgent=allows_urgent)}
                assert seen <= live
                certain = {key for key in live if not mine[key].is_spoilt and not mine[key].is_over}
                assert certain <= seen
                assert not {key for key in seen if mine[key].is_over and not mine[key].is_spoilt}
                for one in permits:
                    assert {str(column) for column in one.permit.columns} == {mine[one.permit.grant].column}

    def teardown(self) -> None:
        """Everything is closed."""
        for grants in self.house.opened if hasattr(self, "house") else ():
            grants.close()
        if hasattr(self, "store"):
            self.store.close()
            self.server.close()


def test_what_is_visible_is_what_the_model_says(redis_database: str) -> None:
    """Whatever people and their enemies do, in whatever order."""

    class Here(Workflow):
        url = redis_database

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=20,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
