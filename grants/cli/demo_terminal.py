"""Runs a program on a terminal of its own, so that it prints for people wherever its output goes in the end."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

_CHUNK = 4096  # bytes


def run_on_terminal(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Standard output has what the program printed, to either stream, as it came; returns the exit code."""
    reading, writing = pty.openpty()
    try:
        process = subprocess.Popen(  # noqa: S603 -- the demo's own words
            words, env=environment, stdin=subprocess.DEVNULL, stdout=writing, stderr=writing
        )
    finally:
        os.close(writing)
    with process, os.fdopen(reading, "rb", buffering=0) as screen:
        for chunk in _chunks(screen.fileno()):
            sys.stdout.write(chunk)
            sys.stdout.flush()
    return process.returncode


def _chunks(descriptor: int) -> Iterator[str]:
    rest = b""
    while True:
        try:
            chunk = os.read(descriptor, _CHUNK)
        except OSError:  # how Linux says that the other end is closed
            chunk = b""
        *lines, rest = (rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").rstrip() + "\n"
        if not chunk:
            if rest:
                yield rest.decode(errors="replace")
            return
