"""Documents as tests see them: fenced blocks, what they claim, and a shell in which their commands are tried."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_ID = r"\b[abcdefghjkmnpqrstuvwxyz2-9]{4}-[abcdefghjkmnpqrstuvwxyz2-9]{4}\b"  # as `grants.records` makes them
_INSTANT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
_DISTANCE = r"\bin \d+ (?:s|min|h|d)\b"
_SPECIAL = re.compile(rf"(?P<id>{_ID})|(?P<instant>{_INSTANT})|(?P<distance>{_DISTANCE})|(?P<any>…)|(?P<gap> {{2,}})")
_STATEFUL = (". ", "export ", "cd ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A fenced block. `info`: what stands after its backquotes; `line`: where it begins, from 1."""

    path: Path
    line: int
    info: str
    text: str

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a `console` block, and the output that the document shows for it."""

    line: str
    output: str


def fences(path: Path) -> Iterator[Fence]:
    """Every fenced block of the document, in its order."""
    info, start, held = None, 0, list[str]()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        mark = re.match(r" *(?:```+|~~~+)(.*)", line)
        if mark and info is None:
            info, start, held = mark[1].strip(), number, []
        elif mark:
            yield Fence(path=path, line=start, info=info or "", text="".join(f"{one}\n" for one in held))
            info = None
        else:
            held.append(line)
    assert info is None, f"{path.name}:{start}: the block has no end"


def commands(fence: Fence) -> Iterator[Command]:
    """The commands of a `sh` block, or of a `console` block with their output."""
    if fence.info == "sh":
        yield from (Command(line, "") for line in fence.text.splitlines() if line.strip())
        return
    first, *rest = re.split(r"^\$ ", fence.text, flags=re.MULTILINE)
    assert not first.strip(), f"{fence}: there is output before the first command"
    for block in rest:
        line, _, output = block.partition("\n")
        yield Command(line, output)


@dataclass(slots=True)
class Shell:
    """A shell in one folder. `names`: ids as the document has them → as they are this time."""

    cwd: Path
    environment: Mapping[str, str]
    names: dict[str, str] = field(default_factory=dict)
    _before: list[str] = field(default_factory=list)

    def run(self, line: str) -> tuple[int, str]:
        """The exit code and all output of one line."""
        for named, actual in self.names.items():
            line = line.replace(named, actual)
        script = "\n".join([*self._before, line])
        done = subprocess.run(  # noqa: S603 -- what the repository's own document says
            ["sh", "-c", script],  # noqa: S607 -- any will do
            cwd=self.cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode == 0 and line.startswith(_STATEFUL):
            self._before.append(line)
        return done.returncode, done.stdout

    def has_shown(self, expected: str, output: str) -> bool:
        """Whether `output` is what the document shows; ids that it sees for the first time are learnt.

        `…` stands for anything, and alone on a line for any lines; instants and times left may be others.
        """
        groups: dict[str, str] = {}
        lines = (
            r"(?:.*\n)*?" if line == "…" else self._pattern(line, groups) + r" *\n" for line in expected.splitlines()
        )
        match = re.fullmatch("".join(lines), output if output.endswith("\n") or not output else f"{output}\n")
        if match:
            self.names |= {named: match[group] for named, group in groups.items()}
        return match is not None

    def _pattern(self, line: str, groups: dict[str, str]) -> str:
        parts, end = [], 0
        for found in _SPECIAL.finditer(line):
            parts.append(re.escape(line[end : found.start()]))
            parts.append(self._special(found, groups))
            end = found.end()
        return "".join(parts) + re.escape(line[end:])

    def _special(self, found: re.Match[str], groups: dict[str, str]) -> str:
        if found.lastgroup != "id":
            patterns = {"instant": _INSTANT, "distance": _DISTANCE, "any": ".*", "gap": " {2,}"}
            return patterns[str(found.lastgroup)]
        if found[0] in self.names:
            return re.escape(self.names[found[0]])
        if found[0] in groups:
            return f"(?P={groups[found[0]]})"
        groups[found[0]] = f"id{len(groups)}"
        return f"(?P<{groups[found[0]]}>{_ID})"
