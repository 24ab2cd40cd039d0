"""Redis: which keys there are, how long they live, and the one script that changes them. Decides nothing.

Keys, all of one environment under one hash tag, so that one script may touch them on a cluster (docs/redis.md):
- `unmask:{prod}:request:<id>`  a case; kept for a week after it ends, so that a late decision is told why it is late
- `unmask:{prod}:grant:<id>`    the same text while its grant lives; gone at `expires_at` (PXAT) or when it is revoked
- `unmask:{prod}:holder:<principal>`, `unmask:{prod}:requests`   sorted sets: id → when it ends, in ms
- `unmask:{prod}:trail`         the stream of audit records

Every change is optimistic: it is stored only if the case is still what was read.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, Literal, cast
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from grants import embedded
from grants.errors import StoreError

KEPT_AFTER = timedelta(days=7)
"""How long a case stays readable after it ended."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one environment."""

    environment: str

    def _of(self, kind: str) -> str:
        return f"unmask:{{{self.environment}}}:{kind}"

    def case(self, identifier: str) -> str:
        """A request with its decisions."""
        return self._of(f"request:{identifier}")

    def grant(self, identifier: str) -> str:
        """A live grant."""
        return self._of(f"grant:{identifier}")

    def holder(self, principal: str) -> str:
        """The ids of one principal's grants."""
        return self._of(f"holder:{principal}")

    @property
    def requests(self) -> str:
        """The ids of all cases."""
        return self._of("requests")

    @property
    def trail(self) -> str:
        """The audit records."""
        return self._of("trail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step of a case. `before` is None for a new one; `ends_at` is when it is over, whatever happens next.

    `is_live`: whether there is a grant after this step, until `ends_at`.
    """

    identifier: str
    principal: str
    before: str | None
    after: str
    ends_at: datetime
    is_live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One grant as Redis has it. `grant` None: it ended. `case` None: somebody took it away."""

    id: str
    grant: str | None
    case: str | None


class Store:
    """The store of all environments on one Redis. Thread-safe and fork-safe, as redis-py's pool is."""

    def __init__(self, url: str, *, timeout: timedelta = timedelta(seconds=5)) -> None:
        """Does not connect (but starts an `embedded:` server). `timeout` bounds each wait for the server."""
        self._url = embedded.running(url.removeprefix("embedded:")) if url.startswith("embedded:") else url
        self._client = _client(self._url, timeout=timeout)
        self._commit = self._client.register_script(_script("commit.lua"))
        self._held = self._client.register_script(_script("held.lua"))

    @property
    def address(self) -> str:
        """Where the server is, without the password."""
        return _address(self._url)

    def within(self, timeout: timedelta) -> "Store":
        """The same server, with connections of its own and another bound on each wait."""
        return Store(self._url, timeout=timeout)

    def close(self) -> None:
        """Gives the connections back to the system; a later call opens new ones."""
        self._client.connection_pool.disconnect()

    def case(self, environment: str, identifier: str) -> str | None:
        """The case `identifier`; None if there is none (any more).

        Raises:
            StoreError: Redis could not tell.
        """
        key = Keys(environment).case(identifier)
        with self._clear_errors(key):
            return cast("str | None", self._client.get(key))

    def cases(self, environment: str) -> dict[str, str]:
        """Every case that is kept, by id, in the order in which they end.

        Raises:
            StoreError: Redis could not tell.
        """
        keys = Keys(environment)
        with self._clear_errors(keys.requests):
            ids = cast("list[str]", self._client.zrange(keys.requests, 0, -1))
            texts = cast("list[str | None]", self._client.mget([keys.case(one) for one in ids])) if ids else []
        return {one: text for one, text in zip(ids, texts, strict=True) if text is not None}

    def commit(self, environment: str, change: Change, *, entry: str = "") -> bool:
        """Whether `change` was stored, and `entry` added to the trail; false if the case is not `change.before` any more.

        Raises:
            StoreError: nothing was stored, or (after a time-out) nothing is known; to repeat it is safe.
        """
        keys = Keys(environment)
        end = _milliseconds(change.ends_at)
        names = (
            keys.case(change.identifier),
            keys.grant(change.identifier),
            keys.holder(change.principal),
            keys.requests,
            keys.trail,
        )
        kept = end + KEPT_AFTER // timedelta(milliseconds=1)
        grant = "set" if change.is_live else "del"
        arguments = (change.before or "", change.after, kept, change.identifier, grant, end, entry)
        with self._clear_errors(names[0]):
            outcome = cast("list[str]", self._commit(keys=names, args=arguments))
        if outcome[0] == "WRONGTYPE":
            raise self._wrong_type(outcome[1], outcome[2])
        return outcome[0] in ("STORED", "SAME")

    def held(self, environment: str, principal: str) -> tuple[datetime, tuple[Held, ...]]:
        """The server's time, and what it has of the grants of `principal`, revoked ones included.

        Raises:
            StoreError: Redis could not tell.
        """
        keys = Keys(environment)
        name = keys.holder(principal)
        with self._clear_errors(name):
            reply = cast("list[str | None]", self._held(keys=[name], args=[keys.grant(""), keys.case("")]))
        now = datetime.fromtimestamp(int(reply[0] or 0), UTC) + timedelta(microseconds=int(reply[1] or 0))
        rows = zip(reply[2::3], reply[3::3], reply[4::3], strict=True)
        return now, tuple(Held(id=str(one), grant=grant, case=case) for one, grant, case in rows)

    def append(self, environment: str, entry: str) -> None:
        """Adds `entry` to the trail.

        Raises:
            StoreError: it is not known to be there.
        """
        key = Keys(environment).trail
        with self._clear_errors(key):
            self._client.xadd(key, {"record": entry})

    def trail(self, environment: str, *, page: int = 1000) -> Iterator[str]:
        """The entries of the trail, oldest first.

        Raises:
            StoreError: Redis could not tell.
        """
        key = Keys(environment).trail
        start = "-"
        while True:
            with self._clear_errors(key):
                found = cast("list[tuple[str, dict[str, str]]]", self._client.xrange(key, min=start, count=page))
            for _, fields in found:
                yield fields.get("record", "")
            if len(found) < page:
                return
            start = f"({found[-1][0]}"

    def push(self, environment: str) -> "Push":
        """A new connection that is told of every change to grants of `environment`.

        Raises:
            StoreError: Redis does not answer, or does not push.
        """
        keys = Keys(environment)
        with self._clear_errors(keys.holder("")):
            return Push(self._client, (keys.holder(""), keys.grant("")), clear_errors=self._clear_errors)

    @contextmanager
    def _clear_errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, OSError) as exc:
            raise self._explained(exc, key) from exc

    def _explained(self, exc: Exception, key: str) -> StoreError:
        text = str(exc)
        where = f"Redis at {self.address}"
        if "WRONGTYPE" in text:
            return self._wrong_type(key, "another type")
        if "OOM command" in text:
            return StoreError(f"{where} is full: raise its maxmemory or free some, then repeat; nothing was stored")
        if isinstance(exc, redis.AuthenticationError | redis.exceptions.NoPermissionError | redis.exceptions.AuthorizationError):
            return StoreError(f"{where} refuses this user: check the name and password in the URL, and docs/redis.md for its rights")
        if isinstance(exc, redis.ReadOnlyError):
            return StoreError(f"{where} is a replica: use the URL of the primary", is_outage=True)
        if isinstance(exc, redis.BusyLoadingError):
            return StoreError(f"{where} is still loading its data: repeat in a moment", is_outage=True)
        if isinstance(exc, redis.TimeoutError | TimeoutError):
            return StoreError(f"{where} is too slow or hangs: look at it with redis-cli PING, then repeat", is_outage=True)
        if isinstance(exc, redis.ConnectionError | OSError):
            return StoreError(f"{where} does not answer: is it running, and is the URL right?", is_outage=True)
        return StoreError(f"{where} declined ({type(exc).__name__}): is it version 6.2 or later, and free of scripts that hang?")

    def _wrong_type(self, key: str, kind: str) -> StoreError:
        return StoreError(
            f"the key {key} at {self.address} holds {kind}, which this program never stores there: look at it "
            "with redis-cli TYPE, and remove it with DEL if nobody needs it"
        )


