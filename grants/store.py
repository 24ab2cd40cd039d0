"""Redis: which keys there are, how long they live, and the one script that changes them. Decides nothing.

Keys, all of one environment under one hash tag, so that one script may touch them on a cluster (docs/redis.md):
- `unmask:{prod}:request:<id>`  a case; kept for a week after it ends, so that a late decision is told why it is late
- `unmask:{prod}:grant:<id>`    the same text while its grant lives; gone at `expires_at` (PXAT) or when it is revoked
- `unmask:{prod}:uses:<id>`     of a limited grant: `left`, and the `digest` of the request that it was counted out for
- `unmask:{prod}:told:<id>:<occasion>`   that a reminder was sent; for as long as the case is kept
- `unmask:{prod}:holder:<principal>`, `unmask:{prod}:requests`   sorted sets: id → when it ends, in ms
- `unmask:{prod}:trail`         the stream of audit records

Every change is optimistic: it is stored only if the case is still what was read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, Literal, cast

from grants.push import Push
from grants.server import Server

KEPT_AFTER = timedelta(days=7)
"""How long a case stays readable after it ended."""
_PAGE = 500  # cases that are read at once


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

    def uses(self, identifier: str) -> str:
        """How often a limited grant can still be used."""
        return self._of(f"uses:{identifier}")

    def told(self, identifier: str, occasion: str) -> str:
        """That people were reminded of something."""
        return self._of(f"told:{identifier}:{occasion}")

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

    `grant`: what becomes of the grant, which lives until `ends_at`: made (`set`), as it is but for its text (`keep`),
    or gone (`del`). `kept_for`: how long the case stays readable after that. `uses`: how often the grant that this step
    makes can be used, with the digest of its request; None where it is not limited, or was made before.
    """

    identifier: str
    principal: str
    before: str | None
    after: str
    ends_at: datetime
    grant: Literal["set", "keep", "del"]
    kept_for: timedelta = KEPT_AFTER
    uses: tuple[int, str] | None = None


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
        self._server = Server(url, timeout=timeout)
        self._commit = self._server.client.register_script(_script("commit.lua"))
        self._spend = self._server.client.register_script(_script("spend.lua"))
        self._held = self._server.client.register_script(_script("held.lua"))

    @property
    def address(self) -> str:
        """Where the server is, without the password."""
        return self._server.address

    def within(self, timeout: timedelta) -> "Store":
        """The same server, with connections of its own and another bound on each wait."""
        return Store(self._server.url, timeout=timeout)

    def close(self) -> None:
        """Gives the connections back to the system; a later call opens new ones."""
        self._server.close()

    def case(self, environment: str, identifier: str) -> str | None:
        """The case `identifier`; None if there is none (any more).

        Raises:
            StoreError: Redis could not tell.
        """
        key = Keys(environment).case(identifier)
        with self._server.clear_errors(key):
            return cast("str | None", self._server.client.get(key))

    def cases(self, environment: str) -> Iterator[tuple[str, str]]:
        """Every case that is kept, with its id, in the order in which they end; read by and by.

        Raises:
            StoreError: Redis could not tell.
        """
        keys = Keys(environment)
        with self._server.clear_errors(keys.requests):
            ids = cast("list[str]", self._server.client.zrange(keys.requests, 0, -1))
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            with self._server.clear_errors(keys.requests):
                texts = self._texts([keys.case(one) for one in page])
            yield from ((one, text) for one, text in zip(page, texts, strict=True) if text is not None)

    def _texts(self, keys: list[str]) -> list[str | None]:
        return cast("list[str | None]", self._server.client.mget(keys)) if keys else []

    def commit(self, environment: str, change: Change, *, entry: str = "") -> bool:
        """Whether `change` was stored, and `entry` added to the trail; not if the case is no longer `change.before`.

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
            keys.uses(change.identifier),
        )
        kept = end + change.kept_for // timedelta(milliseconds=1)
        uses, digest = change.uses or ("", "")
        arguments = (change.before or "", change.after, kept, change.identifier, change.grant, end, entry, uses, digest)
        with self._server.clear_errors(names[0]):
            outcome = cast("list[str]", self._commit(keys=names, args=arguments))
        if outcome[0] == "WRONGTYPE":
            raise self._server.wrong_type(outcome[1], outcome[2])
        return outcome[0] in ("STORED", "SAME")

    def end(self, environment: str, identifier: str) -> None:
        """Takes the grant `identifier` away, whatever else can or cannot be done: this needs no memory.

        Raises:
            StoreError: Redis does not answer.
        """
        key = Keys(environment).grant(identifier)
        with self._server.clear_errors(key):
            self._server.client.delete(key)

    def held(self, environment: str, *principals: str) -> tuple[datetime, tuple[tuple[Held, ...], ...]]:
        """The server's time, and what it has of the grants of each of `principals`, revoked ones included.

        Raises:
            StoreError: Redis could not tell.
        """
        keys = Keys(environment)
        names = [keys.holder(principal) for principal in principals]
        with self._server.clear_errors(names[0]):
            reply = cast("list[Any]", self._held(keys=names, args=[keys.grant(""), keys.case("")]))
        now = datetime.fromtimestamp(int(reply[0] or 0), UTC) + timedelta(microseconds=int(reply[1] or 0))
        return now, tuple(_held(texts) for texts in reply[2:])

    def spend(self, environment: str, uses: Sequence[tuple[str, str]]) -> str | None:
        """Takes one use of each grant in `uses` (id, digest of its request), or none at all: then which has none left.

        Raises:
            StoreError: it is not known whether they were taken.
        """
        keys = Keys(environment)
        names = [key for one, _ in uses for key in (keys.grant(one), keys.uses(one))]
        with self._server.clear_errors(names[-1]):
            number = int(cast("str", self._spend(keys=names, args=[digest for _, digest in uses])))
        return uses[number - 1][0] if number else None

    def uses_left(self, environment: str, identifier: str) -> int:
        """How often the limited grant `identifier` can still be used.

        Raises:
            StoreError: Redis could not tell.
        """
        key = Keys(environment).uses(identifier)
        with self._server.clear_errors(key):
            left = cast("str | None", self._server.client.hget(key, "left"))
        return max(0, int(left)) if left is not None and left.lstrip("-").isdigit() else 0

    def is_first(self, environment: str, identifier: str, occasion: str) -> bool:
        """Whether this is the first that is said of `occasion`; from now on it was said.

        Raises:
            StoreError: that is not known.
        """
        keys = Keys(environment)
        key = keys.told(identifier, occasion)
        with self._server.clear_errors(key):
            left = max(self._server.client.pttl(keys.case(identifier)), 1000)
            return bool(self._server.client.set(key, "1", nx=True, px=left))

    def append(self, environment: str, entries: list[str]) -> None:
        """Adds `entries` to the trail, in their order, in one round trip.

        Raises:
            StoreError: they are not all known to be there.
        """
        key = Keys(environment).trail
        with self._server.clear_errors(key):
            if len(entries) == 1:
                self._server.client.xadd(key, {"record": entries[0]})
                return
            with self._server.client.pipeline(transaction=True) as pipeline:
                for entry in entries:
                    pipeline.xadd(key, {"record": entry})
                pipeline.execute()

    def trail(self, environment: str, *, page: int = 1000) -> Iterator[tuple[str, str]]:
        """The entries of the trail, oldest first, each with its place.

        Raises:
            StoreError: Redis could not tell.
        """
        key = Keys(environment).trail
        start = "-"
        while True:
            with self._server.clear_errors(key):
                found = cast("list[tuple[str, dict[str, str]]]", self._server.client.xrange(key, min=start, count=page))
            for place, fields in found:
                yield place, fields.get("record", "")
            if len(found) < page:
                return
            start = f"({found[-1][0]}"

    def drop(self, environment: str, places: list[str], *, page: int = 1000) -> None:
        """Removes the entries at `places` from the trail.

        Raises:
            StoreError: they are not known to be gone.
        """
        key = Keys(environment).trail
        for start in range(0, len(places), page):
            with self._server.clear_errors(key):
                self._server.client.xdel(key, *places[start : start + page])

    def push(self, environment: str) -> Push:
        """A new connection that is told of every change to grants and requests of `environment`.

        Raises:
            StoreError: Redis does not answer, or does not push.
        """
        keys = Keys(environment)
        return Push(self._server, (keys.holder(""), keys.grant(""), keys.case("")))


def _held(texts: list[str | None]) -> tuple[Held, ...]:
    rows = zip(texts[::3], texts[1::3], texts[2::3], strict=True)
    return tuple(Held(id=str(one), grant=grant, case=case) for one, grant, case in rows)


def _script(name: str) -> str:
    return resources.files("grants").joinpath("scripts", name).read_text(encoding="utf-8")


def _milliseconds(at: datetime) -> int:
    # Rounded down: a key may end early, never late.
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
