"""What became of a template, and so of every text that differs from it in free literals alone.

The masked text of the template, cut where its stand-ins are: each was found there in one piece and outside of quotes,
so with the values in their places the engine reads the same statement, whose check is that of the template.
"""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain
from sys import getsizeof

from rewriter.free_literals import MARK, NUMBERED, Drawn, is_list
from rewriter.placeholders import Parseable, parseable
from rewriter.prepared import Outcome, Revealing, Safe
from rewriter.rewritten import Rewritten


@dataclass(frozen=True, slots=True)
class Stencil:
    """`outcome`: the template's; None where a text must be rewritten by itself.

    `kept`: the pieces of the masked template, and `order`: which value stands behind each of them but the last.
    """

    outcome: Outcome | None = None
    kept: tuple[str, ...] = ()
    order: tuple[int, ...] = ()

    def filled(self, text: str, values: tuple[str, ...]) -> Outcome:
        """What became of `text`, whose free literals are `values`."""
        pieces = [*chain.from_iterable(zip(self.kept, [values[index] for index in self.order], strict=False))]
        sql = "".join((*pieces, self.kept[-1]))
        if isinstance(self.outcome, Revealing):
            safe = Safe.of(sql, self.outcome.sql.aftermath)
            rewritten = replace(self.outcome.rewritten, sql=safe, original=text, told=[])
            return replace(self.outcome, sql=safe, rewritten=rewritten)
        assert self.outcome is not None
        return Safe.of(sql, self.outcome.aftermath)

    @property
    def weight(self) -> int:
        """Bytes."""
        return sum(map(getsizeof, self.kept)) + 50 * len(self.kept) + _BYTES


_BYTES = 1_500
"""What a stencil weighs beside its pieces, where it reveals something: measured, rounded up."""

UNFIT = Stencil()


def stencil(rewritten: Rewritten, drawn: Drawn, outcome: Outcome) -> Stencil:
    """`rewritten`, which was the template of `drawn`, cut at its stand-ins; UNFIT where one is not there as it was."""
    sql = str(rewritten.sql)
    read = parseable(sql, rewritten.dialect, is_percent_doubled=rewritten.is_percent_doubled)
    kept: list[str] = []
    order: list[int] = []
    done = 0
    for found in NUMBERED.finditer(sql):
        index = int(found[1])
        stand_in = drawn.stand_ins[index] if index < len(drawn.stand_ins) else ""
        start = found.start() - stand_in.find(MARK)
        if start < done or not stand_in or not _is_there(read, sql, start, stand_in=stand_in):
            return UNFIT
        kept.append(sql[done:start])
        order.append(index)
        done = start + len(stand_in)
    times = Counter(order)
    # A guard may repeat a literal. Of a list, the engine's order of parameters allows one.
    is_fit = all(
        times[index] == 1 or (times[index] and not is_list(each)) for index, each in enumerate(drawn.stand_ins)
    )
    return Stencil(outcome, (*kept, sql[done:]), tuple(order)) if is_fit else UNFIT


_GOING_ON = frozenset("_$.'\"`&\\")
"""What goes on with a literal or a word, as letters and digits do."""


def _is_there(read: Parseable, sql: str, start: int, *, stand_in: str) -> bool:
    """Whether `stand_in` is at `start`, all of it, with nothing that belongs to it beside, as code."""
    end = start + len(stand_in)
    beside = (sql[start - 1 : start], sql[end : end + 1])
    if sql[start:end] != stand_in or any(one.isalnum() or one in _GOING_ON for one in beside):
        return False
    item = start + (stand_in.index("(") + 1 if is_list(stand_in) else 0)
    if sql[item] == "'":
        return read.quoted.get(item) == sql.index("'", item + 1) + 1
    starts = list(read.quoted)
    before = bisect_right(starts, item) - 1
    is_quoted = before >= 0 and read.quoted[starts[before]] > item
    return not is_quoted and read.text[item] in (sql[item], "?")
