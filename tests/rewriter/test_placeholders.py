"""The lexical gate: same length, same reading, or a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import parse_one

from masking.types import Dialect
from rewriter.errors import Reason, StatementRefused
from rewriter.placeholders import MAX_CHARACTERS, parseable
from rewriter.statement import read_statement


@pytest.mark.parametrize(
    "case",
    [
        ("postgresql", True, "a = %(id_1)s::INT AND b %% 2", "a = ?       ::INT AND b %  2"),
        ("postgresql", True, "LIKE 'x%%' -- 50%%", "LIKE 'x%%'        "),
        ("postgresql", False, "a = $1 AND b LIKE 'x%'", "a = ?  AND b LIKE 'x%'"),
        ("postgresql", False, "1 /* a /* b */ c */ + 2", "1                   + 2"),
        ("postgresql", False, "a <-|-> b, @ c", "a -     b, - c"),
        ("postgresql", False, "ORDER BY a USING <", "ORDER BY a        "),
        ("postgresql", False, "$t$ -- ' $t$ x", "$t$ -- ' $t$ x"),
        ("postgresql", False, "0x1F, 0o17, 0b1_1, 1_0.5_0e+1_0", "31  , 15  , 3    , 10.50e+10   "),
        ("postgresql", False, r"E'\' -- ' || x", r"E'\' -- ' || x"),
        ("mysql", True, "a = %s # why %%\n", "a = ?          \n"),
        ("mysql", False, r"'a\'b' -- c", r"'a\'b'     "),
        ("sqlite", False, "a = :x AND b = ?2 AND c = @y", "a = ?  AND b = ?  AND c = ? "),
        ("duckdb", False, "a = $1 AND b = ?", "a = ?  AND b = ?"),
        ("duckdb", False, "`a b`.c = `d`e", '"a b".c = "d"e'),
    ],
)
def test_placeholders_and_comments_become_blanks_in_place(case: tuple[Dialect, bool, str, str]) -> None:
    """What the parser must not see is blanked; everything else keeps its place."""
    dialect, is_doubled, sql, text = case
    assert parseable(sql, dialect, is_percent_doubled=is_doubled).text == text


@pytest.mark.parametrize(
    "case",
    [
        ("postgresql", True, "'50%'"),
        ("postgresql", True, "'%(x)s'"),
        ("postgresql", True, "/* %(x)s */ 1"),
        ("postgresql", True, "5 % 2"),
        ("postgresql", False, "a\u00a0b"),
        ("postgresql", False, "a\u200bb"),
        ("postgresql", False, "a\x00b"),
        ("postgresql", False, "'a\x00b'"),
        ("postgresql", False, "1_a"),
        ("postgresql", False, 'U&"x"'),
        ("postgresql", False, 'u&"x" UESCAPE '),
        ("mysql", False, "/*! 1 */"),
        ("mysql", False, "/*M! 1 */"),
        ("mysql", False, "/*+ SET_VAR(sql_mode='ANSI_QUOTES') */ 1"),
        ("mysql", False, "5--1"),
        ("sqlite", False, "a \\ b"),
        ("duckdb", False, "SELECT 1 `x -- `, ssn FROM customers"),
        ("duckdb", False, "1 `a``b`"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(case: tuple[Dialect, bool, str]) -> None:
    """Ambiguous forms do not pass."""
    dialect, is_doubled, sql = case
    with pytest.raises(StatementRefused) as caught:
        parseable(sql, dialect, is_percent_doubled=is_doubled)
    assert caught.value.reason is Reason.LEXICAL


def test_too_long_a_statement_is_refused() -> None:
    """Length is bounded before anything is scanned."""
    with pytest.raises(StatementRefused) as caught:
        parseable("x" * (MAX_CHARACTERS + 1), "sqlite")
    assert caught.value.reason is Reason.TOO_LARGE


@given(
    st.text(alphabet="aE'\"$`[]-/*#%s(x):?1 \n\\;=<>@é\u00a0", max_size=40),
    st.sampled_from(["postgresql", "mysql", "sqlite", "duckdb"]),
    st.booleans(),
)
def test_any_text_keeps_its_length_or_is_refused(sql: str, dialect: Dialect, is_doubled: bool) -> None:  # noqa: FBT001 -- drawn by Hypothesis
    """Positions in the parseable text are positions in the original."""
    try:
        read = parseable(sql, dialect, is_percent_doubled=is_doubled)
    except StatementRefused:
        return
    assert len(read.text) == len(sql)
    assert all(read.text[start + 1 : end - 1] == sql[start + 1 : end - 1] for start, end in read.quoted.items())


def test_the_parser_logs_no_literal(caplog: pytest.LogCaptureFixture) -> None:
    """What the parser does not understand of a literal is nobody's to read in a log; other users of it are heard."""
    sql = "SELECT js -> 'secret[]' FROM rich"
    parse_one(sql, dialect="mysql")
    assert "segment" in caplog.text, "the parser has nothing to say of it"
    caplog.clear()
    read_statement(sql, "mysql")
    assert not caplog.records
