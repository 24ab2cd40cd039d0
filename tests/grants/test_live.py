"""The live view on real servers: what it shows, how soon it knows, and that it shows nothing that is not certain."""

import base64
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import redis

from grants import Event, Filter
from grants.judge import _may_be_over
from grants.store import Keys
from masking import NOBODY, Policy, Principal
from tests.fix_redis import RedisServer
from tests.grants.conftest import Clock, House, ask, columns, policy_text, seen
from tests.grants.waiting import eventually, is_warm

ANA = Principal("ana")
PROD = Keys("prod")


def test_a_new_grant_and_its_revocation_are_pushed(house: House) -> None:
    """A warm view learns of both without being asked, well under a second."""
    view = house.view()
    eventually(lambda: is_warm(view))
    assert seen(view) == set()
    docket = house.granted()
    eventually(lambda: seen(view) == {"customers.email"}, within=0.5)
    eventually(lambda: is_warm(view))
    house.desk("bo").revoke(docket.id)
    eventually(lambda: seen(view) == set(), within=0.5)


def test_nothing_changes_means_the_same_object(house: House) -> None:
    """So that the hook may compare by identity."""
    house.granted()
    view = house.view()
    eventually(lambda: is_warm(view))
    first = view.access(ANA, frozenset({"support"}))
    assert view.access(ANA, frozenset({"support"})) is first
    assert view.access(Principal("nobody"), frozenset()) == NOBODY


def test_a_warm_view_asks_redis_for_nothing(house: House, redis_database: str) -> None:
    """A thousand looks, no command but the heartbeat's, and once a second one that confirms what is live."""
    house.granted()
    view = house.view()
    eventually(lambda: is_warm(view))
    with redis.Redis.from_url(redis_database, decode_responses=True) as client:
        client.config_resetstat()
        for _ in range(1000):
            view.access(ANA, frozenset())
        calls = [one["calls"] for name, one in client.info("commandstats").items() if "eval" in name or "get" in name]
        assert sum(calls) <= 4  # the script, and what it calls


def test_a_grant_ends_by_the_clock_without_redis(still_house: House, clock: Clock) -> None:
    """Live until its last microsecond, gone at its end, and recorded as expired."""
    docket = still_house.granted()
    view = still_house.view()
    eventually(lambda: is_warm(view))
    assert docket.standing.lease is not None
    clock.now = docket.standing.lease.expires_at - timedelta(microseconds=1)
    assert seen(view) == {"customers.email"}
    clock.now = docket.standing.lease.expires_at
    assert view.peek(ANA, frozenset()) is None
    assert seen(view) == set()
    expired = Filter(events=frozenset({Event.EXPIRED}))
    eventually(lambda: [one.request for one in still_house.grants.audit("prod", matching=expired)] == [docket.id])


def test_of_two_grants_each_ends_at_its_own_time(still_house: House, clock: Clock) -> None:
    """The end of one does not take the other."""
    still_house.granted("customers.email", minutes=10)
    still_house.granted("customers.phone", minutes=20)
    view = still_house.view()
    assert seen(view) == {"customers.email", "customers.phone"}
    eventually(lambda: is_warm(view))
    clock.advance(timedelta(minutes=10))
    assert seen(view) == {"customers.phone"}
    clock.advance(timedelta(minutes=10))
    assert seen(view) == set()


def test_a_wall_clock_that_is_set_back_prolongs_nothing(house: House) -> None:
    """The monotonic clock counts as well."""
    shift = [timedelta()]
    house.granted(minutes=1 / 60)
    view = house.connect(clock=lambda: datetime.now(UTC) + shift[0]).attach(policy=house.policy, environment="prod")
    eventually(lambda: is_warm(view))
    assert seen(view) == {"customers.email"}
    shift[0] = timedelta(hours=-1)
    eventually(lambda: seen(view) == set(), within=1.5)


@pytest.mark.parametrize("minutes", [-60, 60])
def test_a_wrong_local_clock_never_prolongs(house: House, minutes: int, redis_database: str) -> None:
    """An hour slow: the server's time decides; an hour fast: the grant ends early."""
    docket = house.granted(minutes=1 / 60)
    with redis.Redis.from_url(redis_database) as client:
        client.persist(PROD.grant(docket.id))  # even if Redis would never end it
        client.persist(PROD.holder("ana"))
    clock = lambda: datetime.now(UTC) + timedelta(minutes=minutes)  # noqa: E731 -- a clock
    view = house.connect(clock=clock).attach(policy=house.policy, environment="prod")
    eventually(lambda: seen(view) == set(), within=1.5)
    time.sleep(0.1)
    assert seen(view) == set()


def test_a_grant_is_worth_nothing_in_another_environment_or_to_another_principal(house: House) -> None:
    """Nor does a group that the application claims help."""
    house.granted()
    assert seen(house.view(environment="staging")) == set()
    view = house.view()
    assert seen(view, "dee") == set()
    assert columns(view.access(Principal("dee"), frozenset({"privacy", "ana", "group:privacy"}))) == set()


