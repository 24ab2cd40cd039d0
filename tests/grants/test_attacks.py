"""Somebody can write anything to Redis, has a key in the policy, and wants to see more than was approved for longer."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from grants import (
    Docket,
    Event,
    Filter,
    Grants,
    RuleError,
    SignatureError,
    SigningKey,
    State,
    StoreError,
    UnknownRequest,
    Unreadable,
)
from grants.live import LiveView
from grants.records import Case, Request, Signed, identifier_of
from grants.store import Keys
from masking import Policy
from tests.fix_redis import RedisServer
from tests.grants.conftest import KEYS, House, ask, seen
from tests.grants.waiting import eventually, shows

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


@pytest.fixture
def own(redis_server: Callable[..., RedisServer], policy: Policy) -> Iterator[tuple[RedisServer, House]]:
    """A server of the test's own, and grants on it."""
    server = redis_server()
    house = House(server.url, policy, lambda: datetime.now(UTC))
    yield server, house
    server.resume()
    for grants in house.opened:
        grants.close()


def watched(house: House) -> LiveView:
    """A view that is warm and shows ana's e-mail grant."""
    view = house.view()
    eventually(lambda: shows(view, {"customers.email"}))
    return view


def test_a_spoilt_index_does_not_stop_a_revocation(house: House, redis_database: str) -> None:
    """A score without end, or one that is no whole number, in either index."""
    docket = house.granted()
    view = watched(house)
    with redis.Redis.from_url(redis_database) as client:
        for index in (PROD.requests, PROD.holder("ana")):
            client.zadd(index, {"x": "+inf", "y": 4102444800000.5})
        house.desk("bo").revoke(docket.id)
        assert not client.exists(PROD.grant(docket.id))
    eventually(lambda: seen(view) == set(), within=1)
    assert house.granted("customers.phone").standing.state is State.APPROVED


@pytest.mark.parametrize("is_running", [True, False])
def test_a_denied_request_that_is_put_back_stays_denied(
    house: House, redis_database: str, tmp_path: Path, *, is_running: bool
) -> None:
    """Though another approver, who does not know, says yes: where a process heard of it, or the second place did."""
    options = {} if is_running else {"checkpoints": str(tmp_path / "heads")}
    people = house.connect(**options)
    desks = {name: people.desk(policy=house.policy, environment="prod", key=KEYS[name]) for name in ("ana", "bo", "cy")}
    view = watched(house) if is_running and house.granted().id else None
    docket = desks["ana"].request(ask("customers.phone"))
    desks["bo"].deny(docket.id, reason="no")
    if view is not None:
        heard = view._judge.revocations  # noqa: SLF001 -- it tells nobody
        eventually(lambda: docket.id in heard)
    with redis.Redis.from_url(redis_database) as client:
        client.set(PROD.case(docket.id), docket.case.stored())
    assert desks["cy"].approve(docket.id).standing.state is State.APPROVED
    if view is None:
        view = house.connect(**options).attach(policy=house.policy, environment="prod")
    for _ in range(20):
        assert "customers.phone" not in seen(view)


