"""Somebody can write anything to Redis, has a key in the policy, and wants to see more than was approved for longer."""

import pytest
import redis

from grants import Docket, Event, Filter, SignatureError, State, Unreadable
from grants.records import Case, Request, Signed, identifier_of
from grants.store import Keys
from tests.grants.conftest import KEYS, House, ask, seen

PROD = Keys("prod")


def put(client: redis.Redis, docket: Docket, text: str, *, is_live: bool = False) -> None:
    """Write `text` where the case of `docket` stands, and as a grant."""
    client.set(PROD.case(docket.id), text)
    client.zadd(PROD.requests, {docket.id: 4102444800000})
    if is_live:
        client.set(PROD.grant(docket.id), text)
        client.zadd(PROD.holder(docket.request.principal), {docket.id: 4102444800000})


def signed_again(docket: Docket, **changed: object) -> Signed[Request]:
    """The request with other fields, signed by its own author, under the id that it had."""
    return KEYS[docket.request.principal].sign(docket.request.model_copy(update=changed))


def wider(house: House, docket: Docket) -> str:
    """Another request of the same person under the same id, for more."""
    other = house.desk("ana").request(ask("tag:contact", minutes=240))
    fields = {name: getattr(other.request, name) for name in Request.model_fields if name != "id"}
    return Case(signed_again(docket, **fields)).stored()


def test_an_id_stands_for_one_request(house: House, redis_database: str) -> None:
    """Another one that its author signed under the same id is unreadable, for people and for the hook."""
    docket = house.granted()
    swapped = wider(house, docket)
    with redis.Redis.from_url(redis_database) as client:
        put(client, docket, swapped, is_live=True)
    found = house.grants.office(policy=house.policy, environment="prod").docket(docket.id)
    assert isinstance(found, Unreadable)
    assert "does not follow" in found.problem
    with pytest.raises(SignatureError):
        house.desk("bo").approve(docket.id)
    assert seen(house.view()) == set()


def test_a_decision_is_on_the_request_that_was_looked_at(
    house: House, redis_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should two requests ever share an id, the digest tells them apart: neither a yes nor a no goes astray."""
    docket = house.desk("ana").request(ask())
    swapped = wider(house, docket)
    monkeypatch.setattr("grants.verification.identifier_of", lambda _: docket.id)
    with redis.Redis.from_url(redis_database) as client:
        put(client, docket, swapped)
    with pytest.raises(SignatureError, match="another one was put in its place"):
        house.desk("bo").approve(docket.id, digest=docket.digest)
    with pytest.raises(SignatureError, match="another one was put in its place"):
        house.desk("bo").deny(docket.id, reason="no", digest=docket.digest)
    found = house.grants.office(policy=house.policy, environment="prod").docket(docket.id)
    assert isinstance(found, Docket)
    assert found.standing.state is State.PENDING


def test_ids_follow_from_requests(house: House) -> None:
    """Two equal asks are two requests, each with the id that it must have."""
    one, other = (house.desk("ana").request(ask()) for _ in range(2))
    assert one.id != other.id
    assert [identifier_of(docket.request) for docket in (one, other)] == [one.id, other.id]


def test_a_failed_step_is_recorded_with_a_short_reason(house: House) -> None:
    """What was tried, in a few words: the message is for whoever tried."""
    docket = house.desk("ana").request(ask())
    with pytest.raises(Exception, match="their own"):
        house.desk("ana").approve(docket.id)
    with pytest.raises(Exception, match="no approver"):
        house.desk("dee").approve(docket.id)
    failed = list(house.grants.audit("prod", matching=Filter(events=frozenset({Event.FAILED}))))
    assert [record.reason for record in failed] == ["self-approval", "not allowed by the policy"]
