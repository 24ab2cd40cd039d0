"""Runs `unmask` as a person at a terminal would, without a fresh interpreter for each command.

A process is forked off while there is but one thread, and waits with everything imported. For each command it forks
once more, onto a terminal of the command's own: so it prints for people wherever the output goes in the end.
"""

import os
import pty
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

_CHUNK = 4096  # bytes


class Terminal:
    """Where commands are typed."""

    def __init__(self, waiting: "Connection[Any, Any]") -> None:
        self._waiting = waiting

    def run(self, words: Sequence[str], environment: Mapping[str, str]) -> int:
        """Standard output has what `unmask` with `words` printed, to either stream; returns the exit code."""
        sys.stdout.flush()
        self._waiting.send((list(words), dict(environment)))
        code = self._waiting.recv()
        assert isinstance(code, int)  # noqa: S101 -- what `_serve` sends
        return code


@contextmanager
def opened_terminal() -> Iterator[Terminal]:
    """A terminal, closed in the end. To be opened before anything starts a thread."""
    ours, theirs = Pipe()
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        ours.close()
        _serve(theirs)
        os._exit(0)
    theirs.close()
    try:
        yield Terminal(ours)
    finally:
        ours.close()
        os.waitpid(process, 0)


def _serve(asking: "Connection[Any, Any]") -> None:
    """Runs what is asked for, one after the other, until nobody can ask any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted demo closes the connection
    while True:
        try:
            asked: tuple[list[str], dict[str, str]] = asking.recv()
        except EOFError:
            return
        process, screen = pty.fork()
        if process == 0:
            os._exit(_exit_code(*asked))
        _relay(screen)
        _, status = os.waitpid(process, 0)
        asking.send(os.waitstatus_to_exitcode(status))


def _exit_code(words: list[str], environment: dict[str, str]) -> int:
    from grants.cli.app import main  # noqa: PLC0415 -- it imports the demo

    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # nobody is there to answer a question
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["unmask", *words]
    try:
        main()
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0
    except BaseException:  # noqa: BLE001 -- whatever it is, this process must not go on as the demo
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _relay(screen: int) -> None:
    with os.fdopen(screen, "rb", buffering=0):
        for line in _lines(screen):
            sys.stdout.write(line)
            sys.stdout.flush()


def _lines(screen: int) -> Iterator[str]:
    rest = b""
    while True:
        try:
            chunk = os.read(screen, _CHUNK)
        except OSError:  # how Linux says that the other end is closed
            chunk = b""
        *lines, rest = (rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").rstrip() + "\n"
        if not chunk:
            yield rest.decode(errors="replace")
            return
