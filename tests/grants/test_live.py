"""The live view on real servers: what it shows, how soon it knows, and that it shows nothing that is not certain."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import redis

from grants import CheckpointFile, Docket, Event, Filter
from grants.judge import _may_be_revoked
from grants.live import LiveView
from grants.store import Keys
from masking import NOBODY, Policy, Principal
from tests.fix_redis import RedisServer
from tests.grants.conftest import KEYS, Clock, House, ask, columns, policy_text, seen

ANA = Principal("ana")
PROD = Keys("prod")


def eventually(condition: Callable[[], bool], *, within: float = 5) -> float:
    """How many seconds it took until `condition` held."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < within, "it never came to hold"
        time.sleep(0.001)
    return time.monotonic() - start


def is_warm(view: LiveView, name: str = "ana") -> bool:
    """Whether the view answers without Redis."""
    view.access(Principal(name), frozenset())
    return view.peek(Principal(name), frozenset()) is not None


def shows(view: LiveView, expected: set[str]) -> bool:
    """Whether the view answers so, without Redis."""
    return is_warm(view) and seen(view) == expected


@pytest.fixture
def own(redis_server: Callable[..., RedisServer], policy: Policy) -> Iterator[tuple[RedisServer, House]]:
    """A server of the test's own, and grants on it."""
    server = redis_server("--appendonly", "yes", "--appendfsync", "always")
    house = House(server.url, policy, lambda: datetime.now(UTC))
    yield server, house
    server.resume()
    for grants in house.opened:
        grants.close()


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


def test_a_key_deleted_by_hand_ends_the_grant(house: House, redis_database: str) -> None:
    """Any of its keys: whoever may write to Redis can take grants away."""
    with redis.Redis.from_url(redis_database) as client:
        for key in ("grant", "holder"):
            docket = house.granted()
            view = house.view()
            eventually(partial(shows, view, {"customers.email"}))
            client.delete(PROD.grant(docket.id) if key == "grant" else PROD.holder("ana"))
            eventually(partial(shows, view, set()), within=0.5)


def test_a_flush_ends_every_grant(house: House, redis_database: str) -> None:
    """FLUSHDB names no key, and is heard all the same."""
    house.granted()
    view = house.view()
    eventually(lambda: is_warm(view) and seen(view) == {"customers.email"})
    with redis.Redis.from_url(redis_database) as client:
        client.flushdb()
    eventually(lambda: seen(view) == set(), within=0.5)


def test_a_revoked_grant_that_is_put_back_stays_revoked(house: House, redis_database: str) -> None:
    """A process that saw the revocation is not fooled by a copy from before it."""
    docket = house.granted()
    view = house.view()
    eventually(lambda: is_warm(view) and seen(view) == {"customers.email"})
    with redis.Redis.from_url(redis_database) as client:
        before = {key: client.dump(key) for key in (PROD.case(docket.id), PROD.grant(docket.id), PROD.holder("ana"))}
        house.desk("ana").revoke(docket.id)
        eventually(lambda: seen(view) == set())
        for key, content in before.items():
            client.restore(key, 0, content or b"", replace=True)
        time.sleep(0.05)
        assert seen(view) == set()


def rolled_back(docket: Docket, client: redis.Redis, *, revoke: Callable[[], object]) -> None:
    """Has the grant revoked, then puts the texts from before it back, as whoever may write to Redis can."""
    before = {key: client.dump(key) for key in (PROD.case(docket.id), PROD.grant(docket.id), PROD.holder("ana"))}
    revoke()
    for key, content in before.items():
        assert isinstance(content, bytes)
        client.restore(key, 0, content, replace=True)


def test_a_revocation_of_whomever_is_heard_by_processes_that_run(house: House, redis_database: str) -> None:
    """A process that never looked at ana's grants is not fooled by a copy from before the revocation."""
    docket = house.granted()
    view = house.view()
    eventually(lambda: is_warm(view, "dee"))

    def revoke() -> None:
        house.desk("ana").revoke(docket.id)
        eventually(lambda: docket.id in view._judge.revocations)  # noqa: SLF001 -- it says nothing of it otherwise

    with redis.Redis.from_url(redis_database) as client:
        rolled_back(docket, client, revoke=revoke)
    eventually(lambda: is_warm(view))
    assert seen(view) == set()


@pytest.mark.parametrize("by", ["desk", "process"])
def test_a_process_that_starts_later_knows_of_revocations(
    house: House, redis_database: str, tmp_path: Path, *, by: str
) -> None:
    """From the second place, which the one who revoked it told, or a process that heard of it."""
    docket = house.granted()
    heads = str(tmp_path / "heads")
    told = house.connect(checkpoints=heads)
    running = told.attach(policy=house.policy, environment="prod")
    if by == "process":
        eventually(lambda: is_warm(running))

    def revoke() -> None:
        teller = told if by == "desk" else house.grants
        teller.desk(policy=house.policy, environment="prod", key=KEYS["bo"]).revoke(docket.id)
        eventually(lambda: CheckpointFile(heads).revoked("prod") == {docket.id})

    with redis.Redis.from_url(redis_database) as client:
        rolled_back(docket, client, revoke=revoke)
    later = house.connect(checkpoints=heads).attach(policy=house.policy, environment="prod")
    eventually(lambda: is_warm(later))
    assert seen(later) == set()


