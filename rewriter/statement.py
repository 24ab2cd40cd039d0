"""Text → exactly one classified statement, or a refusal.

The tree is sqlglot's, read only; positions in it index the original text. What the parser only half understands
(a `Command`, unknown nodes in statement position) is refused.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from threading import local
from typing import TypeVar

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as Grammar
from sqlglot.errors import ParseError
from sqlglot.tokenizer_core import Token, TokenType

from masking.types import Dialect
from rewriter.errors import Reason, StatementRefused
from rewriter.grammar import plain, simplified
from rewriter.grammar_writes import with_insert
from rewriter.kinds import StatementKind, simple_kind, unknown_kind
from rewriter.lexical_forms import PATTERNS
from rewriter.parser_log import IS_READING
from rewriter.placeholders import check_quotes_closed, parseable
from rewriter.records import record
from rewriter.token_runs import turned

MAX_DEPTH = 400
"""Deepest nesting of brackets that is parsed; beyond it a statement is refused."""

MAX_TOKENS = 250_000
"""Most words, signs and literals of a statement, long lists of literals aside; a longer one is refused."""

MAX_SUBSCRIPTS = 100
"""Most `a[1][2]…` in a statement: the parser's time grows with the cube of their number."""

_GRAMMARS: dict[Dialect, Grammar] = {
    "postgresql": Grammar.get_or_raise("postgres"),
    "mysql": Grammar.get_or_raise("mysql"),
    "sqlite": Grammar.get_or_raise("sqlite"),
    "duckdb": Grammar.get_or_raise("duckdb"),
}


class _Machines(local):
    """A tokenizer and a parser per dialect for each thread: to make one takes as long as to read a short statement."""

    def __init__(self) -> None:
        self.tokenizers = {dialect: grammar.tokenizer() for dialect, grammar in _GRAMMARS.items()}
        self.parsers = {dialect: grammar.parser() for dialect, grammar in _GRAMMARS.items()}


_MACHINES = _Machines()


_Node = TypeVar("_Node", bound=exp.Expr)


def _with_subclasses(kind: type[exp.Expr]) -> Iterator[type[exp.Expr]]:
    yield kind
    for one in kind.__subclasses__():
        yield from _with_subclasses(one)


_CLASSES = {kind: frozenset(_with_subclasses(kind)) for kind in _with_subclasses(exp.Expr)}
"""Each class of the parser's nodes, and those under it."""

_FINAL = frozenset(kind for kind, under in _CLASSES.items() if len(under) == 1)
"""Those with none under them."""


@cache
def _classes(kinds: tuple[type[exp.Expr], ...]) -> frozenset[type[exp.Expr]]:
    """Those of `kinds`, and those under them."""
    return frozenset[type[exp.Expr]]().union(*(_CLASSES[kind] for kind in kinds))


def _by_class(tree: exp.Expr) -> dict[type[exp.Expr], list[exp.Expr]]:
    """Every node under `tree`, level by level; written out, since it takes most of a pass over a short statement."""
    found: dict[type[exp.Expr], list[exp.Expr]] = {}
    todo = [tree]
    add = todo.append
    for node in todo:
        kind = type(node)
        if kind in found:
            found[kind].append(node)
        else:
            found[kind] = [node]
        if kind is not exp.Identifier and kind is not exp.Literal:
            for value in node.args.values():
                if type(value) is list:
                    for item in value:
                        if isinstance(item, exp.Expr):
                            add(item)
                elif value and isinstance(value, exp.Expr):
                    add(value)
    return found


@dataclass(slots=True)
class _Known:
    """What is worked out of a statement when it is first asked for."""

    by_class: dict[type[exp.Expr], list[exp.Expr]] | None = None
    places: dict[int, int] | None = None
    placed: set[int | None] | None = None
    starts: list[int] | None = None
    indexes: dict[str, list[int]] | None = None


