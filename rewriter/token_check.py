"""The quick half of the check: what the tokens of a produced text alone can settle.

Its masked tables are set aside already. Where no token that is left can name a sensitive relation as a table, there is
no raw scan; where one does, no other token may reach a masked column of it. Whatever is in doubt is left to the parser.
"""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from functools import lru_cache

from masking.names import ColumnName
from rewriter.binding import Binding, Protected
from rewriter.masked_tables import STAND_IN, SetAside, masked_words
from rewriter.placeholders import Parseable

IMPLICIT = frozenset(
    ("natural", "columns", "pivot", "pivot_wider", "unpivot", "pivot_longer", "summarize", "#", "_rowid")
)
"""Words and signs that use columns which they do not name; MySQL's `_rowid` is another name of a unique number."""

SYSTEM_WORDS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "rowid", "oid", "_rowid_"})

_WORDS = re.compile(r"\w+")
_TOKENS = re.compile(r"\w+|[^\w\s]")
_CLAUSES = frozenset(
    "select from where group having order limit union intersect except minus window qualify offset fetch for"
    " returning values set into".split()
)
_BEFORE_TABLE = frozenset(("from", "join", ","))
_AFTER_TABLE = frozenset(
    ", ) where join inner left right full cross on group having order limit union intersect except window".split()
) | {""}
_BEFORE_STAR = frozenset("select distinct all returning as , ( . and or not on where having by".split())
_AFTER_STAR = frozenset(
    "from into where group order limit union intersect except exclude replace rename like ilike glob similar".split()
) | {",", ")", ".", "as", ""}

_GRAMMAR = _CLAUSES | _BEFORE_TABLE | _AFTER_TABLE | _BEFORE_STAR | _AFTER_STAR | IMPLICIT | {"*", "exists", "count"}
_STRUCTURE = _CLAUSES | {"(", ")", "unmask_masked"}
_MERGING = frozenset(("group", "group by", "union", "intersect", "except", "minus"))
_FAR = 1_000
"""How many tokens ahead the end of a bracket is looked for."""


@dataclass(frozen=True, slots=True)
class _Names:
    """Protected relations by their names in lower case, and those of the names that are no plain words."""

    words: dict[str, tuple[Protected, ...]]
    odd: tuple[str, ...]


def by_word(binding: Binding) -> dict[str, tuple[Protected, ...]]:
    """Protected relations by their names in lower case."""
    return _names(binding).words


def _names(binding: Binding) -> _Names:
    known = binding.memo.get("protected by word")
    if known is None:
        words: dict[str, tuple[Protected, ...]] = {}
        for protected in (*binding.protected.values(), *binding.catalogs.values()):
            word = protected.relation.name.lower()
            words[word] = (*words.get(word, ()), protected)
        odd = [word for word in words if not _WORDS.fullmatch(word)]
        odd += [protected.alias[1:-1].lower() for word in odd for protected in words[word]]
        known = binding.memo["protected by word"] = _Names(words, tuple(odd))
    assert isinstance(known, _Names)
    return known


def is_behind_masks(aside: SetAside, binding: Binding, revealed: frozenset[ColumnName]) -> bool:
    """Whether the tokens show that no sensitive column can be read raw; False where they do not tell."""
    text = aside.read.text.lower()
    names = _names(binding)
    is_plain = len(text) == len(aside.read.text) and not (names.odd and any(odd in text for odd in names.odd))
    if not is_plain or (aside.is_percent_doubled and "%%" in text) or ";" in text.rstrip(" \t\r\n;"):
        return False
    ends = [place + len(STAND_IN) for place in aside.places]
    # What stands between the relation's name and the bracket is for the parser to judge.
    if not all(text.startswith(")", end) for end in ends):
        return False
    spoken = names.words.keys() & _WORDS.findall(text)
    if not spoken or not any(_may_be_scanned(text, word, ends) for word in spoken):
        return True
    tokens = _tokens(aside.read, binding)
    raw = _raw_scans(tokens, names.words) if tokens is not None else None
    return tokens is not None and raw is not None and not _may_reach(tokens, raw, binding=binding, revealed=revealed)


def _may_be_scanned(text: str, word: str, ends: list[int]) -> bool:
    """Whether a table may be called `word` somewhere: not as a qualifier, nor as the alias of a masked table."""
    named = {end + len(alias) for end in ends for alias in (") as ", ") ") if text.startswith(alias, end)}
    return any(hit.start() not in named for hit in _spoken(word).finditer(text))


@lru_cache(4_096)
def _spoken(word: str) -> re.Pattern[str]:
    """Where a word stands, and not as a qualifier."""
    return re.compile(rf'(?<!\w)["`\[]?{word}(?!\w)(?!["`\]]?\s*+\.(?!\d))')


def _tokens(read: Parseable, binding: Binding) -> list[str] | None:
    """Words in lower case and signs, a quoted name as it reads and a string as a quote; blanks at both ends.

    None where a quoted name is also a word of the grammar.
    """
    tokens = ["", "", "", ""]
    done = 0
    for start, end in read.quoted.items():
        tokens += _TOKENS.findall(read.text[done:start].lower())
        mark, text = read.text[start], read.text[start + 1 : end - 1].lower()
        # Where only a name can stand, SQLite takes a string for one, and DuckDB for that of a table.
        is_name = mark in '"`[' or binding.dialect == "sqlite"
        is_name = is_name or (binding.dialect == "duckdb" and tokens[-1] in _BEFORE_TABLE)
        name = text.replace(2 * mark, mark) if is_name else "'"
        if name in _GRAMMAR:
            return None
        tokens.append(name)
        done = end
    return [*tokens, *_TOKENS.findall(read.text[done:].lower()), "", "", ""]


