"""`lookup: exact`: a known value finds its row through the raw column's index, and nothing else is answered on it."""

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, select, text

from masking import Policy
from masking.types import Dialect
from rewriter import install
from rewriter.binding import Binding, bind
from rewriter.errors import LeakError
from rewriter.rewrite import rewrite_bound
from rewriter.verify_lookups import without_lookups
from tests.rewriter.hooked import DRIVERS, shop_url
from tests.rewriter.replica import Replica, replica

_ENGINES: dict[Dialect, str] = {"postgresql": "postgres_url", "mysql": "mariadb_url", "sqlite": "", "duckdb": ""}

_RAW = "ana1@mail.example"


def _binding(found: Binding) -> Binding:
    """With `lookup: exact` on two columns of customers."""
    policy = Policy.parse(
        """
columns:
  customers.email: {mask: email, lookup: exact}
  customers.ssn: {mask: {partial: {prefix: 0, padding: "***-**-", suffix: 4}}, lookup: exact}
  customers.score: {mask: {bucket: {size: 10}}, lookup: exact}
  customers.phone: redact
  customers.born: year
  customers.salary: "null"
  customers2.email: email
  customers2.ssn: redact
  employees.email: {mask: {constant: {value: "someone@***.example"}}}
  generated_mails.email: {mask: email, lookup: exact}
"""
    )
    return bind(policy, found.catalog)


@pytest.fixture(scope="module", params=_ENGINES)
def pair(request: pytest.FixtureRequest) -> Iterator[Replica]:
    """A database and its masked copy on each engine."""
    dialect: Dialect = request.param
    url = request.getfixturevalue(_ENGINES[dialect]) if _ENGINES[dialect] else ""
    with replica(dialect, url, prefix="unmask_looked_up") as both:
        yield both


_FOUND = (
    "SELECT id, email FROM customers WHERE email = 'ana1@mail.example'",
    "SELECT id, email FROM customers c WHERE c.email = 'ana1@mail.example' AND id < 5",
    "SELECT * FROM customers WHERE 'ana1@mail.example' = email",
    "SELECT c.*, o.id FROM customers c JOIN orders o ON customer_id = c.id WHERE (email = '" + _RAW + "') ORDER BY 12",
    "SELECT max(email), count(*) FROM customers WHERE email = 'ana1@mail.example' AND ssn = '123-45-6001'",
    "SELECT id FROM customers WHERE email IN ('nobody', 'ana1@mail.example') AND score IN (7, 8)",
    "SELECT email FROM customers WHERE ssn IN ("
    + ", ".join(f"'123-45-{n}'" for n in range(6001, 6021))
    + ") AND id = 1",
    "SELECT id, email, domain FROM generated_mails WHERE email = 'ann@first.example'",
    "SELECT c.domain, city FROM generated_mails c WHERE c.email IN ('x', 'ann@first.example') AND domain <> 'x'",
    "SELECT * FROM generated_mails WHERE email = 'ann@first.example'",
)


def test_a_known_value_finds_its_row(pair: Replica, subtests: pytest.Subtests) -> None:
    """The row is found by its raw value, and shown as the masked copy shows it."""
    binding = _binding(pair.binding)
    for sql in _FOUND:
        with subtests.test(sql):
            order = " ORDER BY 12" if "ORDER" in sql else ""
            shown = f"{sql.partition(' WHERE ')[0]} WHERE {'c.' if ' c ' in sql else ''}id = 1{order}"
            found = pair.rows(pair.raw, rewrite_bound(sql, binding).sql)
            assert found == pair.rows(pair.copy, shown)
            assert found[1]