@dataclass(frozen=True, slots=True)
class Invalidated:
    """Keys that changed; None: any of them may have."""

    keys: tuple[str, ...] | None


class Push:
    """One connection on which Redis reports changed keys and answers pings, both in the order in which they happened.

    The connection redirects its tracking messages to itself: RESP2's way of having both on one connection, so that an
    answered ping proves that everything before it arrived. (redis-py's own client-side cache asks for Redis 7.4.)
    """

    def __init__(self, client: "redis.Redis", prefixes: tuple[str, ...], *, clear_errors: Callable[[str], Any]) -> None:
        self._clear_errors = clear_errors
        self._name = prefixes[0]
        self._connection = client.connection_pool.make_connection()
        try:
            self._connection.connect()
            identifier = self._ask("CLIENT", "ID")
            told = [word for prefix in prefixes for word in ("PREFIX", prefix)]
            self._ask("CLIENT", "TRACKING", "ON", "REDIRECT", identifier, "BCAST", *told)
            self._ask("SUBSCRIBE", "__redis__:invalidate")
        except BaseException:
            self.close()
            raise

    def _ask(self, *words: object) -> object:
        self._connection.send_command(*words)
        return self._connection.read_response()

    def ping(self) -> None:
        """Asks for a sign of life, which `next` returns as `PONG`.

        Raises:
            StoreError: the connection is lost.
        """
        with self._clear_errors(self._name):
            self._connection.send_command("PING", check_health=False)

    def next(self, *, timeout: timedelta) -> Invalidated | Literal["PONG"] | None:
        """The next message; None if there is none in time.

        Raises:
            StoreError: the connection is lost.
        """
        with self._clear_errors(self._name):
            try:
                reply = self._connection.read_response(timeout=timeout.total_seconds(), disconnect_on_error=False)
            except redis.TimeoutError:
                return None
        match reply:
            case ["pong", _]:
                return "PONG"
            case ["message", _, None]:
                return Invalidated(None)
            case ["message", _, [*keys]]:
                return Invalidated(tuple(str(key) for key in keys))
            case _:
                return Invalidated(None)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.disconnect()


def _script(name: str) -> str:
    return resources.files("grants").joinpath("scripts", name).read_text(encoding="utf-8")


def _milliseconds(at: datetime) -> int:
    # Rounded down: a key may end early, never late.
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"


def _client(url: str, *, timeout: timedelta) -> "redis.Redis":
    scheme = url.partition(":")[0]
    if scheme not in ("redis", "rediss", "unix"):
        raise StoreError(f"{scheme!r} is no known kind of Redis URL: expected redis://, rediss://, unix:// or embedded:PATH")
    try:
        return redis.Redis.from_url(
            url,
            protocol=2,
            decode_responses=True,
            socket_timeout=timeout.total_seconds(),
            socket_connect_timeout=timeout.total_seconds(),
            # Once more on a connection that was lost: a server restarted between two calls. Every command is repeatable.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )
    except ValueError as exc:
        raise StoreError("the Redis URL cannot be read: expected redis://[user:password@]host:port/db") from exc
