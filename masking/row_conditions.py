"""Row conditions: which rows of a table a grant covers. A closed form, parsed once and written for each dialect.

`column = literal`, with `<>`, `<`, `<=`, `>`, `>=` or `IN (literal, …)`, joined by `AND`. A literal is a number, a
string or TRUE/FALSE. What is written is made of the parsed form alone: no text of whoever asked gets into a statement.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NoReturn, Self

from masking.constants import Fixed, fitting
from masking.dialects import postgresql, spelling
from masking.errors import fault
from masking.types import ColumnType, Dialect, Kind

_TOKEN = re.compile(
    r"""(?P<word>[^\W\d][\w$]*) | (?P<name>"(?:[^"]|"")+") | (?P<text>'(?:[^']|'')*')
    | (?P<number>-?[0-9]{1,18}(?:\.[0-9]{1,18})?)(?![\w.]) | (?P<sign><=|>=|<>|!=|[=<>(),])""",
    re.VERBOSE,
)
_SIGNS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_RESERVED = frozenset({"and", "or", "not", "in", "is", "null", "true", "false", "like", "between", "select", "case"})
_COMPARABLE = frozenset(
    {Kind.TEXT, Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN, Kind.DATE, Kind.TIMESTAMP, Kind.UUID}
)
_HINT = "Write comparisons of columns with literals, such as id = 42 AND country IN ('SE', 'NO')."


class LiteralKind(StrEnum):
    """What a literal was written as."""

    NUMBER = "number"
    TEXT = "text"
    TRUTH = "truth"


@dataclass(frozen=True, slots=True)
class Value:
    """One literal: `text` is its digits, its content without quotes, or `TRUE` or `FALSE`."""

    kind: LiteralKind
    text: str

    @property
    def python(self) -> Fixed:
        """The literal as Python has it."""
        if self.kind is LiteralKind.TEXT:
            return self.text
        return self.text == "TRUE" if self.kind is LiteralKind.TRUTH else Decimal(self.text)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`column operator value`; several values stand for `IN`, whose operator is `=`."""

    column: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class RowCondition:
    """Comparisons that must all hold."""

    comparisons: tuple[Comparison, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The condition that `text` writes.

        Raises:
            PolicyError: it is not in this form.
        """
        reader = _Reader(list(_tokens(text)))
        comparisons = [_comparison(reader)]
        while reader.is_left:
            reader.expect_word("AND")
            comparisons.append(_comparison(reader))
        return cls(tuple(comparisons))

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it compares, as they were written."""
        return frozenset(comparison.column for comparison in self.comparisons)

    @property
    def shape(self) -> str:
        """The condition with every literal as `?`: `"id" = ? AND "country" IN (?, ?)`."""
        return " AND ".join(
            f"{_quoted(one.column)} {one.operator} ?"
            if len(one.values) == 1
            else f"{_quoted(one.column)} IN ({', '.join('?' * len(one.values))})"
            for one in self.comparisons
        )


def row_condition_sql(condition: RowCondition, columns: Mapping[str, tuple[str, ColumnType]], dialect: Dialect) -> str:
    """The condition as a SQL expression over one row. `columns`: those that it may compare, name → quoted name, type.

    Raises:
        PolicyError: it names another column, or a literal is no value of its column's type.
    """
    return _joined("AND", [_written(one, columns, dialect) for one in condition.comparisons])


def partly_masked(condition: str, column: str, masked: str, *, type_: ColumnType, dialect: Dialect) -> str:
    """The column in rows where the SQL `condition` holds, its mask elsewhere, in the column's own type."""
    return spelling(dialect).either(condition, column, masked, type_=type_)


def either_sql(conditions: Iterable[str]) -> str:
    """Whether one of these SQL conditions holds; at least one."""
    return _joined("OR", list(conditions))


def _joined(word: str, parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({f' {word} '.join(parts)})"


def _written(comparison: Comparison, columns: Mapping[str, tuple[str, ColumnType]], dialect: Dialect) -> str:
    alike = [comparison.column] if comparison.column in columns else []
    alike = alike or [name for name in columns if name.lower() == comparison.column.lower()]
    if len(alike) != 1:
        _fail(f"a row condition may not name the column {comparison.column}: its table has no such unmasked column")
    column, type_ = columns[alike[0]]
    if type_.kind not in _COMPARABLE:
        _fail(f"a row condition cannot compare the column {comparison.column}, whose type is {type_.sql}")
    literals = [spelling(dialect).literal(fitting(value.python, type_), type_) for value in comparison.values]
    return _joined("OR", [_compared(column, comparison.operator, literal, dialect=dialect) for literal in literals])


def _compared(column: str, operator: str, literal: str, *, dialect: Dialect) -> str:
    if dialect == "postgresql":
        return postgresql.operated(column, operator, literal)
    return f"({column} {operator} {literal})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _fail(message: str) -> NoReturn:
    raise fault(message, _HINT)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = len(text) - len(text.lstrip(" "))
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            _fail(f"the row condition cannot be read at character {position + 1}")
        yield match.lastgroup, match.group()
        position = match.end()
        while position < len(text) and text[position] == " ":
            position += 1


class _Reader:
    """The tokens of one condition, taken from the left."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._place = 0

    @property
    def is_left(self) -> bool:
        """Whether there is a token left."""
        return self._place < len(self._tokens)

    def take(self, expected: str) -> tuple[str, str]:
        """The next token. `expected`: what to say where there is none."""
        if not self.is_left:
            _fail(f"the row condition ends where {expected} is expected")
        self._place += 1
        return self._tokens[self._place - 1]

    def expect_word(self, word: str) -> None:
        """Raises unless the next token is this word."""
        kind, text = self.take(word)
        if kind != "word" or text.upper() != word:
            _fail(f"the parts of a row condition are joined by {word}")


def _comparison(reader: _Reader) -> Comparison:
    kind, text = reader.take("a column")
    if kind not in ("word", "name") or (kind == "word" and text.lower() in _RESERVED):
        _fail("a row condition compares a column, without its table, on the left with literals on the right")
    column = text[1:-1].replace('""', '"') if kind == "name" else text
    kind, text = reader.take("a comparison")
    if kind == "word" and text.upper() == "IN":
        return Comparison(column, "=", tuple(_list(reader)))
    if kind != "sign" or text not in _SIGNS:
        _fail("a row condition knows =, <>, <, <=, >, >= and IN only")
    return Comparison(column, _SIGNS[text], (_value(reader),))


def _list(reader: _Reader) -> Iterator[Value]:
    if reader.take("(")[1] != "(":
        _fail("the literals after IN stand in brackets, with commas between them")
    is_open = True
    while is_open:
        yield _value(reader)
        sign = reader.take(")")[1]
        if sign not in (",", ")"):
            _fail("the literals after IN stand in brackets, with commas between them")
        is_open = sign == ","


def _value(reader: _Reader) -> Value:
    kind, text = reader.take("a literal")
    if kind == "number":
        return Value(LiteralKind.NUMBER, text)
    if kind == "text":
        return Value(LiteralKind.TEXT, text[1:-1].replace("''", "'"))
    if kind == "word" and text.upper() in ("TRUE", "FALSE"):
        return Value(LiteralKind.TRUTH, text.upper())
    _fail("a row condition compares with literals only: numbers, 'text', TRUE or FALSE")
