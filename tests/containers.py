"""Servers from Docker, through testcontainers."""

import os
import shlex
import socket
import time
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
        client.images.get(image)
    except docker.errors.ImageNotFound:
        _pull(image)
    finally:
        client.close()


def _pull(image: str) -> None:
    # A registry that cannot be reached must not hold up the tests: other ways to the server remain.
    deadline = time.monotonic() + PULL_SECONDS
    client = docker.APIClient(version="auto", timeout=30)
    try:
        name, _, tag = image.partition(":")
        for step in client.pull(name, tag=tag or "latest", stream=True, decode=True):
            if "error" in step:
                raise UnavailableError(f"Docker cannot pull {image}: {step['error']}")
            if time.monotonic() > deadline:
                raise UnavailableError(f"Docker has not pulled {image} within {PULL_SECONDS:.0f} s")
    finally:
        client.close()
