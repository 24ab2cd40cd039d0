"""What is installed as the distribution `unmask`."""

import re
from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("package", ["masking", "rewriter", "grants"])
def test_each_package_ships_its_types(package: str) -> None:
    """A type checker that finds the installed package reads its annotations."""
    assert files(package).joinpath("py.typed").is_file()


def test_the_console_script_is_there() -> None:
    """`unmask` calls a function that exists."""
    (script,) = entry_points(group="console_scripts", name="unmask")
    assert callable(script.load())


def test_the_changelog_knows_the_version() -> None:
    """The installed version has its heading in the changelog, or is the one to be released next."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## [{version('unmask')}]" in changelog or "## [Unreleased]" in changelog


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locked_requirements_hold_nothing_of_the_machine_that_locked_them(lock: Path) -> None:
    """Each is pinned to a version with its hashes, and none to an index or a folder."""
    text = lock.read_text()
    assert not re.search(r"://|^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b", text, re.MULTILINE)
    assert all(" --hash=sha256:" in block for block in re.split(r"\n(?=\S)", text) if "==" in block)
