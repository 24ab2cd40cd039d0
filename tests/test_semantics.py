"""docs/semantics.md, held to the cases and tests that it names: each is there, and no case is missing."""

import re
from pathlib import Path

from rewriter.errors import Reason

PAGE = Path(__file__).parents[1] / "docs" / "semantics.md"
CASES = Path(__file__).parent / "rewriter" / "cases"
_LINKED = re.compile(r"\[(\w+)\]\((\S+)\): ([^;|]+)")


def _named() -> dict[Path, set[str]]:
    """File → the cases or tests of it that the page names."""
    found: dict[Path, set[str]] = {}
    for name, target, names in _LINKED.findall(PAGE.read_text(encoding="utf-8")):
        path = (PAGE.parent / target).resolve()
        assert path.stem == name
        found.setdefault(path, set()).update(part.strip() for part in names.split("·"))
    return found


def _there(path: Path) -> set[str]:
    """What a file has that the page can name: titles of cases, reasons of refusals, tests."""
    pattern = r"^def (test_\w+)\(" if path.suffix == ".py" else r"^-- (?:title|reason): (.+)$"
    return set(re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE))


def test_what_the_page_names_is_there() -> None:
    """Every case and test that a row rests on exists."""
    assert {path.name: missing for path, names in _named().items() if (missing := names - _there(path))} == {}


def test_every_case_is_on_the_page() -> None:
    """A case that is added gets its place in a row, and a reason its line."""
    named = _named()
    files = {path.resolve() for path in CASES.glob("*.sql")}
    assert {path.name: rest for path in files if (rest := _there(path) - named.get(path, set()))} == {}
    assert {reason.name for reason in Reason} - set(
        re.findall(r"`([A-Z_]+)`", PAGE.read_text(encoding="utf-8"))
    ) == set()


def test_rows_have_their_cells() -> None:
    """Each row says construct, outcome and what shows it."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(rows) > 40
    assert [row for row in rows if row.count(" | ") != 2 or ("](" not in row and "Shown by" not in row)] == []
