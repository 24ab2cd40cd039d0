"""The live view beside a Redis that is down, hangs, forgets or was tampered with: it shows what is certain alone."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import redis

from grants import CheckpointFile, Docket, Event, Filter
from grants.store import Keys
from tests.fix_redis import RedisServer
from tests.grants.conftest import KEYS, House, seen
from tests.grants.waiting import eventually, is_warm, shows

PROD = Keys("prod")


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
