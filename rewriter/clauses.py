"""Clauses that belong to a base table and not to a derived one: sampling, index hints, `ONLY`, partitions, locks.

A scan that becomes a derived table takes them inside its brackets; outside they are removed.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from masking.types import Dialect
from rewriter.edits import Edit
from rewriter.errors import Reason, StatementRefused
from rewriter.records import record
from rewriter.scans import Scan, end_position
from rewriter.statement import Statement, read_statement


@record()
class TableClauses:
    """What moves inside one derived table: `before` the table's name, `after` it, and the removals where it stood."""

    before: str
    after: str
    lock: str
    removals: tuple[Edit, ...]
    start: int
    end: int


def table_clauses(statement: Statement, scan: Scan) -> TableClauses:
    """The clauses of `scan` that only a base table can carry.

    Raises:
        StatementRefused: a clause whose extent cannot be told.
    """
    start, end, before = _inheritance(statement, scan, statement.places[scan.start])
    lock = inner_lock(statement, scan)
    if _TRAILING.isdisjoint(scan.node.args):
        return TableClauses(before, "", lock, (), start, end)
    spans = list(_trailing_spans(statement, scan))
    after = "".join(f" {statement.sql[low:high]}" for low, high in spans)
    return TableClauses(before, after, lock, tuple(Edit(low, high, "") for low, high in spans), start, end)


def without_brackets(statement: Statement, scan: Scan) -> Iterator[Edit]:
    """What takes `(t)` out of its brackets: MySQL has a table alone in them, and no derived table."""
    node, first = scan.node, statement.places[scan.start]
    while (
        isinstance(node.parent, exp.Subquery)
        and node.arg_key == "this"
        and not (node.args.get("joins") or node.parent.alias)
    ):
        node, first = node.parent, first - 1
        for index in (first, _closing(statement.tokens, first)):
            yield Edit(statement.tokens[index].start, statement.tokens[index].end + 1, " ")


_TRAILING = frozenset(("partition", "sample", "hints", "indexed"))


def _inheritance(statement: Statement, scan: Scan, first: int) -> tuple[int, int, str]:
    """PostgreSQL's `ONLY t`, `ONLY (t)` and `t *`."""
    tokens = statement.tokens
    if scan.node.args.get("only"):
        is_bracketed = first > 1 and tokens[first - 1].token_type == TokenType.L_PAREN
        only = first - 2 if is_bracketed else first - 1
        if only < 0 or statement.words[only] != "only":
            raise StatementRefused(Reason.CONSTRUCT, "Write ONLY directly before the table's name.")
        end = tokens[statement.after(scan.end)].end + 1 if is_bracketed else scan.end
        return tokens[only].start, end, "ONLY "
    if statement.dialect == "postgresql" and _is_starred(statement, scan):
        star = next(token for token in tokens[first:] if token.token_type == TokenType.STAR)
        return scan.start, star.end + 1, ""
    return scan.start, scan.end, ""


def _is_starred(statement: Statement, scan: Scan) -> bool:
    """Whether the name is followed by a star, which says what holds anyway: that children are read too."""
    after = statement.after(scan.end)
    return after < len(statement.tokens) and statement.tokens[after].token_type == TokenType.STAR


def _trailing_spans(statement: Statement, scan: Scan) -> Iterator[tuple[int, int]]:
    args = scan.node.args
    names = [name for name in (args.get("db"), args.get("this")) if isinstance(name, exp.Identifier)]
    after_name = statement.after(end_position(names[-1])) if names else len(statement.tokens)
    if args.get("partition") is not None:
        yield _group_span(statement, after_name, {"partition"})
    alias = args.get("alias")
    after_alias = after_name
    if alias is not None and alias.this:
        last = (alias.args.get("columns") or [alias.this])[-1]
        after_alias = statement.after(end_position(last))
        if alias.args.get("columns"):
            after_alias += 1
    if args.get("sample") is not None and statement.dialect == "postgresql":
        yield _sample_span(statement, after_alias)
    if args.get("hints"):
        for hint in args["hints"]:
            span = _group_span(statement, after_alias, {"use", "force", "ignore"})
            yield span
            after_alias = statement.after(span[1])
            if (
                after_alias < len(statement.tokens)
                and statement.tokens[after_alias].token_type == TokenType.COMMA
                and hint is not args["hints"][-1]
            ):
                after_alias += 1
    if "indexed" in args and args["indexed"] is not None:
        yield _indexed_span(statement, after_alias)


def _group_span(statement: Statement, index: int, words: set[str]) -> tuple[int, int]:
    """From a keyword to the end of the bracketed list that follows it."""
    tokens = statement.tokens
    if index >= len(tokens) or tokens[index].text.lower() not in words:
        raise StatementRefused(Reason.CONSTRUCT, "Write a table's hints directly after its name and alias.")
    opening = next(i for i in range(index, len(tokens)) if tokens[i].token_type == TokenType.L_PAREN)
    return tokens[index].start, tokens[_closing(tokens, opening)].end + 1


