"""The users of docs/redis.md, on a real server: each can do its work, and nothing beside it."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from grants import Event, StoreError
from grants.store import Keys
from masking import Policy
from tests.fix_redis import RedisServer, version
from tests.grants.conftest import KEYS, House, ask
from tests.grants.test_forks import reveal
from tests.grants.waiting import eventually, shows

PAGE = Path(__file__).parents[2] / "docs" / "redis.md"
PROD = Keys("prod")


@pytest.fixture
def server(redis_server: Callable[..., RedisServer]) -> RedisServer:
    """A server with the users of the page, whose password is `secret`."""
    server = redis_server()
    if int(version(server.url).partition(".")[0]) < 7:
        pytest.skip("Redis 6 has no selectors in its access rules")
    rules = re.findall(r"^(ACL SETUSER .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rules) == 4
    for rule in rules:
        server.client().execute_command(*rule.replace(">…", ">secret").split())  # type: ignore[no-untyped-call] # redis-py's
    return server


@pytest.fixture
def as_user(server: RedisServer, policy: Policy) -> Iterator[Callable[[str], House]]:
    """Grants as one of the users has them."""
    houses: list[House] = []

    def opened(user: str) -> House:
        url = server.url.replace("redis://", f"redis://{user}:secret@")
        houses.append(House(url, policy, lambda: datetime.now(UTC)))
        return houses[-1]

    yield opened
    for house in houses:
        for grants in house.opened:
            grants.close()


def refused(server: RedisServer, user: str, *words: str) -> bool:
    """Whether a command is refused to a user."""
    with redis.Redis.from_url(server.url, username=user, password="secret") as client:
        try:
            client.execute_command(*words)
        except redis.exceptions.NoPermissionError:
            return True
        except redis.ResponseError as exc:
            return "ACL" in str(exc) or "NOPERM" in str(exc)
        return False


def test_each_user_can_do_its_work(server: RedisServer, as_user: Callable[[str], House]) -> None:
    """From the request to the trail, pushes, revocation and pruning included."""
    people, application, auditor, keeper = map(as_user, ("people", "application", "auditor", "keeper"))
    docket = people.granted()
    people.desk("bo").approve(people.desk("ana").request(ask("customers.phone")).id)
    view = application.view()
    eventually(lambda: shows(view, {"customers.email", "customers.phone"}))
    application.grants.recorder.reveal(reveal())
    people.desk("bo").revoke(docket.id)
    eventually(lambda: shows(view, {"customers.phone"}), within=1)
    events = [record.event for record in auditor.grants.audit("prod")]
    assert events.count(Event.REVEALED) == 1
    assert len(events) == 6
    assert auditor.grants.verify("prod", policy=auditor.policy) == ()
    archive = keeper.grants.archive("prod", policy=keeper.policy)
    assert len(archive.prune(before=datetime.now(UTC), now=datetime.now(UTC)).ids) == 1


def test_nobody_can_do_more(server: RedisServer, as_user: Callable[[str], House]) -> None:
    """Neither cut the trail, nor make a grant, nor look at what is none of theirs; by no script either."""
    people, application = as_user("people"), as_user("application")
    docket = people.granted()
    place = str(next(iter(server.client(decode_responses=True).xrange(PROD.trail) or ()))[0])
    for user in ("people", "application", "auditor"):
        assert refused(server, user, "XDEL", PROD.trail, place)
        assert refused(server, user, "XTRIM", PROD.trail, "MAXLEN", "0")
        assert refused(server, user, "DEL", PROD.trail)
        assert refused(server, user, "FLUSHALL")
        assert refused(server, user, "EVAL", "return redis.call('DEL', KEYS[1])", "1", PROD.trail)
        assert refused(server, user, "GET", "unmask:{staging}:request:abcd-efgh")
        assert refused(server, user, "CONFIG", "GET", "*")
    for user in ("application", "auditor", "keeper"):
        assert refused(server, user, "SET", PROD.grant("abcd-efgh"), "x")
        assert refused(server, user, "DEL", PROD.case(docket.id))
    assert refused(server, "auditor", "XADD", PROD.trail, "*", "record", "x")
    assert refused(server, "people", "XRANGE", PROD.trail, "-", "+")
    with pytest.raises(StoreError, match="refuses this user"):
        application.grants.desk(policy=application.policy, environment="prod", key=KEYS["bo"]).revoke(docket.id)
