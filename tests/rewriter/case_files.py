"""The statements in `cases/`, which the promise is held against on each engine."""

import re
from collections.abc import Iterator
from pathlib import Path

from masking.types import Dialect

ENGINES: dict[Dialect, str] = {"postgresql": "postgres_url", "mysql": "mariadb_url", "sqlite": "", "duckdb": ""}
"""Which fixture gives an engine's server; SQLite and DuckDB need none."""

_CASES = Path(__file__).parent / "cases"
_ATTACKS = Path(__file__).parent / "attacks"


_CASE = re.compile(r"-- title: (?P<title>[^\n]+)\n(?:-- except: (?P<other>\w+)\n)?(?P<sql>.*?);\n", re.DOTALL)
_ATTACK = re.compile(
    r"-- title: (?P<title>[^\n]+)\n(?:-- except: (?P<other>\w+)\n)?(?P<sql>[^\n]*);\n(?P<look>[^\n]*);\n"
)


def cases(name: str, *, server: str) -> list[tuple[str, str]]:
    """`-- title: t` and the statement below it, up to `;` at a line's end.

    Those with `-- except: MySQL`, or MariaDB, are not for a `server` of that name.
    """
    return [(found["title"], found["sql"]) for found in _found(_CASE, _CASES / f"{name}.sql", server)]


def statements(dialect: Dialect, *, server: str) -> Iterator[tuple[str, str]]:
    """Title and text of those that `dialect` reads."""
    yield from cases("common", server=server)
    yield from cases(dialect, server=server)


def attacks(dialect: Dialect, *, server: str) -> Iterator[tuple[str, str]]:
    """Title and text of the reads in `attacks/`."""
    for name in ("common", dialect):
        yield from ((found["title"], found["sql"]) for found in _found(_CASE, _ATTACKS / f"{name}.sql", server))


def writing_attacks(dialect: Dialect, *, server: str) -> Iterator[tuple[str, str, str]]:
    """Title, the write, and the query that looks for what it left, one line each."""
    for name in ("writes_common", f"writes_{dialect}"):
        for found in _found(_ATTACK, _ATTACKS / f"{name}.sql", server):
            yield found["title"], found["sql"], found["look"]


def _found(pattern: re.Pattern[str], path: Path, server: str) -> Iterator[re.Match[str]]:
    for found in pattern.finditer(path.read_text(encoding="utf-8")):
        if found["other"] != server:
            yield found
