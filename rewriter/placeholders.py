"""Driver-level SQL text → parseable text of the same length, read exactly as the engine reads it.

The text that reaches the database is the caller's own, edited at positions that a parser found. Whatever the parser's
lexer and the engine's could read differently must therefore not pass: this module admits a closed set of token forms
per engine and refuses the rest. Comments become blanks, driver placeholders become `?`, every position stays.
"""

import re
from dataclasses import dataclass

from masking.types import Dialect
from rewriter.errors import Reason, StatementRefused

MAX_CHARACTERS = 4_000_000
"""Longest statement that is examined, in characters; a longer one is refused."""

_PYFORMAT = r"%\([^()%]*\)[sbt]|%[sbt]|%%"
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|\d+(?:_\d+)*(?:\.\d*)?(?:[eE][+-]?\d+)?")
_COMMENT_EDGE = re.compile(r"/\*|\*/")

# Alternatives are tried in order at each place; what none of them matches is plain ASCII words, operators and blanks.
_NUL = r"(?P<bad>[\x00-\x08\x0e-\x1f\x7f\\]|(?<![\w$])[uU]&['\"])"
_NUMERIC = r"(?P<number>(?<![\w$])(?:\d[\w.]*(?:(?<=[eE])[+-]\d+)?|\.\d\w*(?:(?<=[eE])[+-]\d+)?))"
_FOREIGN = r"(?P<foreign>[^\x00-\x7f]+)"
_ESCAPED = r"'(?:[^'\\]|\\.|'')*'"
_DOLLAR = r"(?<![\w$])\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$"

_OPERATORS = frozenset(
    "<> != <= >= || ~* !~ !~* ~~ !~~ -> ->> #> #>> @> <@ && << >> == // ** => ^@ <-> <=>".split()
) | frozenset("+-*/%<>=~^&|?")
"""Operators that the parser takes as PostgreSQL and DuckDB do; every other is read as a minus, which also stands in
either place, before one operand or between two: where tables stand does not depend on it."""

_TYPED_LITERAL = (
    r"(?P<typed>(?i:\b(?:box|circle|point|polygon|path|lseg|line|cidr|macaddr8?|varbit|money|xml|tsquery|tsvector|name|oid|jsonpath"
    r"|pg_lsn|bpchar|reg(?:class|type|proc|procedure|oper|role|namespace|config|dictionary)|(?:int4|int8|num|ts|tstz|date)(?:multi)?range))(?=\s*'))"
)
"""`box '(1,2,3,4)'`: the literal alone says as much of where tables stand."""

_USING_OPERATOR = r"(?P<using>(?i:(?<=\s)using)\s+[-+*/<>=~!@#%^&|`]+(?=[\s,)]|\Z))"

_FORMS: dict[Dialect, str] = {
    "postgresql": "|".join(
        (
            rf"(?P<quoted>(?<![\w$])[eE]{_ESCAPED}|(?<![\w$])[bBxXnN]'[^']*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|{_DOLLAR})",
            r"(?P<comment>--[^\n\r]*|/\*)",
            r"(?P<placeholder>(?<![\w$])\$\d+(?!\w))",
            _NUL,
            _NUMERIC,
            _FOREIGN,
            _USING_OPERATOR,
            _TYPED_LITERAL,
        )
    ),
    "duckdb": "|".join(
        (
            rf"(?P<quoted>(?<![\w$])[eE]{_ESCAPED}|(?<![\w$])[xX]'[^']*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|{_DOLLAR})",
            r"(?P<comment>--[^\n\r]*|/\*)",
            r"(?P<placeholder>(?<![\w$])\$\w+|\?\d*)",
            _NUL,
            _NUMERIC,
            _FOREIGN,
        )
    ),
    "mysql": "|".join(
        (
            r"(?P<quoted>(?<![\w$])[bBxXnN]'[^'\\]*'"
            r"|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`(?:[^`]|``)*`)",
            r"(?P<comment>--(?=[\x00-\x20]|\Z)[^\n]*|\#[^\n]*|/\*)",
            r"(?P<bad2>--)",
            _NUL,
            _NUMERIC,
            _FOREIGN,
        )
    ),
    "sqlite": "|".join(
        (
            r"(?P<quoted>(?<![\w$])[xX]'[^']*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\])",
            r"(?P<comment>--[^\n]*|/\*)",
            r"(?P<placeholder>\?\d*|(?<![\w$])[:@$][A-Za-z_]\w*|:\d+)",
            _NUL,
            _NUMERIC,
            _FOREIGN,
        )
    ),
}


