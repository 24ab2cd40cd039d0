"""Which requests were revoked: remembered apart from Redis, so that an old copy of a grant does not come back to life.

A denied request is one of them: with the denial taken out of it, somebody else might approve it after all. A process
remembers every revocation that it hears of, of whomever, and tells the second place (`grants.checkpoints`) where there
is one; there, a process that starts later reads it. A revocation is never forgotten.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from grants.checkpoints import Checkpoints
from grants.errors import StoreError
from grants.forks import renewed_after_fork

_FRESH = timedelta(seconds=1)
MOST = 100_000
"""Revocations that one process remembers."""

_log = logging.getLogger(__name__)


class Revocations:
    """The revocations of one environment, as far as this process and the second place know them. Thread-safe."""

    def __init__(
        self, environment: str, *, checkpoints: Checkpoints | None = None, clock: Callable[[], datetime]
    ) -> None:
        self._environment = environment
        self._checkpoints = checkpoints
        self._clock = clock
        self._seen: set[str] = set()
        self._kept: frozenset[str] = frozenset()
        self._read_at: float | None = None
        self._begin()
        renewed_after_fork(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()

    def __contains__(self, request: object) -> bool:
        return request in self._seen or request in self._kept

    @property
    def is_full(self) -> bool:
        """Whether more were seen than can be remembered."""
        return len(self._seen) >= MOST

    def saw(self, request: str) -> None:
        """Remembers that `request` was revoked, in this process."""
        if not self.is_full:
            self._seen.add(request)

    def keep(self, request: str) -> None:
        """Remembers it for other processes as well. Never raises: this process remembers it in any case."""
        self.saw(request)
        if self._checkpoints is None or request in self._kept:
            return
        try:
            self._checkpoints.revoke(self._environment, request, at=self._clock())
        except Exception as exc:  # noqa: BLE001 -- a database's errors are of many kinds, and may quote the statement
            _log.warning("the revocation of %s could not be kept: %s", request, type(exc).__name__)
            return
        self._kept |= {request}

    def refresh(self) -> None:
        """What the second place knows is known here; read at most once a second.

        Raises:
            StoreError: it could not be read, and never was by this process.
        """
        if self._checkpoints is None:
            return
        with self._lock:
            now = time.monotonic()
            if self._read_at is not None and now < self._read_at + _FRESH.total_seconds():
                return
            try:
                self._kept |= self._checkpoints.revoked(self._environment)
            except Exception as exc:  # noqa: BLE001 -- as above
                if self._read_at is None:
                    # Fail closed: what was revoked before this process began is not known.
                    raise StoreError(
                        f"the place of the audit checkpoints cannot be read ({type(exc).__name__})"
                    ) from None
                _log.warning("revocations cannot be read: %s", type(exc).__name__)
            self._read_at = now
