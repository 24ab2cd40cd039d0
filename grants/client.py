"""`Grants`: the door to one Redis, for the hook (`attach`, `recorder`) and for people (`desk`, `office`, `audit`)."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Self

from grants import audit
from grants.audit import AuditRecord, Fault, Filter, KeyedHash, PersonalSeal, Seals
from grants.desk import Desk, Office
from grants.errors import UnknownPrincipal
from grants.judge import Judge
from grants.live import BUDGET, LiveView
from grants.recorder import Recorder
from grants.rules import key_of
from grants.signing import PublicKey, SigningKey
from grants.sinks import Sink, StreamSink
from grants.store import Store
from grants.trail import Trail
from masking import Policy

_SINK_TIMEOUT = timedelta(milliseconds=500)
"""How long a reveal may wait for its record."""
AUDIT_KEY = "UNMASK_AUDIT_KEY"
"""The environment variable with the key that seals audit records, where `connect` is given none."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Grants:
    """Requests, grants and their trail on one Redis. Thread-safe and fork-safe."""

    def __init__(self, store: Store, *, seal: KeyedHash, sinks: Sequence[Sink], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._seal = seal
        self._sinks = tuple(sinks)
        self._clock = clock
        self._lock = threading.Lock()
        self._trails: dict[str, Trail] = {}
        self._views: list[LiveView] = []
        self._recorder = Recorder(self._trail, self._trails, clock=clock)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        key: str | None = None,
        sinks: Sequence[Sink] | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> Self:
        """The grants on the Redis at `url`: redis://, rediss://, unix:// or embedded:PATH. Connects when first needed.

        `key` seals audit records (default: the variable `UNMASK_AUDIT_KEY`); applications and whoever checks the trail
        share it. `sinks` replaces the default, which is the Redis Stream beside the grants.

        Raises:
            StoreError: the URL is no such URL, or an embedded server does not start.
        """
        store = Store(url)
        if sinks is None:
            sinks = (StreamSink(store.within(_SINK_TIMEOUT)),)
        secret = os.environ.get(AUDIT_KEY, "") if key is None else key
        return cls(store, seal=KeyedHash(secret.encode()), sinks=sinks, clock=clock)

    @property
    def recorder(self) -> Recorder:
        """Where the hook reports reveals and refusals."""
        return self._recorder

    def attach(self, *, policy: Policy, environment: str) -> LiveView:
        """What principals may see in `environment`, checked against `policy`. Connects when first asked."""
        view = LiveView(
            self._store.within(BUDGET),
            environment,
            policy=policy,
            judge=Judge(policy=policy, environment=environment, clock=self._clock),
            notice=partial(self._recorder.ended, environment),
        )
        self._views.append(view)
        return view

    def office(self, *, policy: Policy, environment: str) -> Office:
        """Where requests of `environment` can be looked at. Nobody needs a key for that."""
        return Office(store=self._store, policy=policy, environment=environment, clock=self._clock)

    def desk(self, *, policy: Policy, environment: str, key: SigningKey) -> Desk:
        """The desk of whoever's private key `key` is.

        Raises:
            UnknownPrincipal: it is nobody's in the policy.
        """
        return Desk(
            self.office(policy=policy, environment=environment),
            key,
            Trail(self._sinks, PersonalSeal(key), home=self._store.address),
        )

    def audit(self, environment: str, *, matching: Filter | None = None) -> Iterator[AuditRecord]:
        """The records of the stream that `matching` lets through, oldest first; unreadable ones are left to `verify`.

        Raises:
            StoreError: Redis could not tell.
        """
        wanted = matching or Filter()
        for text in self._store.trail(environment):
            record = audit.parsed(text)
            if record is not None and wanted.matches(record):
                yield record

    def verify(self, environment: str, *, policy: Policy) -> tuple[Fault, ...]:
        """Everything that is wrong with the stream: altered, removed, reordered or invented records.

        Raises:
            StoreError: Redis could not tell.
        """
        people: dict[str, PublicKey] = {}
        for principal in policy.people:
            with suppress(UnknownPrincipal):
                people[principal] = key_of(principal, policy)
        entries = list(self._store.trail(environment))
        faults = [*audit.verify(entries, Seals(seal=self._seal, people=people))]
        faults += audit.unfounded(entries, environment=environment)
        return tuple(sorted(faults, key=lambda fault: fault.line))

    def close(self) -> None:
        """Ends all threads and connections."""
        for view in self._views:
            view.close()
        for sink in self._sinks:
            sink.close()
        self._store.close()

    def _trail(self, environment: str) -> Trail:
        with self._lock:
            return self._trails.setdefault(environment, Trail(self._sinks, self._seal, home=self._store.address))
