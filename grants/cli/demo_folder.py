"""The folder that a demo leaves behind: keys, policy, settings, and a script to query with; and how they are made.

Keys stay from one demo to the next, so that everything signed with them stays readable; all else is written anew.
"""

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grants.errors import GrantError
from grants.signing import SigningKey, generate_key, load_key

PEOPLE = {"ana": "support", "cleo": "support", "bo": "privacy", "dan": "privacy"}
"""First name → group."""

_RULES = """\
# Which columns are sensitive, what they become, and who may approve seeing them.
columns:
  customers.email: {mask: redact, tags: [contact]}
  customers.phone: {mask: {partial: {padding: "***", suffix: 2}}, tags: [contact]}
  customers.born:  {mask: year, tags: [identity]}
  cards.number:    {mask: {partial: {padding: "**** **** **** ", suffix: 4}}, tags: [payment]}
approval:             # the first rule for a column decides; without one nobody can grant it
  - {scope: "tag:contact", approvers: ["group:privacy"], max_duration: 8h}
  - {scope: "tag:payment", approvers: ["group:privacy"], required: 2, max_duration: 1h}
"""
_QUERY = '''\
"""Runs one statement as one person:  python query.py ana "SELECT id, name, email FROM customers LIMIT 5"."""

import os
import sys

from sqlalchemy import create_engine, text

from grants import Grants
from masking import Policy
from rewriter import acting_as, install

who, sql = sys.argv[1:]
engine = create_engine(os.environ["UNMASK_DATABASE_URL"])
install(
    engine,
    policy=Policy.load(os.environ["UNMASK_POLICY"]),
    grants=Grants.connect(os.environ["UNMASK_REDIS_URL"]),
    environment=os.environ["UNMASK_ENVIRONMENT"],
)
with acting_as(who), engine.connect() as connection:
    for row in connection.execute(text(sql)):
        print(*row, sep=" | ")
'''


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Where everything of one demo is."""

    path: Path

    @property
    def policy(self) -> Path:
        """The policy file."""
        return self.path / "masking.yaml"

    @property
    def settings(self) -> Path:
        """Shell lines that export what commands need."""
        return self.path / "env.sh"

    @property
    def query(self) -> Path:
        """A script that runs a statement as one of the people."""
        return self.path / "query.py"

    @property
    def database(self) -> Path:
        """The SQLite file, where no other database was named."""
        return self.path / "shop.sqlite"

    @property
    def redis(self) -> Path:
        """What the embedded Redis keeps."""
        return self.path / "redis"

    @property
    def heads(self) -> Path:
        """How far the trail has come: a second place, apart from Redis."""
        return self.path / "heads"

    def key(self, name: str) -> Path:
        """The private key of one person."""
        return self.path / "keys" / name


def claimed(path: Path) -> DemoFolder:
    """The folder at `path`, made where it was missing.

    Raises:
        GrantError: it holds other things, or cannot be made.
    """
    folder = DemoFolder(path)
    try:
        if path.exists() and any(path.iterdir()) and not folder.settings.is_file():
            raise GrantError(f"the folder {path} holds something else: name another with --folder")
        folder.key("").mkdir(mode=0o700, parents=True, exist_ok=True)
        # From here on the folder is known as a demo's, also if this one does not come to its end.
        folder.settings.touch(mode=0o600)
    except OSError as exc:
        raise GrantError(f"the folder {path} cannot be used: {exc.strerror}") from exc
    return folder


def write_keys_and_policy(folder: DemoFolder) -> None:
    """Everybody has a private key, and the policy names their public ones."""
    lines = ["people:"]
    for name, group in PEOPLE.items():
        key = _key(folder.key(name))
        lines.append(f'  {name}: {{groups: [{group}], key: "{key.public.text}"}}')
    folder.policy.write_text(_RULES + "\n".join(lines) + "\n", encoding="utf-8")


def policy_rules(folder: DemoFolder) -> str:
    """The policy without the people, whose keys are long."""
    return folder.policy.read_text(encoding="utf-8").partition("people:")[0]


def _key(path: Path) -> SigningKey:
    if path.exists():
        return load_key(path)
    key = generate_key()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key.openssh())
    return key


def write_query(folder: DemoFolder) -> None:
    """The script to query with is there."""
    folder.query.write_text(_QUERY, encoding="utf-8")


def write_settings(folder: DemoFolder, settings: Mapping[str, str]) -> None:
    """The shell lines that export `settings` are there, with the way to `unmask`; they hold the audit key."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()]
    programs = shlex.quote(str(Path(sys.executable).parent))
    heading = f"# Settings of the unmask demo. Into a shell with:  . {folder.settings}\n"
    folder.settings.write_text(heading + "".join(lines) + f'export PATH={programs}:"$PATH"\n', encoding="utf-8")


def known_settings(folder: DemoFolder) -> dict[str, str]:
    """The settings that an earlier demo wrote; none where there was none."""
    words = (shlex.split(line, comments=True) for line in folder.settings.read_text(encoding="utf-8").splitlines())
    pairs = (word[1].partition("=") for word in words if len(word) > 1 and word[1].startswith("UNMASK_"))
    return {name: value for name, _, value in pairs}
