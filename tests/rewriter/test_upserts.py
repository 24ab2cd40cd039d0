"""Upserts with parameters in DO UPDATE, where DuckDB takes no query."""

from collections.abc import Iterator

import pytest

from rewriter.rewrite import rewrite_bound
from tests.rewriter.replica import Replica, replica


@pytest.fixture(scope="module")
def pair() -> Iterator[Replica]:
    """A database on DuckDB."""
    with replica("duckdb", "") as both:
        yield both


@pytest.mark.parametrize(
    ("value", "stored"),
    [("a***@***.example", "ana1@mail.example"), ("new@x.example", "new@x.example"), (None, None)],
)
def test_a_parameter_that_is_the_mask_keeps_what_is_stored(
    pair: Replica, value: str | None, stored: str | None
) -> None:
    """Another value is stored; parameters keep their number and order."""
    sql = (
        "INSERT INTO customers (id, name, email) VALUES (?, 'New', 'n@x.example')"
        " ON CONFLICT (id) DO UPDATE SET email = ?, name = ?, born = ? WHERE customers.email LIKE ?"
    )
    pair.raw.execute("BEGIN")
    try:
        pair.raw.execute(rewrite_bound(sql, pair.binding).sql, [1, value, "q", "2001-02-03", "a*%"])
        found = pair.raw.execute("SELECT name, email, CAST(born AS VARCHAR) FROM customers WHERE id = 1")
        assert found.fetchall() == [("q", stored, "2001-02-03")]
    finally:
        pair.raw.execute("ROLLBACK")
