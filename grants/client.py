"""`Grants`: the door to one Redis, for the hook (`attach`, `recorder`) and for people (`desk`, `office`, `audit`)."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Self

from grants.archive import Archive, records_of, seals_of
from grants.audit import AuditRecord, Filter, KeyedHash, PersonalSeal
from grants.chains import Fault
from grants.checkpoints import Checkpoints
from grants.desk import Desk
from grants.feed import LEASE
from grants.judge import Judge
from grants.live import BUDGET, LiveView
from grants.messenger import Messenger
from grants.office import Office
from grants.places import checkpoints_at
from grants.recorder import Recorder
from grants.revocations import Revocations
from grants.signing import Signer
from grants.sinks import TIMEOUT, Kept, Sink, StreamSink
from grants.store import Store
from grants.trail import Trail
from grants.uses import Uses
from masking import Policy

AUDIT_KEY = "UNMASK_AUDIT_KEY"
"""The environment variable with the key that seals audit records, where `connect` is given none."""
AUDIT_CHECKPOINTS = "UNMASK_AUDIT_CHECKPOINTS"
"""The environment variable with the place of the trail's checkpoints, where `connect` is given none."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Places:
    """Where records go, and where it is kept how far they have come."""

    sinks: tuple[Sink, ...]
    checkpoints: Checkpoints | None


class Grants:
    """Requests, grants and their trail on one Redis. Thread-safe and fork-safe."""

    def __init__(self, store: Store, *, seal: KeyedHash, places: Places, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._seal = seal
        self._sinks = places.sinks
        self._checkpoints = places.checkpoints
        self._clock = clock
        self._lock = threading.Lock()
        self._trails: dict[str, Trail] = {}
        self._views: list[LiveView] = []
        self._messengers: dict[str, Messenger] = {}
        self._revocations: dict[str, Revocations] = {}
        self._uses: dict[str, Uses] = {}
        self._recorder = Recorder(self._trail, self._trails, clock=clock)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        key: str | None = None,
        sinks: Sequence[Sink] | None = None,
        checkpoints: Checkpoints | str | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> Self:
        """The grants on the Redis at `url`: redis://, rediss://, unix:// or embedded:PATH. Connects when first needed.

        `key` seals audit records (default: the variable `UNMASK_AUDIT_KEY`); applications and whoever checks the trail
        share it. `sinks` replaces the default, which is the Redis Stream beside the grants. `checkpoints` is a second
        place, a file's path or a database's URL, that keeps how far the trail has come, what was revoked and used
        (default: the variable `UNMASK_AUDIT_CHECKPOINTS`): without one, records cut off at the end are not missed.

        Raises:
            StoreError: a URL is no such URL, an embedded server does not start, or a cluster does not answer: it is
                asked at once which servers it has.
        """
        store = Store(url)
        if sinks is None:
            sinks = (StreamSink(store.within(TIMEOUT)),)
        secret = os.environ.get(AUDIT_KEY, "") if key is None else key
        place = os.environ.get(AUDIT_CHECKPOINTS) or None if checkpoints is None else checkpoints
        places = Places(tuple(sinks), checkpoints_at(place) if isinstance(place, str) else place)
        return cls(store, seal=KeyedHash(secret.encode()), places=places, clock=clock)

    @property
    def recorder(self) -> Recorder:
        """Where the hook reports reveals and refusals."""
        return self._recorder

    def attach(self, *, policy: Policy, environment: str) -> LiveView:
        """What principals may see in `environment`, checked against `policy`. Connects when first asked."""
        view = LiveView(
            self._store.within(BUDGET),
            environment,
            judge=self._judge(policy, environment),
            uses=self._uses_of(environment),
            notice=partial(self._recorder.ended, environment),
        )
        self._views.append(view)
        return view

    def _judge(self, policy: Policy, environment: str) -> Judge:
        with self._lock:
            if environment not in self._revocations:
                self._revocations[environment] = Revocations(
                    environment, checkpoints=self._checkpoints, clock=self._clock
                )
            revocations = self._revocations[environment]
        return Judge(policy=policy, environment=environment, clock=self._clock, revocations=revocations)

    def _uses_of(self, environment: str) -> Uses:
        """What all engines of one environment took."""
        with self._lock:
            if environment not in self._uses:
                counted = self._store.within(LEASE)
                self._uses[environment] = Uses(counted, environment, checkpoints=self._checkpoints)
            return self._uses[environment]

    def office(self, *, policy: Policy, environment: str) -> Office:
        """Where requests of `environment` can be looked at. Nobody needs a key for that."""
        return Office(store=self._store, policy=policy, environment=environment, clock=self._clock)

    def desk(self, *, policy: Policy, environment: str, key: Signer) -> Desk:
        """The desk of whoever's private key `key` is.

        Raises:
            UnknownPrincipal: it is nobody's in the policy.
        """
        return Desk(
            self.office(policy=policy, environment=environment),
            key,
            Trail(self._sinks, PersonalSeal(key), home=self._store.address, checkpoints=self._checkpoints),
            notify=self.messenger(policy).send,
        )

    def messenger(self, policy: Policy) -> Messenger:
        """Who tells the people of `policy` what they should know."""
        with self._lock:
            return self._messengers.setdefault(policy.version, Messenger(policy))

    def audit(self, environment: str, *, matching: Filter | None = None) -> Iterator[AuditRecord]:
        """The records of the stream that `matching` lets through, oldest first; unreadable ones are left to `verify`.

        The rows that came of this client's own reveals are counted up to this call; those of others a moment later.

        Raises:
            StoreError: Redis could not tell.
        """
        self._recorder.settle()
        return records_of(self.stream(), environment, matching=matching)

    def stream(self) -> StreamSink:
        """The Redis Stream beside the grants, to be read."""
        return StreamSink(self._store)

    def archive(self, environment: str, *, policy: Policy, kept: Kept | None = None) -> Archive:
        """The trail of `environment`, to be checked, checkpointed or pruned; in the Redis Stream, or in `kept`."""
        self._recorder.settle()
        return Archive(
            kept=StreamSink(self._store) if kept is None else kept,
            environment=environment,
            seals=seals_of(policy, self._seal),
            checkpoints=self._checkpoints,
            steps=None if kept is None else self.stream(),
        )

    def verify(self, environment: str, *, policy: Policy) -> tuple[Fault, ...]:
        """Everything that is wrong with the stream: altered, removed, reordered, invented or cut off records.

        Raises:
            GrantError, OSError: Redis, or the place of the checkpoints, could not tell.
        """
        return self.archive(environment, policy=policy).verify()

    def close(self) -> None:
        """Ends all threads and connections, once all counts of rows are recorded.

        Waits a few seconds at most for notifications that are under way.
        """
        for messenger in self._messengers.values():
            messenger.close()
        for view in self._views:
            view.close()
        self._recorder.settle()
        for sink in self._sinks:
            sink.close()
        if self._checkpoints is not None:
            self._checkpoints.close()
        self._store.close()

    def _trail(self, environment: str) -> Trail:
        with self._lock:
            if environment not in self._trails:
                self._trails[environment] = Trail(
                    self._sinks, self._seal, home=self._store.address, checkpoints=self._checkpoints
                )
            return self._trails[environment]
