"""Materialized views over sensitive columns: masked by lineage where that is exact, else refused."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from masking import ColumnName
from rewriter.binding import bind
from rewriter.catalog import load_catalog
from rewriter.errors import Reason, StatementRefused
from rewriter.functions import BUILTINS
from rewriter.rewrite import rewrite_bound
from rewriter.set_returning import SET_RETURNING
from rewriter.stored_views import with_stored_views
from tests.rewriter.replica import Replica, replica

_PLAIN = {
    "mv_plain": "SELECT id, email AS mail, ssn, phone, born, salary, score, city FROM customers WHERE id > 2",
    "mv_join": "SELECT o.id, c.email, o.total FROM orders o LEFT JOIN customers c ON c.id = o.customer_id",
    "mv_view": "SELECT n.id, n.mail, n.total FROM named_customers n JOIN orders o USING (id, total)",
    "mv_nested": "SELECT p.*, t.spent FROM mv_plain p LEFT JOIN order_totals t ON t.customer_id = p.id",
    "mv_union": "SELECT id, email FROM customers UNION ALL SELECT id + 100, email FROM customers2",
    "mv_with": "WITH w AS (SELECT id, ssn FROM customers WHERE id < 4) SELECT ssn, x.id FROM w, (SELECT id FROM w) x",
    "mv_lateral": "SELECT o.id, l.ssn FROM orders o, LATERAL (SELECT ssn FROM customers c WHERE c.id = customer_id) l",
    "mv_grouped": "SELECT c.id, c.email, count(*) FROM customers c JOIN orders ON customer_id = c.id GROUP BY c.id",
    "mv_odd": 'SELECT "Secret Code" AS "Code", id AS "Id" FROM "Odd Table"',
    "mv_other": "SELECT p.id, p.born FROM crm.people p",
    "mv_clear": "SELECT city, count(*) AS n FROM customers GROUP BY city",
}

_DERIVED = (
    "SELECT id, upper(email) AS a, length(ssn) AS b, salary * 2 AS c, to_jsonb(customers.*) AS d,"
    " count(*) OVER (PARTITION BY email) AS e, (SELECT max(number) FROM cards) AS f, email IS NULL AS g, city,"
    " (SELECT total FROM orders o WHERE o.note = customers.phone) AS h FROM customers"
)

_REFUSED = (
    "SELECT id FROM customers WHERE email LIKE 'a%'",
    "SELECT email, count(*) AS n FROM customers GROUP BY email",
    "SELECT city FROM customers GROUP BY city HAVING max(salary) > 1000",
    "SELECT DISTINCT email FROM customers",
    "SELECT DISTINCT ON (salary) id FROM customers ORDER BY salary",
    "SELECT id FROM customers ORDER BY salary",
    "SELECT c.id FROM customers c JOIN customers2 d ON d.email = c.email",
    "SELECT c.id FROM customers c JOIN customers2 d USING (email)",
    "SELECT id FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE ssn > '5')",
    "SELECT o.id FROM orders o WHERE EXISTS (SELECT FROM customers c WHERE c.phone = o.note)",
    "SELECT id FROM orders WHERE note IN (SELECT phone FROM customers)",
    "SELECT id, regexp_split_to_table(email, '@') AS part FROM customers",
    "SELECT c.id, u.x FROM customers c, LATERAL unnest(string_to_array(c.email, '@')) u(x)",
    "SELECT c.id FROM customers c, LATERAL (SELECT 1 FROM orders o WHERE o.note = c.phone) l",
    "SELECT email FROM customers UNION SELECT email FROM customers2",
    "SELECT id, email FROM customers EXCEPT ALL SELECT id, email FROM customers2",
    "SELECT mail FROM mv_plain WHERE mail > 'b'",
    "SELECT n.id FROM (SELECT id, ssn AS s FROM customers) n WHERE n.s = '123-45-6001'",
    "WITH RECURSIVE r AS (SELECT id, ssn FROM customers UNION ALL SELECT id, ssn FROM r WHERE false) SELECT id FROM r",
    "SELECT city, n FROM mails_per_city",
)


@pytest.fixture(scope="module")
def pair(postgres_url: str) -> Iterator[Replica]:
    """A database, its masked copy and its twin, each with the same materialized views."""
    with replica("postgresql", postgres_url, prefix="unmask_stored") as both:
        for connection in (both.raw, both.copy, both.twin):
            for name, sql in _PLAIN.items():
                connection.execute(f"CREATE MATERIALIZED VIEW {name} AS {sql}")
            connection.execute(f"CREATE MATERIALIZED VIEW mv_derived AS {_DERIVED}")
            for number, sql in enumerate(_REFUSED):
                connection.execute(f"CREATE MATERIALIZED VIEW mv_refused_{number} AS {sql}")
            connection.execute("CREATE VIEW over_stored AS SELECT mail, city FROM mv_plain WHERE id < 9")
        bound = [
            with_stored_views(bind(both.binding.policy, load_catalog(connection.cursor(), "postgresql")))
            for connection in (both.raw, both.twin)
        ]
        yield replace(both, binding=bound[0], twin_binding=bound[1])


def test_a_plain_column_has_its_own_mask(pair: Replica, subtests: pytest.Subtests) -> None:
    """Rows equal those of the same view over masked tables, and tell no database from its twin."""
    for name in (*_PLAIN, "over_stored"):
        with subtests.test(name):
            sql = f"SELECT * FROM {name} ORDER BY 1, 2"
            ours, theirs = (rewrite_bound(sql, binding).sql for binding in (pair.binding, pair.twin_binding))
            assert pair.rows(pair.raw, ours) == pair.rows(pair.copy, sql)
            assert pair.rows(pair.raw, ours) == pair.rows(pair.twin, theirs)


def test_what_is_made_of_masked_columns_is_null(pair: Replica) -> None:
    """In every row, and what is made of none of them stays."""
    ours, theirs = (
        rewrite_bound("SELECT * FROM mv_derived ORDER BY id", binding).sql
        for binding in (pair.binding, pair.twin_binding)
    )
    _, rows = pair.rows(pair.raw, ours)
    assert rows == pair.rows(pair.twin, theirs)[1]
    assert rows[0] == (1, *[None] * 7, "Oslo", None)


def test_rows_that_masked_columns_decide_on_are_refused(pair: Replica, subtests: pytest.Subtests) -> None:
    """The refusal names the policy line that would allow it, and that line does."""
    for number, sql in enumerate(_REFUSED):
        with subtests.test(sql):
            with pytest.raises(StatementRefused) as refused:
                rewrite_bound(f"SELECT * FROM mv_refused_{number}", pair.binding)
            assert refused.value.reason is Reason.VIEW
            assert "tables:" in refused.value.hint


def test_a_grant_on_the_table_reveals_nothing_stored(pair: Replica) -> None:
    """It may be for some rows of the table only, which the stored ones do not tell."""
    revealed = frozenset({ColumnName.parse("customers.email")})
    rewritten = rewrite_bound("SELECT mail FROM mv_plain", pair.binding, revealed=revealed)
    assert not rewritten.revealed
    assert "mail.example" not in repr(pair.rows(pair.raw, rewritten.sql))


def test_all_functions_that_return_sets_are_known(pair: Replica) -> None:
    """In a select list each of them would make several rows of one."""
    rows = pair.rows(pair.raw, "SELECT DISTINCT proname FROM pg_proc WHERE proretset AND oid < 16384")[1]
    assert not {str(name) for (name,) in rows} & BUILTINS["postgresql"] - SET_RETURNING