_NOT = (
    "SELECT id FROM customers WHERE email = 'ana1@mail.example' OR 1 = 0",
    "SELECT id FROM customers WHERE NOT email = 'ana1@mail.example' ORDER BY id",
    "SELECT id FROM customers WHERE email <> 'ana1@mail.example' ORDER BY id",
    "SELECT id FROM customers WHERE (email = 'ana1@mail.example') IS NULL",
    "SELECT id FROM customers WHERE email NOT IN ('ana1@mail.example') ORDER BY id",
    "SELECT id FROM customers WHERE lower(email) = 'ana1@mail.example'",
    "SELECT id FROM customers WHERE email LIKE 'ana1@mail.example'",
    "SELECT id FROM customers WHERE email >= 'ana1' AND email < 'ana2'",
    "SELECT id FROM customers WHERE email = coalesce('ana1@mail.example', '')",
    "SELECT id FROM customers WHERE email = (SELECT 'ana1@mail.example')",
    "SELECT id FROM customers WHERE email IN (SELECT 'ana1@mail.example')",
    "SELECT id FROM customers WHERE phone = '+41 44 001'",
    "SELECT id, email = 'ana1@mail.example' FROM customers ORDER BY id",
    "SELECT id FROM customers ORDER BY CASE WHEN email = 'ana1@mail.example' THEN 0 ELSE 1 END, id",
    "SELECT c.id FROM customers c JOIN customers d ON c.email = d.email WHERE c.id < d.id ORDER BY c.id, d.id",
    "SELECT c.id FROM customers c JOIN orders o ON c.email = 'ana1@mail.example' ORDER BY c.id, o.id",
    "SELECT o.id FROM orders o LEFT JOIN customers c ON c.email = 'ana1@mail.example' ORDER BY o.id",
    "SELECT id FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE email = 'ana1@mail.example')",
    "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM customers WHERE email = 'ana1@mail.example')",
    "SELECT count(*) FROM (SELECT id FROM customers WHERE email = 'ana1@mail.example') AS t",
    "WITH t AS (SELECT id FROM customers WHERE email = 'ana1@mail.example') SELECT count(*) FROM t",
    "SELECT id FROM customers WHERE email = 'ana1@mail.example' UNION SELECT 99 ORDER BY 1",
    "SELECT city FROM customers GROUP BY city HAVING max(email) = 'ana1@mail.example'",
    "SELECT id FROM customers WHERE email = 'ana1@mail.example' AND 'unmask_' = 'unmask_'",
    "SELECT id FROM customers NATURAL JOIN employees2 WHERE email = 'ana1@mail.example'",
    "SELECT count(*) FROM active_customers WHERE email = 'ana1@mail.example'",
    "SELECT id FROM generated_mails WHERE email = 'ann@first.example' AND domain = 'first.example'",
    "SELECT id FROM generated_mails WHERE email = 'ann@first.example' OR domain = 'x'",
)


def test_anything_else_sees_masks(pair: Replica, subtests: pytest.Subtests) -> None:
    """Negated, combined, computed, joined, nested: the answer is that of the masked copy."""
    binding = _binding(pair.binding)
    for sql in _NOT:
        with subtests.test(sql):
            assert pair.rows(pair.raw, rewrite_bound(sql, binding).sql) == pair.rows(pair.copy, sql)


def test_a_number_finds_no_text_that_begins_with_it(pair: Replica) -> None:
    """`ssn = 123` finds nothing: neither `123-45-6001`, nor a row that would not compare at all."""
    binding = _binding(pair.binding)
    quote = "'" if pair.dialect == "postgresql" else ""  # it compares no text with numbers
    for condition in ("ssn = {q}123{q}", "{q}123{q} = ssn AND ssn IN ({q}0{q}, {q}1{q})"):
        sql = f"SELECT id FROM customers WHERE {condition.format(q=quote)}"
        assert pair.rows(pair.raw, rewrite_bound(sql, binding).sql)[1] == []


