"""EXPLAIN through the hook: the plan of the rewritten statement, without anything that is measured from raw values."""

import re
from collections.abc import Iterator

import pytest

from masking import Policy
from masking.types import Dialect
from rewriter.binding import bind
from rewriter.errors import StatementRefused
from rewriter.kinds import StatementKind
from rewriter.rewrite import rewrite_bound
from tests.rewriter.hooked import ANA, EMAIL, OWNER, SSN, Shop
from tests.rewriter.hooked import shop as _shop
from tests.rewriter.replica import Replica, replica

shop = _shop

_ENGINES: dict[Dialect, str] = {"postgresql": "postgres_url", "mysql": "mariadb_url", "sqlite": "", "duckdb": ""}
_KEY = "a-key-that-nobody-may-see"


@pytest.fixture(scope="module", params=_ENGINES)
def pair(request: pytest.FixtureRequest) -> Iterator[Replica]:
    """A database, its masked copy and its twin on each engine, with statistics over the secrets."""
    dialect: Dialect = request.param
    url = request.getfixturevalue(_ENGINES[dialect]) if _ENGINES[dialect] else ""
    with replica(dialect, url, prefix="unmask_explained") as both:
        for connection in (both.raw, both.twin):
            cursor = connection.cursor()
            cursor.execute("CREATE INDEX by_city ON customers (city, email)")
            cursor.execute("ANALYZE TABLE customers" if dialect == "mysql" else "ANALYZE")
        yield both


_QUERIES = (
    "SELECT id, email FROM customers WHERE city = 'Oslo' AND phone > '+41'",
    "SELECT c.id, o.total FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.email LIKE 'a%'",
    "SELECT email, count(*) FROM customers GROUP BY email ORDER BY 2",
    "SELECT * FROM named_customers WHERE mail = 'x'",
    "SELECT email FROM customers WHERE id = 3 AND email = 'cem3@mail.example'",
)

_EXPLAINED: dict[Dialect, tuple[str, ...]] = {
    "postgresql": (
        "EXPLAIN ",
        "EXPLAIN VERBOSE ",
        "explain (verbose, format json)\n",
        "EXPLAIN (COSTS ON, FORMAT YAML) ",
        "EXPLAIN (COSTS, VERBOSE OFF) ",
    ),
    "mysql": (),
    "sqlite": ("EXPLAIN QUERY PLAN ", "EXPLAIN ", "explain /* a plan */ query plan "),
    "duckdb": (),
}

_REFUSED: dict[Dialect, tuple[str, ...]] = {
    "postgresql": (
        "EXPLAIN ANALYZE ",
        "EXPLAIN (ANALYZE, COSTS OFF) ",
        "EXPLAIN (BUFFERS, ANALYZE ON) ",
        "EXPLAIN (x) ",
    ),
    "mysql": ("EXPLAIN ", "EXPLAIN EXTENDED ", "EXPLAIN FORMAT=JSON ", "ANALYZE ", "ANALYZE FORMAT=JSON ", "DESCRIBE "),
    "sqlite": ("EXPLAIN EXPLAIN ",),
    "duckdb": ("EXPLAIN ", "EXPLAIN ANALYZE ", "EXPLAIN (FORMAT JSON) "),
}


def test_a_plan_tells_no_database_from_its_twin(pair: Replica, subtests: pytest.Subtests) -> None:
    """What is explained is the statement that would run, and neither estimates, cells nor raw constants show."""
    for prefix in _EXPLAINED[pair.dialect]:
        for query in _QUERIES:
            with subtests.test(prefix + query):
                sql = prefix + query
                ours, theirs = (rewrite_bound(sql, binding) for binding in (pair.binding, pair.twin_binding))
                assert rewrite_bound(query, pair.binding).sql in ours.sql
                seen = pair.rows(pair.raw, ours.sql)
                assert seen == pair.rows(pair.twin, theirs.sql)
                assert not re.search(r"rows=|Rows|cost|Cost|width", repr(seen))


def test_plans_with_figures_from_raw_values_are_refused(pair: Replica, subtests: pytest.Subtests) -> None:
    """Each is refused over sensitive tables, and says what shows how the statement runs."""
    for prefix in _REFUSED[pair.dialect]:
        with subtests.test(prefix), pytest.raises(StatementRefused) as refused:
            rewrite_bound(prefix + _QUERIES[0], pair.binding, is_owner=True)
        assert refused.value.hint


def test_mariadb_would_print_a_cell(mariadb_url: str) -> None:
    """It reads rows found by a key beforehand: that is why it may not explain."""
    with replica("mysql", mariadb_url, prefix="unmask_explained_cell") as pair:
        sql = "SELECT o.id FROM customers c JOIN orders o ON o.note > c.email WHERE c.id = 1"
        plan = pair.rows(pair.raw, "EXPLAIN FORMAT=JSON " + rewrite_bound(sql, pair.binding).sql)
        assert "ana1@mail.example" in repr(plan)


def test_plans_over_other_tables_are_passed_on(pair: Replica, subtests: pytest.Subtests) -> None:
    """Byte for byte, with their figures, on every engine."""
    for prefix in (*_EXPLAINED[pair.dialect], *_REFUSED[pair.dialect][:1]):
        if prefix in ("EXPLAIN EXPLAIN ", "EXPLAIN (x) "):
            continue
        with subtests.test(prefix):
            rewritten = rewrite_bound(f"{prefix}SELECT id FROM orders WHERE total > 5", pair.binding)
            assert rewritten.is_unchanged
            assert rewritten.kind is StatementKind.EXPLAIN
            assert pair.rows(pair.raw, rewritten.sql)[1]


def test_no_other_statement_is_explained(pair: Replica) -> None:
    """Only reads and writes of rows; what the engine would run is never anything else."""
    for inner in (
        "CREATE TABLE copy AS SELECT * FROM customers",
        "EXPLAIN SELECT 1",
        "DROP TABLE orders",
        "COMMIT",
        "",
    ):
        with pytest.raises(StatementRefused):
            rewrite_bound(f"EXPLAIN {inner}", pair.binding, is_owner=True)


def test_a_plan_shows_no_key(pair: Replica) -> None:
    """The key of a hash mask is in no plan."""
    if not _EXPLAINED[pair.dialect]:
        return
    policy = Policy.parse(f"columns: {{customers.email: {{mask: {{hash: {{key: {_KEY}}}}}}}}}")
    binding = bind(policy, pair.binding.catalog)
    sql = rewrite_bound(_EXPLAINED[pair.dialect][0] + "SELECT email FROM customers WHERE email = 'x'", binding).sql
    assert _KEY not in sql
    if pair.dialect == "postgresql":
        assert _KEY not in repr(pair.rows(pair.raw, sql))


def test_a_plan_is_no_reveal(shop: Shop) -> None:
    """A granted principal sees the plan of what runs for it, and nothing is recorded as seen."""
    if shop.driver in ("pymysql", "aiomysql", "duckdb"):
        return
    shop.ledger.grant(ANA, EMAIL, SSN)
    prefix = "EXPLAIN " if shop.is_postgres else "EXPLAIN QUERY PLAN "
    for principal in (ANA, OWNER):
        with shop.engine.connect().execution_options(principal=principal) as connection:
            plan = repr(connection.exec_driver_sql(f"{prefix}SELECT email FROM customers WHERE email = 'x'").all())
            assert ("redacted" in plan) == (principal == OWNER and shop.is_postgres)
            assert "cost" not in plan
    assert shop.ledger.reveals == []
