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
from rewriter.statement import Statement


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


def stencil(rewritten: Rewritten, statement: Statement, drawn: Drawn, *, outcome: Outcome) -> Stencil:
    """`rewritten`, cut at its stand-ins; UNFIT where one is not there as it was.

    It is what became of `statement`, the template of `drawn`, and `outcome` what is to be done with it.
    """
    sql = rewritten.sql
    lexed = _lexed(rewritten, statement)
    marks = list(NUMBERED.finditer(sql))
    shown = marks if lexed.sql is sql else list(NUMBERED.finditer(lexed.sql))
    if [mark.group() for mark in marks] != [mark.group() for mark in shown]:
        return UNFIT
    kept: list[str] = []
    order: list[int] = []
    done = 0
    for mark, same in zip(marks, shown, strict=True):
        index = int(mark[1])
        stand_in = drawn.stand_ins[index] if index < len(drawn.stand_ins) else MARK
        start, offset = mark.start() - stand_in.index(MARK), same.start() - mark.start()
        if start < done or not _is_whole(sql, start, stand_in) or not _is_code(lexed, start + offset, stand_in):
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


@dataclass(frozen=True, slots=True)
class _Lexed:
    """A masked text as the engine's lexer reads it, or what is left of it without its masked tables."""

    sql: str
    read: Parseable


def _lexed(rewritten: Rewritten, statement: Statement) -> _Lexed:
    sql = rewritten.sql
    if sql is statement.sql:
        return _Lexed(sql, Parseable(statement.text, statement.quoted))
    if rewritten.aside is not None:
        return _Lexed(rewritten.aside.sql, rewritten.aside.read)
    return _Lexed(sql, parseable(sql, rewritten.dialect, is_percent_doubled=rewritten.is_percent_doubled))


_GOING_ON = frozenset("_$.'\"`&\\")
"""What goes on with a literal or a word, as letters and digits do."""


def _is_whole(sql: str, start: int, stand_in: str) -> bool:
    """Whether `stand_in` is at `start`, all of it, with nothing that belongs to it beside."""
    end = start + len(stand_in)
    beside = (sql[start - 1 : start], sql[end : end + 1])
    return sql[start:end] == stand_in and not any(one.isalnum() or one in _GOING_ON for one in beside)


def _is_code(lexed: _Lexed, start: int, stand_in: str) -> bool:
    """Whether the lexer finds the literal of a `stand_in` at `start`, and not what is inside of quotes or a comment."""
    read, sql = lexed.read, lexed.sql
    item = start + (stand_in.index("(") + 1 if is_list(stand_in) else 0)
    if sql[item] == "'":
        return read.quoted.get(item) == sql.index("'", item + 1) + 1
    starts = list(read.quoted)
    before = bisect_right(starts, item) - 1
    is_quoted = before >= 0 and read.quoted[starts[before]] > item
    return not is_quoted and read.text[item] in (sql[item], "?")
