"""Reminders: what is due when, each sent once; and that more time takes a new approval."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from grants.office import Docket
from grants.reminders import Reminder, due
from grants.store import Keys
from masking import Policy
from tests.grants.cli.conftest import Shell, shell
from tests.grants.conftest import Clock, House, ask
from tests.grants.test_exceptions import LATE, URGENT, with_rule

__all__ = ["shell"]


@pytest.fixture
def waiting(redis_database: str, clock: Clock) -> Iterator[House]:
    """Where further approvers count after an hour."""
    house = House(redis_database, Policy.parse(with_rule(LATE)), clock)
    yield house
    for grants in house.opened:
        grants.close()


def reminders(house: House) -> list[Reminder]:
    """What is due now."""
    office = house.grants.office(policy=house.policy, environment="prod")
    found = [one for one in office.dockets() if isinstance(one, Docket)]
    return [one for docket in found for one in due(docket, house.policy, now=office.clock())]


def test_further_approvers_are_told_once_they_count(waiting: House, clock: Clock) -> None:
    """Those with a key who could not approve before, and nobody else."""
    waiting.desk("ana").request(ask())
    clock.advance(timedelta(minutes=59))
    assert reminders(waiting) == []
    clock.advance(timedelta(minutes=1))
    (one,) = reminders(waiting)
    assert (one.occasion, one.notice.audience) == ("escalated", ("dee",))
    assert "waits for you now" in one.notice.title


def test_a_holder_is_warned_before_a_grant_ends(waiting: House, clock: Clock) -> None:
    """Five minutes before, or in the last fifth of a short one; half-open, and not when it has ended."""
    long, short = waiting.granted(minutes=60), waiting.granted("customers.phone", minutes=5)
    clock.advance(timedelta(minutes=4) - timedelta(seconds=1))
    assert reminders(waiting) == []
    clock.advance(timedelta(seconds=1))
    (one,) = reminders(waiting)
    assert (one.request, one.occasion, one.notice.audience) == (short.id, "ends", ("ana",))
    assert f"unmask renew {short.id} --env prod" in one.notice.body
    clock.advance(timedelta(minutes=51))
    assert [one.request for one in reminders(waiting)] == [long.id]
    clock.advance(timedelta(minutes=5))
    assert reminders(waiting) == []


def test_approvers_are_reminded_daily_of_what_nobody_reviewed(redis_database: str, clock: Clock) -> None:
    """Each day anew, until one signs it off."""
    house = House(redis_database, Policy.parse(with_rule(URGENT)), clock)
    docket = house.desk("ana").request(replace(ask(minutes=5), break_glass=True))
    found = []
    for _ in range(3):
        found += [(one.occasion, one.notice.audience) for one in reminders(house) if one.occasion != "ends"]
        clock.advance(timedelta(days=1))
    assert found == [("unreviewed-1", ("bo", "cy")), ("unreviewed-2", ("bo", "cy"))]
    house.desk("cy").review(docket.id)
    assert reminders(house) == []
    for grants in house.opened:
        grants.close()


def test_a_reminder_is_sent_once_whoever_sends_it(shell: Shell) -> None:
    """A grant that ends soon: its holder is told by one of several that look, and the list says it."""
    identifier = shell.asked(length="30m")
    shell.ok("approve", identifier, "--for", "1s", by="bo")
    with Redis.from_url(shell.variables["UNMASK_REDIS_URL"]) as server:
        assert shell.json("remind") == []
        policy = Path(shell.variables["UNMASK_POLICY"])
        rule = "max_duration: 4h, escalation: {after: 1s, approvers: [dee@shop.example]}}"
        policy.write_text(policy.read_text(encoding="utf-8").replace("max_duration: 4h}", rule), encoding="utf-8")
        late = shell.asked()
        time.sleep(1)
        assert shell.json("remind") == [{"id": late, "occasion": "escalated", "to": ["dee@shop.example"]}]
        assert "needs to be reminded" in shell.ok("remind")
        assert server.pttl(Keys("prod").told(late, "escalated")) > 0


def test_more_time_takes_a_new_approval(shell: Shell) -> None:
    """The same terms, another request; nobody renews what is somebody else's."""
    first = shell.json("request", "customers.email", "--for", "5m", "--reason", "OPS-7", "--where", "id = 1")
    shell.ok("approve", first["id"], by="bo")
    assert "ask for yourself" in shell.fails(1, "renew", first["id"], by="dee")
    again = shell.json("renew", first["id"], "--for", "1h")
    assert again["id"] != first["id"]
    assert (again["state"], again["where"], again["reason"], again["duration"]) == ("pending", "id = 1", "OPS-7", "1h")
    (live,) = shell.json("grants")
    assert (live["id"], live["duration"]) == (first["id"], "5m")
