"""The servers that other tests stand on."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest
import redis
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.fix_redis import RedisServer
from tests.fix_servers import Missing, Route, Servers, Wanted, find
from tests.processes import NotOfferedError, UnavailableError


@pytest.mark.parametrize("database", ["postgres_database", "mariadb_database", "sqlite_database", "duckdb_database"])
def test_each_database_starts_empty_and_takes_a_table(database: str, request: pytest.FixtureRequest) -> None:
    """A test's database is its own: the table that one test makes is new in the next."""
    engine = create_engine(request.getfixturevalue(database), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
        assert connection.execute(text("SELECT n FROM t")).all() == [(1,)]


@pytest.mark.parametrize("key", ["a", "b"])
def test_redis_database_starts_empty(key: str, redis_database: str) -> None:
    """What one test leaves in Redis, the next does not find."""
    with redis.Redis.from_url(redis_database) as client:
        assert client.dbsize() == 0
        client.set(key, 1)


def test_a_server_of_its_own_can_fail_and_come_back(redis_server: Callable[..., RedisServer]) -> None:
    """Stopped, it refuses; started again, it answers at the same address with what it had kept on disk."""
    server = redis_server("--appendonly", "yes", "--appendfsync", "always")
    server.client().set("kept", 1)
    server.stop()
    with redis.Redis.from_url(server.url, retry=None) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    server.start()
    assert server.client().get("kept") == b"1"


def test_a_server_of_its_own_can_hang(redis_server: Callable[..., RedisServer]) -> None:
    """Paused, it takes connections and says nothing; resumed, it goes on."""
    server = redis_server()
    with redis.Redis.from_url(server.url, socket_timeout=0.1, retry=None) as client:
        server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        server.resume()
    assert server.client().ping()


def _refused(_: ExitStack) -> tuple[str, str]:
    raise UnavailableError("cannot pull the image")


def _not_offered(_: ExitStack) -> tuple[str, str]:
    raise NotOfferedError("the variable is not set")


def _at_hand(_: ExitStack) -> tuple[str, str]:
    return "redis://here", "a program"


def _wanted(*routes: Route) -> Wanted:
    return Wanted(name="Redis", fixture="redis_url", routes=routes, version=lambda _: "7.0")


def test_a_way_that_fails_is_said_and_the_next_one_taken() -> None:
    """What went wrong before a server was found is told with it; a way that is just not there is not."""
    found = find(_wanted(_not_offered, _refused, _at_hand), stack=ExitStack())
    assert str(found) == "Redis 7.0 from a program (cannot pull the image)"


def test_a_server_that_cannot_be_had_is_told_with_every_reason() -> None:
    """Where no way leads to a server, each is listed with what was wrong with it."""
    missing = find(_wanted(_not_offered, _refused), stack=ExitStack())
    assert str(missing) == "no Redis: the variable is not set; cannot pull the image"


def test_servers_reach_the_workers_as_they_were_found() -> None:
    """An xdist worker knows what its controller found and what it missed, and looks for nothing itself."""
    servers = Servers({"redis_url": Missing(name="Redis", faults=("why not",))})
    (told,) = servers.as_worker_input().values()
    assert told == {"name": "Redis", "faults": ("why not",)}