_WRITTEN = (
    ("UPDATE customers SET city = 'found' WHERE email = 'ana1@mail.example'", 1),
    ("UPDATE customers SET city = 'found' WHERE id < 5 AND (customers.ssn IN ('123-45-6001', '1'))", 1),
    ("DELETE FROM customers WHERE 'ana1@mail.example' = email AND score = 7", 1),
    ("DELETE FROM customers WHERE email = 'ana1@mail.example' OR 1 = 0", 0),
    ("DELETE FROM customers WHERE NOT (email <> 'ana1@mail.example')", 0),
    ("UPDATE customers SET city = 'found' WHERE lower(email) = 'ana1@mail.example'", 0),
    ("UPDATE customers SET city = 'found' WHERE id IN (SELECT id FROM customers2 WHERE email = 'ana1@x.example')", 0),
    ("UPDATE orders SET note = 'found' WHERE customer_id IN (SELECT id FROM customers WHERE ssn = '123-45-6001')", 0),
    ("DELETE FROM customers WHERE phone = '+41 44 001'", 0),
    ("UPDATE generated_mails SET city = 'found' WHERE email = 'ann@first.example'", 1),
)


def test_a_known_value_finds_the_row_to_write(pair: Replica, subtests: pytest.Subtests) -> None:
    """Also in the WHERE of an UPDATE or DELETE of one table, and nowhere else in it."""
    binding = _binding(pair.binding)
    for sql, count in _WRITTEN:
        with subtests.test(sql):
            cursor = pair.raw.cursor()
            cursor.execute("BEGIN")
            try:
                cursor.execute(rewrite_bound(sql, binding).sql)
                affected = cursor.fetchone()[0] if pair.dialect == "duckdb" else cursor.rowcount
            finally:
                cursor.execute("ROLLBACK")
            assert affected == count


@pytest.mark.parametrize("pair", ["postgresql"], indirect=True)
def test_a_table_of_the_same_name_in_another_schema_is_another(pair: Replica) -> None:
    """Its column may not be found by values, the other one may; a bare name of what is written finds masks."""
    policy = "columns: {customers.email: {mask: email, lookup: exact}, crm.customers.email: redact}"
    binding = bind(Policy.parse(policy), pair.binding.catalog)
    found = {
        f"SELECT id FROM customers WHERE email = '{_RAW}'": [(1,)],
        f"SELECT id FROM public.customers c WHERE c.email = '{_RAW}'": [(1,)],
        "SELECT id FROM crm.customers WHERE email = 'crm@x.example'": [],
        f"UPDATE public.customers SET city = 'x' WHERE email = '{_RAW}' RETURNING id": [(1,)],
        f"UPDATE customers SET city = 'x' WHERE email = '{_RAW}' RETURNING id": [],
        "DELETE FROM crm.customers WHERE email = 'crm@x.example' RETURNING id": [],
    }
    cursor = pair.raw.cursor()
    for sql, rows in found.items():
        cursor.execute("BEGIN")
        cursor.execute(rewrite_bound(sql, binding).sql)
        assert cursor.fetchall() == rows, sql
        cursor.execute("ROLLBACK")


_PLANS: dict[Dialect, tuple[str, str]] = {
    "postgresql": ("EXPLAIN ", "Index Scan using by_email"),
    "mysql": ("EXPLAIN ", "'by_email'"),
    "sqlite": ("EXPLAIN QUERY PLAN ", "USING INDEX by_email (email=?)"),
    "duckdb": ("EXPLAIN ANALYZE ", "Index Scan"),  # without ANALYZE it does not say
}


def test_the_raw_index_is_used(pair: Replica) -> None:
    """The database's own plan names the index of the raw column."""
    cursor = pair.raw.cursor()
    cursor.execute("CREATE INDEX by_email ON customers (email)")
    if pair.dialect == "postgresql":
        cursor.execute("SET enable_seqscan = off")
    explain, wanted = _PLANS[pair.dialect]
    rewritten = rewrite_bound(
        "SELECT id, email FROM customers WHERE email = 'ana1@mail.example'", _binding(pair.binding)
    )
    _, rows = pair.rows(pair.raw, explain + rewritten.sql)
    assert wanted in repr(rows)
    cursor.execute("DROP INDEX by_email" + (" ON customers" if pair.dialect == "mysql" else ""))


