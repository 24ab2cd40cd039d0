"""Requests and decisions through people's desks, on a real Redis."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import redis

from grants import (
    Ask,
    Docket,
    Event,
    Filter,
    GrantError,
    JsonLinesSink,
    RuleError,
    SelfApproval,
    SignatureError,
    State,
    StoreError,
    TransitionError,
    UnknownPrincipal,
    UnknownRequest,
    Unreadable,
    generate_key,
)
from grants.store import Keys
from masking import Policy, Principal
from tests.fix_redis import RedisServer
from tests.grants.conftest import KEYS, Clock, House, ask, seen

PROD = Keys("prod")


def events(house: House, **matching: object) -> list[Event]:
    """What the trail tells."""
    return [record.event for record in house.grants.audit("prod", matching=Filter(**matching))]  # type: ignore[arg-type] # as tests give them


def ends_at(client: redis.Redis, key: str) -> float:
    """When Redis will end a key, by its own clock (PEXPIRETIME would need Redis 7), rounded down to the millisecond."""
    with client.pipeline(transaction=True) as pipeline:
        pipeline.time()
        pipeline.pttl(key)
        (seconds, micros), left = pipeline.execute()
    return int(seconds) + int(micros) // 1000 / 1000 + int(left) / 1000


def test_a_request_is_approved_seen_and_over(still_house: House, clock: Clock) -> None:
    """The whole line: request, approval by another person, live, expired, and every step in the trail."""
    view = still_house.view()
    docket = still_house.desk("ana").request(ask())
    assert docket.standing.state is State.PENDING
    assert seen(view) == set()
    docket = still_house.desk("bo").approve(docket.id)
    assert docket.standing.state is State.APPROVED
    assert seen(still_house.view()) == {"customers.email"}
    clock.advance(timedelta(minutes=30))
    assert seen(still_house.view()) == set()
    assert events(still_house) == [Event.REQUESTED, Event.APPROVED]
    assert still_house.grants.verify("prod", policy=still_house.policy) == ()


def test_a_live_grant_is_one_key_that_redis_ends_by_itself(house: House, redis_database: str) -> None:
    """It expires at the signed instant, to the millisecond, and never after it."""
    docket = house.granted()
    with redis.Redis.from_url(redis_database, decode_responses=True) as client:
        assert docket.standing.lease is not None
        end = docket.standing.lease.expires_at.timestamp()
        assert end - 0.002 <= ends_at(client, PROD.grant(docket.id)) <= end
        for key in client.scan_iter():
            assert key.startswith("unmask:{prod}:")
            assert key == PROD.trail or client.pttl(key) > 0


def test_a_request_outlives_its_end_by_a_week(house: House, redis_database: str) -> None:
    """So that a late decision is told why it is late, and is then forgotten."""
    docket = house.desk("ana").request(ask())
    with redis.Redis.from_url(redis_database) as client:
        kept = ends_at(client, PROD.case(docket.id))
    assert kept == pytest.approx((docket.request.expires_at + timedelta(days=7)).timestamp(), abs=0.002)


def test_fifty_concurrent_approvals_commit_once(house: House) -> None:
    """One is told yes; the others, that it is approved already; the store and the trail hold one."""
    docket = house.desk("ana").request(ask())
    start = threading.Barrier(50)

    def approve(number: int) -> str:
        desk = house.desk(("bo", "cy")[number % 2])
        start.wait()
        try:
            return desk.approve(docket.id).standing.state
        except TransitionError as exc:
            return f"was {exc.state}"

    with ThreadPoolExecutor(50) as threads:
        outcomes = list(threads.map(approve, range(50)))
    assert sorted(outcomes) == ["approved"] + ["was approved"] * 49
    (found,) = house.grants.office(policy=house.policy, environment="prod").dockets()
    assert isinstance(found, Docket)
    assert len(found.approvals) == 1
    assert events(house, events=frozenset({Event.APPROVED})) == [Event.APPROVED]


def test_of_two_approvals_at_once_none_is_lost(house: House) -> None:
    """Where two are required, two people at the same instant make a grant."""
    docket = house.desk("ana").request(ask("customers.ssn"))
    start = threading.Barrier(2)

    def approve(name: str) -> State:
        desk = house.desk(name)
        start.wait()
        return desk.approve(docket.id).standing.state

    with ThreadPoolExecutor(2) as threads:
        outcomes = set(threads.map(approve, ["bo", "cy"]))
    assert outcomes == {State.PENDING, State.APPROVED}
    assert seen(house.view()) == {"customers.ssn"}


def test_a_denied_request_stays_denied(house: House) -> None:
    """And says so to a late approver."""
    docket = house.desk("ana").request(ask())
    house.desk("cy").deny(docket.id, reason="ask your lead first")
    with pytest.raises(TransitionError, match="it is denied"):
        house.desk("bo").approve(docket.id)


@pytest.mark.parametrize("name", ["ana", "bo", "cy"])
def test_a_revoked_grant_is_gone_from_redis(house: House, redis_database: str, name: str) -> None:
    """By its holder, its approver or another one."""
    docket = house.granted()
    house.desk(name).revoke(docket.id, reason="done")
    with redis.Redis.from_url(redis_database) as client:
        assert not client.exists(PROD.grant(docket.id))
    assert seen(house.view()) == set()
    assert events(house)[-1] is Event.REVOKED


def test_a_late_approval_is_told_that_the_request_expired(still_house: House, clock: Clock) -> None:
    """Three days later, there is nothing to approve."""
    docket = still_house.desk("ana").request(ask())
    clock.advance(timedelta(days=3))
    with pytest.raises(TransitionError, match="it is expired"):
        still_house.desk("bo").approve(docket.id)


def test_who_acts_is_whoever_signs(house: House) -> None:
    """A desk belongs to the person whose key it was opened with; a stranger's key opens none."""
    assert house.desk("ana").principal == "ana"
    with pytest.raises(UnknownPrincipal, match="nobody's in the policy"):
        house.desk("mallory")
    with pytest.raises(UnknownPrincipal, match="nobody"):
        house.desk("eve", key=generate_key())


