"""What a dialect must be able to spell. Every function returns SQL text; texts given are SQL too unless said otherwise.

The text is inert for every driver: no `%`, `:`, `?`, backslash or line break, also within literals.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Literal, Protocol

from masking.constants import Fixed
from masking.masks import Hash
from masking.types import ColumnType

Unit = Literal["year", "month"]

_INERT = re.compile(r"[^%:?\\'\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\ufeff]+")


class Spelling(Protocol):
    """One dialect."""

    def string(self, text: str) -> str:
        """A literal that holds the Python text `text`, as a value of the dialect's unbounded text type."""

    def literal(self, value: Fixed, type_: ColumnType) -> str:
        """The Python value `value` (of the column's own type, see `masking.constants`) as SQL of that type."""

    def null(self, column: str, type_: ColumnType) -> str:
        """NULL of the column's type and collation."""

    def fixed(self, value: str, column: str, type_: ColumnType) -> str:
        """`value`, which does not depend on the row, with the column's exact type, affinity and collation."""

    def text(self, column: str, type_: ColumnType) -> str:
        """A text column's content, without padding."""

    def opaque(self, column: str) -> str:
        """Whether a text column's value is no text and must not be looked into; empty where there is no such value."""

    def left(self, text: str, count: int) -> str:
        """The first `count` characters; `count` is at least 1."""

    def right(self, text: str, count: int) -> str:
        """The last `count` characters; `count` is at least 1."""

    def length(self, text: str) -> str:
        """How many characters."""

    def greater(self, number: str, bound: int) -> str:
        """Whether an integer is greater than a Python integer."""

    def concatenated(self, *texts: str) -> str:
        """Texts after each other; at least one."""

    def contains(self, text: str, character: str) -> str:
        """Whether the Python character `character`, one of `@` and `.`, is in `text`."""

    def after_last(self, text: str, character: str) -> str:
        """What follows the last `character`, one of `@` and `.`, that `text` contains."""

    def finished(self, value: str, column: str, type_: ColumnType, *, longest: int | None = None) -> str:
        """`value` with the column's exact type, affinity and collation; text is cut to its length.

        `longest`: the most characters that a text can have; None: unknown.
        """

    def either(self, condition: str, column: str, masked: str, *, type_: ColumnType) -> str:
        """The column where `condition` holds, `masked` elsewhere; with the column's type, affinity and collation."""

    def pseudonym(self, column: str, type_: ColumnType, mask: Hash) -> str:
        """What `masking.masks.pseudonym` yields for the column, as text."""

    def truncated(self, column: str, type_: ColumnType, unit: Unit) -> str:
        """A DATE or TIMESTAMP column cut to its year or month."""

    def rounded_down(self, column: str, type_: ColumnType, size: Decimal) -> str:
        """An INTEGER, DECIMAL or FLOAT column rounded down to a multiple of `size`."""


def inert_parts(text: str, *, quote: Callable[[str], str], code: Callable[[int], str]) -> list[str]:
    """`text` as SQL parts to concatenate: runs of harmless characters quoted, each other character by its code."""
    parts: list[str] = []
    position = 0
    while position < len(text):
        run = _INERT.match(text, position)
        parts.append(quote(run.group()) if run else code(ord(text[position])))
        position = run.end() if run else position + 1
    return parts or [quote("")]


def plain(number: Decimal | float) -> str:
    """A number in digits, without an exponent."""
    return f"{Decimal(str(number)):f}"
