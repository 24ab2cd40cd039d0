"""Functions and operators that someone made: harmless ones run, whatever may read a masked column is refused."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from masking import Policy
from rewriter.binding import Binding, bind
from rewriter.catalog import load_catalog
from rewriter.errors import StatementRefused
from rewriter.rewrite import rewrite_bound
from tests.rewriter.catalog.connecting import postgresql

_MADE = """
CREATE TABLE customers (id int, ssn text);
CREATE TABLE orders (id int, leaks text);
CREATE VIEW seen AS SELECT * FROM orders;
CREATE SEQUENCE numbers;
CREATE DOMAIN checked AS text CHECK (VALUE <> '');
CREATE FUNCTION leak() RETURNS text LANGUAGE sql AS 'SELECT max(ssn) FROM customers';
CREATE FUNCTION leak(orders) RETURNS text LANGUAGE sql AS 'SELECT max(ssn) FROM customers';
CREATE FUNCTION leaking(text, text) RETURNS text LANGUAGE sql AS 'SELECT $1 || leak()';
CREATE FUNCTION plus(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + $2';
CREATE FUNCTION more(a int, b int DEFAULT plus(1, 2)) RETURNS int LANGUAGE sql AS 'SELECT plus(a, b) ;';
CREATE FUNCTION placed() RETURNS SETOF orders LANGUAGE sql STABLE AS 'SELECT * FROM orders WHERE id = more(1)';
CREATE FUNCTION same(int4, int4) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION lower(int) RETURNS text LANGUAGE sql AS $$SELECT 'low'$$;
CREATE TYPE spans AS RANGE (subtype = text);
CREATE FUNCTION down(int) RETURNS int LANGUAGE sql AS 'SELECT CASE WHEN $1 > 0 THEN down($1 - 1) ELSE 0 END';
CREATE AGGREGATE added(int) (sfunc = plus, stype = int);
CREATE AGGREGATE mean(float8) (sfunc = float8_accum, stype = float8[], finalfunc = float8_avg, initcond = '{0,0,0}');
CREATE OPERATOR === (FUNCTION = same, LEFTARG = int4, RIGHTARG = int4);
CREATE FUNCTION calls() RETURNS text LANGUAGE sql AS 'SELECT leak()';
CREATE FUNCTION noted(o orders) RETURNS text LANGUAGE sql AS 'SELECT o.leak';
CREATE FUNCTION noted_by_number(orders) RETURNS text LANGUAGE sql AS 'SELECT $1.leak';
CREATE FUNCTION defaulted(x int DEFAULT length(leak())) RETURNS int LANGUAGE sql AS 'SELECT x';
CREATE FUNCTION written(int) RETURNS int LANGUAGE sql AS 'INSERT INTO orders VALUES ($1) RETURNING id';
CREATE FUNCTION setting(text) RETURNS text LANGUAGE sql AS 'SELECT current_setting($1)';
CREATE FUNCTION viewed() RETURNS SETOF seen LANGUAGE sql AS 'SELECT * FROM seen';
CREATE FUNCTION measured() RETURNS float4 LANGUAGE sql AS 'SELECT reltuples FROM pg_class LIMIT 1';
CREATE FUNCTION located() RETURNS text LANGUAGE sql SET search_path = public AS 'SELECT 1::text';
CREATE FUNCTION spoken() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION exported(text, bool, bool, text) RETURNS xml LANGUAGE internal AS 'query_to_xml';
CREATE FUNCTION kept(text) RETURNS void LANGUAGE sql AS $$SELECT pg_notify('told', $1)$$;
CREATE DOMAIN known AS text CHECK (VALUE <> leak());
CREATE FUNCTION typed(known) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE FUNCTION typing(text) RETURNS text LANGUAGE sql AS 'SELECT typed($1)';
CREATE FUNCTION lo_get(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION upper(int) RETURNS text LANGUAGE sql AS 'SELECT leak()';
CREATE AGGREGATE leaked(text) (sfunc = leaking, stype = text);
CREATE OPERATOR ~== (FUNCTION = leaking, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR ==~ (FUNCTION = textcat, LEFTARG = text, RIGHTARG = text, COMMUTATOR = ~==);
"""
_MADE_LATER = """
CREATE FUNCTION next(a int) RETURNS int RETURN a + 1;
CREATE FUNCTION ids() RETURNS SETOF int LANGUAGE sql BEGIN ATOMIC SELECT id FROM orders; END;
CREATE FUNCTION parsed() RETURNS text RETURN (SELECT max(ssn) FROM customers);
CREATE FUNCTION atomic() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT max(ssn) FROM customers; END;
"""
_FIRST_WITH_PARSED_BODIES = 140000


@pytest.fixture
def binding(postgres_database: str) -> Iterator[Binding]:
    """A database with all of them, and a policy that trusts none."""
    with postgresql(postgres_database) as connection:
        connection.execute(_MADE)
        is_later = connection.info.server_version >= _FIRST_WITH_PARSED_BODIES
        if is_later:
            connection.execute(_MADE_LATER)
        catalog = load_catalog(connection.cursor(), "postgresql")
        yield bind(Policy.parse("columns: {customers.ssn: redact}"), catalog)


def _is_admitted(sql: str, binding: Binding) -> bool:
    with suppress(StatementRefused):
        rewrite_bound(sql, binding)
        return True
    return False


def test_what_reads_nothing_sensitive_is_called(binding: Binding) -> None:
    """By its body, by what it is another name for, by what an aggregate or an operator runs."""
    harmless = ["plus(1, 2)", "public.more(1)", "placed()", "lower(1)", "lower('X')", "added(1)", "mean(1)", "1 === 1"]
    harmless += ["spans('a', 'b')", "down(3)"]
    if "next" in binding.catalog.user_functions:
        harmless += ["next(1)", "ids()"]
    assert [call for call in harmless if not _is_admitted(f"SELECT {call}", binding)] == []
    assert _is_admitted("SELECT placed.id, c.ssn FROM placed() JOIN customers c ON same(c.id, placed.id)", binding)


def test_what_may_read_more_is_refused(binding: Binding) -> None:
    """Through another function, a default, column notation, a view, a catalog, or in a language that is not read."""
    harmful = [
        "leak()", "calls()", "noted(o)", "noted_by_number(o)", "o.leak", "defaulted()", "defaulted(1)", "written(1)",
        "setting('x')", "viewed()", "measured()", "located()", "spoken()", "exported('', true, true, '')", "kept('x')",
        "typed('x')", "typing('x')", "lo_get('1')", "upper('x')", "leaked('x')", "'a' ~== 'b'", "'a' ==~ 'b'",
    ]  # fmt: skip
    if "parsed" in binding.catalog.user_functions:
        harmful += ["parsed()", "atomic()"]
    assert [call for call in harmful if _is_admitted(f"SELECT {call} FROM orders o", binding)] == []
