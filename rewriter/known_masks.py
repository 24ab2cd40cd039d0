"""Masks in a produced text, left out for the parser: they are the longest part of it, and what they are is known.

Each becomes a `NULL`, which reads nothing. That is sound where a mask is a whole expression of its own, and where it
stands as code: not inside a literal, name or comment, and as an item of a select list.
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
    """`text` with a stand-in at each of `places`."""

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
    items = {f" {mask} AS {name}": f" {_STAND_IN} AS {name}" for mask, name in _masks(binding, relations)}
    if is_percent_doubled:
        items = {item.replace("%", "%%"): short.replace("%", "%%") for item, short in items.items()}
    found = sorted((start, item) for item in items for start in _places(sql, item))
    pieces: list[str] = []
    places: set[int] = set()
    done = length = 0
    for start, item in found:
        if start < done:
            continue
        places.add(length + start - done + 1)
        pieces += (sql[done:start], items[item])
        length += start - done + len(items[item])
        done = start + len(item)
    return Shortened("".join((*pieces, sql[done:])), frozenset(places))


def _places(sql: str, item: str) -> Iterator[int]:
    """Where a select item stands."""
    start = sql.find(item)
    while start >= 0:
        end = start + len(item)
        if sql[end : end + 1] in (",", " "):
            yield start
        start = sql.find(item, end)


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
