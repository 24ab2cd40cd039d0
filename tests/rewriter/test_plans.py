"""The plans of rewritten statements: indexes, pruning, join removal and locks stay as they were.

A plan is held against that of the statement on the raw tables, and of the same statement on masked views, which is what
one would write by hand: it must be one of the two, operator by operator. Skeletons are compared, not times.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from masking import Policy
from masking.types import Dialect
from rewriter.binding import Binding, bind
from rewriter.catalog import load_catalog
from rewriter.rewrite import rewrite_bound
from tests.rewriter.case_files import ENGINES
from tests.rewriter.replica import connected

POLICY = """columns:
  people.email: email
  people.phone: redact
  visits.note: redact
  parts.note: {mask: redact, optional: true}
"""
ROWS = 3000
TABLES = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(40), email VARCHAR(60), phone VARCHAR(20), region INTEGER);
CREATE TABLE visits (id INTEGER PRIMARY KEY, person_id INTEGER, placed DATE, note VARCHAR(60), total INTEGER);
CREATE TABLE regions (id INTEGER PRIMARY KEY, title VARCHAR(20));
CREATE INDEX people_region ON people (region);
CREATE INDEX visits_person ON visits (person_id);
CREATE INDEX visits_placed ON visits (placed)
"""
SHAPES = (
    "SELECT id, name, email FROM people WHERE id = 7",
    "SELECT p.id, p.email FROM people p WHERE p.id IN (1, 5, 9)",
    "SELECT id, email FROM people WHERE id BETWEEN 10 AND 20 ORDER BY id",
    "SELECT id, email FROM people ORDER BY id LIMIT 100",
    "SELECT id, email FROM people ORDER BY id DESC LIMIT 10",
    "SELECT name, email FROM people WHERE region = 3 ORDER BY id LIMIT 10",
    "SELECT p.email, v.total FROM people p JOIN visits v ON v.person_id = p.id WHERE p.id = 7",
    "SELECT p.email, v.note FROM visits v JOIN people p ON p.id = v.person_id WHERE v.id = 77",
    "SELECT v.id, p.email FROM visits v LEFT JOIN people p ON p.id = v.person_id WHERE v.id = 77",
    "SELECT p.email, r.title FROM people p JOIN regions r ON r.id = p.region WHERE p.id = 7",
    "SELECT p.email FROM people p JOIN visits v ON v.person_id = p.id JOIN regions r ON r.id = p.region WHERE v.id = 5",
    "SELECT v.id, v.total FROM visits v LEFT JOIN people p ON p.id = v.person_id WHERE v.id < 50",
    "SELECT count(*) FROM people WHERE region = 3",
    "SELECT count(email) FROM people WHERE id < 100",
    "SELECT min(id), max(id) FROM people",
    "SELECT region, count(*), max(email) FROM people GROUP BY region",
    "SELECT p.region, sum(v.total) FROM people p JOIN visits v ON v.person_id = p.id WHERE p.id < 40 GROUP BY p.region",
    "SELECT email, count(*) FROM people WHERE region = 2 GROUP BY email",
    "SELECT DISTINCT phone FROM people WHERE region = 1",
    "SELECT id, email FROM people WHERE EXISTS (SELECT 1 FROM visits v WHERE v.person_id = people.id AND v.total > 90)",
    "SELECT id, email FROM people WHERE id IN (SELECT person_id FROM visits WHERE id < 20)",
    "SELECT id, note FROM visits WHERE person_id = 7 ORDER BY placed",
    "SELECT id, note FROM visits WHERE placed = '2024-01-05' AND person_id = 7",
    "SELECT id, email FROM people WHERE id = 3 UNION ALL SELECT id, note FROM visits WHERE id = 3",
    "SELECT a.email, b.email FROM people a JOIN people b ON b.id = a.id + 1 WHERE a.id = 7",
    "SELECT id, email, row_number() OVER (ORDER BY id) FROM people WHERE id < 30",
    "WITH r AS (SELECT person_id FROM visits WHERE id < 40) SELECT p.email FROM r JOIN people p ON p.id = r.person_id",
    "SELECT p.email, (SELECT max(v.total) FROM visits v WHERE v.person_id = p.id) FROM people p WHERE p.id = 7",
    "SELECT id FROM people WHERE email = 'x' AND id = 7",
    "SELECT title FROM regions WHERE id = 3",
)
OWN_SHAPES: dict[Dialect, tuple[str, ...]] = {
    "postgresql": (
        "SELECT id, email FROM people WHERE id = 7 FOR UPDATE",
        "SELECT p.id FROM people p JOIN visits v ON v.person_id = p.id WHERE v.id < 9 FOR SHARE OF p SKIP LOCKED",
        "SELECT id, note FROM parts WHERE region = 2",
        "SELECT p.id, p.note FROM parts p JOIN regions r ON r.id = p.region WHERE p.region = 1 AND p.id = 4",
    ),
    "mysql": ("SELECT id, email FROM people WHERE id = 7 FOR UPDATE",),
    "sqlite": (),
    "duckdb": (),
}
PARTS = """
CREATE TABLE parts (id INTEGER, region INTEGER, note VARCHAR(40), PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2)
"""
_DUCKDB_OPERATOR = re.compile(r"[┌╭]─* ?(?!Projection)([A-Z][\w ]*?) ?─")


