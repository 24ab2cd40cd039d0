"""A MariaDB for all tests, and an empty database of it for each."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import pymysql
import pytest
from sqlalchemy.engine import make_url

from tests.containers import Image, start_container
from tests.fix_servers import SERVERS, Wanted, from_variable
from tests.processes import Folder, Process, UnavailableError, free_port, program, unprivileged, wait_for

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

VARIABLE = "UNMASK_TEST_MARIADB_URL"
IMAGE = os.environ.get("UNMASK_TEST_MARIADB_IMAGE", "mariadb:11.4")
_OPTIONS = (
    "--character-set-server=utf8mb4",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--skip-log-bin",
    "--performance-schema=off",
)


def version(url: str) -> str:
    """The version of a running server.

    Raises:
        UnavailableError: it does not answer.
    """
    try:
        with _connected(url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            ((answer,),) = cursor.fetchall()
            return str(answer)
    except (pymysql.Error, OSError) as exc:
        raise UnavailableError(f"MariaDB does not answer: {exc}") from exc


@contextmanager
def _connected(url: str) -> "Iterator[Connection[Cursor]]":
    address = make_url(url)
    connection = pymysql.connect(
        host=address.host or "127.0.0.1",
        port=address.port or 3306,
        user=address.username,
        password=address.password or "",
        autocommit=True,
        connect_timeout=5,
    )
    with connection:
        yield connection


def _docker(stack: ExitStack) -> tuple[str, str]:
    environment = {"MARIADB_ALLOW_EMPTY_ROOT_PASSWORD": "1", "MARIADB_ROOT_HOST": "%"}
    image = Image(name=IMAGE, port=3306, command=("mariadbd", *_OPTIONS), environment=environment)
    host, port = start_container(image, stack=stack)
    url = f"mysql+pymysql://root@{host}:{port}"
    wait_for(partial(version, url), process=None, errors=(UnavailableError,))
    return url, f"Docker image {IMAGE}"


def _installed(stack: ExitStack) -> tuple[str, str]:
    server = program("mariadbd", "mysqld")
    install = program("mariadb-install-db", "mysql_install_db")
    folder = Folder(unprivileged("mysql"))
    stack.callback(folder.remove)
    files = folder.path / "files"
    folder.run([install, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db",
                f"--datadir={files}"])  # fmt: skip
    port = free_port()
    listening = (f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder.path / 'mysql.sock'}")
    own = (f"--datadir={files}", f"--pid-file={folder.path / 'pid'}")
    process = Process([server, "--no-defaults", *own, *listening, *_OPTIONS], folder=folder)
    stack.callback(process.stop)
    url = f"mysql+pymysql://root@127.0.0.1:{port}"
    wait_for(partial(version, url), process=process, errors=(UnavailableError,))
    return url, str(server)


MARIADB = Wanted(
    name="MariaDB",
    fixture="mariadb_url",
    routes=(from_variable(VARIABLE), _docker, _installed),
    version=version,
)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Say that tests want it."""
    config.stash[SERVERS].want(MARIADB)


@pytest.fixture(scope="session")
def mariadb_url(pytestconfig: pytest.Config) -> str:
    """The URL of a MariaDB that all tests share, without a database; its user may do anything."""
    return pytestconfig.stash[SERVERS].url("mariadb_url")


@pytest.fixture
def mariadb_database(mariadb_url: str) -> Iterator[str]:
    """The URL of a new, empty database, dropped afterwards with whatever is still connected to it."""
    name = f"test_{uuid4().hex}"
    with _connected(mariadb_url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        yield make_url(mariadb_url).set(database=name).render_as_string(hide_password=False)
        # A connection left open in a transaction would hold the DROP up for ever.
        cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", [name])
        for (thread,) in cursor.fetchall():
            with suppress(pymysql.OperationalError):  # it may have gone by itself meanwhile
                cursor.execute(f"KILL {thread}")
        cursor.execute(f"DROP DATABASE {name}")