_CUSTOMERS = Table(
    "customers",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String(40)),
    Column("email", String(60)),
    Column("ssn", String(11)),
)


@pytest.mark.parametrize("driver", DRIVERS)
def test_parameters_keep_their_order(request: pytest.FixtureRequest, driver: str) -> None:
    """Through SQLAlchemy and as text, on every parameter style, with other parameters before, between and after."""
    url = shop_url(request, driver)
    engine = create_engine(url)
    install(
        engine,
        policy=Policy.parse(
            "columns: {customers.email: {mask: redact, lookup: exact}, customers.ssn: {mask: redact, lookup: exact}}"
        ),
    )
    c = _CUSTOMERS.c
    query = (
        select(_CUSTOMERS, (c.id + 5).label("more"))
        .where(c.name != "x", c.email == "ada@lovelace.example", c.id < 9)
        .where(c.ssn.in_(["0", "111-22-3333", *map(str, range(20))]), c.id + 1 > 1)
        .limit(3)
    )
    sql = "SELECT email FROM customers WHERE name <> :n AND email = :e AND id = :i AND ssn IN (:a, :b)"
    values = {"n": "x", "e": "ada@lovelace.example", "i": 1, "a": "111-22-3333", "b": "y"}
    with engine.connect() as connection:
        assert connection.execute(query).all() == [(1, "Ada", "[redacted]", "[redacted]", 6)]
        assert connection.execute(text(sql), values).all() == [("[redacted]",)]
        assert connection.execute(text(sql), {**values, "e": "[redacted]"}).all() == []
    engine.dispose()


@pytest.mark.parametrize(
    "tampered",
    [
        ("SELECT id,", "SELECT {alias},"),
        ("SELECT id,", "SELECT c.*,"),
        ("SELECT id,", "SELECT *,"),
        ("SELECT id,", "SELECT c,"),
        ("WHERE ", "WHERE NOT "),
        ("WHERE ", "WHERE 1 = 0 OR "),
        ("= 'x'", "> 'x'"),
        ("= 'x'", "= c.name"),
        ("= 'x'", "= 'x' ORDER BY {alias}"),
        ("FROM (", "FROM orders o JOIN (SELECT 1 AS k) k ON c.{alias} = 'x' JOIN ("),
        (") c ", ") c (a, b, c) "),
        ("`, {alias} FROM (", "`, {alias} AS a FROM ("),
        ("`, {alias} FROM (", "`, {alias}, lower({alias}) FROM ("),
        (") AS `generated_mails`)", ") AS `generated_mails` WHERE {alias} > 'a')"),
    ],
)
def test_the_check_finds_any_other_use(sqlite_binding: Binding, tampered: tuple[str, str]) -> None:
    """A raw column that could be read otherwise is found in the produced text, also behind generated columns."""
    tables = {"customers": "email", "generated_mails": "domain"}
    queries = (f"SELECT id, {item} FROM {table} c WHERE c.email = 'x'" for table, item in tables.items())
    pairs = [_tampered(rewrite_bound(query, sqlite_binding).sql, tampered) for query in queries]
    for sql, changed in pairs:
        assert "unmask_" not in without_lookups(sql, sqlite_binding, is_percent_doubled=False)
        if changed != sql:
            with pytest.raises(LeakError):
                without_lookups(changed, sqlite_binding, is_percent_doubled=False)
    assert pairs[-1][0] != pairs[-1][1], "the second table has all that the first one has"


def _tampered(sql: str, change: tuple[str, str]) -> tuple[str, str]:
    """A produced text, and what becomes of it by a replacement."""
    alias = re.findall(r"`unmask_\w+`", sql)[0]
    old, new = (text.format(alias=alias) for text in change)
    return sql, sql.replace(old, new, 1)


@pytest.fixture(scope="module")
def sqlite_binding() -> Iterator[Binding]:
    """The policy bound to the replica on SQLite."""
    with replica("sqlite", "") as both:
        yield _binding(both.binding)