@record(kw_only=True)
class Statement:
    """One statement.

    `text`: comments and placeholders blanked, same length as `sql`. `tree`: None for statements that read no table
    (transaction control, settings). `words`: the tokens' texts in lower case. `known`: what was worked out of it once.
    """

    sql: str
    text: str
    dialect: Dialect
    kind: StatementKind
    tokens: tuple[Token, ...]
    tree: exp.Expr | None
    quoted: dict[int, int]
    is_percent_doubled: bool
    words: tuple[str, ...] = ()
    known: _Known = field(default_factory=_Known, repr=False, compare=False)

    def nodes(self, *kinds: type[_Node]) -> Sequence[_Node]:
        """The tree's nodes of these kinds, found in one walk for all who ask: by class, not in the text's order."""
        by_class = self.known.by_class
        if by_class is None:
            by_class = self.known.by_class = {} if self.tree is None else _by_class(self.tree)
        if len(kinds) == 1 and kinds[0] in _FINAL:
            return by_class.get(kinds[0], ())  # type: ignore[return-value] # of that class
        classes = _classes(kinds)
        if classes.isdisjoint(by_class):
            return ()
        found = [nodes for one, nodes in by_class.items() if one in classes]
        return found[0] if len(found) == 1 else [node for nodes in found for node in nodes]  # type: ignore[return-value,misc] # of classes among `kinds`

    @property
    def places(self) -> dict[int, int]:
        """Where each token begins → its index."""
        known = self.known.places
        if known is None:
            known = self.known.places = {token.start: index for index, token in enumerate(self.tokens)}
        return known

    @property
    def placed(self) -> set[int | None]:
        """Where each name begins that the parser placed in its tree."""
        known = self.known.placed
        if known is None:
            known = self.known.placed = {name.meta.get("start") for name in self.nodes(exp.Identifier)}
        return known

    @property
    def indexes(self) -> dict[str, list[int]]:
        """Each of its words → the indexes of the tokens that read so."""
        known = self.known.indexes
        if known is None:
            known = self.known.indexes = {}
            for index, word in enumerate(self.words):
                if word in known:
                    known[word].append(index)
                else:
                    known[word] = [index]
        return known

    def indexes_of(self, words: Iterable[str]) -> list[int]:
        """The indexes of the tokens that read as one of `words`, in the text's order."""
        known = self.indexes
        return sorted([index for word in words if word in known for index in known[word]])

    def after(self, place: int) -> int:
        """The index of the first token that begins at `place` or behind it."""
        starts = self.known.starts
        if starts is None:
            starts = self.known.starts = [token.start for token in self.tokens]
        return bisect_left(starts, place)

    def written(self, generated: str) -> str:
        """Generated SQL as it must stand in this text: the driver turns `%%` back into `%`."""
        return generated.replace("%", "%%") if self.is_percent_doubled else generated

    def end_of(self, token: Token) -> int:
        """The place after a token in the text: of a placeholder, the parser sees the first character alone."""
        if token.token_type == TokenType.PLACEHOLDER:
            found = PATTERNS[self.dialect, self.is_percent_doubled, False].match(self.sql, token.start)
            if found is not None and found.lastgroup in ("placeholder", "percent"):
                return found.end()
        return token.end + 1

    def is_word(self, token: Token) -> bool:
        """Whether a token is a word or quoted identifier, rather than a literal or a sign."""
        first = self.text[token.start]
        is_word = first.isalpha() or first == "_" or (not first.isascii() and first.isalnum())
        return (
            is_word or token.token_type == TokenType.VAR or (token.start in self.quoted and not self.is_string(token))
        )

    def is_string(self, token: Token) -> bool:
        """Whether a token is a quoted string."""
        return token.token_type == TokenType.STRING or self.text[token.start] == "'"


_READS = (exp.Query, exp.Values, exp.Table, exp.Pivot, exp.Summarize, exp.Describe)
_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


def read_statement(sql: str, dialect: Dialect, *, is_percent_doubled: bool = False) -> Statement:
    """`sql` as one classified statement.

    Raises:
        StatementRefused: it cannot be read with certainty, is several statements, or is of a kind never allowed.
    """
    read = parseable(sql, dialect, is_percent_doubled=is_percent_doubled)
    check_quotes_closed(read.text, read.quoted, dialect)
    simple = simple_kind(read.text, dialect)
    tree: exp.Expr | None = None
    tokens: tuple[Token, ...] = ()
    words: tuple[str, ...] = ()
    if simple is None:
        tokens = _tokens(with_insert(read.text, dialect), read.quoted, dialect)
        if is_percent_doubled and "%%" in read.text:
            tokens = tuple(_as_named(token) for token in tokens)
        words = tuple([token.text.lower() for token in tokens])
        simple, tree = _parsed(read.text, plain(tokens, words, dialect), dialect)
    return Statement(
        sql=sql, text=read.text, dialect=dialect, kind=simple, tokens=tokens, tree=tree, quoted=read.quoted,
        is_percent_doubled=is_percent_doubled, words=words,
    )  # fmt: skip


