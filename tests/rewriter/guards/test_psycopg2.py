"""psycopg2: its own cursors read masks, and the ways round them are closed."""

from collections import UserDict
from datetime import date, timedelta
from typing import Any

import psycopg2
import psycopg2.extras
import pytest
from psycopg2 import extensions
from sqlalchemy import create_engine, text

from rewriter import RewriteError, StatementRefused, install
from tests.rewriter.guarded import MASKED, READ, Opened, opened, refused
from tests.rewriter.hooked import POLICY, is_raw

__all__ = ["opened"]

STOLEN = "(SELECT ssn FROM customers LIMIT 1)"


def test_psycopg2_cursors_of_every_kind(opened: Opened) -> None:
    """Cursor factories, named cursors and the batch functions of psycopg2.extras read masks."""
    with opened("psycopg2").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        cursor = raw.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
        cursor.execute(READ)
        assert [row["email"] for row in cursor.fetchall()] == ["[redacted]", "[redacted]"]
        cursor = raw.cursor("named")
        cursor.execute(READ)
        assert cursor.fetchall() == MASKED
        cursor = raw.cursor(None, psycopg2.extras.DictCursor)
        cursor.execute(READ.encode())
        assert not is_raw(cursor.fetchall())
        cursor = raw.cursor()
        cursor.execute(cursor.mogrify("SELECT email FROM customers WHERE id = %s", (1,)))
        assert cursor.fetchall() == [("[redacted]",)]
        rows = psycopg2.extras.execute_values(
            cursor, "SELECT c.email FROM customers c JOIN (VALUES %s) AS v(id) ON v.id = c.id", [(1,), (2,)], fetch=True
        )
        assert not is_raw(rows)


def test_psycopg2_copy_and_procedures_are_refused(opened: Opened, tmp_path: Any) -> None:
    """COPY in any spelling, callproc and large objects go around the rewriter."""
    with opened("psycopg2").engine.connect() as connection, (tmp_path / "out").open("w+") as file:
        raw: Any = connection.connection.driver_connection
        cursor = raw.cursor()
        refused(lambda: cursor.copy_expert("COPY customers TO STDOUT", file))
        refused(lambda: cursor.copy_to(file, "customers"))
        refused(lambda: cursor.copy_from(file, "orders"))
        refused(lambda: cursor.callproc("version"))
        refused(raw.lobject)


def test_psycopg2_batch_mode(opened: Opened) -> None:
    """execute_batch, which the dialect uses when told to, passes for text that the rewriter saw, and only that."""
    shop = opened("psycopg2")
    engine = create_engine(shop.url, executemany_mode="values_plus_batch")
    install(engine, policy=POLICY)
    with engine.begin() as connection:
        rows = [{"sku": f"s{i}", "id": 10 + i % 2} for i in range(250)]
        connection.execute(text("UPDATE orders SET sku = :sku WHERE id = :id"), rows)
        assert connection.scalar(text("SELECT sku FROM orders WHERE id = 11")) == "s249"
        with pytest.raises(StatementRefused):
            connection.connection.cursor().execute(b"SELECT 1; SELECT email FROM customers")
    engine.dispose()


@pytest.mark.parametrize(
    "value",
    [
        extensions.AsIs(STOLEN),
        [[extensions.AsIs(STOLEN)]],
        (1, extensions.AsIs(STOLEN)),
        extensions.AsIs("ssn"),
        extensions.AsIs(f"'a'::text || {STOLEN}"),
        extensions.AsIs("'a'::text FROM customers"),
        extensions.AsIs("1 -- "),
        extensions.AsIs(rf"'\' || {STOLEN} --'"),
        extensions.AsIs(rf"E'a''\', '|| {STOLEN} --'"),
    ],
)
def test_psycopg2_parameters_are_no_sql(opened: Opened, value: object) -> None:
    """The driver writes them into the text after it was judged: what is more than a value is refused."""
    with opened("psycopg2").engine.connect() as connection:
        cursor: Any = connection.connection.cursor()
        refused(lambda: connection.execute(text("SELECT :x"), {"x": value}))
        refused(lambda: connection.exec_driver_sql("SELECT %s", (value,)))
        refused(lambda: connection.execute(text("UPDATE orders SET sku = :x"), [{"x": value}, {"x": value}]))
        refused(lambda: cursor.execute("SELECT %(x)s", UserDict(x=value)))
        refused(lambda: cursor.executemany("UPDATE orders SET sku = %s", [(value,)]))
        refused(lambda: psycopg2.extras.execute_values(cursor, "INSERT INTO orders (sku) VALUES %s", [(value,)]))


def test_psycopg2_parameters_of_every_kind_are_values(opened: Opened) -> None:
    """Those that adapters of the driver's and of applications write as literals arrive as they are."""

    class Number(float):
        pass

    extensions.register_adapter(Number, extensions.AsIs)
    given: dict[str, object] = {
        "'{\"a\": [1]}'": psycopg2.extras.Json({"a": [1]}),
        "'[1,3)'": psycopg2.extras.NumericRange(1, 3),
        "'[2020-01-01,2020-02-01)'": psycopg2.extras.DateRange(date(2020, 1, 1), date(2020, 2, 1)),
        "'{1,2}'": [1, 2],
        "'{{a,\"b c\"}}'": [["a", "b c"]],
        "'1 day'": timedelta(days=1),
        "'it''s \\ 100%'": "it's \\ 100%",
        "2.5": Number(2.5),
        "'RAW_ACCESS'": extensions.QuotedString("RAW_ACCESS"),
        "'x41'": extensions.Binary(b"x41"),
        "NULL": None,
    }
    with opened("psycopg2").engine.connect() as connection:
        for written, value in given.items():
            sql_text = f"SELECT %(v)s::text IS NOT DISTINCT FROM ({written.replace('%', '%%')})::text"
            is_same = connection.exec_driver_sql(sql_text, {"v": value}).scalar()
            assert is_same or isinstance(value, extensions.Binary)  # shown as `\\x78…`
        query = text("SELECT id FROM orders WHERE id = ANY(:ids) AND sku IN :skus ORDER BY id")
        found = connection.execute(query, {"ids": [10, 11], "skus": ("engine", "compiler")})
        assert found.scalars().all() == [10, 11]


def test_psycopg2_creator_is_refused(opened: Opened) -> None:
    """No guard fits a psycopg2 connection that exists already, so the engine does not connect."""
    url = opened("psycopg2").url.replace("+psycopg2", "")
    engine = create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(url))
    install(engine, policy=POLICY)
    with pytest.raises(RewriteError, match="creator="), engine.connect():
        pass
