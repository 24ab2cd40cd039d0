"""Counted uses: each statement takes one of a limited grant before it runs, and what was not taken for certain is none.

Redis counts for all processes. A process also remembers what it took itself, so that whoever can write to Redis, and
puts an old count back, has it take no more than the grant ever had.
"""

import logging
import threading
from collections.abc import Sequence

from grants.errors import GrantError
from grants.forks import renewed_after_fork
from grants.store import Store
from masking import Permit

_LONGEST_MEMORY = 100_000  # grants

_log = logging.getLogger(__name__)


class Uses:
    """The limited grants of one environment, as this process uses them. Thread-safe."""

    def __init__(self, store: Store, environment: str) -> None:
        self._store = store
        self._environment = environment
        self._taken: dict[str, int] = {}
        self._begin()
        renewed_after_fork(self._begin)

    def spend(self, permits: Sequence[Permit]) -> bool:
        """Whether one use of each was taken: of all or none, but for a Redis that took them and did not say so."""
        if not self._take(permits):
            return False
        try:
            refused = self._store.spend(self._environment, [(one.grant, one.digest) for one in permits])
        except GrantError as exc:
            # Fail closed: it may have been taken or not; it is not given back.
            _log.warning("a use of a grant could not be counted, so the statement runs without it: %s", exc)
            return False
        if refused is not None:
            self._correct(permits, refused)
        return refused is None

    def _correct(self, permits: Sequence[Permit], refused: str) -> None:
        """Nothing was taken, because `refused` has no use left: it is not asked about again."""
        with self._lock:
            for one in permits:
                self._taken[one.grant] = (one.uses or 0) if one.grant == refused else self._taken[one.grant] - 1

    def _take(self, permits: Sequence[Permit]) -> bool:
        """Whether all of them have a use left as far as this process knows; each is then one less."""
        with self._lock:
            is_known_full = len(self._taken) >= _LONGEST_MEMORY
            for one in permits:
                # Fail closed: to forget a grant would give its uses back.
                if one.uses is None or self._taken.get(one.grant, 0) >= one.uses or is_known_full:
                    return False
            for one in permits:
                self._taken[one.grant] = self._taken.get(one.grant, 0) + 1
            return True

    def _begin(self) -> None:
        self._lock = threading.Lock()
