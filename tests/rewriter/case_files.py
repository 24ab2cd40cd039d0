"""The statements in `cases/`, which the promise is held against on each engine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from masking.types import Dialect

ENGINES: dict[Dialect, str] = {"postgresql": "postgres_url", "mysql": "mariadb_url", "sqlite": "", "duckdb": ""}
"""Which fixture gives an engine's server; SQLite and DuckDB need none."""

_CASES = Path(__file__).parent / "cases"
_ATTACKS = Path(__file__).parent / "attacks"


_HEAD = r"-- title: (?P<title>[^\n]+)\n(?:-- except: (?P<other>\w+)\n)?(?:-- needs: (?P<needs>\d+(?:-\d+)?)\n)?"
_CASE = re.compile(_HEAD + r"(?P<sql>.*?);\n", re.DOTALL)
_ATTACK = re.compile(_HEAD + r"(?P<sql>[^\n]*);\n(?P<look>[^\n]*);\n")


@dataclass(frozen=True)
class Case:
    """A statement of a file. `look`: the query that looks for what it left. `lack`: why a server cannot run it."""

    title: str
    sql: str
    look: str
    lack: str

    def demand(self) -> None:
        """Skip the test, with the reason, where the server cannot run the case."""
        if self.lack:
            pytest.skip(self.lack)


def cases(name: str, *, server: str) -> Iterator[Case]:
    """`-- title: t` and the statement below it, up to `;` at a line's end.

    `-- except: MySQL`, or MariaDB: not for a `server` of that name. `-- needs: 15`: from that version of PostgreSQL on;
    `-- needs: 13-14`: for those alone. `server` is a name, and for PostgreSQL its major version: `PostgreSQL 15`.
    """
    yield from _found(_CASE, _CASES / f"{name}.sql", server)


def statements(dialect: Dialect, *, server: str) -> Iterator[Case]:
    """The reads that `dialect` knows."""
    yield from cases("common", server=server)
    yield from cases(dialect, server=server)


def attacks(dialect: Dialect, *, server: str) -> Iterator[Case]:
    """The reads in `attacks/`."""
    for name in ("common", dialect):
        yield from _found(_CASE, _ATTACKS / f"{name}.sql", server)


def writing_attacks(dialect: Dialect, *, server: str) -> Iterator[Case]:
    """The writes in `attacks/`, each with the query that looks for what it left, one line each."""
    for name in ("writes_common", f"writes_{dialect}"):
        yield from _found(_ATTACK, _ATTACKS / f"{name}.sql", server)


def _found(pattern: re.Pattern[str], path: Path, server: str) -> Iterator[Case]:
    for found in pattern.finditer(path.read_text(encoding="utf-8")):
        parts = found.groupdict()
        lack = _lack(parts["other"], parts["needs"], server)
        yield Case(parts["title"], parts["sql"], parts.get("look", ""), lack)


def _lack(other: str | None, needs: str | None, server: str) -> str:
    """Why a case is not for a server; empty where it is."""
    name, _, version = server.partition(" ")
    if other is not None and other == name:
        return f"not for {name}"
    least, _, most = (needs or "").partition("-")
    is_fit = not version or int(least or 0) <= int(version) <= int(most or version)
    return "" if is_fit else f"for PostgreSQL {f'{least} to {most}' if most else f'{least} and later'}, not {version}"
