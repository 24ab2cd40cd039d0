"""Counted uses: each statement takes one of a limited grant before it runs, and what was not taken for certain is none.

Redis counts for all processes. Whoever can write to Redis can put an old count back: so a process remembers what it
took itself, and the second place (`grants.checkpoints`), where there is one, counts for all processes once more.
"""

import logging
import threading
from collections.abc import Sequence

from grants.checkpoints import Checkpoints
from grants.errors import GrantError
from grants.forks import renewed_after_fork
from grants.store import Store
from masking import Permit

_LONGEST_MEMORY = 100_000  # grants

_log = logging.getLogger(__name__)


class Uses:
    """The limited grants of one environment, as this process uses them. Thread-safe."""

    def __init__(self, store: Store, environment: str, *, checkpoints: Checkpoints | None = None) -> None:
        self._store = store
        self._checkpoints = checkpoints
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
            return False
        return all(map(self._is_confirmed, permits))

    def has_left(self, permits: Sequence[Permit]) -> bool:
        """Whether each has a use left, as far as can be told without taking one."""
        try:
            return all(
                self._taken.get(one.grant, 0) < (one.uses or 0)
                and self._store.uses_left(self._environment, one.grant) > 0
                for one in permits
            )
        except GrantError:
            return False  # what cannot be counted is not used

    def _is_confirmed(self, permit: Permit) -> bool:
        """Whether the second place, if there is one, counted the use as well."""
        if self._checkpoints is None:
            return True
        try:
            is_taken = self._checkpoints.take(self._environment, permit.digest, most=permit.uses or 0)
        except Exception as exc:  # noqa: BLE001 -- a database's errors are of many kinds, and may quote the statement
            # Fail closed: what was used before this process began is not known.
            _log.warning("a use of a grant could not be counted in the second place: %s", type(exc).__name__)
            return False
        if not is_taken:
            _log.warning("%s has no use left, whatever Redis counts: see `unmask audit verify`", permit.grant)
        return is_taken

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
