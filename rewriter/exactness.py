"""Whether a statement runs with exactly the values that a grant is bound to, written as literals or handed over beside.

The fingerprint says which statement it is; this says which values. Both a literal and a parameter of the same value are
that value, so that what was approved as `id = 42` may run as `id = :id` with 42. What cannot be told for certain does
not match. Stored is a salted hash, `v1:<salt>:<hash>`: the salt makes equal statements of two requests look different.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from uuid import UUID

from masking.types import Dialect
from rewriter.lexical_forms import PIECES, folded


class Unknown(Enum):
    """Parameters of which nothing is known, not even that there is one set: a batch, or a driver's own cursor."""

    PARAMETERS = "unknown"


UNKNOWN = Unknown.PARAMETERS
_VERSION = "v1"
_NAMED = re.compile(r"%\((?P<pyformat>[^()%]*)\)[sbt]|[:@$](?P<name>[A-Za-z_]\w*)")
_NUMBERED = re.compile(r"[$?](?P<number>\d+)")
_POSITIONAL = frozenset({"?", "%s", "%b", "%t"})
_PREFIXES: Mapping[type, str] = {
    str: "s",
    **dict.fromkeys((int, float, Decimal), "n"),
    **{kind: f"{kind.__name__} " for kind in (bool, bytes, type(None), date, datetime, time, UUID)},
}
"""What tells values of one kind from those of another that are written alike."""
_PLAIN_STRING = re.compile(r"'(?:[^'\\]|'')*'")


class _Unmatched(Exception):
    """A value that cannot be told for certain."""


def exact_hash(sql: str, dialect: Dialect, *, salt: str) -> str:
    """What a grant for `sql`, all of whose values stand in it, is bound to.

    Raises:
        ValueError: it has parameters.
    """
    try:
        return _hashed(_values(sql, dialect, None, is_percent_doubled=False), salt)
    except _Unmatched:
        raise ValueError("the statement has parameters, whose values are not known") from None


def has_parameters(sql: str, dialect: Dialect) -> bool:
    """Whether `sql` has placeholders for values that come beside it."""
    return any(kind in ("placeholder", "parameter") for kind, _ in _pieces(sql, dialect, is_percent_doubled=False))


def is_exactly(exact: str, sql: str, dialect: Dialect, *, parameters: object, is_percent_doubled: bool) -> bool:
    """Whether `sql` with these driver parameters has the values that `exact` was made of."""
    version, _, rest = exact.partition(":")
    if version != _VERSION:
        return False
    salt = rest.partition(":")[0]
    try:
        values = _values(sql, dialect, parameters, is_percent_doubled=is_percent_doubled)
        return _hashed(values, salt) == exact
    except _Unmatched:
        return False


def shown(sql: str, dialect: Dialect) -> str:
    """`sql` as an approver should see it: without comments, and with one blank for white space outside of literals."""
    words = [""]
    for kind, text in _pieces(sql, dialect, is_percent_doubled=False):
        if kind not in ("comment", "space"):
            words[-1] += text
        elif words[-1]:
            words.append("")
    return " ".join(words).rstrip("; ")


def _hashed(values: Iterator[str], salt: str) -> str:
    content = json.dumps([salt, *values])  # which no value can pretend to be two of
    return f"{_VERSION}:{salt}:{hashlib.sha256(content.encode()).hexdigest()[:32]}"


def _values(sql: str, dialect: Dialect, parameters: object, *, is_percent_doubled: bool) -> Iterator[str]:
    bound = _Bound(parameters)
    for kind, text in _pieces(sql, dialect, is_percent_doubled=is_percent_doubled):
        match kind:
            case "comment" | "space":
                continue
            case "quoted":
                yield _literal(text.replace("%%", "%") if is_percent_doubled else text)
            case "number":
                yield f"n{text.lower()}"
            case "placeholder" | "parameter":
                yield bound.next(text)
            case "percent":
                yield "t%"
            case "sign" if text == ";":
                continue  # there is none but at the end
            case _:
                yield f"t{folded(text)}"


def _pieces(sql: str, dialect: Dialect, *, is_percent_doubled: bool) -> Iterator[tuple[str, str]]:
    """The statement in pieces, nothing left out; a block comment is one."""
    position = 0
    search = PIECES[dialect, is_percent_doubled].match
    is_nesting = dialect in ("postgresql", "duckdb")
    while match := search(sql, position):
        kind, position = str(match.lastgroup), match.end()
        text = match.group()
        if kind == "comment" and text == "/*":
            position = _comment_end(sql, position, is_nesting=is_nesting)
        yield ("quoted" if kind == "tag" else kind), text


def _comment_end(sql: str, position: int, *, is_nesting: bool) -> int:
    depth = 1
    for edge in re.compile(r"/\*|\*/").finditer(sql, position):
        depth += 1 if edge.group() == "/*" and is_nesting else -1 if edge.group() == "*/" else 0
        if not depth:
            return edge.end()
    return len(sql)


def _literal(text: str) -> str:
    """A plain string by its content; any other literal, and a quoted name, by how it is written."""
    return "s" + text[1:-1].replace("''", "'") if _PLAIN_STRING.fullmatch(text) else f"r{text}"


class _Bound:
    """The values that the driver binds to a statement's parameters, taken in the order in which those stand in it."""

    def __init__(self, parameters: object) -> None:
        self._parameters = parameters
        self._position = 0
        self._is_numbered: bool | None = None

    def next(self, placeholder: str) -> str:
        """The value of the next parameter, as a literal of the same value is written."""
        # By class: a subclass may hand the driver something else than it did here.
        if type(self._parameters) is dict:
            return _written(self._named(placeholder, self._parameters))
        if type(self._parameters) is tuple or type(self._parameters) is list:
            return _written(self._placed(placeholder, self._parameters))
        raise _Unmatched

    @staticmethod
    def _named(placeholder: str, parameters: Mapping[object, object]) -> object:
        named = _NAMED.fullmatch(placeholder)
        name = None if named is None else named["name"] if named["pyformat"] is None else named["pyformat"]
        if name is None or name not in parameters:
            raise _Unmatched
        return parameters[name]

    def _placed(self, placeholder: str, parameters: Sequence[object]) -> object:
        """By its number where it has one: `?2`, `$2`. SQLite's `:2` is a name."""
        numbered = _NUMBERED.fullmatch(placeholder)
        if numbered is None and placeholder not in _POSITIONAL:
            raise _Unmatched
        if self._is_numbered is (numbered is None):
            # Fail closed: behind `?3`, SQLite takes a `?` for the fourth.
            raise _Unmatched
        self._is_numbered = numbered is not None
        index = self._position if numbered is None else int(numbered["number"]) - 1
        self._position += 1
        if not 0 <= index < len(parameters):
            raise _Unmatched
        return parameters[index]


def _written(value: object) -> str:
    """A parameter's value, as a literal of the same value is written."""
    # By class, not by `isinstance`: a subclass may reach the driver as something else than it says it is.
    prefix = _PREFIXES.get(type(value))
    if prefix is None:
        raise _Unmatched
    return prefix + (str(value).lower() if prefix == "n" else str(value))
