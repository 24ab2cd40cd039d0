"""The servers that other tests stand on."""

from collections.abc import Callable

import pytest
import redis
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.fix_redis import RedisServer


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
