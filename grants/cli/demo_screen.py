"""What a demo looks like: scenes, statements with their rows, commands with their output. Plain without colours."""

import shlex
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

_WIDTH = 100
_INDENT = "    "
_MASKED, _REVEALED = "dim", "bold green"


class Screen:
    """Standard output, laid out for a reader. `is_paused`: wait for Enter before each scene but the first."""

    def __init__(self, *, is_paused: bool = False) -> None:
        terminal = Console(highlight=False, markup=False, emoji=False)
        self._console = terminal
        if not terminal.is_terminal or terminal.width > _WIDTH:
            self._console = Console(width=_WIDTH, highlight=False, markup=False, emoji=False)
        self._is_paused = is_paused and terminal.is_terminal
        self._scenes = 0

    def title(self, title: str, line: str) -> None:
        """What this is."""
        self._console.print(Text(f"{title}  ", style="bold cyan") + Text(line))
        self._console.print()

    def scene(self, title: str, *lines: str) -> None:
        """A new scene, and what to know before it."""
        if self._is_paused and self._scenes:
            self._console.input("\n[Enter] ")
        self._scenes += 1
        heading = f"── {self._scenes}. {title} "
        self._console.print()
        self._console.print(heading.ljust(self._console.width, "─"), style="bold cyan")
        self.say(*lines)

    def say(self, *paragraphs: str) -> None:
        """Plain text, wrapped at the screen's width."""
        for paragraph in paragraphs:
            self._console.print(textwrap.fill(paragraph, self._console.width))

    def line(self, text: str, *, is_revealed: bool) -> None:
        """One line of something that is watched."""
        self._console.print(_INDENT + text, style=_REVEALED if is_revealed else _MASKED)

    def facts(self, facts: Mapping[str, str]) -> None:
        """Aligned names and values."""
        width = max(map(len, facts))
        for name, value in facts.items():
            self._console.print(Text(f"  {name:<{width}}  ", style="bold") + Text(value))

    def sql(self, heading: str, text: str) -> None:
        """A statement under its heading."""
        self._console.print()
        self._console.print(heading, style="bold")
        self.document(text, language="sql")

    def shell(self, *lines: str) -> None:
        """Commands to copy, each on a line however long."""
        for line in lines:
            self._console.print(_INDENT + line, style="bold", soft_wrap=True)

    def document(self, text: str, *, language: str) -> None:
        """Something written in a language, wrapped where it is too wide."""
        highlighted = Syntax(text, language, theme="ansi_dark").highlight(text)
        highlighted.rstrip()
        highlighted.no_wrap = False
        for line in highlighted.wrap(self._console, self._console.width - len(_INDENT)):
            line.rstrip()
            self._console.print(Text(_INDENT) + line)

    def rows(self, names: Sequence[str], rows: Iterable[Sequence[object]], *, notes: Mapping[str, str]) -> None:
        """A table. `notes`: column → `masked` or `revealed`, said in its heading."""
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", pad_edge=False)
        has_notes = not notes.keys().isdisjoint(names)
        for name in names:
            note = notes.get(name, "")
            style = {"masked": _MASKED, "revealed": _REVEALED}.get(note, "")
            table.add_column(f"{name}\n{note}" if has_notes else name, style=style)
        count = 0
        for count, row in enumerate(rows, start=1):  # noqa: B007 -- counts
            table.add_row(*("NULL" if cell is None else str(cell) for cell in row))
        self._console.print()
        with self._console.capture() as captured:
            self._console.print(table)
        for line in captured.get().splitlines():
            self._console.out(_INDENT + line.rstrip(), highlight=False)
        if not count:
            self._console.print(_INDENT + "(no rows)")

    def command(self, words: Sequence[str], *, shown: Mapping[str, str]) -> None:
        """`unmask` with `words`, as one types it; the environment variables in `shown` stand before it."""
        typed = [f"{name}={shlex.quote(value)}" for name, value in shown.items()]
        self._console.print()
        self._console.print(" ".join(["$", *typed, "unmask", *map(shlex.quote, words)]), style="bold", soft_wrap=True)

    @property
    def terminal(self) -> dict[str, str]:
        """Environment variables of a program whose output belongs on this screen."""
        size = {"COLUMNS": str(self._console.width), "LINES": "50"}
        return size if self._console.is_terminal else size | {"TERM": "dumb"}
