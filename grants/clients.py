"""Redis clients by URL: one server, one that Sentinels name, or a cluster."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.exceptions import RedisClusterException
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection

from grants.errors import StoreError

Client = redis.Redis | redis.RedisCluster
_FORMS = (
    "redis://, rediss://, unix://, embedded:PATH, redis+sentinel://host:26379,host:26379/service/0 or "
    "redis+cluster://host:6379,host:6379"
)


class _Managed(SentinelManagedConnection):
    """redis-py's own goes on with a connection after a time-out, and would take the late answer for that of another."""

    def read_response(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 -- redis-py's
        return super().read_response(*args, **({"disconnect_on_error": True} | kwargs))


def client_of(url: str, *, timeout: timedelta) -> Client:
    """A client of what is at `url`; connects when first used. `timeout` bounds each wait.

    Raises:
        StoreError: the URL cannot be read.
    """
    options: dict[str, Any] = {
        "protocol": 2,
        "decode_responses": True,
        "encoding_errors": "replace",  # what is no text is nothing that we stored: it must not be an error of its own
        "socket_timeout": timeout.total_seconds(),
        "socket_connect_timeout": timeout.total_seconds(),
        # Once more on a connection that was lost: the server restarted between two calls. All calls are repeatable.
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    }
    scheme = url.partition(":")[0]
    try:
        make = _MAKERS[scheme]
    except KeyError:
        raise StoreError(f"{scheme!r} is no known kind of Redis URL: expected {_FORMS}") from None
    try:
        return make(url, options)
    except ValueError:
        # Not `from` it: it quotes the part that it could not read, and with a stray `/` or `#` that is the password.
        raise StoreError(f"the Redis URL cannot be read: expected {_FORMS}") from None


def _single(url: str, options: dict[str, Any]) -> Client:
    return redis.Redis.from_url(url, **options)


def _sentinel(url: str, options: dict[str, Any]) -> Client:
    parts = urlsplit(url)
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("no service")
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    # A password of the Sentinels themselves: `?sentinel_password=…`; they have no other settings of ours.
    own = {name: query.get(f"sentinel_{name}") for name in ("username", "password")}
    bounded = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout", "decode_responses")}
    known = Sentinel(_hosts(parts.netloc, 26379), sentinel_kwargs=bounded | own)  # type: ignore[no-untyped-call] # redis-py's
    client: redis.Redis = known.master_for(
        service, db=int(database or 0), connection_class=_Managed, **_login(url), **options
    )  # type: ignore[no-untyped-call] # as above
    return client


def _cluster(url: str, options: dict[str, Any]) -> Client:
    nodes = [ClusterNode(host, port) for host, port in _hosts(urlsplit(url).netloc, 6379)]  # type: ignore[no-untyped-call] # as above
    try:
        return redis.RedisCluster(startup_nodes=nodes, **_login(url), **options)
    except (redis.RedisError, RedisClusterException, OSError) as exc:
        raise StoreError(f"the Redis cluster at {address_of(url)} does not answer: is the URL right?") from exc


_MAKERS: dict[str, Callable[[str, dict[str, Any]], Client]] = {
    "redis": _single,
    "rediss": _single,
    "unix": _single,
    "redis+sentinel": _sentinel,
    "redis+cluster": _cluster,
}


def _hosts(netloc: str, port: int) -> list[tuple[str, int]]:
    pairs = (one.rpartition(":") if ":" in one else (one, "", port) for one in netloc.rpartition("@")[2].split(","))
    return [(host, int(number)) for host, _, number in pairs]


def _login(url: str) -> dict[str, Any]:
    login, at, _ = urlsplit(url).netloc.rpartition("@")
    username, _, password = login.partition(":")
    found = {"username": unquote(username), "password": unquote(password)} if at else {}
    return {name: value for name, value in found.items() if value}


def address_of(url: str) -> str:
    """Where the server is, without the password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    if "+" in parts.scheme:
        return f"{parts.netloc.rpartition('@')[2]}{parts.path}"
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"


def is_elsewhere(client: Client, key: str, connection: Any) -> bool:  # noqa: ANN401 -- redis-py's connections differ
    """Whether another server than the one of `connection` is in charge of `key` by now.

    Raises:
        RedisError: the cluster does not answer.
    """
    if isinstance(client, redis.RedisCluster):
        client.exists(key)  # what has moved, the client learns from the answer
        return bool((connection.host, connection.port) != _place_of(client, key))
    pool = client.connection_pool
    if not isinstance(pool, SentinelConnectionPool):
        return False
    try:
        master = pool.get_master_address()  # type: ignore[no-untyped-call] # it also drops connections to an earlier one
    except redis.ConnectionError:
        return False  # no Sentinel answers: nobody knows of another one
    return bool((connection.host, connection.port) != master)


def _place_of(client: redis.RedisCluster, key: str) -> tuple[str, int]:
    node: ClusterNode | None = client.get_node_from_key(key)  # type: ignore[no-untyped-call] # redis-py's
    if node is None:
        raise redis.ConnectionError("no node of the cluster has the key")
    return node.host, int(node.port)


def new_connection(client: Client, key: str) -> Any:  # noqa: ANN401 -- as above
    """A connection of its own to the server that is in charge of `key`, not connected yet.

    Raises:
        RedisError: the cluster does not answer.
    """
    if isinstance(client, redis.RedisCluster):
        host, port = _place_of(client, key)
        node: Any = client.get_node(host=host, port=port)  # type: ignore[no-untyped-call] # as above
        return client.get_redis_connection(node).connection_pool.make_connection()
    return client.connection_pool.make_connection()
