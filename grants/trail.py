"""One process's chain of audit records in one environment, and the sinks that keep it.

A record that a sink did not take stays queued for it and is sent before the next one, so that chains stay whole through
an outage. Safe to share between threads; a forked child starts a chain of its own.
"""

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import islice

from grants.audit import Entry, Seal
from grants.breaker import Breaker
from grants.checkpoints import Checkpoints, Marker
from grants.errors import GrantError, RecordError
from grants.forks import renewed_after_fork
from grants.sealing import Form, Place, Sealed
from grants.sinks import Sink, StreamSink, place_of, write_all

_log = logging.getLogger(__name__)
_PAUSE = timedelta(seconds=1)
_LONGEST_QUEUE = 1000  # records; beyond it the oldest are lost, which `verify` shows as a gap
_MOST_AT_ONCE = 100  # records


class _Channel:
    """A sink with the records that it has yet to take. Whoever writes does so for everybody who waits.

    Nobody holds a lock meanwhile: who comes adds a record and waits to be told.
    """

    def __init__(self, sink: Sink, begin: int) -> None:
        self.sink = sink
        self.breaker = Breaker(_PAUSE)
        self._queue: deque[Sealed] = deque(maxlen=_LONGEST_QUEUE)
        self._turn = threading.Condition()
        self._is_writing = False
        self._next = begin  # the number of the first record that the sink has not taken

    def put(self, record: Sealed) -> None:
        """Have `record` sent with the next flush."""
        self._queue.append(record)

    def has_taken(self, record: Sealed) -> bool:
        """Whether the sink has taken `record`, and everything before it that it could have."""
        while record.sequence >= self._next:
            if not self._went_on():
                return record.sequence < self._next
        return True

    def passed(self, record: Sealed) -> None:
        """The sink holds `record`, by another way."""
        self._next = record.sequence + 1

    def flush(self) -> bool:
        """Whether nothing is left to send."""
        while self._queue and self._went_on():
            pass
        return not self._queue

    def _went_on(self) -> bool:
        """Whether a write ended, be it another thread's; False where this one had nothing to write, or failed."""
        with self._turn:
            if self._is_writing:
                self._turn.wait()
                return True
            self._is_writing = True
        try:
            return self._write()
        finally:
            with self._turn:
                self._is_writing = False
                self._turn.notify_all()

    def _write(self) -> bool:
        if self.breaker.is_open:
            return False
        try:
            batch = tuple(islice(self._queue, _MOST_AT_ONCE))
            if not batch:
                return False
            write_all(self.sink, batch)
            self._next = batch[-1].sequence + 1
            self._taken(batch)
        except (OSError, GrantError) as exc:
            self._failed(str(exc))
            return False
        except Exception as exc:  # noqa: BLE001 -- whatever somebody's sink raises, it did not take the record
            # Its message is not ours, and may quote the record's neighbours: only its kind is told.
            self._failed(type(exc).__name__)
            return False
        self.breaker.close()
        return True

    def _taken(self, batch: tuple[Sealed, ...]) -> None:
        # The oldest may have been dropped meanwhile, because the queue was full.
        while self._queue and self._queue[0].sequence <= batch[-1].sequence:
            self._queue.popleft()

    def _failed(self, problem: str) -> None:
        self.breaker.failed()
        _log.warning("audit sink %s failed: %s", type(self.sink).__name__, problem)


class Trail:
    """Writes records, each chained to the one before."""

    def __init__(
        self, sinks: Sequence[Sink], seal: Seal, *, home: str = "", checkpoints: Checkpoints | None = None
    ) -> None:
        """`home`: the address of the store that workflow steps are committed to."""
        # What is not durable is told last: nobody reads of a reveal before its record is safe.
        self._sinks = tuple(sorted(sinks, key=lambda sink: not sink.is_durable))
        self._seal = seal
        self._home = home
        places = tuple(sorted({place_of(sink) for sink in self._sinks if sink.is_durable}))
        self._marker = None if checkpoints is None else Marker(checkpoints, seal, places=places)
        self._begin()
        # A child that continued its parent's chain would give two records one number.
        renewed_after_fork(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._writer = secrets.token_hex(8)
        self._sequence = 0
        self._previous = ""
        self._channels = tuple(_Channel(sink, self._sequence) for sink in self._sinks)

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
        return self.write_as(Form.of(entry), at=entry.at)

    def write_as(self, form: Form, *, at: datetime) -> str:
        """As `write`, for an entry that is spelt already.

        Threads that write at the same time share one write of each sink.

        Raises:
            RecordError: none took it.
        """
        with self._lock:
            durable = [channel for channel in self._channels if channel.sink.is_durable]
            if all(channel.breaker.is_open for channel in durable):
                raise RecordError("no durable audit sink answers: nothing may be revealed until one does")
            record = self._put(form, at)
        taken = [channel.has_taken(record) and channel.sink.is_durable for channel in self._channels]
        if not any(taken):
            raise RecordError("no durable audit sink took the record: see the log for why")
        self._mark(record)
        return record.id

    def _mark(self, record: Sealed) -> None:
        if self._marker is not None:
            self._marker.mark(record)

    def write_with(self, entry: Entry, commit: Callable[[str], bool]) -> bool:
        """Whether `commit` stored the step that `entry` tells of, which is then recorded.

        `commit` is given the record's text to store in the same stroke (empty if the stream is not among the sinks).

        Raises:
            RecordError: the step is stored, but no durable sink took its record yet.
        """
        with self._lock:
            self._make_way()
            record = self._next(Form.of(entry), entry.at)
            is_streamed = any(map(self._is_home, self._sinks))
            if not commit(record.text if is_streamed else ""):
                return False
            self._advance(record)
            taken = [self._sent(channel, record) for channel in self._channels]
        if not any(taken):
            raise RecordError(
                f"{entry.event} is stored, but no durable audit sink took the record: see the log for why"
            )
        self._mark(record)
        return True

    def note(self, entry: Entry) -> None:
        """Have `entry` recorded, now where a sink takes it, else with what is written next. Never raises."""
        with self._lock:
            record = self._put(Form.of(entry), entry.at)
        taken = [channel.has_taken(record) and channel.sink.is_durable for channel in self._channels]
        if any(taken):
            self._mark(record)

    def _sent(self, channel: _Channel, record: Sealed) -> bool:
        """Whether a durable sink has the record of a step that is stored."""
        if self._is_home(channel.sink):
            channel.passed(record)
            return True
        channel.put(record)
        return channel.has_taken(record) and channel.sink.is_durable

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

    def _put(self, form: Form, at: datetime) -> Sealed:
        record = self._next(form, at)
        self._advance(record)
        for channel in self._channels:
            channel.put(record)
        return record

    def _next(self, form: Form, at: datetime) -> Sealed:
        place = Place(self._writer, self._sequence, self._previous)
        return Sealed.at_place(place, form, at=at, seal=self._seal)

    def _advance(self, record: Sealed) -> None:
        self._sequence += 1
        self._previous = record.seal
