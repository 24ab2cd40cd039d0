"""One process's chain of audit records in one environment, and the sinks that keep it.

A record that a sink did not take stays queued for it and is sent before the next one, so that chains stay whole through
an outage. Safe to share between threads; a forked child starts a chain of its own.
"""

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta

from grants.audit import AuditRecord, Entry, Seal
from grants.breaker import Breaker
from grants.errors import GrantError, RecordError
from grants.forks import renewed_after_fork
from grants.sinks import Sink, StreamSink

_log = logging.getLogger(__name__)
_PAUSE = timedelta(seconds=1)
_LONGEST_QUEUE = 1000  # records; beyond it the oldest are lost, which `verify` shows as a gap


class _Channel:
    """A sink with the records that it has yet to take."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.breaker = Breaker(_PAUSE)
        self._queue: deque[AuditRecord] = deque(maxlen=_LONGEST_QUEUE)

    def send(self, record: AuditRecord) -> bool:
        """Whether the sink has taken `record` and everything before it."""
        self._queue.append(record)
        return self.flush()

    def flush(self) -> bool:
        """Whether nothing is left to send."""
        if self.breaker.is_open:
            return False
        try:
            while self._queue:
                self.sink.write(self._queue[0])
                self._queue.popleft()
        except (OSError, GrantError) as exc:
            self._failed(str(exc))
            return False
        except Exception as exc:  # noqa: BLE001 -- whatever somebody's sink raises, it did not take the record
            # Its message is not ours, and may quote the record's neighbours: only its kind is told.
            self._failed(type(exc).__name__)
            return False
        self.breaker.close()
        return True

    def _failed(self, problem: str) -> None:
        self.breaker.failed()
        _log.warning("audit sink %s failed: %s", type(self.sink).__name__, problem)


class Trail:
    """Writes records, each chained to the one before."""

    def __init__(self, sinks: Sequence[Sink], seal: Seal, *, home: str = "") -> None:
        """`home`: the address of the store that workflow steps are committed to."""
        self._sinks = tuple(sinks)
        self._seal = seal
        self._home = home
        self._begin()
        # A child that continued its parent's chain would give two records one number.
        renewed_after_fork(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._writer = secrets.token_hex(8)
        self._sequence = 0
        self._previous = ""
        self._channels = tuple(_Channel(sink) for sink in self._sinks)

    def _is_home(self, sink: Sink) -> bool:
        return isinstance(sink, StreamSink) and sink.address == self._home

    def wrote(self, record: str) -> bool:
        """Whether the record with this id is of this chain."""
        return record.startswith(f"{self._writer}-")

    def write(self, entry: Entry) -> str:
        """The id of the record that `entry` became, once a durable sink has taken it.

        Raises:
            RecordError: none took it.
        """
        with self._lock:
            durable = [channel for channel in self._channels if channel.sink.is_durable]
            if all(channel.breaker.is_open for channel in durable):
                raise RecordError("no durable audit sink answers: nothing may be revealed until one does")
            record = self._next(entry)
            self._advance(record)
            taken = [channel.send(record) for channel in self._channels]
        if not any(took and channel.sink.is_durable for took, channel in zip(taken, self._channels, strict=True)):
            raise RecordError("no durable audit sink took the record: see the log for why")
        return record.id

    def write_with(self, entry: Entry, commit: Callable[[str], bool]) -> bool:
        """Whether `commit` stored the step that `entry` tells of, which is then recorded.

        `commit` is given the record's text to store in the same stroke (empty if the stream is not among the sinks).

        Raises:
            RecordError: the step is stored, but no durable sink took its record yet.
        """
        with self._lock:
            self._make_way()
            record = self._next(entry)
            is_streamed = any(map(self._is_home, self._sinks))
            if not commit(record.canonical().decode() if is_streamed else ""):
                return False
            self._advance(record)
            taken = [
                self._is_home(channel.sink) or (channel.send(record) and channel.sink.is_durable)
                for channel in self._channels
            ]
        if not any(taken):
            raise RecordError(
                f"{entry.event} is stored, but no durable audit sink took the record: see the log for why"
            )
        return True

    def _make_way(self) -> None:
        """Sends what is queued; the home's first, which the step is about to pass by."""
        for channel in self._channels:
            if self._is_home(channel.sink):
                channel.breaker.close()  # the step is tried on the same server, so its records may be
                if not channel.flush():
                    raise RecordError(
                        "earlier audit records cannot be written, so nothing was stored: see the log for why"
                    )
            else:
                channel.flush()

    def _next(self, entry: Entry) -> AuditRecord:
        fields = {name: getattr(entry, name) for name in Entry.model_fields}
        unsealed = AuditRecord(
            **fields,
            id=f"{self._writer}-{self._sequence}",
            writer=self._writer,
            sequence=self._sequence,
            previous=self._previous,
        )
        return unsealed.model_copy(update={"seal": self._seal.of(unsealed.sealed_bytes())})

    def _advance(self, record: AuditRecord) -> None:
        self._sequence += 1
        self._previous = record.seal
