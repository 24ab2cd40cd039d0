"""One Redis server: how it is reached, and what its faults mean to whoever has to mend them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import redis
from redis.exceptions import AuthorizationError, NoPermissionError, RedisClusterException

from grants import embedded
from grants.clients import address_of, client_of
from grants.errors import StoreError

_REFUSALS = (redis.AuthenticationError, NoPermissionError, AuthorizationError)
_REFUSED_IN_SCRIPT = ("ACL failure", "The user executing the script")  # as Redis 7.2 and 7.0 word it
_OUTAGES: tuple[tuple[type[Exception], str], ...] = (
    (redis.ReadOnlyError, "is a replica: use the URL of the primary"),
    (redis.BusyLoadingError, "is still loading its data: repeat in a moment"),
    (redis.TimeoutError, "is too slow or hangs: look at it with redis-cli PING, then repeat"),
    (TimeoutError, "is too slow or hangs: look at it with redis-cli PING, then repeat"),
    (redis.ConnectionError, "does not answer: is it running, and is the URL right?"),
    (RedisClusterException, "does not answer as a cluster: is it one, is it up, and is the URL right?"),
    (OSError, "does not answer: is it running, and is the URL right?"),
)


class Server:
    """A Redis server with a pool of connections. Connects when first used; thread-safe and fork-safe."""

    def __init__(self, url: str, *, timeout: timedelta) -> None:
        """`timeout` bounds each wait. An `embedded:` server is started.

        Raises:
            StoreError: the URL cannot be read, or an embedded server does not start.
        """
        self.url = embedded.running(url.removeprefix("embedded:")) if url.startswith("embedded:") else url
        self.client = client_of(self.url, timeout=timeout)

    @property
    def address(self) -> str:
        """Where the server is, without the password."""
        return address_of(self.url)

    def close(self) -> None:
        """Gives the connections back to the system; a later call opens new ones."""
        if isinstance(self.client, redis.Redis):
            self.client.connection_pool.disconnect()
        else:
            self.client.disconnect_connection_pools()  # type: ignore[no-untyped-call] # redis-py leaves it untyped

    @contextmanager
    def clear_errors(self, key: str) -> Iterator[None]:
        """Redis's errors inside, as a `StoreError` that says what to do. `key`: what was being used."""
        try:
            yield
        except (redis.RedisError, RedisClusterException, OSError) as exc:
            raise self._explained(exc, key) from exc

    def _explained(self, exc: Exception, key: str) -> StoreError:
        text = str(exc)
        where = f"Redis at {self.address}"
        if "WRONGTYPE" in text:
            return self.wrong_type(key, "another type")
        if (
            isinstance(exc, redis.exceptions.OutOfMemoryError) or "OOM command" in text
        ):  # the latter from a script of 6.2
            return StoreError(f"{where} is full: raise its maxmemory or free some, then repeat; nothing was stored")
        if isinstance(exc, _REFUSALS) or any(words in text for words in _REFUSED_IN_SCRIPT):
            return StoreError(f"{where} refuses this user: check the name and password in the URL, and its rights")
        for kind, advice in _OUTAGES:
            if isinstance(exc, kind):
                return StoreError(f"{where} {advice}", is_outage=True)
        return StoreError(f"{where} declined ({type(exc).__name__}): is it version 6.2 or later?")

    def wrong_type(self, key: str, kind: str) -> StoreError:
        """The error for a key that somebody else uses."""
        return StoreError(
            f"the key {key} at {self.address} holds {kind}, which this program never stores there: look at it "
            "with redis-cli TYPE, and remove it with DEL if nobody needs it"
        )
