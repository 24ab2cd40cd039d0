"""The check of the result: it accepts what the passes make, and rejects every planted leak."""

import pytest

from masking import Policy
from masking.types import ColumnType, Kind
from rewriter.binding import Binding, bind
from rewriter.errors import LeakError
from rewriter.rewrite import rewrite_bound
from rewriter.schema import Catalog, Column, Relation, RelationKind
from rewriter.verify import verify

_TEXT = ColumnType(kind=Kind.TEXT, sql="text")


def _relation(name: str, *columns: str) -> Relation:
    return Relation(
        schema="public",
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


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ssn FROM customers",
        "SELECT * FROM customers",
        "SELECT c.* FROM customers c",
        "SELECT c FROM customers c",
        "SELECT to_jsonb(c) FROM customers c",
        "SELECT c.to_jsonb FROM customers c",
        'SELECT "ssn" FROM public.customers',
        "SELECT name FROM customers ORDER BY ssn",
        "SELECT j.ssn FROM (customers c JOIN orders o ON o.customer_id = c.id) AS j",
        "SELECT id FROM orders NATURAL JOIN customers",
        'SELECT ssn FROM (SELECT "ssn" FROM "public"."customers") AS customers',
        'SELECT ssn FROM (SELECT "name" AS "ssn", ssn FROM "public"."customers") AS customers',
    ],
)
def test_a_planted_leak_is_rejected(binding: Binding, sql: str) -> None:
    """A text in which the number can be read raw does not pass."""
    with pytest.raises(LeakError):
        verify(sql, binding)


def test_a_mask_that_was_tampered_with_is_rejected(binding: Binding) -> None:
    """The derived table must be to the letter what the binding says."""
    masked = rewrite_bound("SELECT ssn FROM customers", binding).sql
    verify(masked, binding)
    with pytest.raises(LeakError):
        verify(masked.replace("[redacted]", "[Redacted]"), binding)
