"""Everything in the documents that can be run is run: commands, snippets, policies, and the examples in docstrings."""

import doctest
import json
import re
import shlex
import sys
from importlib import import_module
from importlib.metadata import metadata
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path

import pytest
import redis
import sqlglot

from masking import Policy, Principal
from tests.documents import Command, Fence, Shell, commands, fences
from tests.fix_demo import Demo, plain_environment

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
KINDS = frozenset({"python", "text", "sh", "console", "yaml", "json", "sql"})
NOT_RUN = " not-run"
"""How a block is marked that no test can run; in the README there is none."""
ELSEWHERE = {ROOT / "docs" / "cli.md": ROOT / "tests" / "grants" / "cli" / "test_docs.py"}
"""Documents whose blocks have a test of their own."""


def _modules_with_examples() -> list[str]:
    found = []
    for package in ("masking", "rewriter", "grants"):
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        home = Path(spec.origin).parent
        for path in sorted(home.rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to(home.parent).with_suffix("").parts
                found.append(".".join(parts).removesuffix(".__init__"))
    return found


@pytest.mark.parametrize("module", _modules_with_examples())
def test_examples_in_docstrings(module: str) -> None:
    """What a docstring shows is what happens."""
    outcome = doctest.testmod(import_module(module))
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_says_what_it_is(document: Path) -> None:
    """A block of no known kind would go unchecked, so there is none; in the README a snippet stands over its output."""
    above = ""
    for fence in fences(document):
        kind = fence.info if document == README else fence.info.removesuffix(NOT_RUN)
        assert kind in KINDS, f"{fence}: expected one of {', '.join(sorted(KINDS))}, not {fence.info!r}"
        assert kind != "text" or above == "python" or document != README, f"{fence}: nothing above it puts this out"
        above = kind


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """A link to a file of the repository names one that is there."""
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", ELSEWHERE, ids=lambda path: path.name)
def test_what_is_left_to_other_tests_is_tested_there(document: Path) -> None:
    """A document is left out here only where another test reads it."""
    assert document.name in ELSEWHERE[document].read_text()


def test_the_readme_does_what_it_says(demo: Demo) -> None:
    """On what the demo left: commands show what the README shows, snippets run, and its policy fits the shop."""
    shell = Shell(demo.cwd, demo.environment)
    blocks = list(fences(README))
    for fence, below in zip_longest(blocks, blocks[1:]):
        if fence.info == "yaml":
            (demo.cwd / "masking.yaml").write_text(_with_keys(fence.text, demo))
            code, printed = shell.run("unmask check --policy masking.yaml")
            assert code == 0, f"{fence}: {printed}"
        is_output = below is not None and below.info == "text"
        Trial(fence, shell).check(below.text if is_output else "")


@pytest.mark.parametrize(
    "document", [one for one in DOCUMENTS if one not in {README, *ELSEWHERE}], ids=lambda p: p.name
)
def test_other_documents_do_what_they_say(document: Path, redis_database: str, tmp_path: Path) -> None:
    """Snippets run, commands are there, policies load."""
    shell = Shell(tmp_path, plain_environment() | {"UNMASK_REDIS_URL": redis_database})
    for fence in fences(document):
        if not fence.info.endswith(NOT_RUN):
            Trial(fence, shell).check("")


def _with_keys(text: str, demo: Demo) -> str:
    """A policy with the demo's keys in place of those that the document leaves out."""
    keys = {name: person.key for name, person in Policy.load(demo.folder.policy).people.items()}
    return re.sub(
        r'^( +(\w+): .*)"ssh-ed25519 AAAA…"', lambda m: f'{m[1]}"{keys[Principal(m[2])]}"', text, flags=re.MULTILINE
    )


class Trial:
    """One block, and where it is tried."""

    def __init__(self, fence: Fence, shell: Shell) -> None:
        """Nothing is tried yet."""
        self.fence = fence
        self.shell = shell

    def check(self, output: str) -> None:
        """The block does what it says; `output`: what a snippet prints."""
        match self.fence.info:
            case "python":
                self._check_snippet(output)
            case "sh" | "console":
                for command in commands(self.fence):
                    self._check_command(command)
            case "yaml":
                Policy.parse(re.sub(r', key: "ssh-ed25519 AAAA…"', "", self.fence.text))
            case "json":
                json.loads(self.fence.text)
            case "sql":
                sqlglot.parse(self.fence.text)
            case "text":
                pass  # compared with what the snippet above it prints, or an illustration
            case other:
                pytest.fail(f"{self.fence}: {other!r} cannot be tried")

    def _check_snippet(self, output: str) -> None:
        script = self.shell.cwd / "snippet.py"
        script.write_text(self.fence.text)
        code, printed = self.shell.run(f"{shlex.quote(sys.executable)} -W error {shlex.quote(str(script))}")
        assert (code, printed) == (0, output), f"{self.fence}:\n{printed}"

    def _check_command(self, command: Command) -> None:
        words = shlex.split(command.line, comments=True)
        match words[0]:
            case "make":
                self._check_make(words)
            case "pip":
                self._check_installs(words)
            case "redis-cli":
                self._check_redis(words)
            case _:
                code, printed = self.shell.run(command.line)
                said = f"{self.fence}: $ {command.line}\n{printed}\nexpected:\n{command.output}"
                assert (code == 0) == ("error: " not in command.output), said
                assert self.fence.info == "sh" or self.shell.has_shown(command.output, printed), said

    def _check_installs(self, words: list[str]) -> None:
        (target,) = words[2:]
        folder, _, extra = target.partition("[")
        assert not extra or extra.rstrip("]") in (metadata("unmask").get_all("Provides-Extra") or []), target
        into = shlex.quote(str(self.shell.cwd / "site"))
        options = f"--quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation --target {into}"
        self._check_run(f"cd {shlex.quote(str(ROOT))} && {sys.executable} -m pip install {options} {folder}")

    def _check_make(self, words: list[str]) -> None:
        # The target is there; what it does is run by other means: `test` runs this, and the demo was run before.
        self._check_run(f"cd {shlex.quote(str(ROOT))} && make --dry-run {shlex.join(words[1:])}")

    def _check_redis(self, words: list[str]) -> None:
        words = words[1 : words.index("|") if "|" in words else None]
        if words[0] == "--scan":
            words = ["SCAN", "0", "MATCH", words[words.index("--pattern") + 1]]
        with redis.Redis.from_url(self.shell.environment["UNMASK_REDIS_URL"]) as client:
            client.execute_command(*(word for word in words if not word.startswith("--")))

    def _check_run(self, line: str) -> None:
        code, printed = self.shell.run(f"( {line} )")
        assert code == 0, f"{self.fence}: {printed}"