def test_two_people_with_one_key_are_an_error(house: House) -> None:
    """The desk would not know who acts: it takes neither."""
    people = house.policy.people
    shared = replace(house.policy, people={**people, Principal("cy"): people[Principal("bo")]})
    with pytest.raises(UnknownPrincipal, match="bo and cy"):
        house.grants.desk(policy=shared, environment="prod", key=KEYS["bo"])


def test_an_attempt_at_self_approval_is_refused_and_recorded(house: House) -> None:
    """It is in the trail under the name of who tried."""
    docket = house.desk("ana").request(ask())
    with pytest.raises(SelfApproval):
        house.desk("ana").approve(docket.id)
    (failed,) = house.grants.audit("prod", matching=Filter(events=frozenset({Event.FAILED})))
    assert (failed.principal, failed.request) == ("ana", docket.id)


@pytest.mark.parametrize("identifier", ["aaaa-aaaa", "", "*", "x" * 200, "a b\r\nDEL"])
def test_an_unknown_request_is_a_clear_error(house: House, identifier: str) -> None:
    """It names the id and the environment."""
    with pytest.raises(UnknownRequest) as caught:
        house.desk("bo").approve(identifier)
    assert (caught.value.id, caught.value.environment) == (identifier, "prod")


def test_a_request_of_another_environment_is_unknown_here(house: House) -> None:
    """A request in staging cannot be approved in prod."""
    docket = house.desk("ana", environment="staging").request(ask("customers.ssn"))
    with pytest.raises(UnknownRequest):
        house.desk("bo").approve(docket.id)


@pytest.mark.parametrize("environment", ["", "pro d", "a}b", "x" * 65])
def test_an_odd_environment_is_refused(house: House, environment: str) -> None:
    """It becomes part of key names."""
    with pytest.raises(GrantError):
        house.desk("ana", environment=environment).request(ask())


def test_a_request_that_nobody_signed_as_it_is_cannot_be_approved(house: House, redis_database: str) -> None:
    """An approver is not made to sign what somebody else wrote; the list shows that something is wrong."""
    docket = house.desk("ana").request(ask())
    other = house.desk("ana").request(ask("customers.phone"))
    with redis.Redis.from_url(redis_database) as client:
        client.set(PROD.case(docket.id), client.get(PROD.case(other.id)) or b"")
    with pytest.raises(SignatureError):
        house.desk("bo").approve(docket.id)
    found = {one.id: one for one in house.grants.office(policy=house.policy, environment="prod").dockets()}
    assert isinstance(found[docket.id], Unreadable)
    assert isinstance(found[other.id], Docket)


@pytest.mark.parametrize("key", [PROD.requests, PROD.holder("ana"), PROD.trail])
def test_a_key_of_the_wrong_type_is_named_and_nothing_is_stored(house: House, redis_database: str, key: str) -> None:
    """The error names the key and what to do; once it is gone, the same step works."""
    docket = house.desk("ana").request(ask())
    with redis.Redis.from_url(redis_database) as client:
        client.delete(key)
        client.hset(key, "a", "b")
        before = client.get(PROD.case(docket.id))
        with pytest.raises(StoreError, match=r"DEL") as caught:
            house.desk("bo").approve(docket.id)
        assert key in str(caught.value)
        assert client.get(PROD.case(docket.id)) == before
        assert not client.exists(PROD.grant(docket.id))
        client.delete(key)
    assert house.desk("bo").approve(docket.id).standing.state is State.APPROVED


