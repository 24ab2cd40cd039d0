"""Files that several processes append to and that may be replaced meanwhile."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_CHUNK = 65_536  # bytes
_flush = getattr(os, "fdatasync", os.fsync)
"""What is written is on disk, with the file's length; macOS has only the one that waits for its times as well."""


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """The file at `path`, made where there is none, open for reading and writing by nobody else.

    Raises:
        OSError: it cannot be opened.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # given back with the descriptor
            if _is_current(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_current(path: Path, descriptor: int) -> bool:
    """Whether the file was not replaced while we waited for it."""
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def appended(descriptor: int, lines: bytes) -> None:
    """`lines` stand at the end of the file, on disk, each on a line of its own.

    Raises:
        OSError: the disk did not take them.
    """
    size = os.lseek(descriptor, 0, os.SEEK_END)
    # Whoever was killed in the middle of a line left it torn: the next one must not join it.
    is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    whole = b"\n" + lines if is_torn else lines
    if os.write(descriptor, whole) != len(whole):
        raise OSError("the disk is full")
    _flush(descriptor)


def mended(descriptor: int, *, is_whole: Callable[[bytes], bool]) -> bool:
    """Whether the file ended in a torn line, which is gone now: somebody was killed in it, or the disk was full.

    What lacks nothing but its end of line stays, as `is_whole` says.
    """
    begin = torn_at(descriptor)
    size = os.fstat(descriptor).st_size
    if begin == size or is_whole(os.pread(descriptor, size - begin, begin)):
        return False
    os.ftruncate(descriptor, begin)
    return True


def torn_at(descriptor: int) -> int:
    """Where the last line begins that has no end; the file's size where all have."""
    end = os.fstat(descriptor).st_size
    size = end
    while end > 0:
        start = max(0, end - _CHUNK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return min(size, start + found + 1)
        end = start
    return 0


def replaced(path: Path, content: bytes) -> None:
    """The file at `path`, which the caller has locked, holds `content` and nothing else: at once, or not at all.

    Raises:
        OSError: the disk did not take it.
    """
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        synchronised(path.parent)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def synchronised(folder: Path) -> None:
    """The names in `folder` are on disk.

    Raises:
        OSError: the disk did not take them.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
