"""What SQLite and DuckDB keep only in the text of a CREATE statement: view bodies, collations, generated columns.

A small lexer, not a parser: the text was accepted by its engine, and only clause boundaries matter here. What cannot
be told apart yields nothing, and its reader treats that as unreadable.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<skip>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
      | (?P<literal>'(?:[^']|'')*')
      | (?P<word>[^\W\d][\w$]*)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The bare word in upper case; empty for anything else."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The identifier that the token spells, without its quotes (SQLite takes a literal for a name as well)."""
        if self.kind == "word":
            return self.text
        mark = self.text[-1]
        return self.text[1:-1] if mark == "]" else self.text[1:-1].replace(mark * 2, mark)


@dataclass(frozen=True, slots=True)
class ViewText:
    """`definition`: the SELECT of a view. `columns`: its column list, empty where there is none."""

    definition: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnText:
    """`collation`: as the column declares it. `generation`: the expression of a generated column."""

    collation: str | None = None
    generation: str | None = None


def view_text(create: str) -> ViewText | None:
    """`CREATE VIEW v(a, b) AS SELECT 1, 2;` → `ViewText("SELECT 1, 2", ("a", "b"))`; None for anything else."""
    tokens = list(_tokens(create))
    words = [token.word for token in tokens]
    if "VIEW" not in words[:5]:
        return None
    position = _after_name(tokens, words.index("VIEW") + 1)
    columns: tuple[str, ...] = ()
    if position < len(tokens) and tokens[position].text == "(":
        last = _closing(tokens, position)
        columns = tuple(token.name for token in tokens[position + 1 : last] if token.text != ",")
        position = last + 1
    if position >= len(tokens) or words[position] != "AS":
        return None
    return ViewText(create[tokens[position].end :].strip().removesuffix(";").strip(), columns)


def column_texts(create: str) -> dict[str, ColumnText]:
    """Column, in lower case → what its clause of a CREATE TABLE says; columns that say nothing are left out."""
    tokens = list(_tokens(create))
    first = next((i for i, token in enumerate(tokens) if token.text == "("), len(tokens))
    texts = {}
    for clause in _clauses(tokens[first + 1 : _closing(tokens, first)]):
        found = _column_text(create, clause)
        if found != ColumnText():
            texts[clause[0].name.lower()] = found
    return texts


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind != "skip":
            yield _Token(kind, match.group(), match.start(), match.end())


def _after_name(tokens: Sequence[_Token], position: int) -> int:
    """The position behind `[IF NOT EXISTS] [schema.]name`."""
    if [token.word for token in tokens[position : position + 3]] == ["IF", "NOT", "EXISTS"]:
        position += 3
    position += 1
    while position + 1 < len(tokens) and tokens[position].text == ".":
        position += 2
    return position


def _closing(tokens: Sequence[_Token], opening: int) -> int:
    """The position of the parenthesis that closes the one at `opening`; the end where none does."""
    depth = 0
    for position in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[position].text, 0)
        if depth == 0:
            return position
    return len(tokens)


def _clauses(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """The comma-separated clauses of a CREATE TABLE's body."""
    clause: list[_Token] = []
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            if clause:
                yield clause
            clause = []
        else:
            clause.append(token)
    if clause:
        yield clause


def _column_text(create: str, clause: Sequence[_Token]) -> ColumnText:
    collation = generation = None
    position = 1
    while position < len(clause):
        token = clause[position]
        following = clause[position + 1] if position + 1 < len(clause) else None
        if token.word == "COLLATE" and following:
            collation = following.text
        elif token.word == "AS" and following and following.text == "(":
            last = _closing(clause, position + 1)
            generation = create[following.end : clause[min(last, len(clause) - 1)].start].strip()
        position = _closing(clause, position) + 1 if token.text == "(" else position + 1
    return ColumnText(collation, generation)