def test_a_case_of_the_wrong_type_is_named(house: House, redis_database: str) -> None:
    """As above, for the request itself."""
    with redis.Redis.from_url(redis_database) as client:
        client.lpush(PROD.case("aaaa-aaaa"), "x")
    with pytest.raises(StoreError, match="request:aaaa-aaaa"):
        house.desk("bo").approve("aaaa-aaaa")


def test_a_full_redis_takes_nothing_and_says_so(redis_server: Callable[..., RedisServer], policy: Policy) -> None:
    """Nothing is half stored; with room again, the same step works."""
    server = redis_server("--maxmemory-policy", "noeviction")
    house = House(server.url, policy, Clock())
    docket = house.desk("ana").request(ask())
    client = server.client()
    client.config_set("maxmemory", "100kb")
    with pytest.raises(StoreError, match="full"):
        house.desk("bo").approve(docket.id)
    assert client.keys(PROD.grant("*")) == []
    client.config_set("maxmemory", "0")
    assert house.desk("bo").approve(docket.id).standing.state is State.APPROVED
    house.grants.close()


def test_a_redis_that_is_down_is_a_clear_error(redis_server: Callable[..., RedisServer], policy: Policy) -> None:
    """It names the server, without the password, and works again when the server does."""
    server = redis_server("--appendonly", "yes", "--appendfsync", "always")
    house = House(server.url.replace("redis://", "redis://:hunter2@"), policy, Clock())
    server.client().config_set("requirepass", "hunter2")
    docket = house.desk("ana").request(ask())
    server.kill()
    with pytest.raises(StoreError, match="does not answer") as caught:
        house.desk("bo").approve(docket.id)
    assert caught.value.is_outage
    assert "hunter2" not in str(caught.value)
    server.start()
    server.client().config_set("requirepass", "hunter2")
    assert house.desk("bo").approve(docket.id).standing.state is State.APPROVED
    house.grants.close()


def test_a_restart_between_two_steps_goes_unnoticed(redis_server: Callable[..., RedisServer], policy: Policy) -> None:
    """The connections of before are replaced; nothing is lost that the server kept."""
    server = redis_server("--appendonly", "yes", "--appendfsync", "always")
    house = House(server.url, policy, Clock())
    docket = house.desk("ana").request(ask())
    server.kill()
    server.start()
    assert house.desk("bo").approve(docket.id).standing.state is State.APPROVED
    assert seen(house.view()) == {"customers.email"}
    for grants in house.opened:
        grants.close()


def test_a_wrong_password_is_a_clear_error(redis_server: Callable[..., RedisServer], policy: Policy) -> None:
    """It says to look at the URL, and does not repeat it."""
    server = redis_server()
    server.client().config_set("requirepass", "hunter2")
    house = House(server.url.replace("redis://", "redis://:hunter3@"), policy, Clock())
    with pytest.raises(StoreError, match="password in the URL") as caught:
        house.desk("ana").request(ask())
    assert "hunter" not in str(caught.value)
    house.grants.close()


def test_a_step_is_recorded_also_where_the_stream_is_not_among_the_sinks(house: House, tmp_path: object) -> None:
    """With a file alone, the steps are in the file."""
    sink = JsonLinesSink(f"{tmp_path}/audit.jsonl")
    house.connect(sinks=[sink])
    house.granted()
    assert [line.partition('"event":"')[2].partition('"')[0] for line in sink.lines()] == ["requested", "approved"]
    assert events(house) == []


def test_the_steps_of_many_people_make_a_trail_that_verifies(house: House) -> None:
    """Every desk has its own chain, sealed with its person's signature."""
    for name in ("bo", "cy"):
        docket = house.desk("ana").request(ask())
        house.desk(name).approve(docket.id, duration=timedelta(minutes=5))
        house.desk("ana").revoke(docket.id)
    assert house.grants.verify("prod", policy=house.policy) == ()
    assert len(events(house)) == 6


def test_a_request_that_the_policy_does_not_allow_leaves_no_key(house: House, redis_database: str) -> None:
    """Nothing is stored for it."""
    with pytest.raises(RuleError):
        house.desk("ana").request(Ask(scopes=("customers.email",), reason="x", duration=timedelta(days=365)))
    with redis.Redis.from_url(redis_database) as client:
        assert client.keys(PROD.case("*")) == []
