"""Where audit records go. A sink writes records in the order in which it is given them, or raises.

A record counts as recorded once a durable sink has taken it. `logging` is a sink, but not a durable one.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from grants.audit import AuditRecord
from grants.store import Store

_log = logging.getLogger("unmask.audit")


class Sink(Protocol):
    """One place that keeps audit records."""

    @property
    def is_durable(self) -> bool:
        """Whether a record that it took outlives this process."""
        ...

    def write(self, record: AuditRecord) -> None:
        """Keep `record`; raises where that is not certain. It may be given the same record again."""
        ...

    def close(self) -> None:
        """Give back what it holds; a later `write` opens it again."""
        ...


class StreamSink:
    """The Redis Stream `unmask:{<environment>}:trail`. As durable as the server's `appendfsync` makes it."""

    is_durable = True

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def address(self) -> str:
        """Which server the stream is on."""
        return self._store.address

    def write(self, record: AuditRecord) -> None:
        """Keep `record`.

        Raises:
            StoreError: Redis did not confirm it.
        """
        self._store.append(record.environment, record.canonical().decode())

    def close(self) -> None:
        """Close its connections."""
        self._store.close()


class JsonLinesSink:
    """A file with one record per line, synchronised to disk before a record counts as kept. Processes may share it."""

    is_durable = True

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def write(self, record: AuditRecord) -> None:
        """Keep `record`.

        Raises:
            OSError: the disk did not take it.
        """
        line = record.canonical() + b"\n"
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # given back with the descriptor
            whole = b"\n" + line if _is_torn(descriptor) else line
            if os.write(descriptor, whole) != len(whole):
                raise OSError(f"the disk of {self._path} is full")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Nothing is held between two writes."""

    def lines(self) -> Iterator[str]:
        """The records as text, oldest first."""
        with self._path.open(encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield line.rstrip("\n")


def _is_torn(descriptor: int) -> bool:
    """Whether the last line has no end: somebody was killed, or the disk was full. The next one must not join it."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


class LoggingSink:
    """The logger `unmask.audit`: for people who read along. Not durable: nothing is revealed on its word alone."""

    is_durable = False

    def write(self, record: AuditRecord) -> None:
        """Log `record`."""
        _log.info("%s", record.canonical().decode())

    def close(self) -> None:
        """Nothing is held."""
