"""What every command needs to know of where it is: policy, Redis, environment, key, database.

Each comes from its option, else from its environment variable, else from a default; the option wins.
"""

import inspect
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from grants.agent import agent_socket
from grants.cli.agent_keys import agent_key
from grants.cli.exits import CommandError, ExitCode, reported
from grants.client import Grants
from grants.desk import Desk
from grants.errors import SignatureError
from grants.office import Office
from grants.signing import Signer, load_key
from masking import Policy

PASSPHRASE = "UNMASK_KEY_PASSPHRASE"  # noqa: S105 -- the name of a variable
"""The environment variable with the passphrase of an encrypted key, for where nobody can be asked."""
_AGENT = "agent"
"""What stands for a key that the SSH agent holds."""
_ENVIRONMENT = re.compile(r"[A-Za-z0-9._-]{1,64}")


def _environment(text: str) -> str:
    if not _ENVIRONMENT.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no environment: expected 1 to 64 letters, digits, dots, _ and -")
    return text


_OPTIONS: dict[str, tuple[Any, object]] = {
    "policy": (
        Annotated[Path, typer.Option("--policy", envvar="UNMASK_POLICY", metavar="FILE", help="The policy file.")],
        Path("masking.yaml"),
    ),
    "redis": (
        Annotated[
            str,
            typer.Option(
                "--redis",
                envvar="UNMASK_REDIS_URL",
                metavar="URL",
                help="Where requests and grants are: redis://, rediss://, unix://, embedded:PATH and more.",
            ),
        ],
        "redis://localhost:6379/0",
    ),
    "environment": (
        Annotated[
            str,
            typer.Option(
                "--env",
                envvar="UNMASK_ENVIRONMENT",
                metavar="NAME",
                parser=_environment,
                help="The environment, as the application's install() names it.",
            ),
        ],
        "default",
    ),
    "key": (
        Annotated[
            Path,
            typer.Option(
                "--key",
                envvar="UNMASK_KEY",
                metavar="FILE",
                help="Your private key (Ed25519): who you are. `agent`, or FILE.pub: it is in the SSH agent.",
            ),
        ],
        Path("~/.ssh/id_ed25519"),
    ),
    "database": (
        Annotated[
            str,
            typer.Option(
                "--database",
                envvar="UNMASK_DATABASE_URL",
                metavar="URL",
                help="The live database, as an SQLAlchemy URL; its schema is read.",
            ),
        ],
        "",
    ),
    "as_json": (Annotated[bool, typer.Option("--json", help="Print JSON.")], False),
}
_NAMES = {"policy": "--policy", "redis": "--redis", "environment": "--env"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where a command acts, and as whom. `given`: the settings that stand on the command line itself."""

    policy: Path = Path("masking.yaml")
    redis: str = ""
    environment: str = "default"
    key: Path = Path("~/.ssh/id_ed25519")
    database: str = ""
    as_json: bool = False
    given: frozenset[str] = frozenset()

    def loaded_policy(self) -> Policy:
        """The policy.

        Raises:
            CommandError: there is no such file.
            PolicyError: it is invalid.
        """
        if not self.policy.exists():
            raise CommandError(
                ExitCode.POLICY, f"there is no policy {self.policy}: name it with --policy or UNMASK_POLICY"
            )
        return Policy.load(self.policy)

    @contextmanager
    def grants(self) -> Iterator[Grants]:
        """The grants on the Redis of these settings."""
        with closing(Grants.connect(self.redis)) as grants:
            yield grants

    @contextmanager
    def office(self) -> Iterator[Office]:
        """Where requests can be looked at."""
        policy = self.loaded_policy()
        with self.grants() as grants:
            yield grants.office(policy=policy, environment=self.environment)

    @contextmanager
    def desk(self) -> Iterator[tuple[Desk, Office]]:
        """The desk of whoever's key this is, and the office that it stands in."""
        policy = self.loaded_policy()
        key = self.signing_key(policy)
        with self.grants() as grants:
            office = grants.office(policy=policy, environment=self.environment)
            yield grants.desk(policy=policy, environment=self.environment, key=key), office

    def signing_key(self, policy: Policy) -> Signer:
        """The private key, its passphrase asked for where it has one; or the one in the SSH agent that is meant.

        Raises:
            SignatureError: it cannot be read, or the agent holds none that is meant.
        """
        path = self.key.expanduser()
        if str(self.key) == _AGENT:
            return agent_key(policy)
        if path.suffix == ".pub":
            return agent_key(policy, path)
        if "key" not in self.given and agent_socket() is not None and not path.exists():
            return agent_key(policy)
        return load_key(path, passphrase=asked_passphrase)

    def command(self, *words: str) -> str:
        """`unmask` with `words` as somebody else would type it, with what is not said by defaults."""
        spelled = ["unmask", *words]
        if self.environment != "default":
            spelled += ["--env", self.environment]
        if "policy" in self.given:
            spelled += ["--policy", str(self.policy)]
        if "redis" in self.given and not urlsplit(self.redis).password:
            spelled += ["--redis", self.redis]
        return shlex.join(spelled)


def asked_passphrase() -> str:
    """The passphrase of the private key: from its variable, else from whoever sits at the terminal."""
    known = os.environ.get(PASSPHRASE)
    if known is not None:
        return known
    if not sys.stdin.isatty():
        raise SignatureError(f"the private key is encrypted: set {PASSPHRASE}, or run this on a terminal")
    return str(typer.prompt("Passphrase of the private key", hide_input=True, err=True))


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options `names` and `--json`; it gets them as its first argument, a `Settings`.

    Expected errors of the command end as a message and an exit code.
    """

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[1:]

        @wraps(command)
        def run(ctx: typer.Context, **values: Any) -> None:  # noqa: ANN401 -- what typer parsed
            given = {name for name in values if _is_given(ctx, name)}
            if ctx.invoked_subcommand is not None:
                with reported(as_json="as_json" in given):
                    _check_nothing_given(ctx, given)
                return
            chosen = {name: values.pop(name) for name in (*names, "as_json")}
            settings = Settings(**chosen, given=frozenset(given))
            with reported(as_json=settings.as_json):
                command(settings, **values)

        run.__signature__ = inspect.Signature([_context(), *own, *map(_parameter, (*names, "as_json"))])  # type: ignore[attr-defined] # typer reads it
        return run

    return decorated


def _context() -> inspect.Parameter:
    return inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)


def _parameter(name: str) -> inspect.Parameter:
    annotation, default = _OPTIONS[name]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _is_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _check_nothing_given(ctx: typer.Context, given: set[str]) -> None:
    # Left of a subcommand they would be lost without a word: another environment would be looked at than was asked for.
    if given:
        raise CommandError(ExitCode.USAGE, f"write options after `{ctx.invoked_subcommand}`, not before it")
