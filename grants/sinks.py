"""Where audit records go. A sink writes records in the order in which it is given them, or raises.

A record counts as recorded once a durable sink has taken it. `logging` is a sink, but not a durable one.
"""

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Protocol

from grants.audit import parsed
from grants.files import appended, locked, mended, replaced, synchronised
from grants.sealing import Sealed
from grants.store import Store

_log = logging.getLogger("unmask.audit")
_own_log = logging.getLogger(__name__)

TIMEOUT = timedelta(milliseconds=500)
"""How long a reveal may wait for its record in Redis."""


class Sink(Protocol):
    """One place that keeps audit records."""

    @property
    def is_durable(self) -> bool:
        """Whether a record that it took outlives this process."""
        ...

    def write(self, record: Sealed) -> None:
        """Keep `record`; raises where that is not certain. It may be given the same record again."""
        ...

    def close(self) -> None:
        """Give back what it holds; a later `write` opens it again."""
        ...


class BatchSink(Sink, Protocol):
    """A sink that keeps several records at the cost of one."""

    def write_all(self, records: Sequence[Sealed]) -> None:
        """As `write`, for all of `records`, in their order."""
        ...


class Kept(BatchSink, Protocol):
    """A sink that can be read, and pruned."""

    @property
    def place(self) -> str:
        """Which kind of place it is, where checkpoints tell one from another."""
        ...

    def entries(self, environment: str) -> Iterator[str]:
        """The records of `environment` as text, oldest first."""
        ...

    def remove(self, environment: str, ids: frozenset[str]) -> None:
        """Remove the records with these ids, all that is told of them elsewhere notwithstanding."""
        ...


def place_of(sink: Sink) -> str:
    """Which kind of place it is, where checkpoints tell one from another."""
    return str(getattr(sink, "place", type(sink).__name__))


def write_all(sink: Sink, records: Sequence[Sealed]) -> None:
    """Keep `records` in `sink`, at once where it can; raises where that is not certain."""
    at_once: Callable[[Sequence[Sealed]], None] | None = getattr(sink, "write_all", None)
    if at_once is not None:
        at_once(records)
        return
    for record in records:
        sink.write(record)


class StreamSink:
    """The Redis Stream `unmask:{<environment>}:trail`. As durable as the server's `appendfsync` makes it."""

    is_durable = True
    place = "stream"

    def __init__(self, store: Store | str) -> None:
        """`store`: where grants are, by its URL as `Grants.connect` takes it."""
        self._store = Store(store).within(TIMEOUT) if isinstance(store, str) else store

    @property
    def address(self) -> str:
        """Which server the stream is on."""
        return self._store.address

    def write(self, record: Sealed) -> None:
        """Keep `record`.

        Raises:
            StoreError: Redis did not confirm it.
        """
        self.write_all((record,))

    def write_all(self, records: Sequence[Sealed]) -> None:
        """Keep `records`, in one round trip.

        Raises:
            StoreError: Redis did not confirm all of them.
        """
        self._store.append(records[0].environment, [record.text for record in records])

    def entries(self, environment: str) -> Iterator[str]:
        """The records, oldest first.

        Raises:
            StoreError: Redis could not tell.
        """
        return (text for _, text in self._store.trail(environment))

    def remove(self, environment: str, ids: frozenset[str]) -> None:
        """Remove the records with these ids.

        Raises:
            StoreError: Redis did not confirm it.
        """
        places = []
        for place, text in self._store.trail(environment):
            record = parsed(text)
            if record is not None and record.id in ids:
                places.append(place)
        self._store.drop(environment, places)

    def close(self) -> None:
        """Close its connections."""
        self._store.close()


class JsonLinesSink:
    """A file with one record per line, synchronised to disk before a record counts as kept. Processes may share it.

    A file that reached `rotate_at` bytes is set aside as `<name>.<UTC time>-<number>`, and a new one begun; of those
    set aside the newest `keep` stay, all of them without one.
    """

    is_durable = True
    place = "file"

    def __init__(self, path: str | Path, *, rotate_at: int | None = None, keep: int | None = None) -> None:
        self._path = Path(path)
        self._rotate_at = rotate_at
        self._keep = keep

    def write(self, record: Sealed) -> None:
        """Keep `record`.

        Raises:
            OSError: the disk did not take it.
        """
        self.write_all((record,))

    def write_all(self, records: Sequence[Sealed]) -> None:
        """Keep `records`, synchronised once.

        Raises:
            OSError: the disk did not take all of them.
        """
        lines = "".join(record.text + "\n" for record in records).encode()
        with locked(self._path) as descriptor:
            if mended(descriptor, is_whole=_is_record):
                _own_log.warning("%s ended in a torn line, which nothing rested on: it was removed", self._path)
            if self._rotate_at is None or os.fstat(descriptor).st_size < self._rotate_at:
                appended(descriptor, lines)
                return
            # The others wait for the lock of the file that is set aside, and then look for the new one.
            self._set_aside()
            with locked(self._path) as fresh:
                appended(fresh, lines)

    def _set_aside(self) -> None:
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        number = next(n for n in count() if not self._path.with_name(f"{self._path.name}.{now}-{n:04}").exists())
        self._path.rename(self._path.with_name(f"{self._path.name}.{now}-{number:04}"))
        synchronised(self._path.parent)
        earlier = self._earlier()
        for path in earlier[: len(earlier) - self._keep] if self._keep is not None else ():
            path.unlink(missing_ok=True)

    def _earlier(self) -> list[Path]:
        """The files that were set aside, oldest first."""
        form = re.compile(re.escape(self._path.name) + r"\.\d{8}T\d{6}-\d{4}")
        return sorted(path for path in self._path.parent.iterdir() if form.fullmatch(path.name))

    def close(self) -> None:
        """Nothing is held between two writes."""

    def lines(self) -> Iterator[str]:
        """The records as text, oldest first, those in files that were set aside included.

        Raises:
            OSError: a file cannot be read.
        """
        for path in (*self._earlier(), self._path):
            with path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    # A record counts as kept once all of its line is: a torn one is none, and the next writer mends it.
                    is_torn = not line.endswith("\n") and parsed(line) is None
                    if line.strip() and not is_torn:
                        yield line.rstrip("\n")

    def entries(self, environment: str) -> Iterator[str]:
        """The records of `environment`, oldest first, and what cannot be read as one.

        Raises:
            OSError: a file cannot be read.
        """
        for line in self.lines():
            record = parsed(line)
            if record is None or record.environment == environment:
                yield line

    def remove(self, environment: str, ids: frozenset[str]) -> None:
        """Remove the records with these ids.

        Raises:
            OSError: the disk did not take what is left.
        """
        for path in (*self._earlier(), self._path):
            with locked(path) as descriptor:
                lines = os.pread(descriptor, os.fstat(descriptor).st_size, 0).splitlines(keepends=True)
                kept = [line for line in lines if not _is_of(line, environment, ids)]
                if kept or path == self._path:
                    replaced(path, b"".join(kept))
                else:
                    path.unlink()


def _is_record(line: bytes) -> bool:
    return parsed(line.decode(errors="replace")) is not None


def _is_of(line: bytes, environment: str, ids: frozenset[str]) -> bool:
    record = parsed(line.decode(errors="replace"))
    return record is not None and record.environment == environment and record.id in ids


class LoggingSink:
    """The logger `unmask.audit`: for people who read along. Not durable: nothing is revealed on its word alone."""

    is_durable = False

    def write(self, record: Sealed) -> None:
        """Log `record`."""
        _log.info("%s", record.text)

    def close(self) -> None:
        """Nothing is held."""
