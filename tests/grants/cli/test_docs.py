"""The examples of docs/cli.md, run from top to bottom as one story; each must print what stands there."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from grants.cli.exits import MEANINGS
from tests.grants.cli.conftest import POLICY, Shell, application

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
_ID = re.compile(r"\b[a-hjkmnp-z2-9]{4}-[a-hjkmnp-z2-9]{4}\b")
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+Z)?"), "INSTANT"),
    (re.compile(r"\b\d+ (s|min|h|d)( \d+ (min|h))?\b"), "SPAN"),
    (re.compile(r"AAAA[\w+/]+"), "KEY"),
    (re.compile(r"SHA256:[\w+/]+"), "FINGERPRINT"),
    (re.compile(r"v[12]:[0-9a-f]{32}"), "FINGERPRINT"),
    (re.compile(r"sha256:[0-9a-f]{64}"), "DIGEST"),
    (re.compile(r"^( +(?:equal|not valid) +)\d+", re.MULTILINE), r"\1COUNT"),  # as the generator draws them
    (re.compile(r" +"), " "),
)


@dataclass
class Example:
    """One command of the page: who types it, and what it prints there."""

    person: str
    command: str
    printed: str


def examples() -> Iterator[Example]:
    """Every command with a person's prompt, in the page's order."""
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        for person, command, printed in re.findall(r"^(\w+)\$ unmask (.*)\n((?:(?!\w*\$ ).*\n)*)", block, re.MULTILINE):
            yield Example(person, command, printed)


def translated(command: str, actual: dict[str, str]) -> str:
    """`command` with the page's ids replaced by this run's."""
    return _ID.sub(lambda match: actual.get(match.group(), match.group()), command)


def alike(text: str) -> str:
    """`text` without what differs from one run to the next."""
    text = _ID.sub("ID", text)
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text.strip()


def test_examples_print_what_the_page_says(shell: Shell, sqlite_shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example's output is the command's, but for ids, times and keys."""
    monkeypatch.chdir(shell.folder)
    (shell.folder / "test.sqlite").rename(shell.folder / "shop.sqlite")
    (shell.folder / "query.sql").write_text("SELECT email FROM customers WHERE name = 'Ada'\n", encoding="utf-8")
    shell.variables |= {"UNMASK_DATABASE_URL": "sqlite:///shop.sqlite", "UNMASK_POLICY": "masking.yaml"}
    actual: dict[str, str] = {}  # the page's ids → this run's
    count = 0
    for example in examples():
        if example.command.startswith("revoke "):
            reveal_once(shell)  # so that the trail which is shown afterwards has something to tell
        words = shlex.split(translated(example.command, actual))
        outcome = shell.run(*words, by=example.person)
        assert alike(outcome.output) == alike(example.printed), example.command
        actual |= dict(zip(_ID.findall(example.printed), _ID.findall(outcome.output), strict=True))
        count += 1
    assert count > 15


def reveal_once(shell: Shell) -> None:
    """One statement of the application, run for ana while her grant is live."""
    with application(shell) as connected, connected("ana@shop.example") as connection:
        seen = connection.execute(text("SELECT email FROM customers WHERE id = 1")).all()
    assert seen == [("ada@lovelace.example",)]


def test_page_shows_the_policy_that_the_examples_use() -> None:
    """The page's policy is the tests', but for keys and whom the page does not need."""
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    known = POLICY.format(people="").splitlines()
    assert [line for line in block.splitlines() if "@shop.example" not in line and line not in known] == []


def test_page_has_every_exit_code() -> None:
    """The page's table of exit codes is the program's."""
    rows = re.findall(r"^\| (\d) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(str(int(code)), meaning) for code, meaning in MEANINGS.items()]
