"""People with keys, a policy that knows them, and grants on an empty Redis database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from grants import Ask, Desk, Docket, Grants, SigningKey, generate_key
from grants.live import LiveView
from masking import Access, Policy, Principal
from tests.fix_redis import RedisServer
from tests.rewriter.greenlets import Loop, is_run

KEYS = {name: generate_key() for name in ("ana", "bo", "cy", "dee", "mallory")}

POLICY = """
columns:
  customers.email: {{mask: redact, tags: [pii, contact]}}
  customers.phone: {{mask: redact, tags: [pii, contact]}}
  customers.ssn: {{mask: redact, tags: [pii, secret]}}
  customers.salary: {{mask: redact, tags: [pay]}}
people:
  ana: {{groups: [support], key: "{ana}"}}
  bo: {{groups: [privacy], key: "{bo}"}}
  cy: {{groups: [privacy], key: "{cy}"}}
  dee: {{groups: [support], key: "{dee}"}}
  eve: {{groups: [privacy]}}
approval:
  - {{scope: "tag:contact", environments: [staging], auto: true, max_duration: 8h}}
  - {{scope: "tag:secret", approvers: ["group:privacy"], required: 2, max_duration: 4h, reason: "^[A-Z]+-[0-9]+"}}
  - {{scope: "tag:contact", approvers: ["group:privacy"], max_duration: 4h, default_duration: 30m}}
standing:
  - {{principals: ["service:mailer"], scopes: [customers.email]}}
"""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        """Stand at the present."""
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        """What it shows."""
        return self.now

    def advance(self, by: timedelta) -> None:
        """Move on."""
        self.now += by


def policy_text(**replaced: str) -> str:
    """The policy's text, with some people's keys replaced."""
    return POLICY.format(**({name: key.public.text for name, key in KEYS.items()} | replaced))


def ask(*scopes: str, minutes: float | None = 30, reason: str = "OPS-7 refund") -> Ask:
    """An ask as a test needs it."""
    duration = None if minutes is None else timedelta(minutes=minutes)
    return Ask(scopes=scopes or ("customers.email",), reason=reason, duration=duration)


@dataclass
class House:
    """Grants on one server, with everybody's desk."""

    url: str
    policy: Policy
    clock: Callable[[], datetime]
    opened: list[Grants] = field(default_factory=list)

    def connect(self, **options: object) -> Grants:
        """One more process's grants, so to speak."""
        grants = Grants.connect(self.url, **({"clock": self.clock} | options))  # type: ignore[arg-type] # as tests give them
        self.opened.append(grants)
        return grants

    @property
    def grants(self) -> Grants:
        """The grants that desks use."""
        return self.opened[0] if self.opened else self.connect()

    def desk(self, name: str, *, environment: str = "prod", key: SigningKey | None = None) -> Desk:
        """Somebody's desk."""
        return self.grants.desk(policy=self.policy, environment=environment, key=key or KEYS[name])

    def view(self, *, environment: str = "prod", policy: Policy | None = None) -> LiveView:
        """A view as another process would have it."""
        return self.connect().attach(policy=policy or self.policy, environment=environment)

    def granted(self, *scopes: str, minutes: float = 30) -> Docket:
        """A grant of ana's that bo approved."""
        docket = self.desk("ana").request(ask(*scopes, minutes=minutes))
        return self.desk("bo").approve(docket.id)


def columns(access: Access) -> set[str]:
    """What an access reveals, as text."""
    return {str(column) for column in access.columns}


def seen(view: LiveView, principal: str = "ana") -> set[str]:
    """What a principal sees by a view."""
    return columns(view.access(Principal(principal), frozenset()))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a test in the event loop that its fixture `loop` gives, if it does."""
    return is_run(pyfuncitem, cast("Loop | None", pyfuncitem.funcargs.get("loop")))


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The policy of these tests."""
    return Policy.parse(policy_text())


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def house(redis_database: str, policy: Policy) -> Iterator[House]:
    """Grants in an empty database, by the real clock."""
    house = House(redis_database, policy, lambda: datetime.now(UTC))
    yield house
    for grants in house.opened:
        grants.close()


@pytest.fixture
def still_house(redis_database: str, policy: Policy, clock: Clock) -> Iterator[House]:
    """Grants in an empty database, by the clock that stands still."""
    house = House(redis_database, policy, clock)
    yield house
    for grants in house.opened:
        grants.close()


@pytest.fixture
def own(redis_server: Callable[..., RedisServer], policy: Policy) -> Iterator[tuple[RedisServer, House]]:
    """A server of the test's own, and grants on it."""
    server = redis_server("--appendonly", "yes", "--appendfsync", "always")
    house = House(server.url, policy, lambda: datetime.now(UTC))
    yield server, house
    server.resume()
    for grants in house.opened:
        grants.close()