_SIGNS = r"[-+*/<>=~!@#%^&|`?]"
_PLAIN = (
    r"(?P<plain>(?:[ \t\n\r\f,(;]++|\)(?!\s*+,\s*+\()|\.(?!\d)|[=<>*](?!" + _SIGNS + r")|\d++(?=[ \t\n\r\f,);]|\Z)"
    r"|(?![iIvVuU](?i:n|alues|sing)\b)[A-Za-z_][A-Za-z0-9_$]*+(?=[ \t\n\r\f,().;=<>*]|\Z)(?!\s*+'))++)"
)
"""A run of what every engine reads alike, so that it need not be looked at place by place: words, whole numbers,
blanks, commas, brackets. Words that may begin one of the other forms stay out of it."""

_PARAMETERS: dict[Dialect, str] = {
    "postgresql": r"\$\d++",
    "duckdb": r"\$\w++|\?\d*+",
    "sqlite": r"\?\d*+|[:@$][A-Za-z_]\w*+|:\d++",
    "mysql": r"(?!)",
}
_DOUBLED_PARAMETERS = r"%(?:\([^()%]*+\))?+[sbt]"


def _lists(dialect: Dialect, *, is_percent_doubled: bool, is_insert: bool) -> str:
    """Long lists of literals and placeholders, told by one look: `IN (1, 2, …)`, and rows between others in VALUES.

    What is in them reads no table and bears no name, so the parser need not see it.
    """
    parameters = _DOUBLED_PARAMETERS if is_percent_doubled else _PARAMETERS[dialect]
    inside = r"[^'\\\x00%]" if is_percent_doubled else r"[^'\\\x00]"
    string = rf"'{inside}*+(?:''{inside}*+)*+'"
    item = rf"\s*+(?:[-+]?\d++(?:\.\d++)?+|{string}|(?i:null|true|false|default)|{parameters})\s*+"
    row = rf"\s*+,\s*+\({item}(?:,{item})*+\)(?=\s*+,\s*+\()"
    rows = rf"(?P<rows>(?<=\))(?:{row}){{6,}}+)|" if is_insert else ""
    return rf"{rows}(?P<list>(?<![\w$.])(?i:in)\s*+\({item}(?:,{item}){{15,}}+\))"


def _compiled(dialect: Dialect, *, is_percent_doubled: bool, is_insert: bool) -> re.Pattern[str]:
    forms = _FORMS[dialect]
    percent = rf"(?P<percent>{_PYFORMAT}|%)" if is_percent_doubled else r"(?P<percent>(?!))"
    signs = {"postgresql": r"[-+*/<>=~!@#^&|`?]" + ("{2,}|[@#!`]" if is_percent_doubled else "{2,}|[@#!`]|%[-+*/<>=~!@#^&|`?%]+|[-+*/<>=~!@#^&|`?]+%[-+*/<>=~!@#^&|`?%]*"),
             "duckdb": r"[-+*/<>=~!@#^&|`]{2,}|[@!`]"}.get(dialect, "(?!)")  # fmt: skip
    lists = _lists(dialect, is_percent_doubled=is_percent_doubled, is_insert=is_insert)
    return re.compile(f"{lists}|{_PLAIN}|{forms}|{percent}|(?P<operator>{signs})", re.DOTALL)


_PATTERNS = {
    (dialect, doubled, insert): _compiled(dialect, is_percent_doubled=doubled, is_insert=insert)
    for dialect in _FORMS
    for doubled in (True, False)
    for insert in (True, False)
}
_INSERTED = re.compile(r"\s*+(?i:insert|replace)\b(?:(?!(?i:select|values)\b)[^'])*+(?i:values)\b")
"""The head of an INSERT whose rows are written out."""


