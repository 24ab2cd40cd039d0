"""Durations as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masking.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", timedelta(minutes=30)),
        ("8h", timedelta(hours=8)),
        ("1h30m", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        ("1w2d3h4m5s", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5)),
        (" 90s ", timedelta(seconds=90)),
    ],
)
def test_durations_are_read(text: str, expected: timedelta) -> None:
    """Units in their order, each once."""
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "8", "h", "30m1h", "1h1h", "-1h", "1.5h", "0m", "8H", "999999999w", "1h 30m", "٣m"]
)
def test_anything_else_is_not_a_duration(text: str) -> None:
    """A number without a unit least of all."""
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@given(st.integers(min_value=1, max_value=3_000_000_000))
def test_what_is_written_is_read_again(seconds: int) -> None:
    """Formatting and parsing are inverse."""
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration
