"""Literals that decide nothing but a value, taken out of a text: what is left is equal for texts of one shape.

`… WHERE id = 7 AND city IN ('Bonn', 'Köln')` → `… WHERE id = 7707177000 AND city IN ('7707177001')`, and beside it `7`
and `IN ('Bonn', 'Köln')`. A stand-in is a literal of the same kind between the same neighbours, so the engine reads the
text as it reads the template. This scan need not be right about quotes and comments for that: stand-ins that the gate
and the parser do not find where a value is compared or listed (`are_free`) make a template worthless, not wrong.
"""

import re
from collections.abc import Iterator
from typing import get_args

from sqlglot import exp

from masking.types import Dialect
from rewriter.lexical_forms import INSERTED
from rewriter.lexical_forms import parameter as parameter_form
from rewriter.records import record
from rewriter.statement import Statement

MARK = "7707177"
"""How each stand-in begins. A text that has these digits itself is not taken apart."""

NUMBERED = re.compile(rf"{MARK}(\d\d\d)")
_MOST = 1_000
_SIGNS = r"[-+*/<>=~!@#%^&|`?:]"
_COMPARED = rf"(?<!{_SIGNS})(?:<[=>]?+|[=>]=?+|!=)(?!{_SIGNS})\s*+"
_END = r"(?=\s*+(?:[),;]|\Z)|\s+[A-Za-z])"
"""What may come behind a literal: nothing that goes on with it, as another string would."""
_NUMBER = r"\d++(?:\.\d++)?+(?![\w.])"
_WORDS = "and|between|in|like|ilike|limit|offset|values"
_PLAIN = rf"(?:[^\w'\"`/<>=!\-]++|[^\WaAbBiIlLoOvV]\w*+|(?!(?i:{_WORDS})\b)\w++)*+"
"""What no free literal begins with, passed over in one go."""


def _scan(dialect: Dialect, *, is_percent_doubled: bool, is_insert: bool) -> re.Pattern[str]:
    """Operands, lists of literals, and the rows of an INSERT; without a group, what may hold the like and is none."""
    inside = r"(?:[^'\\\x00%]|''|%%)*+" if is_percent_doubled else r"(?:[^'\\\x00]|'')*+"
    text = rf"'{inside}'(?!')"
    parameter = f"(?:{parameter_form(dialect, is_percent_doubled=is_percent_doubled)})"
    lists = "|".join(rf"{item}\s*+(?:,\s*+(?:{item})\s*+)*+" for item in (_NUMBER, text, parameter))
    item = rf"\s*+(?:[-+]?+{_NUMBER}|{text}|(?i:null|true|false|default)\b|{parameter})\s*+"
    row = rf"\({item}(?:,{item})*+\)"
    rows = rf"|(?<![\w$.])(?i:values)\s*+(?P<row>{row})(?P<rows>(?:\s*+,\s*+{row})*+)" if is_insert else ""
    return re.compile(
        rf"{_PLAIN}(?:(?:{_COMPARED}|(?<![\w$.])(?i:like|ilike|between|and)\s++)"
        rf"(?i:(?:date|timestamp)\s++(?='))?+(?P<text>{text}){_END}"
        rf"|(?:{_COMPARED}|(?<![\w$.])(?i:between|and|limit|offset)\s++)(?:(?<=\s)-)?+(?P<number>{_NUMBER}){_END}"
        rf"|(?<![\w$.])(?P<list>(?i:in)\s*+\(\s*+(?:{lists})\)){rows}"
        r"|'(?:[^'\\]|\\.|'')*+'|\"[^\"]*+\"|`[^`]*+`|--[^\n]*+|/\*.*?\*/|\w++|\S|\Z)",
        re.DOTALL,
    )


_SCANS = {
    (dialect, doubled, insert): _scan(dialect, is_percent_doubled=doubled, is_insert=insert)
    for dialect in get_args(Dialect)
    for doubled in (False, True)
    for insert in (False, True)
}
_ITEMS = re.compile(rf"(?P<text>'(?:[^']|'')*+')|(?P<number>(?<![\w$?:]){_NUMBER})|%\([^()%]*+\)|[\w$?:@%]++|\S")
"""The items of a row, and what is between them."""