@dataclass(frozen=True, slots=True)
class Parseable:
    """One statement's text made ready for the parser.

    `text` has the length of the original. `quoted`: start → end (exclusive) of each string and quoted identifier.
    `literals`: spans of strings' and numbers' candidates, for texts that must not show them.
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
    """The operator at the head of a run of signs, by PostgreSQL's rule: it ends before a comment, and in `+` or `-` only if it
    holds a sign that standard SQL has no operator for.
    """
    run = re.split(r"--|/\*", run)[0] or run
    while len(run) > 1 and run[-1] in "+-" and not set(run) & set("~!@#%^&|`?"):
        run = run[:-1]
    return run


def _has_parameter(items: str) -> bool:
    return any(sign in re.sub(r"'[^']*'", "", items) for sign in "?%:@$")


def _check_number(text: str) -> None:
    if not (_NUMBER.fullmatch(text) or re.fullmatch(r"\.\d+(?:[eE][+-]?\d+)?", text)):
        raise _refused("Separate numbers from the words next to them.")


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

    `is_percent_doubled`: whether the driver will process `%(x)s`, `%s` and `%%` (a pyformat or format driver, given parameters).

    Raises:
        StatementRefused: the text has a form that the engine and the parser may read differently.
    """
    if len(sql) > MAX_CHARACTERS:
        raise StatementRefused(Reason.TOO_LARGE, f"Keep a statement under {MAX_CHARACTERS} characters.")
    pieces: list[str] = []
    quoted: dict[int, int] = {}
    position = done = 0
    search = _PATTERNS[dialect, is_percent_doubled, _INSERTED.match(sql) is not None].search
    while match := search(sql, position):
        start, position = match.span()
        kind, text = match.lastgroup, match.group()
        if kind == "tag":
            kind = "quoted"
        match kind:
            case "plain":
                continue
            case "quoted":
                _check_quoted(text, is_percent_doubled=is_percent_doubled)
                quoted[start] = position
                continue
            case "number":
                _check_number(text)
                continue
            case "foreign":
                _check_foreign(text)
                continue
            case "comment":
                if text == "/*":
                    position = _block_comment_end(sql, start, dialect)
                comment = sql[start:position]
                _check_quoted(comment, is_percent_doubled=is_percent_doubled)
                blank = re.sub(r"[^\n]", " ", comment)
            case "list":
                # The brackets keep their places: edits may go by them.
                blank = "in(" + ("?" if _has_parameter(text) else "1").ljust(len(text) - 4) + ")"
            case "rows":
                blank = " " * len(text)
            case "operator":
                text = _operator(text)
                position = start + len(text)
                if text in _OPERATORS:
                    continue
                blank = "-".ljust(len(text))
            case "using" | "typed":
                blank = " " * len(text)
            case "placeholder":
                blank = "?".ljust(len(text))
            case "percent":
                if text == "%":
                    raise _refused("Write the percent operator as %% in a statement with parameters.")
                blank = "% " if text == "%%" else "?".ljust(len(text))
            case _:
                raise _refused(
                    "Leave out control characters, backslashes outside strings, U& literals, and -- without a blank after it."
                )
        pieces += (sql[done:start], blank)
        done = position
    return Parseable("".join((*pieces, sql[done:])) if pieces else sql, quoted)


def check_quotes_closed(text: str, quoted: dict[int, int], dialect: Dialect) -> None:
    """Every quote character belongs to a closed literal.

    Raises:
        StatementRefused: a quote is left open.
    """
    marks = {"postgresql": "'\"", "duckdb": "'\"", "mysql": "'\"`", "sqlite": "'\"`["}[dialect]
    position = 0
    for start, end in quoted.items():
        if any(mark in text[position:start] for mark in marks):
            raise _refused("Close every quote.")
        position = end
    if any(mark in text[position:] for mark in marks):
        raise _refused("Close every quote.")
