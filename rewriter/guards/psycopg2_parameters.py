"""psycopg2 writes parameters into the text itself: what it writes must be values, and not SQL (`AsIs`)."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from psycopg2 import extensions

_PLAIN = frozenset(
    {str, int, float, bool, bytes, bytearray, memoryview, Decimal, date, datetime, time, timedelta, type(None)}
)
"""Types that the driver itself writes as literals."""

_LITERALS = re.compile(
    r"""(?: [\s,()\[\]]
      | (?<![\w'])[eE] '(?:[^'\\]|\\.|'')*+'
      | (?<![\w']) '(?:[^']|'')*+'
      | [-+]? (?:\d+(?:\.\d*)?|\.\d+) (?:[eE][-+]?\d+)? (?!\w)
      | :: \s* "?\w+"? (?: \. "?\w+"? )? (?:\[\])*
      | (?<!\w) (?i: null | true | false | array | hstore | (?:int4|int8|num|ts|tstz|date)range ) (?!\w)
      | \|\| | =>
    )*""",
    re.VERBOSE | re.DOTALL,
)
"""What adapters write for values: literals, arrays and ranges of them, casts.

Strings end where they end for PostgreSQL: a backslash means something behind E alone, since no session may turn
`standard_conforming_strings` off, and a doubled quote is never read as an end and a beginning.
"""


def values(parameters: Any, connection: Any, refuse: Callable[[str], None]) -> Any:
    """`parameters`, once the driver is known to write values for them; `refuse` is called where it would write SQL."""
    kind = type(parameters)
    if kind is dict:
        if _PLAIN.issuperset(map(type, parameters.values())):
            return parameters
    elif kind is tuple or kind is list:
        if _PLAIN.issuperset(map(type, parameters)):
            return parameters
    elif parameters is None or isinstance(parameters, str | bytes):
        return parameters

    def written(value: object) -> object:
        return _written(value, connection, refuse)

    if isinstance(parameters, Mapping):
        return {name: written(value) for name, value in parameters.items()}
    return tuple(map(written, parameters))


def _is_plain(value: object) -> bool:
    return type(value) in _PLAIN or (type(value) in (list, tuple) and all(map(_is_plain, value)))  # type: ignore[call-overload] # a list or tuple


def _written(value: object, connection: Any, refuse: Callable[[str], None]) -> object:
    """A value, or what an adapter writes for it: that alone, should the adapter write something else the next time."""
    if _is_plain(value):
        return value
    adapted: Any = extensions.adapt(value)
    if hasattr(adapted, "prepare"):
        adapted.prepare(connection)
    text = bytes(adapted.getquoted()).decode(extensions.encodings[connection.encoding])
    if _LITERALS.fullmatch(text) is None:
        refuse(f"a parameter that {type(value).__name__} writes as SQL")
    return extensions.AsIs(text)
