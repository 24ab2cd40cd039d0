"""Checkpoints: how far each writer's chain has come, kept in a second place, apart from the trail.

Whoever can write to the trail can cut its end off, and no chain tells of that. A checkpoint does, for as long as nobody
can write to both places. The same place remembers which requests were revoked, so that an old copy of a grant that
somebody puts back into Redis is not believed by a process that was not there; and how often a limited one was used.
"""

import logging
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, Protocol

from pydantic import AwareDatetime

from grants.audit import AuditRecord, Event, Seal
from grants.breaker import Breaker
from grants.forks import renewed_after_fork
from grants.records import Record
from grants.sealing import Sealed

_log = logging.getLogger(__name__)
_PAUSE = timedelta(seconds=1)


class Head(Record):
    """The last record that a writer wrote: its number, and its seal as `head`. Sealed itself.

    `places`: the kinds of sinks that it was written to (`Sink.place`).
    """

    version: Literal[1] = 1
    environment: str
    writer: str
    sequence: int
    head: str
    at: AwareDatetime
    places: tuple[str, ...]
    seal: str = ""

    def sealed_bytes(self) -> bytes:
        """What the seal covers: everything else."""
        return self.model_copy(update={"seal": ""}).canonical()


def head_of(record: AuditRecord | Sealed, seal: Seal, *, places: tuple[str, ...]) -> Head:
    """The checkpoint that says `record` was written to `places`."""
    head = Head(
        environment=record.environment,
        writer=record.writer,
        sequence=record.sequence,
        head=record.seal,
        at=record.at,
        places=places,
    )
    return head.model_copy(update={"seal": seal.of(head.sealed_bytes())})


class Checkpoints(Protocol):
    """A second place. Its methods raise where it does not answer."""

    def keep(self, head: Head) -> None:
        """Keep `head` in place of an earlier one of its writer."""
        ...

    def heads(self, environment: str) -> Iterator[Head]:
        """The last head of each writer; what cannot be read is left out, and an altered one is found by its seal."""
        ...

    def forget(self, environment: str, writers: frozenset[str]) -> None:
        """Forget the heads of `writers`, whose records were all pruned."""
        ...

    def revoke(self, environment: str, request: str, *, at: datetime) -> None:
        """Remember that `request` was revoked."""
        ...

    def revoked(self, environment: str) -> frozenset[str]:
        """The requests that were revoked."""
        ...

    def take(self, environment: str, digest: str, *, most: int) -> bool:
        """Count one use of the grant of the request with `digest`; False where it had `most` already."""
        ...

    def close(self) -> None:
        """Give back what it holds; a later call opens it again."""
        ...


class Marker:
    """Keeps the heads of one process's chains; what cannot be kept now is kept with the next one."""

    def __init__(self, checkpoints: Checkpoints, seal: Seal, *, places: tuple[str, ...]) -> None:
        self._checkpoints = checkpoints
        self._places = places
        self._seal = seal
        self._breaker = Breaker(_PAUSE)
        self._begin()
        renewed_after_fork(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, int] = {}
        self._waiting: dict[str, Sealed] = {}

    def mark(self, record: Sealed) -> None:
        """The head of the chain of `record` is kept, unless a later one is. Never raises: the record itself is kept."""
        if record.event in (Event.REVOKED, Event.DENIED) and record.request is not None:
            self._revoked(record.environment, record.request, record.at)
        known = self._waiting.get(record.writer)
        if known is None or known.sequence < record.sequence:
            self._waiting[record.writer] = record
        with self._lock:
            # Whoever comes first keeps the latest for all who wait.
            latest = self._waiting[record.writer]
            if latest.sequence <= self._known.get(record.writer, -1) or self._breaker.is_open:
                return
            try:
                self._checkpoints.keep(head_of(latest, self._seal, places=self._places))
            except Exception as exc:  # noqa: BLE001 -- a database's errors are of many kinds, and may quote the statement
                self._breaker.failed()
                _log.warning("the audit trail's checkpoint could not be kept: %s", type(exc).__name__)
                return
            self._known[record.writer] = latest.sequence

    def _revoked(self, environment: str, request: str, at: datetime) -> None:
        try:
            self._checkpoints.revoke(environment, request, at=at)
        except Exception as exc:  # noqa: BLE001 -- as above; processes that hear of it try as well
            _log.warning("the revocation of %s could not be kept: %s", request, type(exc).__name__)