@record()
class Drawn:
    """A text in two parts: in `template`, each of `stand_ins` is there once, for the value of the same index."""

    template: str
    stand_ins: tuple[str, ...]
    values: tuple[str, ...]


def drawn(sql: str, dialect: Dialect, *, is_percent_doubled: bool) -> Drawn | None:
    """`sql` without its free literals; None where none was found."""
    spans = list(_spans(sql, dialect, is_percent_doubled=is_percent_doubled))
    if not spans or len(spans) > _MOST or MARK in sql:
        return None
    pieces: list[str] = []
    done = 0
    stand_ins = tuple([form.format(f"{MARK}{index:03}") for index, (_, _, form) in enumerate(spans)])
    for (start, end, _), stand_in in zip(spans, stand_ins, strict=True):
        pieces += (sql[done:start], stand_in)
        done = end
    return Drawn("".join((*pieces, sql[done:])), stand_ins, tuple([sql[start:end] for start, end, _ in spans]))


def _spans(sql: str, dialect: Dialect, *, is_percent_doubled: bool) -> Iterator[tuple[int, int, str]]:
    """Start and end of each free literal, and the form of what stands for it."""
    for found in _SCANS[dialect, is_percent_doubled, INSERTED.match(sql) is not None].finditer(sql):
        match found.lastgroup:
            case "text":
                yield *found.span("text"), "'{}'"
            case "number":
                yield *found.span("number"), _number(found["number"])
            case "list":
                yield *found.span("list"), f"IN ({_listed(found['list'])})"
            case "rows":
                yield from _rows(found)


def _number(text: str) -> str:
    return "{}.5" if "." in text else "{}"


def _listed(text: str) -> str:
    """A list of one item, of the kind that all items of the list are."""
    first = text[text.index("(") + 1 :].lstrip()
    match first[0]:
        case "'":
            return "'{}'"
        case "%":
            return "%({})s"
        case "?":
            return "?{}"
        case ":" | "$" | "@":
            return f"{first[0]}{'' if first[1].isdigit() else 'u'}{{}}"
        case _:
            return "{}"


def _rows(found: re.Match[str]) -> Iterator[tuple[int, int, str]]:
    """The literals of the first row, and the other rows as one."""
    start = found.start("row")
    for item in _ITEMS.finditer(found["row"]):
        if item.lastgroup is not None:
            form = "'{}'" if item.lastgroup == "text" else _number(item.group())
            yield start + item.start(), start + item.end(), form
    if found["rows"]:
        yield *found.span("rows"), ", ({})"


def is_list(stand_in: str) -> bool:
    """Whether a stand-in is for several literals."""
    return stand_in.endswith(")")


_OPERANDS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Like, exp.ILike, exp.Between, exp.And)
_PLACES = (*_OPERANDS, exp.In, exp.Limit, exp.Offset)


def are_free(statement: Statement, stand_ins: tuple[str, ...]) -> bool:
    """Whether each stand-in is an operand of a comparison, an item of a list, or a limit, and so but a value."""
    expected = {number.group(): stand_in for stand_in in stand_ins if (number := NUMBERED.search(stand_in))}
    for literal in statement.nodes(exp.Literal):
        stand_in = expected.get(literal.name.partition(".")[0])
        if stand_in is not None and is_value(literal):
            del expected[literal.name.partition(".")[0]]
    # The parser is not shown the names of parameters: a list of them is known by its letters.
    return statement.tree is not None and all(
        stand_in.startswith("IN (") and stand_in[4] in "%?:$@" for stand_in in expected.values()
    )


def is_value(literal: exp.Expr) -> bool:
    """Whether the parser has a literal where it can be nothing but a value that is compared, listed or counted."""
    above = literal.parent
    if isinstance(above, (exp.Neg, exp.Cast)):
        above = above.parent
    if isinstance(above, (exp.Tuple, exp.Paren)):
        return isinstance(above.parent, exp.Values)
    return isinstance(above, _PLACES)
