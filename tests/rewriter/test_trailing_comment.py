"""A trailing comment is set aside only where it is inert whatever stands before it."""

import pytest

from rewriter.trailing_comment import split_comment


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("SELECT 1 /*traceparent='00-a-b-01'*/", "SELECT 1"),
        ("SELECT 1/* controller='x', action=\"y\" */", "SELECT 1"),
        ("SELECT 1 /*route='/a/b;c'*/", "SELECT 1"),
        ("SELECT 1 -- line /*c*/", "SELECT 1 -- line"),
    ],
)
def test_comments_that_are_set_aside(text: str, bare: str) -> None:
    """Both parts put together are the text again."""
    found = split_comment(text, is_formatted=False)
    assert found[0] == bare
    assert "".join(found) == text


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "/*all*/",
        "SELECT 1 /*! , ssn */",
        "SELECT 1 /*M! , ssn */",
        "SELECT 1 /*+ hint */",
        "SELECT 1 -- x /*\n, ssn FROM customers -- */",
        "SELECT 1 /* a \\ */",
        "SELECT 1 /* ? */",
        "SELECT 1 /* $1 */",
        "SELECT 1 /* \u2028 */",
        "SELECT 1 /* \x00 */",
        "SELECT 1 /* a */ b */",
    ],
)
def test_comments_that_stay(text: str) -> None:
    """Executable comments and hints, line breaks, placeholders and anything that nests are read with the statement."""
    assert split_comment(text, is_formatted=False) == (text, "")


def test_percent_signs() -> None:
    """Where the driver substitutes, a percent sign must be doubled, or it were a placeholder."""
    single, doubled = "SELECT 1 /*a='%2F'*/", "SELECT 1 /*a='%%2F'*/"
    assert split_comment(single, is_formatted=False)[1]
    assert not split_comment(single, is_formatted=True)[1]
    assert split_comment(doubled, is_formatted=True)[1]