def _as_named(token: Token) -> Token:
    """A quoted name as the database will read it, once the driver has turned `%%` into `%`."""
    if "%%" not in token.text:
        return token
    return turned(token, token.token_type, token.text.replace("%%", "%"))


def tokens_of(statement: Statement) -> tuple[Token, ...]:
    """The tokens of a statement that `read_statement` did not have to parse.

    Raises:
        StatementRefused: the text is not understood.
    """
    return statement.tokens or _tokens(statement.text, statement.quoted, statement.dialect)


def _tokens(text: str, quoted: dict[int, int], dialect: Dialect) -> tuple[Token, ...]:
    """The parser's tokens, once they are known to agree with the engine's reading of every quote."""
    _check_depth(text)
    try:
        tokens = tuple(_MACHINES.tokenizers[dialect].tokenize(text))
    except Exception as error:  # the tokenizer raises several kinds; whichever it is, the text is not understood
        raise _unparseable() from error
    if len(tokens) > MAX_TOKENS:
        raise StatementRefused(Reason.TOO_LARGE, f"Write at most {MAX_TOKENS} words and signs in a statement.")
    if quoted:
        ends = {token.start: token.end for token in tokens if token.start in quoted}
        if any(ends.get(start) != end - 1 for start, end in quoted.items()):
            raise StatementRefused(Reason.LEXICAL, "Write plain '…' strings and \"…\" identifiers.")
    if ";" not in text:
        return tokens
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens = tokens[:-1]
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise StatementRefused(Reason.SEVERAL_STATEMENTS, "Send one statement at a time.")
    return tokens


def _check_depth(text: str) -> None:
    if text.count("][") > MAX_SUBSCRIPTS:
        raise StatementRefused(Reason.TOO_LARGE, f"Write at most {MAX_SUBSCRIPTS} subscripts in a row.")
    depth = 0
    for character in (
        re.findall(r"[(\[{)\]}]", text) if text.count("(") + text.count("[") + text.count("{") > MAX_DEPTH else ()
    ):
        depth += 1 if character in "([{" else -1
        if depth > MAX_DEPTH:
            raise StatementRefused(Reason.TOO_LARGE, f"Nest brackets at most {MAX_DEPTH} deep.")


def _parsed(text: str, tokens: tuple[Token, ...], dialect: Dialect) -> tuple[StatementKind, exp.Expr]:
    try:
        trees = _trees(text, tokens, dialect)
    except Exception as error:  # the parser raises several kinds; whichever it is, the text is not understood
        raise _unparseable() from error
    if not any(trees):
        raise StatementRefused(Reason.UNPARSEABLE, "Write a statement: there is none in the text.")
    if len(trees) != 1 or trees[0] is None:
        raise StatementRefused(Reason.SEVERAL_STATEMENTS, "Send one statement at a time, and not an empty one.")
    tree = trees[0]
    if isinstance(tree, _READS) and not _is_writing(tree):
        return StatementKind.SELECT, tree
    if isinstance(tree, (*_WRITES, exp.Query)):
        return StatementKind.WRITE, tree
    raise unknown_kind()


def _is_writing(tree: exp.Expr) -> bool:
    """Whether a query has common table expressions that change data, as PostgreSQL lets it at its outermost level."""
    with_ = tree.args.get("with_")
    return with_ is not None and any(isinstance(cte.this, _WRITES) for cte in with_.expressions)


def _trees(text: str, tokens: tuple[Token, ...], dialect: Dialect) -> list[exp.Expr | None]:
    parser = _MACHINES.parsers[dialect]
    reading = IS_READING.set(True)
    try:
        return parser.parse(list(tokens), text)
    except ParseError:
        for simpler in simplified(tokens, dialect):
            with suppress(ParseError):
                return parser.parse(simpler, text)
        raise
    finally:
        IS_READING.reset(reading)


def _unparseable() -> StatementRefused:
    return StatementRefused(
        Reason.UNPARSEABLE, "Check the statement's syntax; if the database accepts it, please report it."
    )
