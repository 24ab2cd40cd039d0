"""Servers from Docker, through testcontainers."""

import os
import shlex
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field

import docker
import docker.errors
from docker.utils import parse_host
from requests.exceptions import RequestException
from testcontainers.core.container import DockerContainer

from tests.processes import NotOfferedError, UnavailableError

PING_SECONDS = 3
PULL_SECONDS = float(os.environ.get("UNMASK_TEST_PULL_SECONDS", "120"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A container to start: its image, the port that it listens on, its command and its environment variables."""

    name: str
    port: int
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def start_container(image: Image, *, stack: ExitStack) -> tuple[str, int]:
    """The host and port at which the container answers, until `stack` unwinds.

    Raises:
        NotOfferedError: no daemon answers.
        UnavailableError: the image cannot be had, or the container does not start.
    """
    try:
        _ensure_pulled(image.name)
        container = DockerContainer(image.name, command=shlex.join(image.command), env=dict(image.environment))
        stack.callback(container.get_docker_client().client.close)
        stack.enter_context(container.with_exposed_ports(image.port))
        return container.get_container_host_ip(), int(container.get_exposed_port(image.port))
    except (docker.errors.DockerException, RequestException, OSError, RuntimeError) as exc:
        raise UnavailableError(f"Docker: {exc}") from exc


def _find_daemon() -> None:
    # Asked by hand: the docker package forgets to close the socket on which nobody answered.
    kind, _, path = parse_host(os.environ.get("DOCKER_HOST") or None).partition("://")
    if not kind.endswith("unix"):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PING_SECONDS)
        try:
            probe.connect(path)
        except OSError as exc:
            raise NotOfferedError("no Docker daemon answers") from exc


def _ensure_pulled(image: str) -> None:
    _find_daemon()
    client = docker.from_env(timeout=PING_SECONDS)
    try:
        is_there = bool(client.images.list(name=image))
    finally:
        client.close()
    if not is_there:
        _pull(image)


def _pull(image: str) -> None:
    # A registry that cannot be reached must not hold up the tests, as other ways to the server remain; and the docker
    # package knows no limit for a whole pull. So a process of its own does it.
    pull = "import docker, sys; docker.from_env().images.pull(sys.argv[1])"
    try:
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", pull, image], check=True, capture_output=True, timeout=PULL_SECONDS
        )
    except subprocess.TimeoutExpired as exc:
        raise UnavailableError(f"Docker has not pulled {image} within {PULL_SECONDS:.0f} s") from exc
    except subprocess.CalledProcessError as exc:
        said = exc.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise UnavailableError(f"Docker cannot pull {image}: {said}") from exc
