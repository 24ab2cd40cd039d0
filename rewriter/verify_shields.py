"""The part of the check that concerns places from which a written table cannot be read at all.

Behind a masked row of its own, which an engine looks through first; in the rows that an INSERT is to store; and, but on
MySQL, in what UPDATE and DELETE join their target with.
"""

from collections.abc import Iterator, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from masking import ColumnName
from rewriter.binding import Binding, Protected
from rewriter.errors import StatementRefused
from rewriter.in_place import masked_row
from rewriter.statement import Statement
from rewriter.token_runs import is_at, word_at

_CLAUSES = frozenset(("from", "where", "group", "having", "order", "limit", "union", "intersect", "except", "window"))


def out_of_reach(
    statement: Statement,
    binding: Binding,
    *,
    raw: tuple[exp.Expr, Protected],
    known: Sequence[tuple[exp.Expr, Protected]],
    returned: frozenset[ColumnName],
) -> frozenset[int]:
    """Where tokens stand that cannot read the table at the node of `raw`, which a write of the statement writes.

    `known`: tables, each with every relation that its name can mean. A row of one masks the columns of another, if it
    masks all of the other's that are masked.
    """
    table, protected = raw
    write = table.parent if not isinstance(table.parent, exp.Schema) else table.parent.parent
    places: set[int] = set()
    for node, meant in known:
        if not protected.masked_words <= meant.masked_words:
            continue
        for start, end in _rows(statement, binding, node, protected=meant, returned=returned):
            places.update(token.start for token in statement.tokens if start < token.start < end)
            places.update(_expression(statement, start + 1, _spoken(node).lower()) if node is table else ())
    if write is not None:
        places.update(_before_target(statement, write, table))
    return frozenset(places)


def _rows(
    statement: Statement,
    binding: Binding,
    table: exp.Expr,
    *,
    protected: Protected,
    returned: frozenset[ColumnName],
) -> Iterator[tuple[int, int]]:
    """Where ` FROM (SELECT <masked row>) AS c)` stands, to the letter."""
    alias = table.args.get("alias")
    name = alias.this if alias is not None and alias.this else table.this
    spoken = statement.sql[int(name.meta["start"]) : int(name.meta["end"]) + 1]
    for shown in {frozenset[ColumnName](), returned}:
        try:
            row = masked_row(protected, qualifier=spoken, binding=binding, revealed=shown)
        except StatementRefused:
            return
        text = statement.written(f" FROM ({row}) AS {spoken})")
        start = statement.sql.find(text)
        while start >= 0:
            if not shown or _is_returned(statement, start):
                yield start, start + len(text)
            start = statement.sql.find(text, start + len(text))


def _spoken(table: exp.Expr) -> str:
    return str(table.alias or table.name)


def _is_returned(statement: Statement, place: int) -> bool:
    """Whether a place lies in the statement's own RETURNING."""
    tree = statement.tree
    returning = tree.args.get("returning") if tree is not None else None
    names = [] if returning is None else [n.meta.get("start") for n in returning.find_all(exp.Identifier)]
    starts = [int(start) for start in names if start is not None]
    return bool(starts) and min(starts) <= place < max(starts)


def _expression(statement: Statement, place: int, name: str) -> Iterator[int]:
    """The tokens of the one expression that stands before the FROM at `place`.

    Where it is not one expression, none. Of names behind a dot, only those of the row itself and of values in brackets:
    another qualifier may be the table's schema, or PostgreSQL's OLD and NEW.
    """
    tokens = statement.tokens
    end = statement.places.get(place)
    first = None if end is None else _select(tokens, end)
    if end is None or first is None or any(_ends_expression(tokens, at) for at in _own(tokens, first, end)):
        return
    for index in range(first, end):
        is_behind = is_at(tokens, index - 1, TokenType.DOT)
        is_deep = is_behind and is_at(tokens, index - 3, TokenType.DOT)
        if not is_behind or (statement.words[index - 2] in (name, ")", "]") and not is_deep):
            yield tokens[index].start


def _select(tokens: Sequence[Token], end: int) -> int | None:
    """The first token behind the SELECT that the FROM at index `end` belongs to, if it begins its brackets."""
    depth = 0
    for index in range(end - 1, 0, -1):
        depth += is_at(tokens, index, TokenType.R_PAREN) - is_at(tokens, index, TokenType.L_PAREN)
        if depth < 0:
            return index + 2 if word_at(tokens, index + 1) == "select" else None
    return None


def _own(tokens: Sequence[Token], first: int, end: int) -> Iterator[int]:
    """Tokens in no deeper bracket."""
    depth = 0
    for index in range(first, end):
        depth -= tokens[index].token_type in _CLOSING
        if depth == 0:
            yield index
        depth += tokens[index].token_type in _OPENING


_OPENING = (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE)
_CLOSING = (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE)


def _ends_expression(tokens: Sequence[Token], index: int) -> bool:
    word = word_at(tokens, index)
    is_distinct = word == "from" and word_at(tokens, index - 1) == "distinct"
    is_clause = word.partition(" ")[0] in _CLAUSES and not is_distinct
    return is_clause or is_at(tokens, index, TokenType.COMMA)


def _before_target(statement: Statement, write: exp.Expr, table: exp.Expr) -> Iterator[int]:
    """Tokens of a write that its engine reads without its target.

    What an INSERT stores, up to ON CONFLICT, ON DUPLICATE KEY or RETURNING; what stands in FROM or USING, but on MySQL.
    """
    tokens = statement.tokens
    start = statement.after(max(int(name.meta["end"]) for name in table.find_all(exp.Identifier)))
    is_insert = isinstance(write, exp.Insert) and not isinstance(write.parent, exp.When)
    is_joined = statement.dialect != "mysql" and isinstance(write, exp.Update | exp.Delete)
    is_inside = False
    for index in _until_closed(tokens, start):
        word = word_at(tokens, index[0]) if index[1] == 0 else ""
        if is_insert and (word == "returning" or (word == "on" and word_at(tokens, index[0] + 1) in _CONFLICTS)):
            return
        is_distinct = word == "from" and word_at(tokens, index[0] - 1) == "distinct"
        if is_joined and word in _JOINED and not is_distinct:
            is_inside = word in ("from", "using")
        if is_insert or is_inside:
            yield tokens[index[0]].start


_CONFLICTS = frozenset(("conflict", "duplicate", "duplicate key"))
_JOINED = frozenset(("from", "using", "where", "returning", "set"))


def _until_closed(tokens: Sequence[Token], start: int) -> Iterator[tuple[int, int]]:
    """Each token up to the end of the bracket that they stand in, and how deep it is in others."""
    depth = 0
    for index in range(start, len(tokens)):
        depth -= is_at(tokens, index, TokenType.R_PAREN)
        if depth < 0:
            return
        yield index, depth
        depth += is_at(tokens, index, TokenType.L_PAREN)
