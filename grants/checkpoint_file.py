"""Checkpoints in a file: one line for each writer, padded to one length, so that it can be overwritten in place.

Revocations are in a second file beside it, `<name>.revoked`, uses of limited grants in a third, `<name>.uses`, a line
each. Processes may share them.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from grants.checkpoints import Head
from grants.files import appended, locked, replaced
from grants.forks import renewed_after_fork
from grants.records import canonical_json

_WIDTH = 1024


class CheckpointFile:
    """The file at `path`, made where there is none."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._revocations = self._path.with_name(f"{self._path.name}.revoked")
        self._uses = self._path.with_name(f"{self._path.name}.uses")
        self._begin()
        renewed_after_fork(self._begin)

    def _begin(self) -> None:
        self._places: dict[tuple[int, str], int] = {}
        self._read: tuple[int, dict[str, frozenset[str]]] | None = None

    def keep(self, head: Head) -> None:
        """Keep `head` in place of an earlier one of its writer.

        Raises:
            OSError: the disk did not take it.
        """
        line = _padded(head.canonical())
        with locked(self._path) as descriptor:
            place = self._place(descriptor, head.writer)
            os.pwrite(descriptor, line, place)
            os.fdatasync(descriptor)

    def _place(self, descriptor: int, writer: str) -> int:
        """Where the line of `writer` stands in the file that is open, or is to stand."""
        key = (os.fstat(descriptor).st_ino, writer)
        if key not in self._places:
            size = os.fstat(descriptor).st_size
            found = (place for place, one in _lines(descriptor) if one.get("writer") == writer)
            # A line that somebody was killed in is not continued.
            self._places[key] = next(found, -(-size // _WIDTH) * _WIDTH)
        return self._places[key]

    def heads(self, environment: str) -> Iterator[Head]:
        """The last head of each writer of `environment`.

        Raises:
            OSError: the file cannot be read.
        """
        for one in self._all():
            if one.get("environment") == environment:
                with _unreadable_left_out():
                    yield Head.model_validate_json(canonical_json(one))

    def forget(self, environment: str, writers: frozenset[str]) -> None:
        """Forget the heads of `writers`.

        Raises:
            OSError: the disk did not take it.
        """

        def is_kept(one: dict[str, object]) -> bool:
            return one.get("environment") != environment or one.get("writer") not in writers

        with locked(self._path) as descriptor:
            kept = b"".join(_padded(canonical_json(one)) for _, one in _lines(descriptor) if is_kept(one))
            replaced(self._path, kept)

    def revoke(self, environment: str, request: str, *, at: datetime) -> None:
        """Remember that `request` was revoked.

        Raises:
            OSError: the disk did not take it.
        """
        if request not in self.revoked(environment):
            line = canonical_json({"environment": environment, "request": request, "at": at.isoformat()})
            with locked(self._revocations) as descriptor:
                appended(descriptor, line + b"\n")

    def revoked(self, environment: str) -> frozenset[str]:
        """The requests of `environment` that were revoked. Reads the file only where it grew.

        Raises:
            OSError: the file cannot be read.
        """
        if not self._revocations.exists():
            return frozenset()
        content = self._revocations.stat().st_size
        if self._read is None or self._read[0] != content:
            found: dict[str, set[str]] = {}
            for line in self._revocations.read_bytes().splitlines():
                with _unreadable_left_out():
                    one = json.loads(line)
                    found.setdefault(str(one["environment"]), set()).add(str(one["request"]))
            self._read = (content, {name: frozenset(ids) for name, ids in found.items()})
        return self._read[1].get(environment, frozenset())

    def take(self, environment: str, digest: str, *, most: int) -> bool:
        """Whether one more use of the grant of the request with `digest` is counted; False where it had `most`.

        Raises:
            OSError: the disk did not take it.
        """
        line = canonical_json({"environment": environment, "digest": digest})
        with locked(self._uses) as descriptor:
            lines = os.pread(descriptor, os.fstat(descriptor).st_size, 0).splitlines()
            if lines.count(line) >= most:
                return False
            appended(descriptor, line + b"\n")
            return True

    def close(self) -> None:
        """Nothing is held between two calls."""

    def _all(self) -> Iterator[dict[str, object]]:
        if self._path.exists():
            with self._path.open("rb") as file:
                yield from (one for _, one in _lines(file.fileno()))


def _padded(line: bytes) -> bytes:
    if len(line) >= _WIDTH:
        raise OSError(f"a checkpoint of {len(line)} bytes is too long")
    return line.ljust(_WIDTH - 1) + b"\n"


def _lines(descriptor: int) -> Iterator[tuple[int, dict[str, object]]]:
    for place in range(0, os.fstat(descriptor).st_size, _WIDTH):
        with _unreadable_left_out():
            one = json.loads(os.pread(descriptor, _WIDTH, place))
            if isinstance(one, dict):
                yield place, one


@contextmanager
def _unreadable_left_out() -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError):  # pydantic's errors are ValueErrors
        return
