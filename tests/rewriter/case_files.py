"""The statements in `cases/`, which the promise is held against on each engine."""

import re
from collections.abc import Iterator
from pathlib import Path

from masking.types import Dialect

ENGINES: dict[Dialect, str] = {"postgresql": "postgres_url", "mysql": "mariadb_url", "sqlite": "", "duckdb": ""}
"""Which fixture gives an engine's server; SQLite and DuckDB need none."""

_CASES = Path(__file__).parent / "cases"


def cases(name: str) -> list[tuple[str, str]]:
    """`-- title: t` and the statement below it, up to `;` at a line's end."""
    text = (_CASES / f"{name}.sql").read_text(encoding="utf-8")
    return re.findall(r"-- title: ([^\n]+)\n(.*?);\n", text, re.DOTALL)


def statements(dialect: Dialect) -> Iterator[tuple[str, str]]:
    """Title and text of those that `dialect` reads."""
    yield from cases("common")
    yield from cases(dialect)