def test_without_the_second_place_nothing_is_granted_by_a_process_that_begins(house: House, tmp_path: Path) -> None:
    """It cannot know what was revoked before; once it has read the place, an outage of it stops nobody."""
    house.granted()
    folder = tmp_path / "away"
    table = f"sqlite:///{folder / 'heads.sqlite'}"
    view = house.connect(checkpoints=table).attach(policy=house.policy, environment="prod")
    assert seen(view) == set()
    folder.mkdir()
    eventually(lambda: seen(view) == {"customers.email"})


def test_a_tampered_grant_reveals_nothing_and_is_recorded_once(house: House, redis_database: str) -> None:
    """However often it is looked at."""
    docket = house.granted()
    with redis.Redis.from_url(redis_database, decode_responses=True) as client:
        text = str(client.get(PROD.grant(docket.id))).replace('"version":1', '"version":1 ')
        forged = text[:-20] + ("A" if text[-20] != "A" else "B") + text[-19:]
        client.set(PROD.grant(docket.id), forged)
        client.set(PROD.case(docket.id), forged)
    view = house.view()
    for _ in range(3):
        assert seen(view) == set()
    failed = Filter(events=frozenset({Event.FAILED}))
    eventually(lambda: [one.request for one in house.grants.audit("prod", matching=failed)] == [docket.id])


def test_a_grant_under_another_holder_or_of_another_type_reveals_nothing(house: House, redis_database: str) -> None:
    """Copied to somebody else's index, or a list where text should be; other grants are not affected."""
    mine, other = house.granted(), house.granted("customers.phone")
    with redis.Redis.from_url(redis_database) as client:
        client.zadd(PROD.holder("dee"), {mine.id: 10**15})
        client.delete(PROD.grant(mine.id))
        client.lpush(PROD.grant(mine.id), "x")
    assert seen(house.view(), "dee") == set()
    assert seen(house.view()) == {"customers.phone"}
    assert other.id


def test_an_index_of_the_wrong_type_masks_and_heals(house: House, redis_database: str) -> None:
    """Grants that cannot be read do not exist, until they can."""
    house.granted()
    with redis.Redis.from_url(redis_database) as client:
        kept = client.dump(PROD.holder("ana"))
        client.delete(PROD.holder("ana"))
        client.set(PROD.holder("ana"), "x")
        view = house.view()
        assert seen(view) == set()
        client.restore(PROD.holder("ana"), 0, kept or b"", replace=True)
    eventually(lambda: seen(view) == {"customers.email"})


def test_a_redis_that_is_down_grants_nothing_at_once(own: tuple[RedisServer, House]) -> None:
    """And everything again, by itself, when it is back."""
    server, house = own
    house.granted()
    view = house.view()
    eventually(lambda: is_warm(view) and seen(view) == {"customers.email"})
    server.kill()
    eventually(lambda: seen(view) == set(), within=1.2)
    server.start()
    eventually(lambda: seen(view) == {"customers.email"})
    eventually(lambda: is_warm(view))


def test_a_redis_that_hangs_costs_each_look_little_and_grants_nothing_after_a_second(
    own: tuple[RedisServer, House],
) -> None:
    """What was known holds for the lease; then one look in a while waits for its budget, and the rest do not."""
    server, house = own
    house.granted()
    view = house.view()
    eventually(lambda: is_warm(view) and seen(view) == {"customers.email"})
    server.pause()
    eventually(lambda: seen(view) == set(), within=1.2)
    start = time.monotonic()
    for _ in range(100):
        assert seen(view) == set()
        assert seen(view, "dee") == set()
    assert time.monotonic() - start < 0.5
    server.resume()
    eventually(lambda: seen(view) == {"customers.email"})


def test_a_first_look_at_a_redis_that_hangs_is_within_its_budget(own: tuple[RedisServer, House]) -> None:
    """Connections open and stay silent: a quarter of a second for connecting, and masked."""
    server, house = own
    house.granted()
    view = house.view()
    server.pause()
    start = time.monotonic()
    assert seen(view) == set()
    assert time.monotonic() - start < 0.5
    server.resume()
    eventually(lambda: seen(view) == {"customers.email"})


def test_a_lost_push_connection_is_noticed_and_made_anew(own: tuple[RedisServer, House]) -> None:
    """What changed meanwhile is not missed."""
    server, house = own
    docket = house.granted()
    view = house.view()
    eventually(lambda: is_warm(view) and seen(view) == {"customers.email"})
    client = server.client(decode_responses=True)
    client.client_kill_filter(_type="pubsub")
    house.desk("ana").revoke(docket.id)
    eventually(lambda: seen(view) == set(), within=1)
    eventually(lambda: is_warm(view))


def test_an_evicted_grant_is_gone(own: tuple[RedisServer, House]) -> None:
    """Redis under memory pressure may end grants early: then they are masked, not misread."""
    server, house = own
    for _ in range(5):
        house.granted()
    view = house.view()
    eventually(lambda: is_warm(view) and seen(view) == {"customers.email"})
    client = server.client()
    client.config_set("maxmemory-policy", "volatile-random")
    client.config_set("maxmemory", "100kb")
    for _ in range(20):
        client.get("x")  # each command evicts some
    eventually(lambda: seen(view) == set() or client.dbsize() > 1)
    client.config_set("maxmemory", "0")
    client.flushall()
    eventually(lambda: seen(view) == set(), within=1.5)


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
    for kind, expected in (("revocation", True), ("approval", False)):
        header = f'{{"alg":"EdDSA","kid":"{"k" * length}","typ":"unmask-{kind}+jws"}}'
        token = base64.urlsafe_b64encode(header.encode()).decode()
        assert _may_be_revoked(f'{{"decisions":["{token}.e30.x"]}}') is expected
