"""The check of the result: it accepts what the passes make, and rejects every planted leak."""

from contextlib import nullcontext

import pytest

from masking import ColumnName, Policy
from masking.types import ColumnType, Kind
from rewriter.binding import Binding, bind
from rewriter.errors import LeakError, StatementRefused
from rewriter.masked_tables import set_aside
from rewriter.rewrite import rewrite_bound
from rewriter.schema import Catalog, Column, Relation, RelationKind
from rewriter.token_check import is_behind_masks
from rewriter.verify import check_parsed, verify

_TEXT = ColumnType(kind=Kind.TEXT, sql="text")


def _relation(name: str, *columns: str, schema: str = "public") -> Relation:
    return Relation(
        schema=schema,
        name=name,
        kind=RelationKind.TABLE,
        columns=tuple(Column(name=column, type=_TEXT) for column in columns),
        primary_key=("id",),
    )


@pytest.fixture
def binding() -> Binding:
    """Customers with a masked number, orders beside them."""
    relations = [_relation("customers", "id", "name", "ssn"), _relation("orders", "id", "customer_id", "ssn_checked")]
    catalog = Catalog(
        dialect="postgresql",
        database="shop",
        search_path=("public",),
        relations={relation.key: relation for relation in relations},
        builtins=frozenset({"count", "max", "to_jsonb"}),
        default_schema="public",
    )
    return bind(Policy.parse("columns: {customers.ssn: redact}"), catalog)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ssn FROM customers",
        "SELECT c.* FROM customers c JOIN orders o ON o.customer_id = c.id",
        "SELECT count(*), max(name) FROM customers WHERE EXISTS (SELECT * FROM customers c WHERE c.id = '1')",
        "SELECT o.id, 2 * 3 FROM orders o, customers c FOR UPDATE OF c",
        "WITH customers AS (SELECT ssn FROM customers) SELECT ssn FROM customers",
    ],
)
def test_what_the_passes_make_is_accepted(binding: Binding, sql: str) -> None:
    """`rewrite_bound` ends with the check, and does not raise."""
    assert rewrite_bound(sql, binding).original == sql


_OPEN = (
    """(SELECT "id", "name", CAST(CASE WHEN "ssn" IS NULL THEN "ssn" ELSE CAST('[redacted]' AS text) END AS text) AS"""
    """ "ssn" FROM "public"."customers\""""
)
_MASKED = f"{_OPEN})"

_BARE_LEAKS = [
    "SELECT ssn FROM customers",
    "SELECT * FROM customers",
    "SELECT id, * FROM customers",
    "SELECT DISTINCT ON (id) * FROM customers",
    "SELECT c.* FROM customers c",
    "SELECT c FROM customers c",
    "SELECT customers FROM customers",
    "SELECT (SELECT c) FROM customers c",
    "SELECT to_jsonb(c) FROM customers c",
    "SELECT c.to_jsonb FROM customers c",
    "SELECT count(c) FROM customers c",
    'SELECT "ssn" FROM public.customers',
    'SELECT ssn FROM "customers"',
    'SELECT ssn FROM "public" . "customers"',
    "SELECT ssn FROM PUBLIC.CUSTOMERS",
    "SELECT ssn FROM/**/customers",
    'SELECT id FROM customers "C" WHERE "C" IS NOT NULL',
    "SELECT name FROM customers ORDER BY ssn",
    "SELECT id FROM customers WHERE (id, customers) IS NOT NULL",
    "SELECT id FROM customers * c WHERE c IS NOT NULL",
    "SELECT id FROM ONLY customers c WHERE c.ssn IS NULL",
    "SELECT a FROM customers AS c (b, a, d)",
    "SELECT c.d FROM (SELECT * FROM customers) c(b, d, a)",
    "SELECT orders.ssn FROM customers AS orders",
    "SELECT trim(BOTH FROM customers) FROM customers",
    "SELECT 'a' IS DISTINCT FROM name, customers FROM customers",
    "SELECT j.ssn FROM (customers c JOIN orders o ON o.customer_id = c.id) AS j",
    "SELECT j FROM (customers c JOIN orders o ON o.customer_id = c.id) AS j",
    "SELECT j FROM (orders o JOIN customers c ON o.customer_id = c.id) AS j",
    "SELECT c.ssn FROM ((orders JOIN customers ON true) JOIN orders x ON true) AS c",
    "SELECT id FROM orders NATURAL JOIN customers",
    "SELECT o.id FROM orders o JOIN customers c USING (ssn)",
    "SELECT id FROM orders UNION ALL TABLE customers",
    "SELECT id FROM orders WHERE (1, 'x', '3') IN (TABLE customers)",
    "SELECT 1 WHERE EXISTS (SELECT * FROM customers GROUP BY id, ssn)",
    "SELECT 1 WHERE EXISTS (SELECT * FROM customers EXCEPT SELECT '1', 'x', '2')",
    "SELECT 1 WHERE EXISTS (SELECT DISTINCT * FROM customers OFFSET 3)",
    "SELECT c.ssn FROM orders c, (SELECT 1 FROM customers c WHERE c.ssn = '2') d",
    "INSERT INTO orders SELECT * FROM customers",
    "UPDATE orders SET id = ssn FROM customers",
    "DELETE FROM orders USING customers WHERE ssn = '1'",
    "WITH d AS (DELETE FROM customers RETURNING *) SELECT 1 FROM d",
]

