"""The token forms that each engine and the parser read alike, as regular expressions.

Alternatives are tried in order at each place. What none of them matches is plain ASCII words, operators and blanks.
"""

import re

from masking.types import Dialect

_PYFORMAT = r"%\([^()%]*\)[sbt]|%[sbt]|%%"

# Alternatives are tried in order at each place; what none of them matches is plain ASCII words, operators and blanks.
_NUL = r"(?P<bad>[\x00-\x08\x0e-\x1f\x7f\\]|(?<![\w$])[uU]&['\"])"
_NUMERIC = r"(?P<number>(?<![\w$])(?:\d[\w.]*(?:(?<=[eE])[+-]\d[\d_]*)?|\.\d\w*(?:(?<=[eE])[+-]\d[\d_]*)?))"
_FOREIGN = r"(?P<foreign>[^\x00-\x7f]+)"
_ESCAPED = r"'(?:[^'\\]|\\.|'')*'"
_DOLLAR = r"(?<![\w$])\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$"

OPERATORS = frozenset(
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

_TILDES = r"(?P<typed>~{2,})"
"""Complements of complements, which the parser takes for LIKE and GLOB."""

_UNICODE = r"(?P<unicode>(?<![\w$])[uU]&(?='))"
"""The mark of a string with escapes such as `U&'\0061'`: it ends where a plain string would."""

_HEX = r"(?P<unicode>(?<![\w$])[xX](?='[0-9a-fA-F]*'(?!')))"
"""The mark of DuckDB's `x'41'`, which the parser does not know there: the string alone says as much."""

_FORMS: dict[Dialect, str] = {
    "postgresql": "|".join(
        (
            _UNICODE,
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
            _HEX,
            rf"(?P<quoted>(?<![\w$])[eE]{_ESCAPED}|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|{_DOLLAR})",
            r"(?P<backquoted>`[\w $.]+`(?!`))",
            r"(?P<comment>--[^\n\r]*|/\*)",
            r"(?P<placeholder>(?<![\w$])\$\w+|\?\d*)",
            r"(?P<bad2>`)",
            _NUL,
            _NUMERIC,
            _FOREIGN,
        )
    ),
    "mysql": "|".join(
        (
            r"(?P<quoted>(?<![\w$])[bBxXnN]'[^'\\]*'|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`(?:[^`]|``)*`)",
            r"(?P<comment>--(?=[\x00-\x20]|\Z)[^\n]*|\#[^\n]*|/\*)",
            r"(?P<bad2>--)",
            _NUL,
            _NUMERIC,
            _FOREIGN,
            _TILDES,
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
            _TILDES,
        )
    ),
}


_SIGNS = r"[-+*/<>=~!@#%^&|`?]"
_PLAIN = (
    r"(?P<plain>(?:(?![iIvVuU](?i:n|alues|sing)\b)[A-Za-z_][A-Za-z0-9_$]*+(?=[ \t\n\r\f,().;=<>*]|\Z)(?!\s*+')"
    r"[ \t\n\r\f,(;]*+|[ \t\n\r\f,(;]++|\)(?!\s*+,\s*+\()|\.(?!\d)|[=<>*](?!" + _SIGNS + r")"
    r"|\d++(?=[ \t\n\r\f,);]|\Z))++)"
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


def parameter(dialect: Dialect, *, is_percent_doubled: bool) -> str:
    """The forms of a driver's parameter, as a regular expression."""
    return _DOUBLED_PARAMETERS if is_percent_doubled else _PARAMETERS[dialect]


def _lists(dialect: Dialect, *, is_percent_doubled: bool, is_insert: bool) -> str:
    """Long lists of literals and placeholders, told by one look: `IN (1, 2, …)`, and rows between others in VALUES.

    What is in them reads no table and bears no name, so the parser need not see it.
    """
    parameters = parameter(dialect, is_percent_doubled=is_percent_doubled)
    inside = r"[^'\\\x00%]" if is_percent_doubled else r"[^'\\\x00]"
    string = rf"'{inside}*+(?:''{inside}*+)*+'"
    item = rf"\s*+(?:[-+]?\d++(?:\.\d++)?+|{string}|(?i:null|true|false|default)|{parameters})\s*+"
    row = rf"\s*+,\s*+\({item}(?:,{item})*+\)(?=\s*+,\s*+\()"
    rows = rf"(?P<rows>(?<=\))(?:{row}){{6,}}+)|" if is_insert else ""
    return rf"{rows}(?P<list>(?<![\w$.])(?i:in)\s*+\({item}(?:,{item}){{15,}}+\))"


def _signs(dialect: Dialect, *, is_percent_doubled: bool) -> str:
    """Runs of signs that may be one operator, and single signs that the parser takes for something else."""
    match dialect:
        case "postgresql":
            signs = r"[-+*/<>=~!@#^&|`?]"
            with_percent = "" if is_percent_doubled else rf"|%[-+*/<>=~!@#^&|`?%]+|{signs}+%[-+*/<>=~!@#^&|`?%]*"
            return rf"{signs}{{2,}}|[@#!`]{with_percent}"
        case "duckdb":
            return r"[-+*/<>=~!@#^&|]{2,}|[@!]"
        case "mysql" | "sqlite":
            return "(?!)"


def _compiled(dialect: Dialect, *, is_percent_doubled: bool, is_insert: bool) -> re.Pattern[str]:
    forms = _FORMS[dialect]
    percent = rf"(?P<percent>{_PYFORMAT}|%)" if is_percent_doubled else r"(?P<percent>(?!))"
    signs = _signs(dialect, is_percent_doubled=is_percent_doubled)
    lists = _lists(dialect, is_percent_doubled=is_percent_doubled, is_insert=is_insert)
    return re.compile(f"{lists}|{_PLAIN}|{forms}|{percent}|(?P<operator>{signs})", re.DOTALL)


PATTERNS = {
    (dialect, doubled, insert): _compiled(dialect, is_percent_doubled=doubled, is_insert=insert)
    for dialect in _FORMS
    for doubled in (True, False)
    for insert in (True, False)
}
INSERTED = re.compile(r"\s*+(?i:insert|replace)\b(?:(?!(?i:select|values)\b)[^'])*+(?i:values)\b")
"""The head of an INSERT whose rows are written out."""


def _pieces(dialect: Dialect, *, is_percent_doubled: bool) -> re.Pattern[str]:
    percent = r"(?P<percent>%%)|(?P<parameter>%\([^()%]*\)[sbt]|%[sbt])" if is_percent_doubled else r"(?P<percent>(?!))"
    return re.compile(
        rf"{_FORMS[dialect]}|{percent}|(?P<word>[A-Za-z_][\w$]*)|(?P<space>[ \t\n\r\f\v]+)|(?P<sign>.)", re.DOTALL
    )


PIECES = {
    (dialect, doubled): _pieces(dialect, is_percent_doubled=doubled) for dialect in _FORMS for doubled in (True, False)
}
"""Every piece of a statement, one after the other, lists of literals in full."""


_UPPER = str.maketrans({letter: letter.upper() for letter in "abcdefghijklmnopqrstuvwxyz"})


def folded(word: str) -> str:
    """A word in upper case, so far as every engine takes two letters for one: `ä` and `Ä` stay two."""
    return word.upper() if word.isascii() else word.translate(_UPPER)
