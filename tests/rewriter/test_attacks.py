"""Ways to a raw value: each is shown to leak on the database itself, then to give nothing through the rewriter."""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import pytest

from masking.types import Dialect
from rewriter.binding import bind
from rewriter.catalog import load_catalog
from rewriter.errors import StatementRefused
from rewriter.rewrite import rewrite_bound
from tests.rewriter.case_files import ENGINES, attacks
from tests.rewriter.replica import Replica, replica

_SECRETS = re.compile(r"123-45-\d{4}|@mail\.example|\+41 44|alpha|first|second|raw |411111", re.IGNORECASE)
"""What only a raw cell holds, or a confirmation of one."""

_PREPARED: dict[Dialect, tuple[str, ...]] = {
    "postgresql": (
        "CREATE MATERIALIZED VIEW stored_customers AS SELECT * FROM customers",
        "CREATE FUNCTION leak() RETURNS text LANGUAGE sql AS 'SELECT max(ssn) FROM customers'",
        "CREATE FUNCTION leak(int) RETURNS text LANGUAGE sql AS 'SELECT max(ssn) FROM customers'",
        "CREATE FUNCTION leak(orders) RETURNS text LANGUAGE sql AS 'SELECT max(ssn) FROM customers'",
        "CREATE FUNCTION leak(int, int) RETURNS text LANGUAGE sql AS 'SELECT max(ssn) FROM customers'",
        "CREATE FUNCTION leaking(text, int) RETURNS text LANGUAGE sql AS 'SELECT leak()'",
        "CREATE FUNCTION told(orders) RETURNS text LANGUAGE sql AS 'SELECT $1.leak'",
        "CREATE FUNCTION defaulted(x text DEFAULT leak()) RETURNS text LANGUAGE sql AS 'SELECT x'",
        "CREATE AGGREGATE leaked(int) (sfunc = leaking, stype = text)",
        "CREATE OPERATOR === (FUNCTION = leak, LEFTARG = int, RIGHTARG = int)",
        "ANALYZE customers",
        "CREATE VIEW sampled AS SELECT histogram_bounds::text FROM pg_stats WHERE tablename = 'customers'",
        "CREATE VIEW called AS SELECT leak() AS x",
        "CREATE VIEW called_below AS SELECT x FROM called",
        "CREATE VIEW exported AS SELECT query_to_xml('SELECT ssn FROM customers', true, true, '') AS x",
        "CREATE TYPE pair AS (a text)",
        "CREATE FUNCTION leak(pair) RETURNS text LANGUAGE sql AS 'SELECT max(ssn) FROM customers'",
        "CREATE CAST (pair AS text) WITH FUNCTION leak(pair)",
        "CREATE TABLE pairs AS SELECT ROW('x')::pair AS p",
        "CREATE DOMAIN guess AS text CHECK (leak() <> VALUE)",
        "CREATE DOMAIN high AS text CHECK (leak() > VALUE)",
        "CREATE DOMAIN higher AS high",
        "CREATE TYPE heights AS (height higher)",
        "CREATE TABLE measured (height high)",
        "CREATE FUNCTION leak(pair, text) RETURNS boolean LANGUAGE sql AS $$SELECT max(ssn) < '2' FROM customers$$",
        "CREATE OPERATOR ~~ (FUNCTION = leak, LEFTARG = pair, RIGHTARG = text)",
        "CREATE TYPE highs AS RANGE (subtype = high)",
        "CREATE TABLE kept_lists AS SELECT NULL::high[] AS h",
        "CREATE TABLE leaks AS SELECT 'x' AS leak",
        "CREATE FUNCTION leak(leaks) RETURNS text LANGUAGE sql AS 'SELECT max(ssn) FROM customers'",
    ),
    "mysql": (
        "CREATE FUNCTION leak() RETURNS varchar(20) READS SQL DATA RETURN (SELECT max(ssn) FROM customers)",
        "CREATE VIEW called AS SELECT leak() AS x",
    ),
    "sqlite": (),
    "duckdb": ("CREATE MACRO leak() AS TABLE SELECT ssn FROM customers",),
}
_PREPARED_ON = {"MariaDB": ("CREATE VIEW read_receipts AS SELECT DEFAULT(receipt) AS r FROM receipts",)}


@pytest.fixture(scope="module", params=ENGINES)
def pair(request: pytest.FixtureRequest) -> Iterator[Replica]:
    """A database and its masked copy on each engine."""
    dialect: Dialect = request.param
    url = request.getfixturevalue(ENGINES[dialect]) if ENGINES[dialect] else ""
    with replica(dialect, url, prefix="unmask_attacked") as both:
        cursor = both.raw.cursor()
        for sql in (*_PREPARED[dialect], *_PREPARED_ON.get(both.server, ())):
            cursor.execute(sql)
        yield replace(both, binding=bind(both.binding.policy, load_catalog(cursor, dialect)))


def _seen(pair: Replica, sql: str) -> str:
    _, rows = pair.rows(pair.raw, sql)
    return repr(rows)


def test_no_attack_gets_a_raw_value(pair: Replica, subtests: pytest.Subtests) -> None:
    """Each attack shows a raw value, or confirms one, without the rewriter, and with it none."""
    for case in attacks(pair.dialect, server=pair.server):
        with subtests.test(case.title):
            case.demand()
            with pair.raw.transaction(force_rollback=True) if pair.dialect == "postgresql" else nullcontext():
                assert _SECRETS.search(_seen(pair, case.sql)), "the attack does not work without the rewriter"
            try:
                rewritten = rewrite_bound(case.sql, pair.binding)
            except StatementRefused:
                continue
            try:
                seen = _seen(pair, rewritten.sql)
            except Exception as error:  # noqa: BLE001 -- any error of the engine is an answer without rows
                seen = str(error)
            assert not _SECRETS.search(seen)