@pytest.fixture(scope="module", params=ENGINES)
def database(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Binding]]:
    """Tables with indexes and statistics, and a masked view of each that is called `masked_…`."""
    dialect: Dialect = request.param
    url = request.getfixturevalue(ENGINES[dialect]) if ENGINES[dialect] else ""
    with connected(dialect, url, "unmask_plans") as connection:
        own = PARTS.split(";") if dialect == "postgresql" else ()
        for statement in (*TABLES.split(";"), *own, *_filling(dialect)):
            connection.cursor().execute(statement)
        binding = bind(Policy.parse(POLICY), load_catalog(connection.cursor(), dialect))
        for table in ("people", "visits", *("parts" for _ in own[:1])):
            masked = rewrite_bound(f"SELECT * FROM {table}", binding).sql
            connection.cursor().execute(f"CREATE VIEW masked_{table} AS {masked}")
        yield connection, binding


def _filling(dialect: Dialect) -> Iterator[str]:
    people = ", ".join(f"({n}, 'n{n}', 'n{n}@x.example', '+{n}', {n % 50})" for n in range(ROWS))
    visits = ", ".join(f"({n}, {n * 7 % ROWS}, '2024-01-{n % 28 + 1:02}', 'note {n}', {n % 100})" for n in range(ROWS))
    yield f"INSERT INTO people VALUES {people}"
    yield f"INSERT INTO visits VALUES {visits}"
    yield f"INSERT INTO regions VALUES {', '.join(f'({n}, {chr(39)}r{n}{chr(39)})' for n in range(50))}"
    yield from {"mysql": ("ANALYZE TABLE people", "ANALYZE TABLE visits")}.get(dialect, ("ANALYZE",))


def _plan(connection: Any, dialect: Dialect, sql: str) -> list[str]:
    """Operators, tables and indexes, in order."""
    explain = {"postgresql": "EXPLAIN (COSTS OFF) ", "sqlite": "EXPLAIN QUERY PLAN "}.get(dialect, "EXPLAIN ")
    cursor = connection.cursor()
    cursor.execute(explain + sql)
    rows = cursor.fetchall()
    match dialect:
        case "postgresql":
            operators = (str(row[0]).split("->")[-1].strip() for row in rows if _is_operator(str(row[0])))
            return [re.sub(r" on (\w+)( \w+)?$", r" on \1", line) for line in operators]
        case "sqlite":
            details = (re.sub(r"^(SCAN|SEARCH) \S+", r"\1", str(row[3])) for row in rows)
            return [re.sub(r"(?:\(subquery-)?\d+\)?", "", line) for line in details]
        case "mysql":
            # Kind, access, key and its length. A row of a unique key that is read first is called a constant.
            kinds = {"const": "eq_ref"}
            return [
                f"{row[1].removeprefix('DEPENDENT ')} {kinds.get(row[3], row[3])} {row[5]} {row[6]}" for row in rows
            ]
        case "duckdb":
            return _DUCKDB_OPERATOR.findall(str(rows[0][1]))


def _is_operator(line: str) -> bool:
    return "->" in line or not line.startswith(" ")


def _by_hand(sql: str) -> str:
    """The same statement on masked views, under the names and aliases that it has."""
    reads = re.compile(r"\b(FROM|JOIN) (people|visits|parts)\b( [a-z]\b)?")
    return reads.sub(lambda read: f"{read[1]} masked_{read[2]} AS {(read[3] or read[2]).strip()}", sql)


def test_a_rewritten_statement_has_the_plan_of_the_raw_one_or_of_a_masked_view(
    database: tuple[Any, Binding], subtests: pytest.Subtests
) -> None:
    """Operators, tables, indexes and locks, in their order."""
    connection, binding = database
    for sql in (*SHAPES, *OWN_SHAPES[binding.dialect]):
        with subtests.test(sql):
            hooked = _plan(connection, binding.dialect, rewrite_bound(sql, binding).sql)
            assert hooked
            assert hooked in [_plan(connection, binding.dialect, form) for form in (sql, _by_hand(sql))]


def test_what_the_shapes_are_there_for_shows_in_their_plans(database: tuple[Any, Binding]) -> None:
    """PostgreSQL prunes a partition, removes a join and locks rows; each engine looks a key up by its index."""
    connection, binding = database

    def plan(sql: str) -> str:
        return "\n".join(_plan(connection, binding.dialect, rewrite_bound(sql, binding).sql))

    index = {"postgresql": "people_pkey", "mysql": "PRIMARY", "sqlite": "PRIMARY KEY", "duckdb": "Scan"}
    assert index[binding.dialect] in plan(SHAPES[0])
    if binding.dialect == "postgresql":
        locking, _, pruned, _ = OWN_SHAPES["postgresql"]
        assert "LockRows" in plan(locking)
        assert "parts_2" in plan(pruned)
        assert "parts_1" not in plan(pruned)
        assert "people" not in plan("SELECT v.id, v.total FROM visits v LEFT JOIN people p ON p.id = v.person_id")
