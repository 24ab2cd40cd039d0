"""docs/semantics.md: its examples are run, and docs/semantics-tests.md names cases and tests for each of its rows."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine, StaticPool, create_engine
from sqlalchemy.exc import DBAPIError

from masking import Policy
from rewriter import StatementRefused, install
from rewriter.errors import Reason
from tests.documents import fences

DOCUMENTS = Path(__file__).parents[1] / "docs"
PAGE, SHOWN = DOCUMENTS / "semantics.md", DOCUMENTS / "semantics-tests.md"
CASES = Path(__file__).parent / "rewriter" / "cases"
_LINKED = re.compile(r"^- \[(\w+)\]\((\S+)\): (.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


def _sections(page: Path) -> dict[str, str]:
    """Heading of a part → its text."""
    parts = re.split(r"^## (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _rows(section: str) -> list[list[str]]:
    """Cells of a table, without its head."""
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip(" |").split(" | ")] for line in lines[1:]]


def _named() -> dict[Path, set[str]]:
    """File → the cases or tests of it that the second page names."""
    found: dict[Path, set[str]] = {}
    for name, target, names in _LINKED.findall(SHOWN.read_text(encoding="utf-8")):
        path = (DOCUMENTS / target).resolve()
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
    """A case that is added gets its place below a row, and a reason its row."""
    named = _named()
    files = {path.resolve() for path in CASES.glob("*.sql")}
    assert {path.name: rest for path in files if (rest := _there(path) - named.get(path, set()))} == {}
    assert {reason.name for reason in Reason} - set(_CODE.findall(_sections(PAGE)["Refused"])) == set()


def test_every_row_is_shown() -> None:
    """Each row of the first page has its heading on the second, with something below it, and the other way round."""
    told = {title: [row[0] for row in _rows(part)] for title, part in _sections(PAGE).items()}
    shown = {title: re.split(r"^### (.+)$", part, flags=re.MULTILINE) for title, part in _sections(SHOWN).items()}
    assert {title: parts[1::2] for title, parts in shown.items()} == {t: rows for t, rows in told.items() if t in shown}
    assert told.keys() - shown.keys() == {"In short", "By example"}
    assert [(title, name) for title, parts in shown.items() for name in parts[2::2] if not _LINKED.search(name)] == []
    assert sum(map(len, told.values())) > 60


_EXAMPLES = _rows(_sections(PAGE)["By example"])


@pytest.mark.parametrize("row", _EXAMPLES, ids=lambda row: str(row[0]))
def test_examples(row: list[str]) -> None:
    """What the page says of a statement is what becomes of it."""
    (policy,) = (fence.text for fence in fences(PAGE) if fence.info == "yaml")
    ((written,),) = [
        _ROW.findall(line) for line in PAGE.read_text(encoding="utf-8").splitlines() if "holds one" in line
    ]
    engine = create_engine("sqlite://", poolclass=StaticPool)
    install(engine, policy=Policy.parse(f"{policy}trusted: [{_TRUSTED}]"))
    with engine.connect().execution_options(principal=_TRUSTED) as connection:
        connection.exec_driver_sql(
            "CREATE TABLE customers (id integer PRIMARY KEY, name text, email text, ssn text, city text)"
        )
        connection.exec_driver_sql(f"INSERT INTO customers VALUES {written}")
        connection.commit()
    (sql,) = _CODE.findall(row[0])
    assert _outcome(engine, sql) == row[1]
    engine.dispose()


_TRUSTED = "tests"
_ROW = re.compile(r"`(\(.+\))`")


def _outcome(engine: Engine, sql: str) -> str:
    """What a statement gives or stores, in the words of the page."""
    with engine.connect() as connection:
        try:
            result = connection.exec_driver_sql(sql)
        except StatementRefused as refused:
            return f"refused: `{refused.reason.name}`"
        except DBAPIError:
            return "the database's own error"
        if result.returns_rows:
            return f"`{[tuple(found) for found in result]}`"
        connection.commit()
    with engine.connect().execution_options(principal=_TRUSTED) as connection:
        return f"stored: `{connection.exec_driver_sql('SELECT email, city FROM customers').one()}`"
