"""How tests come by real servers.

A server is looked for in a fixed order: the address in a variable, Docker, programs on this machine, wheels. The
first that answers is used by the whole run: started once it is clear which tests were selected, stopped when the run
ends. Where none is to be had, the tests that need it are skipped and the reasons listed at the end; with CI=true they
fail.

Under xdist the controller starts the servers and tells the workers where they are.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import pytest

from tests.processes import NotOfferedError, UnavailableError

IS_CI = os.environ.get("CI", "").lower() in {"1", "true"}
_WORKER_KEY = "unmask_servers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that answers; `origin` says where it came from, `faults` what went wrong on ways before."""

    name: str
    url: str
    version: str
    origin: str
    faults: tuple[str, ...]

    def __str__(self) -> str:
        instead = f" ({'; '.join(self.faults)})" if self.faults else ""
        return f"{self.name} {self.version} from {self.origin}{instead}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A server that could not be had, and why each way to it failed."""

    name: str
    faults: tuple[str, ...]

    def __str__(self) -> str:
        return f"no {self.name}: {'; '.join(self.faults)}"


# A way to a server: its URL and origin, until the stack unwinds; raises UnavailableError.
Route = Callable[[ExitStack], tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A server that tests want: the ways to it in order, and how to ask a running one for its version."""

    name: str
    fixture: str
    routes: tuple[Route, ...]
    version: Callable[[str], str]


def from_variable(variable: str) -> Route:
    """The way to a server whose URL stands in an environment variable."""

    def route(_: ExitStack) -> tuple[str, str]:
        if url := os.environ.get(variable):
            return url, variable
        raise NotOfferedError(f"{variable} is not set")

    return route


def find(wanted: Wanted, *, stack: ExitStack) -> Server | Missing:
    """Walk the ways to a server until one leads there."""
    faults: list[UnavailableError] = []
    for route in wanted.routes:
        with ExitStack() as attempt:
            try:
                url, origin = route(attempt)
                version = wanted.version(url)
            except UnavailableError as exc:
                faults.append(exc)
                continue
            stack.push(attempt.pop_all())
            said = tuple(str(fault) for fault in faults if not isinstance(fault, NotOfferedError))
            return Server(name=wanted.name, url=url, version=version, origin=origin, faults=said)
    return Missing(name=wanted.name, faults=tuple(map(str, faults)))


class Servers:
    """The servers of this run: those found so far, those missing, and what stops them."""

    def __init__(self, found: Mapping[str, Server | Missing] | None = None) -> None:
        self._wanted: dict[str, Wanted] = {}
        self._found = dict(found or {})
        self._announced: set[str] = set()
        self._stack = ExitStack()

    def want(self, wanted: Wanted) -> None:
        """Make a server known that fixtures may ask for."""
        self._wanted[wanted.fixture] = wanted

    def find(self, fixtures: Iterable[str]) -> None:
        """Look, all at once, for those of the fixtures that are servers and not looked for yet."""
        names = sorted(self._wanted.keys() & set(fixtures) - self._found.keys())
        with ThreadPoolExecutor(max_workers=len(self._wanted)) as pool:
            stacks = [self._stack.enter_context(ExitStack()) for _ in names]
            found = pool.map(lambda name, stack: find(self._wanted[name], stack=stack), names, stacks)
            self._found.update(zip(names, found, strict=True))

    def find_all(self) -> None:
        """Look for every server."""
        self.find(self._wanted)

    def url(self, fixture: str) -> str:
        """The server's URL; ends the test where there is none."""
        self.find([fixture])
        found = self._found[fixture]
        return found.url if isinstance(found, Server) else give_up(str(found))

    def miss(self, missing: Missing) -> str:
        """Note what a fixture of its own could not find, and end the test."""
        self._found[missing.name] = missing
        return give_up(str(missing))

    def announce(self) -> list[str]:
        """One line for each server that was found since the last time."""
        new = sorted({str(found) for found in self._found.values() if isinstance(found, Server)} - self._announced)
        self._announced.update(new)
        return new

    def missing(self) -> list[str]:
        """One line for each server that could not be had."""
        return sorted(str(found) for found in self._found.values() if isinstance(found, Missing))

    def as_worker_input(self) -> dict[str, dict[str, Any]]:
        """What an xdist worker is told, in types that can be sent to it."""
        return {fixture: asdict(found) for fixture, found in self._found.items()}

    def stop(self) -> None:
        """Stop what was started."""
        self._stack.close()


SERVERS = pytest.StashKey[Servers]()


def give_up(reason: str) -> str:
    """Skip the test; in CI, fail it: a server that is not there must not pass for tests that do."""
    if IS_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have a place for the servers; a worker's are its controller's."""
    told = getattr(config, "workerinput", {}).get(_WORKER_KEY, {})
    servers = Servers({fixture: _told(fields) for fixture, fields in told.items()})
    config.stash[SERVERS] = servers
    config.add_cleanup(servers.stop)


def _told(fields: dict[str, Any]) -> Server | Missing:
    kind = Server if "url" in fields else Missing
    return kind(**(fields | {"faults": tuple(fields["faults"])}))


class Node(Protocol):
    """What xdist's controller knows of one of its workers."""

    config: pytest.Config
    workerinput: dict[str, object]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Node) -> None:
    """Tell an xdist worker where the servers are."""
    servers = node.config.stash[SERVERS]
    servers.find_all()
    node.workerinput[_WORKER_KEY] = servers.as_worker_input()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Under xdist, start the servers before the workers, and say which they are."""
    if not getattr(config.option, "numprocesses", None):
        return []
    servers = config.stash[SERVERS]
    servers.find_all()
    return servers.announce()


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Start what the selected tests need, and say which servers they are."""
    servers = config.stash[SERVERS]
    servers.find(name for item in items for name in _fixtures(item))
    return servers.announce()


def _fixtures(item: pytest.Item) -> Iterable[str]:
    """The fixtures of a test, with those named by its parameters: it will ask for them while it runs."""
    yield from getattr(item, "fixturenames", ())
    callspec = getattr(item, "callspec", None)
    named = (value for value in callspec.params.values() if isinstance(value, str)) if callspec else ()
    yield from (f"{value.removesuffix('_database').removesuffix('_url')}_url" for value in named)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List the servers that a test asked for late, and those that could not be had."""
    servers = config.stash[SERVERS]
    if late := servers.announce():
        terminalreporter.section("servers started meanwhile")
        terminalreporter.write("\n".join([*late, ""]))
    if missing := servers.missing():
        outcome = "so tests FAILED" if IS_CI else "so the tests that need them were skipped"
        terminalreporter.section(f"servers that could not be had, {outcome}", red=IS_CI, yellow=not IS_CI)
        terminalreporter.write("\n".join([*missing, ""]))
