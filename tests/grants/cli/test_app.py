"""The command line as a whole: help, exit codes, and what goes to a terminal."""

import os
import pty
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from grants.cli.exits import MEANINGS, ExitCode
from tests.grants.cli.conftest import Shell

_ROOT = Path(__file__).parents[3]
COMMANDS = (
    "request",
    "requests",
    "approve",
    "deny",
    "revoke",
    "grants",
    "audit",
    "explain",
    "check",
    "keygen",
    "schema",
)


def test_help_lists_commands_and_exit_codes(shell: Shell) -> None:
    """Help names every command and every exit code; each command has an example and `--json`."""
    general = shell.ok("--help")
    for command in COMMANDS:
        assert f"\n  {command} " in general
        own = shell.ok(command, "--help")
        assert "--json" in own
        assert f"unmask {command}" in own
    assert set(MEANINGS) == set(ExitCode)
    for code in ExitCode:
        assert f"\n  {int(code)}  " in general


def test_version(shell: Shell) -> None:
    """`--version` is the distribution's."""
    assert shell.ok("--version") == f"unmask {version('unmask')}\n"


@pytest.mark.parametrize("words", [("nonsense",), ("approve",), ("requests", "--nonsense")])
def test_wrong_command_line(shell: Shell, words: tuple[str, ...]) -> None:
    """A wrong command line ends with 2 and its usage."""
    assert "Usage:" in shell.fails(2, *words)


def on_terminal(shell: Shell, *words: str, **variables: str) -> str:
    """What `unmask` prints on a real terminal of 200 columns."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, **shell.variables, "TERM": "xterm", "COLUMNS": "200", **variables}
    program = [sys.executable, "-c", "from grants.cli import main; main()", *words]
    with subprocess.Popen(program, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:  # noqa: S603
        os.close(theirs)
        printed = b""
        while chunk := _read(ours):
            printed += chunk
    os.close(ours)
    assert process.returncode == 0
    return printed.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # how Linux says that the other side is closed
        return b""


def test_colour_only_on_a_terminal_that_wants_it(shell: Shell) -> None:
    """A terminal gets colour and a frame, unless NO_COLOR is set."""
    identifier = shell.asked()
    coloured, plain = on_terminal(shell, "requests"), on_terminal(shell, "requests", NO_COLOR="1")
    assert identifier in coloured
    assert identifier in plain
    assert "\x1b[33mpending" in coloured
    assert "\x1b[33m" not in plain


def test_help_names_every_variable(shell: Shell) -> None:
    """All that the packages read; and docs/cli.md has each in a table."""
    named = {
        found for file in (_ROOT / "grants").rglob("*.py") for found in re.findall(r"UNMASK_[A-Z_]+", file.read_text())
    }
    general, page = shell.ok("--help"), (_ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert named
    for variable in named - {"UNMASK_NOTIFY_BO"}:
        assert variable in general
        assert f"| `{variable}`" in page
