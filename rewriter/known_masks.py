"""Masks in a produced text, left out for the parser: they are the longest part of it, and what they are is known.

Each becomes a `NULL` of equal length, so every position holds. That is sound where a mask is a whole expression of its
own, and where it stands as code: not inside a literal, name or comment, and as an item of a select list.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from rewriter.binding import Binding, BoundColumn
from rewriter.statement import Statement, read_statement

_STAND_IN = "NULL"
_WORTHWHILE = 16
"""Shorter masks are parsed as they are."""


@dataclass(frozen=True, slots=True)
class Shortened:
    """`text` with a stand-in at each of `places`; of the original's length."""

    text: str
    places: frozenset[int]

    def is_sound(self, statement: Statement) -> bool:
        """Whether every stand-in is a token of `statement`, which was read from `text`.

        Read from the left, both texts are the same up to the first mask. If code begins there in one, so it does in
        the other, and as a mask is complete in itself it goes on behind it in both: up to the next one, and so forth.
        """
        return self.places <= {token.start for token in statement.tokens if token.token_type == TokenType.NULL}


def shortened(
    sql: str, binding: Binding, relations: Iterable[tuple[str, str]], *, is_percent_doubled: bool
) -> Shortened:
    """`sql` without the masks of `relations`, as far as they stand there to the letter."""
    places: set[int] = set()
    for mask, name in _masks(binding, relations):
        written = mask.replace("%", "%%") if is_percent_doubled else mask
        item = f" {written} AS {name}"
        start = sql.find(item)
        while start >= 0:
            end = start + len(item)
            if sql[end : end + 1] in (",", " "):
                places.add(start + 1)
                sql = f"{sql[: start + 1]}{_STAND_IN.ljust(len(written))}{sql[start + 1 + len(written) :]}"
            start = sql.find(item, end)
    return Shortened(sql, frozenset(places))


def _masks(binding: Binding, relations: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each mask that is worth it, and its column's quoted name."""
    for relation in relations:
        protected = binding.protected.get(relation)
        for column in protected.columns if protected is not None else ():
            if column.mask is not None and len(column.mask) >= _WORTHWHILE and _is_expression(column, binding):
                yield column.mask, column.sql


def _is_expression(column: BoundColumn, binding: Binding) -> bool:
    """Whether a mask is one complete expression. Found out once per mask."""
    key = ("expression", column.mask)
    known = binding.memo.get(key)
    if known is None:
        tree = read_statement(f"SELECT ({column.mask}) AS {column.sql}", binding.dialect).tree
        items = tree.expressions if isinstance(tree, exp.Select) else []
        is_bare = tree is not None and all(name == "expressions" for name, value in tree.args.items() if value)
        known = len(items) == 1 and is_bare and isinstance(items[0].unalias(), exp.Paren | exp.Subquery)
        binding.memo[key] = known
    return bool(known)
