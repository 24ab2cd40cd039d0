"""Driver-level SQL text → parseable text of the same length, read exactly as the engine reads it.

The text that reaches the database is the caller's own, edited at positions that a parser found. Whatever the parser's
lexer and the engine's could read differently must therefore not pass: this module admits a closed set of token forms
per engine and refuses the rest. Comments become blanks, driver placeholders become `?`, every position stays.
"""

import re

from masking.types import Dialect
from rewriter.errors import Reason, StatementRefused
from rewriter.lexical_forms import INSERTED, OPERATORS, PATTERNS
from rewriter.records import record

MAX_CHARACTERS = 4_000_000
"""Longest statement that is examined, in characters; a longer one is refused."""

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|\d+(?:_\d+)*(?:\.\d*)?(?:[eE][+-]?\d+)?")
_DIGITS = r"\d+(?:_\d+)*"
_NUMBER_IN_POSTGRESQL = re.compile(
    rf"0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|{_DIGITS}(?:\.(?:{_DIGITS})?)?(?:[eE][+-]?{_DIGITS})?"
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@record()
class Parseable:
    """One statement's text made ready for the parser.

    `text` has the length of the original. `quoted`: start → end (exclusive) of each string and quoted identifier.
    """

    text: str
    quoted: dict[int, int]


def _refused(hint: str) -> StatementRefused:
    return StatementRefused(Reason.LEXICAL, hint)


def _block_comment_end(sql: str, start: int, dialect: Dialect) -> int:
    """The place after the block comment that opens at `start`; PostgreSQL and DuckDB nest them."""
    if dialect == "mysql":
        if sql.startswith(("/*!", "/*M!"), start):
            raise _refused("Leave out executable comments (/*! … */).")
        if sql.startswith("/*+", start) and "set_var" in sql[start : sql.find("*/", start)].lower():
            raise _refused("Leave out the SET_VAR hint.")
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        if edge.group() == "/*":
            depth += 1
        elif depth > 0:
            depth -= 1
        is_nesting = dialect in ("postgresql", "duckdb")
        if depth == 0 or (edge.group() == "*/" and not is_nesting):
            return edge.end()
    raise _refused("Close the comment that begins with /*.")


def _operator(run: str) -> str:
    """The operator at the head of a run of signs, by PostgreSQL's rule.

    It ends before a comment, and in `+` or `-` only if it holds a sign that standard SQL has no operator for.
    """
    run = re.split(r"--|/\*", run)[0] or run
    while len(run) > 1 and run[-1] in "+-" and not set(run) & set("~!@#%^&|`?"):
        run = run[:-1]
    return run


def _has_parameter(items: str) -> bool:
    return any(sign in re.sub(r"'[^']*'", "", items) for sign in "?%:@$")


def _number(text: str, dialect: Dialect) -> str | None:
    """What the parser is to see of a number: PostgreSQL 16's `0x1F`, `0o17` and `1_000` as decimals.

    Earlier versions read a name behind the first digits there, where a name can be but an output's: no table's.
    """
    number = _NUMBER_IN_POSTGRESQL if dialect == "postgresql" else _NUMBER
    if not (number.fullmatch(text) or re.fullmatch(rf"\.{_DIGITS}(?:[eE][+-]?{_DIGITS})?", text)):
        raise _refused("Separate numbers from the words next to them.")
    is_of_another_base = text[1:2] in tuple("xXoObB")
    if dialect != "postgresql" or not (is_of_another_base or "_" in text):
        return None
    decimal = str(int(text, 0)) if is_of_another_base else text.replace("_", "")
    return decimal.ljust(len(text)) if len(decimal) <= len(text) else "9" * len(text)


def _check_foreign(text: str) -> None:
    if not all(c.isalnum() for c in text):
        raise _refused("Use plain ASCII white space and symbols outside quotes.")


def _check_quoted(text: str, *, is_percent_doubled: bool) -> None:
    if "\x00" in text:
        raise _refused("Leave out NUL characters.")
    if is_percent_doubled and "%" in text.replace("%%", ""):
        raise _refused("Write parameters outside quotes, and a percent sign inside quotes as %%.")


def parseable(sql: str, dialect: Dialect, *, is_percent_doubled: bool = False) -> Parseable:
    """`sql` with comments blanked and placeholders written as `?`, length and positions kept.

    `is_percent_doubled`: whether the driver will process `%(x)s`, `%s` and `%%` (a pyformat or format driver that is
    given parameters).

    Raises:
        StatementRefused: the text has a form that the engine and the parser may read differently.
    """
    if len(sql) > MAX_CHARACTERS:
        raise StatementRefused(Reason.TOO_LARGE, f"Keep a statement under {MAX_CHARACTERS} characters.")
    pieces: list[str] = []
    quoted: dict[int, int] = {}
    position = done = 0
    search = PATTERNS[dialect, is_percent_doubled, INSERTED.match(sql) is not None].search
    while match := search(sql, position):
        start, position = match.span()
        kind = match.lastgroup
        if kind == "plain":
            continue
        if kind in ("quoted", "tag"):
            _check_quoted(match.group(), is_percent_doubled=is_percent_doubled)
            quoted[start] = position
            continue
        if kind == "backquoted":
            quoted[start] = position
        if kind == "comment" and match.group() == "/*":
            position = _block_comment_end(sql, start, dialect)
        if kind == "operator":
            position = start + len(_operator(match.group()))
        blank = _blank(kind, sql[start:position], dialect=dialect, is_percent_doubled=is_percent_doubled)
        if blank is not None:
            pieces += (sql[done:start], blank)
            done = position
    return Parseable("".join((*pieces, sql[done:])) if pieces else sql, quoted)


def without_comments(sql: str, dialect: Dialect) -> str:
    """`sql` with its comments as blanks, and everything else as it stands."""
    pieces: list[str] = []
    position = done = 0
    search = PATTERNS[dialect, False, INSERTED.match(sql) is not None].search
    while match := search(sql, position):
        start, position = match.span()
        if match.lastgroup == "comment":
            position = _block_comment_end(sql, start, dialect) if match.group() == "/*" else position
            pieces += (sql[done:start], re.sub(r"[^\n]", " ", sql[start:position]))
            done = position
        elif match.lastgroup == "operator":
            position = start + len(_operator(match.group()))
    return "".join((*pieces, sql[done:]))


def hidden_pieces(sql: str, dialect: Dialect, *, is_percent_doubled: bool) -> dict[int, str]:
    """Place → operators and names of types that `parseable` did not show to the parser, though they have a meaning."""
    found: dict[int, str] = {}
    position = 0
    search = PATTERNS[dialect, is_percent_doubled, INSERTED.match(sql) is not None].search
    while match := search(sql, position):
        start, position = match.span()
        kind = match.lastgroup
        if kind == "comment" and match.group() == "/*":
            position = _block_comment_end(sql, start, dialect)
        if kind == "operator":
            position = start + len(_operator(match.group()))
        text = sql[start:position]
        if kind in ("typed", "using") or (kind == "operator" and text not in OPERATORS):
            found[start] = text
    return found


def _blank(kind: str | None, text: str, *, dialect: Dialect, is_percent_doubled: bool) -> str | None:
    """What stands for `text` in the parser's eyes, of the same length; None where it is read as it is."""
    match kind:
        case "number":
            return _number(text, dialect)
        case "foreign":
            _check_foreign(text)
            return None
        case "comment":
            _check_quoted(text, is_percent_doubled=is_percent_doubled)
            return re.sub(r"[^\n]", " ", text)
        case "list":  # the brackets keep their places: edits may go by them
            return "in(" + ("?" if _has_parameter(text) else "1").ljust(len(text) - 4) + ")"
        case "rows" | "using" | "typed" | "unicode":
            return " " * len(text)
        case "operator":
            return None if text in OPERATORS else "-".ljust(len(text))
        case "backquoted":
            return f'"{text[1:-1]}"'
        case "placeholder":
            return "?".ljust(len(text))
        case "percent":
            return _percent(text)
        case _:
            raise _refused(
                'Leave out control characters, backslashes outside strings, U&"…" names, and -- without a blank after.'
            )


def _percent(text: str) -> str:
    if text == "%":
        raise _refused("Write the percent operator as %% in a statement with parameters.")
    return "% " if text == "%%" else "?".ljust(len(text))


def check_quotes_closed(text: str, quoted: dict[int, int], dialect: Dialect) -> None:
    """Every quote character belongs to a closed literal.

    Raises:
        StatementRefused: a quote is left open.
    """
    search = _MARKS[dialect].search
    position = 0
    for start, end in (*quoted.items(), (len(text), 0)):
        if search(text, position, start) is not None:
            raise _refused("Close every quote.")
        position = end


_MARKS: dict[Dialect, re.Pattern[str]] = {
    "postgresql": re.compile("['\"]"),
    "duckdb": re.compile("['\"]"),
    "mysql": re.compile("['\"`]"),
    "sqlite": re.compile("['\"`[]"),
}