_LEAKS_IN_OR_BESIDE_A_MASKED_TABLE = [
    # raw beside masked
    f"SELECT c.ssn, d.ssn FROM {_MASKED} AS c JOIN customers d ON d.id = c.id",
    f"SELECT c.id FROM {_MASKED} AS c, customers WHERE customers.ssn = 'x'",
    f"SELECT c FROM {_MASKED} AS d, customers AS c",
    f"SELECT ssn FROM {_MASKED},customers",
    f"SELECT ssn FROM {_MASKED} ,customers",
    f"SELECT public.customers.ssn FROM {_MASKED} AS c, public.customers",
    f"SELECT c.ssn FROM {_MASKED} AS c WHERE EXISTS (SELECT 1 FROM customers d WHERE d.ssn = c.ssn)",
    f"SELECT (SELECT max(d.ssn) FROM customers d) FROM {_MASKED} AS c",
    f"SELECT l.ssn FROM {_MASKED} AS c, LATERAL (SELECT ssn FROM customers d WHERE d.id = c.id) l",
    f"WITH x AS (SELECT ssn FROM customers) SELECT x.ssn, c.ssn FROM {_MASKED} AS c, x",
    f"SELECT ssn FROM {_MASKED} AS c UNION ALL SELECT ssn FROM customers",
    f"SELECT id FROM {_MASKED} AS c UNION ALL TABLE customers",
    # the masked table's own text, and more in its brackets
    f"SELECT id FROM {_OPEN} WHERE ssn = '1') AS customers",
    f"SELECT id FROM {_OPEN} ORDER BY ssn LIMIT 1) AS customers",
    f"SELECT id FROM {_OPEN} GROUP BY ssn) AS customers",
    f"SELECT id FROM {_OPEN}, customers d WHERE d.ssn = '1') AS customers",
    f"SELECT id FROM {_OPEN} JOIN customers d ON d.ssn = '1') AS customers",
    f"SELECT id FROM {_OPEN} UNION SELECT 'x', 'y', ssn FROM customers) AS customers",
    f"SELECT id FROM {_OPEN} c WHERE c.ssn = '1') AS customers",
    # a derived table that only looks like one
    'SELECT ssn FROM (SELECT "ssn" FROM "public"."customers") AS customers',
    'SELECT ssn FROM (SELECT "id", "ssn" AS "name" FROM "public"."customers") AS customers',
    'SELECT ssn FROM (SELECT "name" AS "ssn", ssn FROM "public"."customers") AS customers',
    'SELECT customers FROM (SELECT "customers" FROM "public"."customers") AS customers',
    'SELECT * FROM (SELECT * FROM "public"."customers") AS customers',
    f"SELECT id FROM {_MASKED.replace('[redacted]', '[Redacted]')} AS customers",
    f"SELECT id FROM {_MASKED.replace('ELSE', 'WHEN false THEN name ELSE')} AS customers",
    f"SELECT ssn FROM {_MASKED.replace('(SELECT ', '(SELECT ssn, ')} AS customers",
    # it stands in a literal or a comment, the raw scan does not
    f"SELECT $${_MASKED}$$, ssn FROM customers",
    f"SELECT '{_MASKED.replace(chr(39), chr(39) * 2)}', ssn FROM customers",
    f"SELECT ssn /* FROM {_MASKED} AS customers */ FROM customers",
    f"SELECT ssn -- FROM {_MASKED}\n FROM customers",
    f"SELECT '{_MASKED} AS c, (SELECT ' , ssn FROM customers",
]


