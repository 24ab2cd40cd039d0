"""Durations as people write them: `30m`, `8h`, `1h30m`, `7d`."""

import re
from datetime import timedelta

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile("".join(rf"(?:(\d{{1,9}}){unit})?" for unit in _UNITS), re.ASCII)
LONGEST = timedelta(days=36_500)
"""No duration is longer: far below what timestamps can hold, far above what a grant may last."""


def parse_duration(text: str) -> timedelta:
    """`text` as a duration longer than nothing.

    Weeks, days, hours, minutes and seconds, each at most once and in this order:

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)

    Raises:
        ValueError: not a duration, zero, or longer than a hundred years.
    """
    match = _DURATION.fullmatch(text.strip())
    seconds = sum(int(n) * size for n, size in zip(match.groups("0"), _UNITS.values(), strict=True)) if match else 0
    if not 0 < seconds <= LONGEST.total_seconds():
        raise ValueError(f"{text!r} is not a duration: write it like 30m, 8h, 1h30m or 7d")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """`duration` as `parse_duration` reads it, rounded up to whole seconds.

    >>> format_duration(timedelta(hours=1, minutes=30))
    '1h30m'
    """
    rest = -(-duration // timedelta(seconds=1))
    parts = []
    for unit, size in _UNITS.items():
        if unit == "w":  # weeks are read, but eight days read better as 8d than as 1w1d
            continue
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
