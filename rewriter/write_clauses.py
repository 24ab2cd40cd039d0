"""Where the expressions of a write stand in its text: what it assigns, its conditions, what RETURNING shows.

The parser's tree says what they are, but not where one ends.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from rewriter.statement import Statement
from rewriter.token_runs import is_at, word_at
from rewriter.writes import Write


class ClauseKind(StrEnum):
    """What an expression of a write is for."""

    VALUE = "assigned"
    CONFLICT_VALUE = "assigned where a row is in the way"
    CONDITION = "decides on rows"
    CONFLICT_CONDITION = "decides on rows that are in the way"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class WriteClause:
    """One expression: its first and last token."""

    kind: ClauseKind
    first: int
    last: int


_VALUES = (ClauseKind.VALUE, ClauseKind.CONFLICT_VALUE)
_CONDITIONS = (ClauseKind.CONDITION, ClauseKind.CONFLICT_CONDITION)
_OPENING = (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE)
_CLOSING = (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE)
_ENDS = frozenset(("from", "using", "order", "order by", "limit", "when", "then", "values", "insert", "delete"))


def write_clauses(statement: Statement, write: Write) -> tuple[WriteClause, ...]:
    """The expressions of a write that stand behind its target's name, each condition in its conjuncts.

    Those of FROM and USING, of the rows of an INSERT and of a list that is assigned at once are left out.
    """
    reader = _Reader(statement.tokens, write)
    reader.read(statement.after(max(scan.end for scan in write.targets)))
    return tuple(reader.found)


class _Reader:
    """One walk over the tokens at the write's own level. `joints`: where AND may part the condition that is read."""

    def __init__(self, tokens: tuple[Token, ...], write: Write) -> None:
        self.found: list[WriteClause] = []
        self._tokens = tokens
        self._is_merge = isinstance(write.node, exp.Merge)
        self._is_source = isinstance(write.node, exp.Insert)
        self._is_conflict = False
        self._is_index = False
        self._kind: ClauseKind | None = None
        self._first = 0
        self._ranges = 0
        self._joints: list[int] | None = []

    def read(self, start: int) -> None:
        """Find the clauses from a token on, up to the write's end."""
        depth = cases = 0
        for index in range(start, len(self._tokens)):
            kind = self._tokens[index].token_type
            depth += (kind in _OPENING) - (kind in _CLOSING)
            if depth < 0:
                self._end(index)
                return
            word = word_at(self._tokens, index) if depth == 0 else ""
            if cases == 0 and depth == 0:
                self._step(index, word)
            cases += (word == "case") - (word == "end" and cases > 0)
        self._end(len(self._tokens))

    def _step(self, index: int, word: str) -> None:
        """What a token at the write's own level begins or ends."""
        is_conflict = word == "on" and word_at(self._tokens, index + 1) == "conflict"
        if self._is_source and not (is_conflict or word == "returning"):
            return
        self._is_source = False
        if is_conflict:
            self._end(index)
            self._is_conflict = self._is_index = True
        elif word == "do":
            self._is_index = False
        elif word == "set":
            self._begin(index, ClauseKind.CONFLICT_VALUE if self._is_conflict else ClauseKind.VALUE)
        elif word == "where" or (word == "on" and self._is_merge):
            kind = ClauseKind.CONFLICT_CONDITION if self._is_conflict else ClauseKind.CONDITION
            self._begin(index, None if self._is_index else kind)
        elif word == "returning":
            self._begin(index, ClauseKind.RETURNED)
        elif (word in _ENDS or word == "on") and word_at(self._tokens, index - 1) != "distinct":
            self._end(index)
        elif is_at(self._tokens, index, TokenType.COMMA):
            self._begin(index, self._kind)
        else:
            self._connect(index, word)

    def _connect(self, index: int, word: str) -> None:
        """AND parts conditions, unless an OR stands beside it or it goes on in a range."""
        match word:
            case "between":
                self._ranges += 1
            case "or" | "xor":
                self._joints = None
            case "and" if self._ranges:
                self._ranges -= 1
            case "and" if self._kind is None and self._is_merge:
                self._begin(index, ClauseKind.CONDITION)
            case "and" if self._joints is not None:
                self._joints.append(index)
            case _:
                pass

    def _begin(self, index: int, kind: ClauseKind | None) -> None:
        self._end(index)
        self._kind, self._first, self._ranges, self._joints = kind, index + 1, 0, []

    def _end(self, end: int) -> None:
        kind, self._kind = self._kind, None
        if kind is None:
            return
        first, joints = self._first, []
        if kind in _VALUES:
            is_list = is_at(self._tokens, first, TokenType.L_PAREN)
            first = next((at for at in range(first, end) if is_at(self._tokens, at, TokenType.EQ)), end) + 1
            first = end if is_list else first
        elif kind in _CONDITIONS:
            joints = self._joints or []
        for low, high in pairwise((first - 1, *joints, end)):
            if low + 1 < high:
                self.found.append(WriteClause(kind, low + 1, high - 1))
