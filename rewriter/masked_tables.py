"""Masked derived tables in a produced text, each told by its letters and set aside.

`(SELECT "id", <mask> AS "email" FROM "public"."customers"` → `(SELECT 0 FROM unmask_masked`: what is left is short, and
names a sensitive relation only where a scan of it was not masked. What the letters must be, the binding alone says.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from masking.names import ColumnName
from rewriter.binding import Binding, BoundColumn, Protected, quotation_mark
from rewriter.errors import LeakError
from rewriter.placeholders import Parseable, check_quotes_closed, parseable
from rewriter.records import record
from rewriter.statement import read_statement

STAND_IN = "(SELECT 0 FROM unmask_masked"
"""What stands for a masked derived table up to the end of its relation's name."""

_MOST_QUOTED = 10
"""So many texts of masked tables may stand inside literals before a statement is given up."""

_QUOTED = {'"': r'"(?:[^"]|"")*+"', "`": r"`(?:[^`]|``)*+`"}
_RELATIONS = {
    mark: re.compile(rf" FROM (?:ONLY )?((?:{name}\.)++{name})(?![.{mark}])") for mark, name in _QUOTED.items()
}


@record()
class SetAside:
    """A produced text without its masked tables.

    `read`: as the engine's lexer reads it. `places`: where the stand-ins begin. `texts`: what stood there.
    """

    read: Parseable
    sql: str
    places: tuple[int, ...]
    texts: tuple[str, ...]
    is_percent_doubled: bool


def set_aside(sql: str, binding: Binding, revealed: frozenset[ColumnName], *, is_percent_doubled: bool) -> SetAside:
    """`sql` with a stand-in for each masked derived table.

    Read from the left, both texts are the same up to the first of them. If code begins there in one, so it does in the
    other, and as the table is made of whole expressions and names, it goes on behind it in both: up to the next one,
    and so forth.

    Raises:
        StatementRefused: the text has a form that the engine and the parser may read differently.
        LeakError: texts of masked tables stand in many literals.
    """
    tables = list(_tables(sql, binding, revealed, is_percent_doubled=is_percent_doubled))
    for _ in range(_MOST_QUOTED):
        text, places = _without(sql, tables)
        read = parseable(text, binding.dialect, is_percent_doubled=is_percent_doubled)
        check_quotes_closed(read.text, read.quoted, binding.dialect)
        quoted_one = _first_outside_code(read, places)
        if quoted_one is None:
            texts = tuple(sql[start:end] for start, end in tables)
            return SetAside(read, text, tuple(places), texts, is_percent_doubled)
        del tables[quoted_one]
    raise LeakError("the text of a masked table stands in many literals")


def _without(sql: str, tables: list[tuple[int, int]]) -> tuple[str, list[int]]:
    pieces: list[str] = []
    places: list[int] = []
    done = length = 0
    for start, end in tables:
        length += start - done
        places.append(length)
        length += len(STAND_IN)
        pieces += (sql[done:start], STAND_IN)
        done = end
    return "".join((*pieces, sql[done:])), places


def _first_outside_code(read: Parseable, places: list[int]) -> int | None:
    """The first of `places` that lies in a literal, a quoted name or a comment."""
    starts = list(read.quoted)
    for index, place in enumerate(places):
        before = bisect_right(starts, place) - 1
        is_quoted = before >= 0 and read.quoted[starts[before]] > place
        if is_quoted or not read.text.startswith(STAND_IN, place):
            return index
    return None


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a masked table of one relation begins.

    `whole`: the pattern up to FROM. `item`: one item, its group a bare name. `bare`: the names that may stand bare, and
    the empty one for a mask. `tries`: how many openings may have to be looked at.
    """

    whole: re.Pattern[str]
    item: re.Pattern[str]
    bare: frozenset[str]
    tries: int

    def begins(self, sql: str, start: int, end: int) -> bool:
        """Whether `sql[start:end]` is such a beginning."""
        is_whole = self.whole.fullmatch(sql, start, end) is not None
        return is_whole and self.bare.issuperset(self.item.findall(sql, start, end))


def _tables(
    sql: str, binding: Binding, revealed: frozenset[ColumnName], *, is_percent_doubled: bool
) -> Iterator[tuple[int, int]]:
    """Start and end of each masked derived table, up to the end of its relation's name."""
    known = _by_name(binding, is_percent_doubled=is_percent_doubled)
    done = 0
    for found in _RELATIONS[quotation_mark(binding.dialect)].finditer(sql):
        protected = known.get(found.group(1))
        if protected is None:
            continue
        shape = _shape(protected, binding, revealed, is_percent_doubled=is_percent_doubled)
        start = found.start()
        for _ in range(shape.tries):
            start = sql.rfind("(SELECT ", done, start)
            if start < 0:
                break
            if shape.begins(sql, start, found.start()):
                done = found.end()
                yield start, done
                break


def _by_name(binding: Binding, *, is_percent_doubled: bool) -> dict[str, Protected]:
    """Protected relations by their full names as they stand in a text."""
    key = ("protected by name", is_percent_doubled)
    known = binding.memo.get(key)
    if known is None:
        every = (*binding.protected.values(), *binding.catalogs.values())
        known = {_written(p.sql, is_percent_doubled=is_percent_doubled): p for p in every}
        binding.memo[key] = known
    assert isinstance(known, dict)
    return known


def _written(generated: str, *, is_percent_doubled: bool) -> str:
    """Generated SQL as it stands in a text that the driver turns `%%` into `%` in."""
    return generated.replace("%", "%%") if is_percent_doubled else generated


def _shape(
    protected: Protected, binding: Binding, revealed: frozenset[ColumnName], *, is_percent_doubled: bool
) -> _Shape:
    """What a masked table of `protected` looks like. Worked out once for each set of its columns that is revealed."""
    shown = revealed.intersection(c.name for c in protected.columns if c.name is not None) if revealed else revealed
    key = ("masked table", protected.relation.key, shown, is_percent_doubled)
    known = binding.memo.get(key)
    if known is None:
        hidden = masked_words(protected, shown)
        masked = [c for c in protected.columns if c.mask is not None and c.name not in shown]
        masks = [c.projection for c in masked if _is_expression(c, binding)]
        bare = [c.sql for c in protected.columns if c.word not in hidden]
        if is_percent_doubled:
            masks, bare = [text.replace("%", "%%") for text in masks], [text.replace("%", "%%") for text in bare]
        name = _QUOTED[quotation_mark(binding.dialect)]
        # The longest first: one name may begin as another one does.
        longest = sorted(map(re.escape, masks), key=len, reverse=True)
        items, grouped = ("|".join((*longest, group, *protected.system)) for group in (name, f"({name})"))
        known = binding.memo[key] = _Shape(
            # Without groups: Python's `re` loses count of them where what repeats them is possessive.
            whole=re.compile(rf"\(SELECT (?:1|(?:{items})(?:, (?:{items}))*+)"),
            item=re.compile(grouped),
            bare=frozenset((*bare, "")),
            tries=1 + sum(mask.count("(SELECT ") for mask in masks),
        )
    assert isinstance(known, _Shape)
    return known


def masked_words(protected: Protected, revealed: frozenset[ColumnName]) -> frozenset[str]:
    """Names, in lower case, of the columns of a relation that must not be read raw."""
    words = {c.word for c in protected.columns if c.mask is not None and c.name not in revealed}
    return frozenset(words | {c.word for c in protected.columns if c.generation is not None and words})


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
