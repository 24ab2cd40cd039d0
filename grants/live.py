"""The live view: what each principal may see, answered without I/O while Redis keeps this process informed.

Rules:
- a principal's grants are read once, verified once per content, and then kept right by push; what is live is read again
  in the background twice per lease, so that a change that nobody told of is noticed as well;
- what is kept is worth something only under the feed's lease. Without one every look reads Redis directly, within a
  budget; after a failure not even that, for a while;
- a grant ends at its signed `expires_at` by the local clock, by the server's clock as of the reading, and by the
  monotonic clock since then, whichever comes first. A revocation that was seen once stays seen;
- whatever is not certain is not granted. Standing permits of the policy need no Redis.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from contextlib import suppress
from datetime import timedelta
from functools import partial

from grants.audit import Event
from grants.breaker import Breaker
from grants.errors import GrantError
from grants.feed import LEASE, Feed
from grants.forks import renewed_after_fork
from grants.judge import Ended, Judge, Timed
from grants.push import Invalidated
from grants.store import Keys, Store
from grants.uses import Uses
from masking import NOBODY, Access, Permit, Principal

BUDGET = timedelta(milliseconds=50)
"""The longest that one statement waits for Redis."""
FIRST_BUDGET = timedelta(milliseconds=250)
"""The same for the first look of a process, or after a connection was lost: it also connects."""
PAUSE = timedelta(seconds=1)
"""How long Redis is left alone after it failed."""
_WORKERS = 2
_LONGEST_MEMORY = 10_000  # principals
_MOST_UNUSED = 20  # checks: whoever was not looked at for ten seconds is read again when it is
_MOST_AT_ONCE = 50  # grants, and as many principals, that are read again in one round trip

_log = logging.getLogger(__name__)


class _Known:
    """What is known of one principal, until the first of its grants ends.

    `unused`: how often it was read again without a look at it in between.
    """

    __slots__ = ("accesses", "expires_at", "grants", "until", "unused")

    def __init__(self, grants: tuple[Timed, ...]) -> None:
        self.grants = grants
        self.until = min((timed.deadline for timed in grants), default=math.inf)
        self.expires_at = min((timed.expires_at for timed in grants), default=None)
        self.accesses: dict[frozenset[str], Access] = {}
        self.unused = 0


class LiveView:
    """What principals may see in one environment under one policy. An `AccessSource` of the hook."""

    def __init__(
        self, store: Store, environment: str, *, judge: Judge, uses: Uses, notice: Callable[[Ended], None]
    ) -> None:
        """`notice` is called, on another thread, for grants that expired or turned out to be void."""
        self._store = store
        self._pushing = store.within(LEASE)  # a slow connection can still push in time
        self._keys = Keys(environment)
        self._uses = uses
        self._policy = judge.policy
        self._judge = judge
        self._clock = judge.clock
        self._notice = notice
        self._breaker = Breaker(PAUSE)
        self._feed: Feed | None
        self._budget: timedelta
        self._is_rechecking: bool
        self._begin()
        renewed_after_fork(self._begin)

    def access(self, principal: Principal, groups: frozenset[str]) -> Access:
        """Every live permit of `principal`, standing ones included; never raises.

        Waits for Redis at most `BUDGET`, and only where `peek` does not know.
        """
        found = self.peek(principal, groups)
        return self._looked_up(principal, groups) if found is None else found

    def peek(self, principal: Principal, groups: frozenset[str]) -> Access | None:
        """As `access`, but None where it would have to wait: for callers that must not block."""
        known = self._known.get(principal)
        feed = self._feed
        if known is None or feed is None:
            return None
        instant = time.monotonic()
        if instant >= feed.lease_until or instant >= known.until:
            return None
        if known.expires_at is not None and self._clock() >= known.expires_at:
            return None
        known.unused = 0
        found = known.accesses.get(groups)
        if found is None:
            found = known.accesses[groups] = self._access(principal, groups, known.grants)
        return found

    def spend(self, permits: tuple[Permit, ...]) -> bool:
        """Whether one use of each limited permit was taken, of all or none; never raises."""
        return self._uses.spend(permits)

    def has_uses(self, permits: tuple[Permit, ...]) -> bool:
        """Whether each limited permit has a use left; none is taken, and Redis is asked."""
        return self._uses.has_left(permits)

    def close(self) -> None:
        """Ends the threads and connections. A later look starts them again."""
        with self._entrance:
            if self._feed is not None:
                self._feed.stop()
                self._readers.shutdown()
                self._feed = None
        self._store.close()
        self._pushing.close()

    def _looked_up(self, principal: Principal, groups: frozenset[str]) -> Access:
        readers = self._enter()
        known = self._known.get(principal)
        feed = self._feed
        if known is not None and feed is not None and time.monotonic() < feed.lease_until:
            grants = self._without_ended(principal, known, readers)
        else:
            grants = self._read(principal, readers)
        return self._access(principal, groups, grants)

    def _access(self, principal: Principal, groups: frozenset[str], grants: tuple[Timed, ...]) -> Access:
        standing = self._policy.standing_permits(principal, groups | self._policy.groups_of(principal))
        permits = (*(timed.permit for timed in grants), *standing)
        return Access(permits=permits) if permits else NOBODY

    def _without_ended(self, principal: Principal, known: _Known, readers: ThreadPoolExecutor) -> tuple[Timed, ...]:
        """The grants that go on, once the first has ended: no need to ask Redis for that."""
        monotonic, now = time.monotonic(), self._clock()
        left = tuple(timed for timed in known.grants if monotonic < timed.deadline and now < timed.expires_at)
        with self._lock:
            if self._known.get(principal) is known:
                self._forget(principal)
                self._remember(principal, _Known(left))
                for timed in set(known.grants) - set(left):
                    self._tell(Ended(event=Event.EXPIRED, id=timed.permit.grant, principal=principal), readers)
        return left

    def _read(self, principal: Principal, readers: ThreadPoolExecutor) -> tuple[Timed, ...]:
        if self._breaker.is_open:
            return ()
        budget, self._budget = self._budget, BUDGET
        try:
            return readers.submit(self._load, [principal], readers).result(timeout=budget.total_seconds())[0]
        except LateError:
            problem = f"Redis took longer than {budget // timedelta(milliseconds=1)} ms"
        except GrantError as exc:
            problem = str(exc)
        except Exception as exc:  # noqa: BLE001 -- see below
            # Whatever it is, a statement must not fail because grants cannot be read: it runs masked.
            _log.exception("reading grants failed unexpectedly")
            problem = type(exc).__name__
        # Fail closed: grants that cannot be read do not exist.
        self._breaker.failed()
        _log.warning("grants cannot be read, so none are: %s", problem)
        return ()

    def _load(self, principals: Sequence[Principal], readers: ThreadPoolExecutor) -> list[tuple[Timed, ...]]:
        self._judge.revocations.refresh()
        stamp = self._stamp
        server_now, held = self._store.held(self._keys.environment, *principals)
        found = []
        for principal, its in zip(principals, held, strict=True):
            grants = self._judge.permits(principal, its, server_now=server_now)
            with self._lock:
                # What changed meanwhile may be older in `held` than in the message: read again next time.
                if stamp == self._stamp and not self._is_known_as(principal, grants):
                    self._forget(principal)
                    self._remember(principal, _Known(grants))
            for ended in self._judge.void(principal, its):
                self._tell(ended, readers)
            found.append(grants)
        return found

    def _is_known_as(self, principal: Principal, grants: tuple[Timed, ...]) -> bool:
        known = self._known.get(principal)
        return known is not None and [one.permit for one in known.grants] == [one.permit for one in grants]

    def _recheck_in(self, readers: ThreadPoolExecutor) -> None:
        if not self._is_rechecking:
            self._is_rechecking = True
            with suppress(RuntimeError):  # closed meanwhile
                readers.submit(self._recheck, readers)

    def _recheck(self, readers: ThreadPoolExecutor) -> None:
        try:
            for principals in self._in_use():
                try:
                    self._load(principals, readers)
                except Exception:  # noqa: BLE001 -- whatever it is, see below
                    # Fail closed: what cannot be confirmed is not known; the next look reads it itself.
                    with self._lock:
                        for principal in principals:
                            self._forget(principal)
        finally:
            self._is_rechecking = False

    def _in_use(self) -> list[list[Principal]]:
        """Who has grants and was looked at lately, in groups that are read at once. The others are forgotten."""
        groups: list[list[Principal]] = []
        room = 0
        with self._lock:
            for principal, known in [one for one in self._known.items() if one[1].grants]:
                known.unused += 1
                if known.unused > _MOST_UNUSED:
                    self._forget(principal)
                    continue
                if len(known.grants) > room:
                    groups.append([])
                    room = _MOST_AT_ONCE
                groups[-1].append(principal)
                room -= len(known.grants)
        return groups

    def _remember(self, principal: Principal, known: _Known) -> None:
        self._known[principal] = known
        for timed in known.grants:
            self._holders[timed.permit.grant] = principal
        if len(self._known) > _LONGEST_MEMORY:
            self._forget(next(iter(self._known)))

    def _forget(self, principal: Principal) -> None:
        known = self._known.pop(principal, None)
        for timed in known.grants if known is not None else ():
            self._holders.pop(timed.permit.grant, None)

    def _tell(self, ended: Ended, readers: ThreadPoolExecutor) -> None:
        with suppress(RuntimeError):  # closed meanwhile, or the interpreter is: nothing is lost but the notice
            readers.submit(self._notice, ended)

    def _changed(self, message: Invalidated) -> None:
        with self._lock:
            self._stamp += 1
            if message.keys is None:
                self._known.clear()
                self._holders.clear()
                self._breaker.close()
                self._budget = FIRST_BUDGET
                self._hear_of(None)
                return
            for key in message.keys:
                self._hear_of(key)
                holder = key.removeprefix(self._keys.holder(""))
                identifier = key.removeprefix(self._keys.grant("")).removeprefix(self._keys.case(""))
                self._forget(self._holders.get(identifier, Principal(holder)))

    def _hear_of(self, key: str | None) -> None:
        """Has the case at `key` looked at for a revocation, in the background; None: every case that is kept."""
        prefix = self._keys.case("")
        if key is None or key.startswith(prefix):
            with suppress(RuntimeError):  # closed meanwhile
                self._readers.submit(self._heard, None if key is None else key.removeprefix(prefix))

    def _heard(self, identifier: str | None) -> None:
        try:
            if identifier is None:
                for one, text in self._pushing.cases(self._keys.environment):
                    self._judge.heard(one, text)
            elif (case := self._pushing.case(self._keys.environment, identifier)) is not None:
                self._judge.heard(identifier, case)
        except GrantError as exc:
            _log.warning("revocations cannot be looked for: %s", exc)

    def _begin(self) -> None:
        self._entrance = threading.Lock()
        self._lock = threading.Lock()
        self._stamp = 0
        self._budget = FIRST_BUDGET
        self._known: dict[Principal, _Known] = {}
        self._holders: dict[str, Principal] = {}
        self._feed = None
        self._is_rechecking = False

    def _enter(self) -> ThreadPoolExecutor:
        """The threads that read; the feed listens from then on."""
        with self._entrance:
            if self._feed is None:
                self._readers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="unmask-grants")
                self._feed = Feed(
                    lambda: self._pushing.push(self._keys.environment),
                    self._changed,
                    partial(self._recheck_in, self._readers),
                )
                self._feed.start()
            return self._readers