@pytest.mark.parametrize("sql", [*_BARE_LEAKS, *_LEAKS_IN_OR_BESIDE_A_MASKED_TABLE])
def test_a_planted_leak_is_rejected(binding: Binding, sql: str) -> None:
    """A text in which the number can be read raw does not pass: neither by its tokens nor parsed."""
    with pytest.raises((LeakError, StatementRefused)):
        verify(sql, binding)
    try:
        aside = set_aside(sql, binding, frozenset(), is_percent_doubled=False)
    except StatementRefused:
        return
    assert not is_behind_masks(aside, binding, frozenset())
    with pytest.raises((LeakError, StatementRefused)):
        check_parsed(aside, binding, frozenset())


@pytest.mark.parametrize(
    ("sql", "is_told_by_tokens"),
    [
        (f"SELECT ssn FROM {_MASKED} AS c", True),
        (f"SELECT customers.ssn, customers.* FROM {_MASKED} AS customers", True),
        (f"SELECT ssn FROM {_MASKED} c UNION SELECT 'x' FROM {_MASKED} AS customers WHERE customers.id = '1'", True),
        ("SELECT c.id, count(*), 2 * 3 FROM customers AS c JOIN orders o ON o.customer_id = c.id GROUP BY c.id", True),
        ("SELECT o.id FROM orders o, public.customers WHERE customers.id = o.customer_id", True),
        ("SELECT id FROM orders WHERE EXISTS (SELECT * FROM customers c WHERE c.id = '1' ORDER BY c.id LIMIT 1)", True),
        ("SELECT id FROM customers WHERE name = 'ssn'", True),
        (f"SELECT c FROM {_MASKED} AS customers, orders c WHERE customers IS NOT NULL", False),
        ("SELECT o.ssn FROM customers c, (SELECT 1 AS ssn) AS o", False),
        ("SELECT o.id FROM orders o, customers c FOR UPDATE OF c", False),
        (f"SELECT id FROM {_OPEN} TABLESAMPLE system (50)) AS customers", False),
        (f"SELECT $${_MASKED}$$, ssn FROM {_MASKED} AS customers", True),
    ],
)
def test_what_cannot_leak_is_accepted(binding: Binding, sql: str, *, is_told_by_tokens: bool) -> None:
    """Most texts are judged by their tokens; where these do not tell, the parsed text does, and agrees with them."""
    aside = set_aside(sql, binding, frozenset(), is_percent_doubled=False)
    assert is_behind_masks(aside, binding, frozenset()) == is_told_by_tokens
    check_parsed(aside, binding, frozenset())
    verify(sql, binding)


@pytest.mark.parametrize("is_revealed", [True, False])
def test_a_bare_column_stands_only_where_it_is_revealed(binding: Binding, *, is_revealed: bool) -> None:
    """What a grant reveals is read as it is; the same text is a leak without it."""
    revealed = frozenset({ColumnName.parse("customers.ssn")} if is_revealed else ())
    sql = 'SELECT c.ssn FROM (SELECT "id", "ssn" FROM "public"."customers") AS c'
    with nullcontext() if is_revealed else pytest.raises(LeakError):
        verify(sql, binding, revealed=revealed)


def test_a_name_of_a_table_means_no_row_on_mysql() -> None:
    """There it is the column of that name, of this table or of another."""
    relation = _relation("notes", "id", "notes", "owner", schema="shop")
    catalog = Catalog(
        dialect="mysql",
        database="shop",
        search_path=("shop",),
        relations={relation.key: relation},
        builtins=frozenset({"nullif"}),
        default_schema="shop",
    )
    sql = "UPDATE notes SET id = NULLIF(notes, id) WHERE notes IS NULL"
    bound = bind(Policy.parse("columns: {notes.owner: redact}"), catalog)
    assert rewrite_bound(sql, bound).is_unchanged
    with pytest.raises(LeakError):
        verify("UPDATE notes SET id = owner WHERE notes IS NULL", bound)


