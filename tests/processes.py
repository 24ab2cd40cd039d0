"""Server programs as child processes that never outlive the test run.

Each child has a watchdog: a shell that reads from a pipe which only this process holds open. Whatever ends this
process, SIGKILL included, closes the pipe, and the watchdog then stops the child and removes its folder.
"""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from signal import Signals
from typing import IO, TypedDict, TypeVar

T = TypeVar("T")

START_SECONDS = 60.0  # a database server on a slow and busy machine
_WATCHDOG = """
trap '' INT TERM HUP
read -r _ && exit
kill -"$1" "$2"
tries=30
while [ $tries -gt 0 ] && kill -0 "$2"; do sleep 0.1; tries=$((tries - 1)); done
kill -KILL "$2"
rm -rf "$3"
"""


class UnavailableError(Exception):
    """A server cannot be had in the way that was tried; the message says why."""


class NotOfferedError(UnavailableError):
    """The way that was tried is not there at all, which is no fault: no such variable, program or daemon."""


def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


def program(*names: str, folders: Sequence[Path] = ()) -> Path:
    """The first of the programs `names` on the PATH, in a system folder or in `folders`.

    Raises:
        NotOfferedError: there is none.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", *map(str, folders)])
    for name in names:
        if found := shutil.which(name, path=path):
            return Path(found)
    raise NotOfferedError(f"no {' or '.join(names)} on the PATH")


def unprivileged(*names: str) -> str | None:
    """The first user of `names`, or nobody, when the tests run as root; None: their own user will do.

    PostgreSQL refuses to run as root.
    """
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in (*names, "nobody") if name in known)


def wait_for(probe: Callable[[], T], *, process: "Process | None", errors: tuple[type[Exception], ...]) -> T:
    """What `probe` returns once it raises none of `errors` any more.

    Raises:
        UnavailableError: the process ended, or START_SECONDS are over.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return probe()
        except errors as exc:
            if process is not None and not process.is_running:
                raise UnavailableError(f"{process.name} ended at once: {process.log_tail()}") from exc
            if time.monotonic() > deadline:
                raise UnavailableError(f"no answer within {START_SECONDS:.0f} s: {exc}") from exc
            time.sleep(0.02)


class Folder:
    """A new folder of its own under the system's temporary one, owned by the user that its server runs as.

    Not pytest's `tmp_path`: root's is closed to other users, and too long a path for a Unix socket.
    """

    def __init__(self, owner: str | None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="unmask-"))
        self.owner = owner
        if owner is not None:
            shutil.chown(self.path, user=owner)

    def run(self, command: Sequence[str | Path]) -> None:
        """Run a command to its end as the owner.

        Raises:
            UnavailableError: it failed; with the end of what it printed.
        """
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.path,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **_as_user(self.owner),
        )
        if done.returncode != 0:
            raise UnavailableError(f"{Path(command[0]).name} failed: {_tail(done.stdout)}")

    def remove(self) -> None:
        """Remove the folder with whatever is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """A server process that can be stopped, and is when the test run ends."""

    def __init__(self, command: Sequence[str | Path], *, folder: Folder, stop: Signals = Signals.SIGKILL) -> None:
        """Start `command` as the folder's owner; `stop` is the signal that ends it fast and clean."""
        self.name = Path(command[0]).name
        self._stop = stop
        self._log = folder.path / f"{self.name}.log"
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for pytest, which then stops its servers in order
                **_as_user(folder.owner),
            )
        self._watchdog = _watchdog(self._child.pid, stop, folder.path)

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._child.poll() is None

    def signal(self, number: Signals) -> None:
        """Send it a signal."""
        self._child.send_signal(number)

    def stop(self, number: Signals | None = None) -> None:
        """End the process and wait until it is gone; doing so twice is no error."""
        if self.is_running:
            self._child.send_signal(number or self._stop)
            self._child.send_signal(Signals.SIGCONT)  # a paused process would never see it
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._dismiss_watchdog()

    def log_tail(self) -> str:
        """The end of what it printed."""
        return _tail(self._log.read_bytes())

    def _dismiss_watchdog(self) -> None:
        pipe = self._watchdog.stdin
        if pipe is not None and not pipe.closed:
            _say_done(pipe)
            self._watchdog.wait()


def _watchdog(pid: int, stop: Signals, folder: Path) -> subprocess.Popen[bytes]:
    arguments = ["sh", "-c", _WATCHDOG, "watchdog", str(stop.value), str(pid), str(folder)]
    return subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _say_done(pipe: IO[bytes]) -> None:
    try:
        pipe.write(b"done\n")
        pipe.close()
    except BrokenPipeError:
        pass  # somebody killed the watchdog: there is nothing left for it to do


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]
    env: dict[str, str]


def _as_user(name: str | None) -> _Identity:
    if name is None:
        return {}
    entry = pwd.getpwnam(name)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": locale_name()}
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "env": environment}


def locale_name() -> str:
    """A locale with UTF-8 that does not depend on what the machine has generated."""
    return "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"


def _tail(output: bytes) -> str:
    lines = output.decode(errors="replace").split("\n")
    return " / ".join(line.strip() for line in lines[-6:] if line.strip()) or "it printed nothing"
