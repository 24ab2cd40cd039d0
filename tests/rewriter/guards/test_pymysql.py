"""PyMySQL: its own cursors read masks, and the ways round them are closed."""

from contextlib import closing
from typing import Any

import pymysql
import pymysql.cursors
import pytest

from rewriter import StatementRefused
from tests.rewriter.guarded import READ, Opened, opened, refused
from tests.rewriter.hooked import is_raw

__all__ = ["opened"]


def test_pymysql_cursors_and_query(opened: Opened) -> None:
    """Cursor classes, cursors made round cursor(), and Connection.query() read masks."""
    with opened("pymysql").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        for factory in (pymysql.cursors.DictCursor, pymysql.cursors.SSCursor, pymysql.cursors.SSDictCursor):
            with closing(raw.cursor(factory)) as cursor:
                cursor.execute(READ)
                assert not is_raw(list(cursor.fetchall()))
        made_by_hand: tuple[Any, ...] = (pymysql.cursors.Cursor, pymysql.cursors.SSCursor)
        for factory in made_by_hand:
            with closing(factory(raw)) as cursor:
                cursor.execute("SELECT email FROM customers WHERE id = %s", (1,))
                assert not is_raw(list(cursor.fetchall()))
        raw.query(READ)
        assert not is_raw(raw._result.rows)  # noqa: SLF001 -- where such a caller finds them


def test_pymysql_batches_and_closed_ways(opened: Opened) -> None:
    """Executemany composes its batch of text that was rewritten; procedures, select_db and warnings are refused."""
    with opened("pymysql").engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        cursor = raw.cursor()
        cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s)", [(90, 1, "a"), (91, 1, "b")])
        cursor.execute("SELECT COUNT(*) FROM orders")
        assert cursor.fetchall() == ((4,),)
        with pytest.raises(StatementRefused):
            cursor.executemany("INSERT INTO orders SELECT 92, %s, sleep(email) FROM customers", [(1,)])
        refused(lambda: cursor.callproc("anything"))
        refused(lambda: raw.select_db("mysql"))
        refused(lambda: raw.set_character_set("gbk"))
        refused(raw.show_warnings)
