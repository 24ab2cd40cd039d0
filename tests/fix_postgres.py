"""A PostgreSQL for all tests, and an empty database of it for each."""

import importlib.util
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.containers import Image, start_container
from tests.fix_servers import SERVERS, Wanted, from_variable
from tests.processes import (
    Folder,
    NotOfferedError,
    Process,
    UnavailableError,
    free_port,
    locale_name,
    program,
    unprivileged,
    wait_for,
)

VARIABLE = "UNMASK_TEST_POSTGRES_URL"
IMAGE = os.environ.get("UNMASK_TEST_POSTGRES_IMAGE", "postgres:17-alpine")
_SETTINGS = {  # a crash of the machine may lose it all, and nothing is reported or cleaned behind a test's back
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "autovacuum": "off",
    "jit": "off",
    "timezone": "UTC",
}
_OPTIONS = tuple(part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}"))


def version(url: str) -> str:
    """The version of a running server.

    Raises:
        UnavailableError: it does not answer.
    """
    try:
        with _connected(url) as connection:
            return str(connection.info.parameter_status("server_version")).partition(" ")[0]
    except psycopg.Error as exc:
        raise UnavailableError(f"PostgreSQL does not answer: {exc}") from exc


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True, connect_timeout=5) as connection:
        yield connection


def _docker(stack: ExitStack) -> tuple[str, str]:
    environment = {"POSTGRES_HOST_AUTH_METHOD": "trust"}
    image = Image(name=IMAGE, port=5432, command=("postgres", *_OPTIONS), environment=environment)
    host, port = start_container(image, stack=stack)
    url = f"postgresql+psycopg://postgres@{host}:{port}/postgres"
    wait_for(partial(version, url), process=None, errors=(UnavailableError,))
    return url, f"Docker image {IMAGE}"


def _installed(stack: ExitStack) -> tuple[str, str]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    programs = program("postgres", folders=found).resolve().parent
    folder = _folder(stack)
    return _start(programs, folder=folder, stack=stack), str(programs)


def _from_wheel(stack: ExitStack) -> tuple[str, str]:
    # The package is not imported: the wheel is used for its programs, also where its Python part would not run.
    spec = importlib.util.find_spec("pgserver")
    if spec is None or spec.origin is None:
        raise NotOfferedError("the pgserver wheel is not installed")
    packages = Path(spec.origin).parents[1]
    folder = _folder(stack)
    if folder.owner is not None:  # root's virtual environment may be closed to the user that PostgreSQL runs as
        for part in packages.glob("pgserver*"):  # the package, and the libraries beside it
            shutil.copytree(part, folder.path / part.name)
        packages = folder.path
    programs = packages / "pgserver" / "pginstall" / "bin"
    return _start(programs, folder=folder, stack=stack), "the pgserver wheel"


def _folder(stack: ExitStack) -> Folder:
    folder = Folder(unprivileged("postgres"))
    stack.callback(folder.remove)
    return folder


def _start(programs: Path, *, folder: Folder, stack: ExitStack) -> str:
    files = folder.path / "pgdata"
    collation = ("--encoding=UTF8", "--lc-collate=C", f"--lc-ctype={locale_name()}")
    folder.run([programs / "initdb", "--auth=trust", "--username=postgres", "--no-sync", *collation, "-D", files])
    port = free_port()
    listening = ("-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-k", folder.path)
    process = Process([programs / "postgres", "-D", files, *listening, *_OPTIONS], folder=folder, stop=signal.SIGQUIT)
    stack.callback(process.stop)
    url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    wait_for(partial(version, url), process=process, errors=(UnavailableError,))
    return url


POSTGRES = Wanted(
    name="PostgreSQL",
    fixture="postgres_url",
    routes=(from_variable(VARIABLE), _docker, _installed, _from_wheel),
    version=version,
)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Say that tests want it."""
    config.stash[SERVERS].want(POSTGRES)


@pytest.fixture(scope="session")
def postgres_url(pytestconfig: pytest.Config) -> str:
    """The URL of a PostgreSQL that all tests share; its user is a superuser."""
    return pytestconfig.stash[SERVERS].url("postgres_url")


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of a new, empty database, dropped afterwards with whatever is still connected to it."""
    name = f"test_{uuid4().hex}"
    with _connected(postgres_url) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'")
        yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