@dataclass(frozen=True, slots=True)
class _Raw:
    """The scans that are not behind a mask.

    `words`: how their relations are called. `places`: the tokens that name them. `names`: those names and aliases → the
    relations that each can mean. `masked`: what masked tables are called.
    """

    words: set[str]
    places: set[int]
    names: dict[str, set[str]]
    masked: set[str]

    def add(self, word: str, places: dict[int, str]) -> None:
        """Note one more scan, of a relation called `word`."""
        self.words.add(word)
        self.places.update(places)
        for name in places.values():
            self.names.setdefault(name, set()).add(word)


def _raw_scans(tokens: list[str], words: Container[str]) -> _Raw | None:
    """Every place where a relation called like one of `words` is read; None where one stands anywhere else."""
    raw = _Raw(set(), set(), {}, set())
    levels: list[str] = []
    clause = ""
    for index in [index for index, word in enumerate(tokens) if word in _STRUCTURE or word in words]:
        word = tokens[index]
        if word == "(":
            levels.append(clause)
            clause = ""
        elif word == ")":
            if not levels:
                return None
            clause = levels.pop()
        elif word in _CLAUSES:
            is_list = word != "from" or (clause == "select" and tokens[index - 1] != "distinct")
            clause = word if is_list else clause
        elif word in words and tokens[index + 1] != "." and not _is_alias_of_masked(tokens, index):
            places = _named(tokens, index) if clause == "from" else None
            if places is None:
                return None
            raw.add(word, places)
        elif word == "unmask_masked" and tokens[index + 1] == ")":
            raw.masked.add(tokens[index + 2 + (tokens[index + 2] == "as")])
    return raw


def _is_alias_of_masked(tokens: list[str], index: int) -> bool:
    start = index - 1 if tokens[index - 1] == "as" else index
    return tokens[start - 1] == ")" and tokens[start - 2] == "unmask_masked"


def _named(tokens: list[str], index: int) -> dict[int, str] | None:
    """Places of the name and the alias of the table called at `index`; None where it may be something else."""
    first = index
    while tokens[first - 1] == ".":
        first -= 2
    if tokens[first - 1] not in _BEFORE_TABLE:
        return None
    places = {index: tokens[index]}
    after = index + 1
    if tokens[after] not in _AFTER_TABLE:
        after += tokens[after] == "as"
        if not tokens[after].isidentifier():
            return None
        places[after] = tokens[after]
        after += 1
    return places if tokens[after] in _AFTER_TABLE else None


def _may_reach(tokens: list[str], raw: _Raw, *, binding: Binding, revealed: frozenset[ColumnName]) -> bool:
    """Whether a word may read a masked column of one of the raw scans."""
    meant = by_word(binding)
    hidden = frozenset().union(*(masked_words(p, revealed) for name in raw.words for p in meant[name]))
    if not hidden:
        return False
    telling = {*hidden, *IMPLICIT, *raw.names, "*"}
    for index in [index for index, word in enumerate(tokens) if word in telling]:
        word = tokens[index]
        if index in raw.places:
            continue
        if word == "*":
            if not is_harmless_star(tokens, index):
                return True
        elif word in hidden and _is_masked(tokens, index, raw):
            continue
        elif word in hidden or word in IMPLICIT or tokens[index + 1] != ".":
            return True
        elif not all(_has_column(meant[name], tokens[index + 2]) for name in raw.names[word]):
            return True  # PostgreSQL: c.row_to_json is row_to_json(c)
    return False


def _is_masked(tokens: list[str], index: int, raw: _Raw) -> bool:
    """Whether a column is read through a masked table: behind a name that no raw scan has."""
    qualifier = tokens[index - 2] if tokens[index - 1] == "." and tokens[index - 3] != "." else ""
    return qualifier in raw.masked and qualifier not in raw.names and tokens[index + 1] != "."


def _has_column(meant: Iterable[Protected], word: str) -> bool:
    return word in SYSTEM_WORDS or any(column.word == word for protected in meant for column in protected.columns)


def is_harmless_star(tokens: list[str], index: int) -> bool:
    """`count(*)`, a multiplication, and `EXISTS (SELECT * …)` of which it does not matter what its rows hold.

    `tokens` has blanks at both ends.
    """
    before, after = tokens[index - 1], tokens[index + 1]
    if before == "(" and after == ")" and tokens[index - 2] == "count":
        return True
    if tokens[index - 3 : index] == ["exists", "(", "select"]:
        return after == "from" and not _is_put_together(tokens, index)
    return before not in _BEFORE_STAR and after not in _AFTER_STAR


def _is_put_together(tokens: list[str], index: int) -> bool:
    """Whether rows are grouped, or compared with others, in the brackets around `index`."""
    depth = 0
    for word in tokens[index + 1 : index + _FAR]:
        depth += (word == "(") - (word == ")")
        if depth < 0:
            return False
        if depth == 0 and word in _MERGING:
            return True
    return True
