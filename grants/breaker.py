"""A breaker: after a failure no attempt is made for a while, so that an outage does not cost every statement a wait."""

import time
from datetime import timedelta


class Breaker:
    """Open for `pause` after each failure. Thread-safe: its whole state is one number."""

    def __init__(self, pause: timedelta) -> None:
        self._pause = pause.total_seconds()
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether an attempt should not even be made."""
        return time.monotonic() < self._open_until

    def failed(self) -> None:
        """An attempt failed."""
        self._open_until = time.monotonic() + self._pause

    def close(self) -> None:
        """Attempts make sense again."""
        self._open_until = 0.0
