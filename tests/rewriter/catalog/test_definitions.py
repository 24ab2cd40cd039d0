"""What `rewriter.catalog.definitions` reads from CREATE statements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter.catalog.definitions import ColumnText, ViewText, column_texts, view_text


@pytest.mark.parametrize(
    ("create", "expected"),
    [
        ("CREATE VIEW v AS SELECT 1", ViewText("SELECT 1")),
        ("CREATE VIEW v(a, b) AS SELECT 1, 2;", ViewText("SELECT 1, 2", ("a", "b"))),
        ("create temp view if not exists s.v as\nselect 1", ViewText("select 1")),
        ("CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1", ViewText("SELECT 1")),
        ('CREATE VIEW "as" ("a""b", [c d], `e``f`) AS SELECT 1', ViewText("SELECT 1", ('a"b', "c d", "e`f"))),
        ("CREATE VIEW /* AS x */ v -- (AS\n AS SELECT ';'", ViewText("SELECT ';'")),
        ("CREATE VIEW v AS VALUES (1), (2)", ViewText("VALUES (1), (2)")),
        ("CREATE TABLE view (a INTEGER)", None),
        ("CREATE VIEW v (a", None),
        ("CREATE VIEW", None),
        ("", None),
    ],
)
def test_a_view_is_its_select_and_its_column_list(create: str, expected: ViewText | None) -> None:
    """The prefix is cut off where it ends, and nowhere else."""
    assert view_text(create) == expected


@pytest.mark.parametrize(
    ("create", "expected"),
    [
        ("CREATE TABLE t (a TEXT, b INTEGER)", {}),
        ("CREATE TABLE t (A TEXT COLLATE NOCASE)", {"a": ColumnText("NOCASE")}),
        ("CREATE TABLE t (a TEXT CHECK (a COLLATE nocase <> ''), b)", {}),
        ("CREATE TABLE t (a, b AS (a + (1)) STORED)", {"b": ColumnText(generation="a + (1)")}),
        (
            "CREATE TABLE t (a DECIMAL(10, 2), b GENERATED ALWAYS AS((a * 2)) COLLATE rtrim)",
            {"b": ColumnText("rtrim", "(a * 2)")},
        ),
        ('CREATE TABLE t (a DEFAULT \'x, b COLLATE nocase\', "c)" COLLATE "odd")', {"c)": ColumnText('"odd"')}),
        ("CREATE TABLE t AS SELECT 1", {}),
        ("CREATE TABLE t (a AS (1", {"a": ColumnText(generation="")}),
    ],
)
def test_columns_say_their_collation_and_their_expression(create: str, expected: dict[str, ColumnText]) -> None:
    """Clauses inside parentheses, literals and comments are not the column's own."""
    assert column_texts(create) == expected


@given(st.text(alphabet="CREATE VIEW AS(),;'\"[]`-/*ab\n"))
def test_no_text_is_too_odd_to_read(text: str) -> None:
    """Whatever the text, the answer is an answer."""
    view_text(text)
    view_text(f"CREATE VIEW {text}")
    column_texts(f"CREATE TABLE t ({text}")
