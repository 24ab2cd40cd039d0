"""Edits at positions of a text: what they leave alone stays byte for byte."""

from collections.abc import Iterable
from typing import NamedTuple


class Edit(NamedTuple):
    """Replace `text[start:end]` by `replacement`; `start == end` inserts."""

    start: int
    end: int
    replacement: str


def applied(text: str, edits: Iterable[Edit]) -> str:
    """`text` with every edit made; positions mean the original text.

    Raises:
        ValueError: two edits overlap.
    """
    pieces: list[str] = []
    done = 0
    for edit in sorted(edits):
        if edit.start < done:
            raise ValueError(f"edits overlap at {edit.start}")
        pieces += (text[done : edit.start], edit.replacement)
        done = edit.end
    return "".join((*pieces, text[done:]))
