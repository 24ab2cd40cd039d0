"""People at their terminals: each with a key, all with one policy, one Redis and one small shop."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text
from typer.testing import CliRunner, Result

from grants import Grants, generate_key
from grants.cli import app
from masking import Policy
from rewriter import acting_as, install

PEOPLE = {"ana": "support", "bo": "privacy", "cy": "privacy", "dee": "support"}

POLICY = """
columns:
  customers.email: {{mask: email, tags: [pii, contact]}}
  customers.ssn: {{mask: {{partial: {{prefix: 0, padding: "***-**-", suffix: 4}}}}, tags: [pii, secret]}}
  customers.phone: redact
people:
{people}
roles:
  fraud-desk: [customers.email, customers.ssn]
approval:
  - {{scope: "tag:contact", environments: [staging], auto: true, max_duration: 8h}}
  - {{scope: "tag:secret", approvers: ["group:privacy"], required: 2, max_duration: 4h, reason: "^[A-Z]+-[0-9]+"}}
  - {{scope: "tag:contact", approvers: ["group:privacy"], max_duration: 4h}}
"""

SHOP = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email VARCHAR(60), ssn CHAR(11), phone VARCHAR(20))",
    "INSERT INTO customers VALUES (1, 'Ada', 'ada@lovelace.example', '111-22-3333', '+44 20 1234')",
)


@dataclass
class Shell:
    """A terminal in a folder with the policy and everybody's keys. `variables`: its environment."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, by: str = "ana", stdin: str | None = None) -> Result:
        """What the command `unmask` with these words does for a person."""
        variables = {"UNMASK_KEY": str(self.folder / by), **self.variables}
        return CliRunner().invoke(app, words, env=variables, input=stdin)

    def ok(self, *words: str, by: str = "ana") -> str:
        """What a command prints that must succeed."""
        outcome = self.run(*words, by=by)
        assert outcome.exit_code == 0, outcome.output
        return outcome.stdout

    def json(self, *words: str, by: str = "ana") -> Any:
        """What a command answers to programs."""
        return json.loads(self.ok(*words, "--json", by=by))

    def fails(self, code: int, *words: str, by: str = "ana") -> str:
        """What a command says that must end with `code`, without a traceback and without a word on standard output."""
        outcome = self.run(*words, by=by)
        assert outcome.exit_code == code, outcome.output
        assert isinstance(outcome.exception, SystemExit), outcome.exception
        assert outcome.stdout == ""
        return outcome.stderr

    def asked(self, *scopes: str, by: str = "ana", length: str = "30m") -> str:
        """The id of a new request."""
        words = ("request", *(scopes or ("customers.email",)), "--for", length, "--reason", "OPS-7 refund")
        return str(self.json(*words, by=by)["id"])


@pytest.fixture
def shell(tmp_path: Path, redis_database: str) -> Shell:
    """A terminal of the shop, in prod."""
    lines = []
    for name, group in PEOPLE.items():
        key = generate_key()
        path = tmp_path / name
        path.write_text(key.openssh(), encoding="utf-8")
        lines.append(f'  {name}@shop.example: {{groups: [{group}], key: "{key.public.text}"}}')
    policy = tmp_path / "masking.yaml"
    policy.write_text(POLICY.format(people="\n".join(lines)), encoding="utf-8")
    (tmp_path / "stranger").write_text(generate_key().openssh(), encoding="utf-8")
    variables = {
        "UNMASK_POLICY": str(policy),
        "UNMASK_REDIS_URL": redis_database,
        "UNMASK_ENVIRONMENT": "prod",
        "UNMASK_DATABASE_URL": "",
        "UNMASK_AUDIT_KEY": "the applications' common key",
        "UNMASK_AUDIT_CHECKPOINTS": str(tmp_path / "heads"),
    }
    return Shell(tmp_path, variables)


def filled(url: str) -> str:
    """The URL of a database that has the shop's table now."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in SHOP:
            connection.execute(text(statement))
    engine.dispose()
    return url


@contextmanager
def application(shell: Shell) -> Iterator[Callable[[str], AbstractContextManager[Connection]]]:
    """An application of the shop in prod: opens connections for a person."""
    engine = create_engine(shell.variables["UNMASK_DATABASE_URL"])
    grants = Grants.connect(
        shell.variables["UNMASK_REDIS_URL"],
        key=shell.variables["UNMASK_AUDIT_KEY"],
        checkpoints=shell.variables["UNMASK_AUDIT_CHECKPOINTS"],
    )
    install(engine, policy=Policy.load(shell.variables["UNMASK_POLICY"]), grants=grants, environment="prod")

    @contextmanager
    def connected(principal: str) -> Iterator[Connection]:
        with acting_as(principal), engine.connect() as connection:
            yield connection

    yield connected
    grants.close()
    engine.dispose()


@pytest.fixture(params=["sqlite_database", "postgres_database"])
def shop(request: pytest.FixtureRequest, shell: Shell) -> str:
    """The URL of the shop's database on each engine in turn; the terminal knows it."""
    url = filled(request.getfixturevalue(request.param))
    shell.variables["UNMASK_DATABASE_URL"] = url
    return url


@pytest.fixture
def sqlite_shop(sqlite_database: str, shell: Shell) -> str:
    """The URL of the shop's database on SQLite; the terminal knows it."""
    shell.variables["UNMASK_DATABASE_URL"] = filled(sqlite_database)
    return sqlite_database
