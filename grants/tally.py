"""Counts of rows that were fetched: taken without waiting, recorded together a moment later.

A reveal is recorded before its statement runs; how many rows came of it is told afterwards, and nobody waits for that.
So counts are gathered, and one record tells of many. A process that is killed loses those of the last moment; one that
ends, or closes its grants, loses none.
"""

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from weakref import WeakMethod

from grants.audit import Count
from grants.forks import renewed_after_fork

MOMENT = timedelta(milliseconds=50)
"""How long counts are gathered."""
MOST_AT_ONCE = 500
"""Counts in one record."""
_LINGER = timedelta(seconds=10)
"""How long the thread waits for more before it ends."""


class Tally:
    """Hands counts to `record` from a thread of its own, which there is only while there are any."""

    def __init__(self, record: Callable[[Sequence[Count]], None]) -> None:
        """`record` never raises."""
        self._record = record
        self._begin()
        # A child's counts are its own: its parent records those of before.
        renewed_after_fork(self._begin)
        settle = WeakMethod(self.settle)
        atexit.register(lambda: (found := settle()) is not None and found())

    def _begin(self) -> None:
        self._counts: deque[tuple[str, int]] = deque()
        self._is_waited_for = threading.Event()
        self._starting = threading.Lock()
        self._settling = threading.Lock()
        self._is_running = False

    def add(self, record: str, rows: int) -> None:
        """`rows` rows of the reveal `record` were fetched: that will be recorded. Waits for nothing."""
        self._counts.append((record, rows))
        if not self._is_waited_for.is_set():
            self._wake()

    def settle(self) -> None:
        """Every count that was added before this call is recorded."""
        with self._settling:
            self._is_waited_for.clear()
            while self._counts:
                found = [self._counts.popleft() for _ in range(min(len(self._counts), MOST_AT_ONCE))]
                self._record([Count(record=record, rows=rows) for record, rows in found])

    def _wake(self) -> None:
        with self._starting:
            self._is_waited_for.set()
            if not self._is_running:
                threading.Thread(target=self._run, name="unmask-tally", daemon=True).start()
                self._is_running = True

    def _run(self) -> None:
        while self._is_waited_for.wait(_LINGER.total_seconds()) or not self._ends():
            time.sleep(MOMENT.total_seconds())
            self.settle()

    def _ends(self) -> bool:
        """Whether the thread is over: nobody counted for long."""
        with self._starting:
            self._is_running = self._is_waited_for.is_set()
            return not self._is_running
