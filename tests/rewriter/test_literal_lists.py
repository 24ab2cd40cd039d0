"""Long lists of literals are left out for the parser, and nothing else is."""

import pytest

from masking.types import Dialect
from rewriter.errors import StatementRefused
from rewriter.fingerprint import fingerprint
from rewriter.placeholders import parseable
from rewriter.recorded_text import without_literals
from rewriter.statement import read_statement

DIALECTS: tuple[Dialect, ...] = ("postgresql", "mysql", "sqlite", "duckdb")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_long_in_list_is_one_literal(dialect: Dialect) -> None:
    """Its brackets keep their places, and its length does not tell two statements apart."""
    texts = [f"SELECT a FROM t WHERE b IN ({', '.join(['1', chr(39) + 'x' + chr(39)] * n)}) LIMIT 1" for n in (9, 400)]
    first, second = (read_statement(text, dialect) for text in texts)
    assert first.text.index(")") == first.sql.index(")")
    assert fingerprint(first) == fingerprint(second)
    assert without_literals(first) == "SELECT a FROM t WHERE b in ( ? ) LIMIT ?"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_between_the_first_and_the_last_are_left_out(dialect: Dialect) -> None:
    """What stands behind the rows keeps its place."""
    rows = ", ".join(["(1, 'it''s', NULL, -2.5)"] * 500)
    statement = read_statement(f"INSERT INTO t VALUES {rows} ON CONFLICT DO NOTHING", dialect)
    assert without_literals(statement).count("(") == 2
    assert statement.text.index("ON CONFLICT") == statement.sql.index("ON CONFLICT")


@pytest.mark.parametrize(
    "item",
    ["a", "f(1)", "(SELECT 1)", "1 + 1", "b.c", '"a"', "'x' || a", "E'x'", "1 x", "", "current_user", "'a' 'b'", "@x"],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_no_literal_stays(dialect: Dialect, item: str) -> None:
    """A list that holds anything else is read in full, or refused."""
    for text in (f"(1), {'(2), ' * 20}({item}), (3)", f"(1), {'(2), ' * 3}({item}), {'(2), ' * 3}({item})"):
        try:
            read = parseable(f"INSERT INTO t VALUES {text}", dialect)
        except StatementRefused:
            continue
        assert f"({item})" in read.text or item.startswith("@")
    listed = f"SELECT 1 FROM t WHERE b IN ({'1, ' * 30}{item})"
    try:
        assert parseable(listed, dialect).text == listed or item.startswith("@")
    except StatementRefused:
        return


def test_rows_outside_an_insert_stay() -> None:
    """A select list may look like rows, and its items are counted."""
    sql = f"SELECT f(1), {', '.join(['(2)'] * 30)} FROM t ORDER BY 12"
    assert parseable(sql, "postgresql").text == sql
    sql = f"INSERT INTO u {sql}"
    assert parseable(sql, "postgresql").text == sql


def test_placeholders_in_lists_stay_placeholders() -> None:
    """Every driver's: an alias made of the text would be one more parameter."""
    sql = f"SELECT 1 FROM t WHERE b IN ({', '.join(f'%(b_{n})s' for n in range(40))})"
    read = parseable(sql, "mysql", is_percent_doubled=True)
    assert len(read.text) == len(sql)
    assert "in(?" in read.text


@pytest.mark.parametrize(
    "sql", ["INSERT INTO t VALUES (1" + ", 1" * 60_000 + " x", "INSERT INTO t VALUES (1)" + ", (1)" * 60_000 + ", (x"]
)
def test_a_list_that_breaks_late_is_no_trap(sql: str) -> None:
    """Its reading stays linear: this would not end if it were not."""
    assert len(parseable(sql, "sqlite").text) == len(sql)
