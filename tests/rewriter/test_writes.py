"""The promise for writes: they do to a database what they do to its masked copy, and lose no sensitive value."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from masking.types import Dialect
from rewriter.errors import StatementRefused
from rewriter.rewrite import rewrite_bound
from rewriter.schema import RelationKind
from tests.rewriter.case_files import ENGINES, cases
from tests.rewriter.replica import Replica, replica


@dataclass(frozen=True)
class Outcome:
    """What a write gave and left: rows of RETURNING, their names, the row count, and each table's cells by column."""

    names: tuple[str, ...]
    rows: tuple[str, ...]
    count: int
    cells: dict[tuple[str, str], list[object]]


@pytest.fixture(scope="module", params=ENGINES)
def pair(request: pytest.FixtureRequest) -> Iterator[Replica]:
    """A database, its masked copy and its twin on each engine."""
    dialect: Dialect = request.param
    url = request.getfixturevalue(ENGINES[dialect]) if ENGINES[dialect] else ""
    with replica(dialect, url, prefix="unmask_written") as both:
        yield both


def _cells(pair: Replica, cursor: Any) -> dict[tuple[str, str], list[object]]:
    """Every cell of every table in the default schema, in the order of the primary key."""
    catalog = pair.binding.catalog
    cells: dict[tuple[str, str], list[object]] = {}
    for relation in catalog.relations.values():
        is_here = relation.schema == catalog.default_schema and relation.name.islower()
        if relation.kind is not RelationKind.TABLE or not relation.primary_key or not is_here:
            continue
        names = [column.name for column in relation.columns]
        key = relation.primary_key[0]
        cursor.execute(f"SELECT {', '.join(names)} FROM {relation.name} ORDER BY {key}")
        rows = cursor.fetchall()
        for index, column in enumerate(names):
            cells[relation.name, column] = [(row[names.index(key)], row[index]) for row in rows]
    return cells


def outcome(pair: Replica, connection: Any, sql: str) -> Outcome:
    """What `sql` does to the database behind `connection`, which stays as it was."""
    cursor = connection if pair.dialect == "duckdb" else connection.cursor()  # a cursor of DuckDB is a connection
    cursor.execute("BEGIN")
    try:
        cursor.execute(sql)
        described = cursor.description or ()
        rows = cursor.fetchall() if described else []
        count = cursor.rowcount if pair.dialect != "duckdb" else len(rows)
        if pair.dialect == "duckdb" and [column[0] for column in described] == ["Count"]:
            described, count, rows = (), rows[0][0], []
        names = tuple(column[0] for column in described)
        return Outcome(names, tuple(sorted(map(repr, rows))), count, _cells(pair, cursor))
    finally:
        cursor.execute("ROLLBACK")


def _sensitive(pair: Replica) -> set[tuple[str, str]]:
    """Columns that are masked, or generated from such."""
    return {
        (name, column.word)
        for (_, name), protected in pair.binding.protected.items()
        for column in protected.columns
        if column.mask is not None or column.generation is not None
    }


def faults(pair: Replica, sql: str) -> list[str]:
    """How a write breaks the promise."""
    ours = outcome(pair, pair.raw, rewrite_bound(sql, pair.binding).sql)
    theirs = outcome(pair, pair.twin, rewrite_bound(sql, pair.twin_binding).sql)
    wanted = outcome(pair, pair.copy, sql)
    before, masked = _cells(pair, pair.raw.cursor()), _cells(pair, pair.copy.cursor())
    found = [
        f"{what}: {mine} instead of {right}"
        for what, mine, right in (
            ("names", ours.names, wanted.names),
            ("rows", ours.rows, wanted.rows),
            ("count", ours.count, wanted.count),
            ("rows of the twin", theirs.rows, ours.rows),
            ("count of the twin", theirs.count, ours.count),
        )
        if mine != right
    ]
    hidden = _sensitive(pair)
    for place, cells in ours.cells.items():
        if place not in hidden:
            found += [f"{place}"] if cells != wanted.cells[place] else []
            found += [f"{place} of the twin"] if cells != theirs.cells[place] else []
        else:
            found += _lost(place, cells, wanted.cells[place], before[place], masked[place])
    return found


def _lost(place: tuple[str, str], *states: list[Any]) -> Iterator[str]:
    """Sensitive cells are as they were where the copy's are, and what the copy's are where those were written."""
    cells, wanted, before, masked = (dict(state) for state in states)
    if place[1] == "domain":
        return
    for key, value in cells.items():
        is_written = key not in masked or wanted[key] != masked[key]
        if value != (wanted[key] if is_written else before[key]):
            yield f"{place} {key}: {value}"


def test_every_write_does_what_it_does_to_a_masked_copy(pair: Replica, subtests: pytest.Subtests) -> None:
    """Row counts, RETURNING and cells; the twin cannot be told apart; no secret is lost."""
    for file in ("writes_common", f"writes_{pair.dialect}"):
        for case in cases(file, server=pair.server):
            with subtests.test(case.title):
                case.demand()
                assert not faults(pair, case.sql)


@pytest.mark.parametrize("returned", ["id,", ", id", "(), "])
def test_what_is_no_statement_is_refused_or_the_databases_to_refuse(pair: Replica, returned: str) -> None:
    """Where nothing stands between commas of RETURNING, the rewriter does not fail."""
    with suppress(StatementRefused):
        assert returned in rewrite_bound(f"DELETE FROM customers WHERE id < 0 RETURNING {returned}", pair.binding).sql