def test_standing_permits_need_neither_grant_nor_redis(own: tuple[RedisServer, House]) -> None:
    """They are the policy's."""
    server, house = own
    server.kill()
    view = house.view()
    assert seen(view, "service:mailer") == {"customers.email"}
    assert seen(view, "ana") == set()
    server.start()


def test_standing_permits_hold_for_groups_that_the_application_gives(house: House) -> None:
    """Each set of groups has its own answer."""
    text = policy_text().replace('["service:mailer"]', '["group:mailers"]')
    view = house.view(policy=Policy.parse(text))
    for _ in range(2):
        assert columns(view.access(ANA, frozenset({"mailers"}))) == {"customers.email"}
        assert columns(view.access(ANA, frozenset())) == set()


def test_many_threads_see_no_grant_after_its_revocation(house: House) -> None:
    """Whatever the threads were doing when it came."""
    docket = house.granted()
    view = house.view()
    eventually(lambda: is_warm(view))
    stop, late = threading.Event(), []
    revoked_at = [float("inf")]

    def look() -> None:
        while not stop.is_set():
            begun = time.monotonic()
            if seen(view) and begun > revoked_at[0] + 1:
                late.append(begun)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    house.desk("ana").revoke(docket.id)
    revoked_at[0] = time.monotonic()
    time.sleep(1.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert late == []
    assert seen(view) == set()


def test_a_closed_view_starts_again_when_it_is_used(house: House) -> None:
    """Closing is for tidiness, not the end."""
    house.granted()
    view = house.view()
    assert seen(view) == {"customers.email"}
    view.close()
    view.close()
    assert seen(view) == {"customers.email"}


def test_an_automatic_grant_is_live_at_once(house: House) -> None:
    """Where the policy approves by itself, nobody else signs."""
    house.desk("ana", environment="staging").request(ask())
    assert seen(house.view(environment="staging")) == {"customers.email"}


def test_what_nobody_looks_at_is_not_read_again(house: House) -> None:
    """After a while it is forgotten, and read when somebody looks; what is looked at stays known."""
    house.granted()
    view = house.view()
    eventually(lambda: is_warm(view))
    for _ in range(50):
        assert view.peek(ANA, frozenset()) is not None
        assert view._in_use() == [[ANA]]  # noqa: SLF001 -- what is read again twice a second
    eventually(lambda: view._in_use() == [])  # noqa: SLF001
    assert view.peek(ANA, frozenset()) is None
    assert seen(view) == {"customers.email"}


def test_several_holders_are_read_again_at_once(house: House) -> None:
    """In one round trip, and each for itself: one who lost a grant without a message loses it, the other does not."""
    for name in ("ana", "dee"):
        docket = house.desk(name).request(ask())
        house.desk("bo").approve(docket.id)
    view = house.view()
    eventually(lambda: is_warm(view) and is_warm(view, "dee"))
    (both,) = view._in_use()  # noqa: SLF001
    assert sorted(both) == ["ana", "dee"]
    store = house.grants.office(policy=house.policy, environment="prod").store
    _, (anas, dees, nobodys) = store.held("prod", "ana", "dee", "nobody")
    assert [len(one) for one in (anas, dees, nobodys)] == [1, 1, 0]
    assert anas[0].grant is not None
    assert anas[0].grant != dees[0].grant


def test_a_revocation_is_heard_of_among_many_cases(house: House, redis_database: str) -> None:
    """By a process that begins, page by page; wherever in its case the revocation stands."""
    docket = house.granted()
    key = PROD.grant(docket.id)
    with redis.Redis.from_url(redis_database, decode_responses=True) as client:
        kept = client.get(key)
        house.desk("bo").revoke(docket.id)
        client.zadd(PROD.requests, {f"other-{number}": number for number in range(1200)})
        client.mset({PROD.case(f"other-{number}"): "{}" for number in range(1200)})
        view = house.view()
        eventually(lambda: is_warm(view))
        eventually(lambda: docket.id in view._judge.revocations)  # noqa: SLF001
        client.set(key, kept)
        client.set(PROD.case(docket.id), kept)
    assert seen(view) == set()


@pytest.mark.parametrize("length", range(1, 7))
def test_a_revocations_header_is_recognised_however_long_its_key_is(length: int) -> None:
    """What is looked for in a case's text is there, and in that of an approval it is not."""
    for kind, expected in (("revocation", True), ("denial", True), ("approval", False), ("review", False)):
        header = f'{{"alg":"EdDSA","kid":"{"k" * length}","typ":"unmask-{kind}+jws"}}'
        token = base64.urlsafe_b64encode(header.encode()).decode()
        assert _may_be_over(f'{{"decisions":["{token}.e30.x"]}}') is expected
