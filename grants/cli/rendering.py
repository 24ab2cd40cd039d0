"""Text for people and JSON for programs.

What others wrote is shown without control characters and without markup, so that it cannot rewrite a terminal. Away
from a terminal there is no colour, no frame and no wrapping.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_UNBOUNDED = 100_000  # characters in a line that goes to no terminal
_FLOWING = {"WHO", "SCOPE", "REASON", "APPROVED BY", "COLUMNS", "WHY", "SHOWN AS"}
"""Headings of columns whose text may go over several lines."""
_SECOND = timedelta(seconds=1)
_NARROWEST = 12  # characters of a column whose text flows
_STYLES = {"pending": "yellow", "approved": "green", "denied": "red", "unreadable": "bold red", "failed": "bold red"}
_STYLES |= {"revealed": "bold", "refused": "red", "expired": "dim", "revoked": "dim"}


def _console(file: IO[str]) -> Console:
    # Made anew each time, because standard output may have been replaced meanwhile.
    width = None if file.isatty() else _UNBOUNDED
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def output_console() -> Console:
    """Standard output."""
    return _console(sys.stdout)


def error_console() -> Console:
    """Standard error."""
    return _console(sys.stderr)


def printable(text: str) -> str:
    """`text` without what could move a cursor, change a colour or turn the direction of writing."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def print_lines(text: str = "", *, style: str | None = None) -> None:
    """Prints `text`, which may be several lines; none of them is broken."""
    console = output_console()
    for line in text.splitlines() or [""]:
        console.print(printable(line), style=style, soft_wrap=True)


def print_json(document: object) -> None:
    """Prints `document` as JSON."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table; on a terminal, words that name a state stand out, and only longer text is broken."""
    console = output_console()
    frame = box.SIMPLE_HEAD if console.is_terminal else None
    table = Table(box=frame, show_edge=False, pad_edge=False, padding=(0, 1 if frame else 2, 0, 0), header_style="bold")
    for heading in headings:
        is_flowing = heading in _FLOWING
        table.add_column(heading, no_wrap=not is_flowing, overflow="fold", min_width=_NARROWEST if is_flowing else None)
    for row in rows:
        table.add_row(*(Text(printable(cell), style=_STYLES.get(cell, "")) for cell in row))
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        console.print(line.rstrip(), soft_wrap=True)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Prints `name  value` lines, the values aligned; a fact without a value is left out."""
    shown = [(name, value) for name, value in facts if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        first, *rest = value.splitlines()
        print_lines(f"  {name:<{width}}  {first}")
        for line in rest:
            print_lines(f"  {'':<{width}}  {line}")


def instant(at: datetime) -> str:
    """`2026-11-21T10:05:12.250000Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def shown_instant(at: datetime) -> str:
    """`2026-11-21 10:05:12 UTC`: cut to the second, so that nothing seems to last longer than it does."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def distance(at: datetime, now: datetime) -> str:
    """How far `at` is from `now`: `in 29 min`, `3 h 5 min ago`.

    >>> noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    >>> distance(noon + timedelta(minutes=29, seconds=59), noon)
    'in 29 min'
    >>> distance(noon + timedelta(hours=3), noon + timedelta(milliseconds=80))
    'in 3 h'
    """
    if at <= now:
        return f"{_span(now - at)} ago"
    # To the next whole second: what was granted for 30 minutes just now ends in 30, not in 29.
    return f"in {_span(-((now - at) // _SECOND) * _SECOND)}"


def _span(length: timedelta) -> str:
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"
