"""Forms in which a write reads its target otherwise than by plain names of columns, and which no mask can stand for.

Each is refused where it stands; before a masked row (`rewriter.shields`) most need not be.
"""

from collections.abc import Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from rewriter.errors import Reason, StatementRefused
from rewriter.scopes import Scopes
from rewriter.shields import Shield
from rewriter.statement import Statement
from rewriter.token_runs import is_at
from rewriter.writes import Write, joined


def check_forms(
    write: Write, statement: Statement, words: set[str], *, aliases: set[str], shields: Sequence[Shield]
) -> None:
    """Nothing, when the write has no such form; `words`: what masked columns are called, `aliases`: their tables.

    Raises:
        StatementRefused: it has one.
    """
    _check_strings(statement)
    _check_versions(write, statement)
    _check_joins(write, words)
    _check_methods(write, words | aliases, shields)


def check_star(star: exp.Column, aliases: set[str], scopes: Scopes) -> None:
    """Nothing, unless `c.*` outside RETURNING is a target's row, which is not masked column by column.

    Raises:
        StatementRefused: it is.
    """
    is_target = star.table.lower() in aliases and scopes.is_unique(star.table)
    if is_target and star.find_ancestor(exp.Returning) is None:
        raise StatementRefused(Reason.WRITE, f"Name the columns instead of writing {star.table}.*")


def check_qualified_row(column: exp.Column, aliases: set[str], scopes: Scopes) -> None:
    """Nothing, unless DuckDB takes `main.customers` for the row of `customers`.

    Raises:
        StatementRefused: it does.
    """
    if column.name.lower() in aliases and column.table and not scopes.is_called(column.table):
        raise StatementRefused(Reason.WRITE, f"Write {column.name} without its schema for the whole row.")


def _check_strings(statement: Statement) -> None:
    """SQLite takes `'main'.'customers'.'ssn'` for a column, which the parser does not."""
    tokens = statement.tokens
    for index in range(2, len(tokens)):
        is_chain = is_at(tokens, index, TokenType.DOT) and is_at(tokens, index - 2, TokenType.DOT)
        if is_chain and any(is_at(tokens, at, TokenType.STRING) for at in (index - 3, index - 1, index + 1)):
            raise StatementRefused(Reason.WRITE, "Write names without single quotes.")


def _check_versions(write: Write, statement: Statement) -> None:
    """PostgreSQL 18's RETURNING knows the row before and after the change as OLD and NEW."""
    returning = write.node.args.get("returning") if statement.dialect == "postgresql" else None
    for column in returning.find_all(exp.Column) if returning is not None else ():
        called = (column.args.get("table") or column.this).name.lower()
        if called in ("old", "new"):
            raise StatementRefused(Reason.WRITE, f"Write the table's name instead of {called}.")


def _check_joins(write: Write, words: set[str]) -> None:
    """MySQL joins what it writes: by names alone, it would compare raw values."""
    items = (item for scan in write.targets for item in joined(scan.node))
    for join in (join for item in items for join in item.args.get("joins") or ()):
        named = {name.name.lower() for name in join.args.get("using") or ()}
        if join.args.get("method") or not words.isdisjoint(named):
            raise StatementRefused(Reason.WRITE, "Join with ON instead of USING and NATURAL.")


def _check_methods(write: Write, words: set[str], shields: Sequence[Shield]) -> None:
    """DuckDB's `ssn.upper()` and `(ssn || 'x').upper()` name no column to the parser, and `COLUMNS('s.*')` none."""
    for dot in write.node.find_all(exp.Dot):
        for name in dot.this.find_all(exp.Identifier):
            is_bare = not isinstance(name.parent, exp.Column | exp.Table | exp.TableAlias | exp.Alias)
            if is_bare and name.name.lower() in words and not any(shield.has(dot) for shield in shields):
                raise StatementRefused(Reason.WRITE, f"Write f({name.name}) instead of {name.name}.f().")
    columns = write.node.find_all(exp.Columns)
    if any(node.find_ancestor(exp.Query, type(write.node)) is write.node for node in columns):
        raise StatementRefused(Reason.WRITE, "Name the columns instead of writing COLUMNS().")