def test_a_mask_that_was_tampered_with_is_rejected(binding: Binding) -> None:
    """The derived table must be to the letter what the binding says."""
    masked = rewrite_bound("SELECT ssn FROM customers", binding).sql
    verify(masked, binding)
    with pytest.raises(LeakError):
        verify(masked.replace("[redacted]", "[Redacted]"), binding)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE customers SET name = ssn",
        "UPDATE customers SET name = 'x' WHERE customers.ssn = 'y'",
        "UPDATE customers AS c SET name = (SELECT c.ssn)",
        "UPDATE customers SET name = c.ssn FROM customers AS c",
        "UPDATE customers SET ssn = lower(ssn)",
        "UPDATE customers SET ssn = CASE WHEN ssn = 'x' THEN 'y' ELSE 'z' END",
        "UPDATE customers SET ssn = CASE ssn WHEN 'x' THEN 'y' ELSE 'z' END",
        "UPDATE customers SET ssn = c.ssn FROM customers AS c",
        "UPDATE customers SET (name, ssn) = (ssn, name)",
        "UPDATE customers SET name = 'x' RETURNING ssn",
        "UPDATE customers SET name = 'x' RETURNING *",
        "UPDATE customers SET name = 'x' RETURNING customers",
        "UPDATE customers SET name = 'x' RETURNING to_jsonb(customers)",
        "DELETE FROM customers WHERE ssn = 'y'",
        "DELETE FROM orders USING customers WHERE customers.ssn = note",
        "INSERT INTO customers (id) VALUES ('1') RETURNING ssn",
        "INSERT INTO customers (id) VALUES ('1') ON CONFLICT (id) DO UPDATE SET name = customers.ssn",
        "INSERT INTO customers (id) VALUES ('1') ON CONFLICT (id) DO UPDATE SET name = 'x' WHERE customers.ssn = 'y'",
        "INSERT INTO orders (id) SELECT ssn FROM customers",
        "MERGE INTO customers AS c USING orders AS o ON c.ssn = o.id WHEN MATCHED THEN DELETE",
        "MERGE INTO customers AS c USING orders AS o ON c.id = o.id WHEN MATCHED THEN UPDATE SET name = c.ssn",
        "WITH gone AS (DELETE FROM customers RETURNING ssn) SELECT id FROM gone",
        "UPDATE customers SET id = 1 WHERE 1 IN (SELECT 1 FROM (SELECT customers.ssn) q, (SELECT 1 AS ssn) customers)",
    ],
)
def test_a_leak_planted_in_a_write_is_rejected(binding: Binding, sql: str) -> None:
    """The target of a write stands raw: no mention of its masked columns passes but the harmless ones."""
    with pytest.raises(LeakError):
        verify(sql, binding)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO customers (id, ssn) VALUES ('1', 'x')",
        "UPDATE customers SET ssn = 'x', name = ssn WHERE ssn = 'ssn' RETURNING *",
        "UPDATE customers AS c SET ssn = COALESCE('x', c.ssn)",
        "UPDATE customers SET name = 'x' WHERE id IN (SELECT id FROM customers WHERE ssn = 'x')",
        "INSERT INTO customers (id, ssn) VALUES ('1', 'x') ON CONFLICT (id) DO UPDATE SET ssn = excluded.ssn",
        "MERGE INTO customers AS c USING orders AS o ON c.id = o.id WHEN MATCHED THEN UPDATE SET ssn = o.id",
    ],
)
def test_what_the_passes_make_of_writes_is_accepted(binding: Binding, sql: str) -> None:
    """`rewrite_bound` ends with the check, and does not raise."""
    assert rewrite_bound(sql, binding).tables == ("public.customers",)


def test_returning_may_show_what_is_granted_and_nothing_else_may(binding: Binding) -> None:
    """Only the statement's own RETURNING, and not that of an expression in it."""
    shown = frozenset({ColumnName.parse("customers.ssn")})
    verify("UPDATE customers SET name = 'x' RETURNING ssn", binding, returned=shown)
    for sql in (
        "UPDATE customers SET name = ssn RETURNING ssn",
        "WITH x AS (UPDATE customers SET name = 'x' RETURNING ssn) INSERT INTO orders (id) SELECT ssn FROM x",
    ):
        with pytest.raises(LeakError):
            verify(sql, binding, returned=shown)