def _closing(tokens: tuple[Token, ...], opening: int) -> int:
    depth = 0
    for index in range(opening, len(tokens)):
        if tokens[index].token_type == TokenType.L_PAREN:
            depth += 1
        elif tokens[index].token_type == TokenType.R_PAREN:
            depth -= 1
            if depth == 0:
                return index
    raise StatementRefused(Reason.CONSTRUCT, "Close every bracket.")


def _sample_span(statement: Statement, index: int) -> tuple[int, int]:
    start, end = _group_span(statement, index, {"tablesample"})
    following = statement.after(end)
    if following < len(statement.tokens) and statement.tokens[following].text.lower() == "repeatable":
        end = _group_span(statement, following, {"repeatable"})[1]
    words = statement.words[statement.after(start) : statement.after(end)]
    if not _READING.isdisjoint(words):
        raise StatementRefused(Reason.CONSTRUCT, "Write the share of TABLESAMPLE without a query of its own.")
    return start, end


_READING = frozenset(("from", "table"))


def _indexed_span(statement: Statement, index: int) -> tuple[int, int]:
    """SQLite's `INDEXED BY name` and `NOT INDEXED`."""
    tokens = statement.tokens
    words = [token.text.lower() for token in tokens[index : index + 3]]
    if words[:2] == ["not", "indexed"]:
        return tokens[index].start, tokens[index + 1].end + 1
    if words[:1] == ["indexed by"] and len(words) > 1:
        return tokens[index].start, tokens[index + 1].end + 1
    raise StatementRefused(Reason.CONSTRUCT, "Write INDEXED BY directly after the table's name and alias.")


def inner_lock(statement: Statement, scan: Scan) -> str:
    """The locking clause that must also stand inside, where a derived table would lose it (MySQL, MariaDB)."""
    if statement.dialect != "mysql":
        return ""
    query = scan.node.find_ancestor(exp.Select)
    locks = query.args.get("locks") if query is not None else None
    for lock in locks or ():
        targets = {table.name.lower() for table in lock.expressions}
        if targets and scan.word not in targets:
            continue
        # MySQL has SKIP LOCKED after `FOR SHARE` alone, which MariaDB does not know.
        is_for_share = ("for", "share") in pairwise(statement.words)
        shared = "FOR SHARE" if is_for_share else "LOCK IN SHARE MODE"
        strength = "FOR UPDATE" if lock.args.get("update") else shared
        match lock.args.get("wait"):
            case None:
                return f" {strength}"
            case True:
                return f" {strength} NOWAIT"
            case False:
                return f" {strength} SKIP LOCKED"
            case _:
                raise StatementRefused(Reason.CONSTRUCT, "Use FOR UPDATE without WAIT n, or with NOWAIT.")
    return ""


_OWN_LOCK = re.compile(
    r"\s(?:for\s+update|(?:lock\s+in|for)\s+share(?:\s+mode)?)(?:\s+nowait|\s+skip\s+locked)?\s*\Z", re.IGNORECASE
)


def locked_definition(definition: str, lock: str, dialect: Dialect) -> str:
    """A view's definition as MySQL and MariaDB read it under the `lock` of the statement around it.

    A lock that it has of its own counts for nothing there. The statement's holds for the tables of its outermost
    SELECT, and for no row where the view is materialized first.
    """
    if dialect != "mysql":
        return definition
    plain = _OWN_LOCK.sub("", definition)
    return plain + lock if lock and _is_merged(read_statement(plain, dialect)) else plain


def _is_merged(statement: Statement) -> bool:
    """Whether the engine reads the tables of a view's definition as if they stood in the statement around it."""
    select = statement.tree
    if not isinstance(select, exp.Select) or any(select.args.get(clause) for clause in _MATERIALIZING):
        return False
    parts = (node for item in select.expressions for node in item.walk(prune=lambda node: isinstance(node, exp.Query)))
    return not any(isinstance(node, exp.AggFunc | exp.Window) for node in parts)


_MATERIALIZING = ("group", "having", "distinct", "limit", "offset")


def table_statement_start(statement: Statement, scan: Scan) -> int | None:
    """Where `TABLE name` begins when that is how the scan is written, else None."""
    if "table" not in statement.indexes:
        return None
    index = statement.places[scan.start]
    if index > 1 and statement.words[index - 2 : index] == ("only", "("):
        index -= 1
    if index and statement.words[index - 1] == "only":
        index -= 1
    previous = statement.tokens[index - 1] if index else None
    is_table_statement = (
        previous is not None and previous.text.lower() == "table" and previous.start not in statement.quoted
    )
    return previous.start if is_table_statement and previous is not None else None
