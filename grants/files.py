"""Files that several processes append to and that may be replaced meanwhile."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
    os.fsync(descriptor)


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