Spoil = Callable[[redis.Redis, str], object]
SPOILT: dict[str, Spoil] = {
    "case": lambda client, identifier: client.set(PROD.case(identifier), "garbage"),
    "case gone": lambda client, identifier: client.delete(PROD.case(identifier)),
    "case of another type": lambda client, identifier: (
        client.delete(PROD.case(identifier)) and client.lpush(PROD.case(identifier), "x")
    ),
    "trail": lambda client, _: client.delete(PROD.trail) and client.set(PROD.trail, "x"),
    "index": lambda client, _: client.delete(PROD.requests) and client.set(PROD.requests, "x"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_cannot_be_revoked_in_due_form_is_taken_away(own: tuple[RedisServer, House], how: str) -> None:
    """The revocation fails and says so; the grant is gone all the same, from a running process too."""
    server, house = own
    docket = house.granted()
    view = watched(house)
    with redis.Redis.from_url(server.url) as client:
        SPOILT[how](client, docket.id)
        with pytest.raises((StoreError, SignatureError, UnknownRequest)):
            house.desk("bo").revoke(docket.id)
        assert not client.exists(PROD.grant(docket.id))
    eventually(lambda: seen(view) == set(), within=1)


def test_a_full_redis_takes_a_revocation_and_no_request(own: tuple[RedisServer, House]) -> None:
    """What takes away needs no memory to speak of, and is recorded."""
    server, house = own
    docket = house.granted()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreError, match="full"):
            house.desk("ana").request(ask())
        assert house.desk("bo").revoke(docket.id).standing.state is State.REVOKED
        assert not client.exists(PROD.grant(docket.id))
    (last,) = house.grants.audit("prod", matching=Filter(events=frozenset({Event.REVOKED})))
    assert last.request == docket.id


def test_a_request_that_is_overwritten_ends_its_grant_at_once(house: House, redis_database: str) -> None:
    """Also in a process that had read both before."""
    docket = house.granted()
    view = watched(house)
    with redis.Redis.from_url(redis_database) as client:
        client.set(PROD.case(docket.id), "garbage")
    eventually(lambda: seen(view) == set(), within=0.5)


def test_a_change_that_redis_does_not_tell_of_is_noticed(own: tuple[RedisServer, House]) -> None:
    """SWAPDB puts an empty database in the place of the grants, without a message."""
    server, house = own
    house.granted()
    view = watched(house)
    with redis.Redis.from_url(server.url) as client:
        client.swapdb(0, 1)
        eventually(lambda: seen(view) == set(), within=2)


def test_a_flood_of_revocations_does_not_bring_one_back(
    house: House, redis_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever makes a process forget by giving it too much to remember gains nothing."""
    monkeypatch.setattr("grants.judge._LONGEST_MEMORY", 20)
    docket = house.granted()
    view = watched(house)
    with redis.Redis.from_url(redis_database) as client:
        before = {key: client.dump(key) for key in (PROD.case(docket.id), PROD.grant(docket.id), PROD.holder("ana"))}
        ended = house.desk("ana").revoke(docket.id).case.stored()
        eventually(lambda: seen(view) == set())
        for number in range(30):
            client.set(PROD.case(f"fake-{number}"), ended)
            client.zadd(PROD.holder("ana"), {f"fake-{number}": 4102444800000})
            seen(view)
        for key, content in before.items():
            client.restore(key, 0, content or b"", replace=True)
        for _ in range(20):
            assert seen(view) == set()


def jws(header: bytes, payload: bytes, key: SigningKey | None = None) -> str:
    """A token with this very header."""
    head, body = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, payload))
    signature = base64.b64decode((key or KEYS["ana"]).signature(f"{head}.{body}".encode()))
    return f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def malformed(docket: Docket) -> Iterator[str | bytes]:
    """What a case or a token may be that is none, some of it signed correctly."""
    token, approval = docket.case.request.token, docket.case.decisions[0].token
    head, payload, signature = token.split(".")
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    header = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
    deep = "[" * 100_000
    yield from (b"\xff\xfe\x00", "", deep, '{"version":1,' + '"a":{' * 50_000, "NaN", "0" * 100_000, "\u202e")
    for request in (
        deep,
        ".." + deep,
        f"{head}.{payload}",
        f"{head}..{signature}",
        f"{token}.{signature}",
        token + "\n",
        token + "=",
        f"{base64.urlsafe_b64encode(deep.encode()).decode()}.{payload}.{signature}",
        jws(header.replace(b"EdDSA", b"none"), raw),
        jws(header.replace(b"EdDSA", b"HS256"), raw),
        jws(header.replace(b"{", b'{"alg":"none",', 1), raw),
        jws(header.replace(b"}", b',"alg":"none"}'), raw),
        jws(header.replace(b"}", b',"b64":false,"crit":["b64"]}'), raw),
        jws(header.replace(b"}", b',"jwk":{"kty":"OKP"}}'), raw),
        jws(header.replace(b"SHA256", b"../SHA256"), raw),
        jws(header, raw.replace(b"{", b'{"principal":"ana",', 1)),
        jws(header, raw + b" "),
        jws(header, raw + b"{}"),
        jws(header, raw.replace(b'"PT30M"', b"NaN")),
        jws(header, raw.replace(b'"PT30M"', b'"P999999999D"')),
        jws(header, raw.replace(b'"PT30M"', b"1e400")),
        jws(header, re.sub(rb'"requested_at":"[^"]*"', b'"requested_at":"9999-12-31T23:59:58Z"', raw)),
        jws(header, re.sub(rb'"requested_at":"[^"]*"', b'"requested_at":"0001-01-01T00:00:00Z"', raw)),
        jws(header, raw.replace(b'"ana"', '"аna"'.encode())),  # noqa: RUF001 -- a Cyrillic letter is the point
        jws(header, raw.replace(b'"ana"', b'"\\ud800"')),
        jws(header, deep.encode()),
    ):
        yield json.dumps({"version": 1, "request": request, "decisions": [approval]})
    for decisions in ([approval] * 5000, [deep], [token], [approval, approval + "x"], [None], "x", [".." * 9]):
        yield json.dumps({"version": 1, "request": token, "decisions": decisions})
    yield json.dumps({"version": 1, "request": token, "decisions": [approval]}).replace('"version": 1', '"version": 2')
    yield json.dumps({"version": 1, "request": token, "decisions": [approval], "more": 1})
    yield docket.case.stored() + " " * 2_000_000


def test_what_is_malformed_reveals_nothing_and_spoils_nothing_else(
    house: House, redis_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is unreadable in the list and void for the hook; the grant beside it lives; nothing crashes or is cut off."""
    docket, other = house.granted(), house.granted("customers.phone")
    office = house.grants.office(policy=house.policy, environment="prod")
    with redis.Redis.from_url(redis_database) as client:
        for number, text in enumerate(malformed(docket)):
            client.set(PROD.case(docket.id), text)
            client.set(PROD.grant(docket.id), text)
            view = house.view()
            assert seen(view) == {"customers.phone"}, (number, text[:80])
            view.close()
            found = {one.id: one for one in office.dockets()}
            assert isinstance(found[other.id], Docket)
            is_oversize = len(text) > 1_000_000  # which a person may read, but the hook does not
            assert is_oversize or isinstance(found[docket.id], Unreadable), (number, text[:80])
    assert "unexpectedly" not in caplog.text


def test_more_grants_than_anybody_has_cost_no_more_than_some(house: House, redis_database: str) -> None:
    """An index of a hundred thousand ids does not hold up what is real in it."""
    docket = house.granted()
    with redis.Redis.from_url(redis_database) as client:
        client.zadd(PROD.holder("ana"), {f"fake-{number}": number for number in range(100_000)})
    assert seen(house.view()) == {"customers.email"}
    assert docket.id


@pytest.mark.parametrize("minutes", [-10, 10])
def test_clocks_that_are_minutes_apart_are_told(house: House, minutes: int) -> None:
    """An approval that would not count, because it seems older than its request, is not taken."""
    ahead = Grants.connect(house.url, clock=lambda: datetime.now(UTC) + timedelta(minutes=minutes))
    with closing(ahead):
        docket = ahead.desk(policy=house.policy, environment="prod", key=KEYS["ana"]).request(ask())
        if minutes > 0:
            with pytest.raises(RuleError, match="clock"):
                house.desk("bo").approve(docket.id)
        else:
            assert house.desk("bo").approve(docket.id).standing.state is State.APPROVED


@pytest.mark.parametrize(("minutes", "is_live"), [(4, True), (6, False), (-4, True), (-40, False)])
def test_an_approvers_clock_prolongs_a_grant_by_no_more_than_the_skew(
    still_house: House, minutes: int, *, is_live: bool
) -> None:
    """Ahead or behind by less than five minutes it is live; further ahead it waits, further behind it is over."""
    docket = still_house.granted()
    at = still_house.clock() + timedelta(minutes=minutes)
    approval = docket.case.decisions[0].record.model_copy(update={"at": at})
    text = Case(docket.case.request).followed_by(KEYS["bo"].sign(approval)).stored()
    with redis.Redis.from_url(still_house.url) as client:
        put(client, docket, text, is_live=True)
    assert bool(seen(still_house.view())) is is_live
