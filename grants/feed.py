"""The thread that Redis keeps informed: it follows a push connection and knows for how long what it heard is true."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta

from grants.errors import StoreError
from grants.push import Invalidated, Push

LEASE = timedelta(seconds=1)
"""How long what is known stays true without a sign of life from Redis."""
BEAT = timedelta(milliseconds=250)
"""How often Redis is asked for one."""
CHECK = timedelta(milliseconds=500)
"""How often what is live is read again."""
RETRY = timedelta(milliseconds=200)
"""How soon a lost connection is tried again."""

_log = logging.getLogger(__name__)


class Feed:
    """Calls `changed` for every message, and with `Invalidated(None)` whenever messages may have been missed.

    It calls `recheck` twice per lease, since not every change is told of: SWAPDB, say, or a change of the primary.
    """

    def __init__(
        self, connect: Callable[[], Push], changed: Callable[[Invalidated], None], recheck: Callable[[], None]
    ) -> None:
        self._connect = connect
        self._changed = changed
        self._recheck = recheck
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="unmask-grants", daemon=True)
        self.lease_until = 0.0
        """Monotonic seconds. Measured from the ping that was answered, so that a slow answer does not stretch it."""

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and its connection."""
        self._stopped.set()
        self.lease_until = 0.0
        self._thread.join()

    def _run(self) -> None:
        is_told = False
        while not self._stopped.is_set():
            try:
                push = self._connect()
                is_told = False
                self._attend(push)
            except StoreError as exc:
                if not is_told:
                    _log.warning("grants are not pushed: %s", exc)
                is_told = True
            except Exception:  # noqa: BLE001 -- without this thread every statement would read Redis: it goes on
                _log.exception("the connection that tells of changed grants failed unexpectedly")
            self._stopped.wait(RETRY.total_seconds())

    def _attend(self, push: Push) -> None:
        try:
            # Whatever changed before this connection listened was not heard of.
            self._changed(Invalidated(None))
            self._follow(push)
        finally:
            self.lease_until = 0.0
            push.close()

    def _follow(self, push: Push) -> None:
        asked: deque[float] = deque()
        next_beat = time.monotonic()
        next_check = next_beat + CHECK.total_seconds()
        while not self._stopped.is_set():
            now = time.monotonic()
            if asked and now - asked[0] > LEASE.total_seconds():
                raise StoreError("Redis stopped answering on the push connection", is_outage=True)
            if now >= next_check:
                push.check_place()
                self._recheck()
                next_check = now + CHECK.total_seconds()
            if now >= next_beat:
                push.ping()
                asked.append(now)
                next_beat = now + BEAT.total_seconds()
            message = push.next(timeout=timedelta(seconds=max(next_beat - now, 0.001)))
            if isinstance(message, Invalidated):
                self._changed(message)
            elif message is not None:
                self.lease_until = asked.popleft() + LEASE.total_seconds()
