"""An expression of a write, put before a masked row of its target: where masking each reference in place cannot be.

`WHERE c.* IS NOT NULL` → `WHERE (SELECT c.* IS NOT NULL FROM (SELECT c."id", <mask> AS "email") AS c)`: a query that
reads the row which is written, and no table. Whatever in the expression means the target, at whatever depth and by
whichever rule of the engine, finds this row first. It costs more than references masked in place: an engine makes no
joins of queries in such an expression.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from masking import ColumnName
from rewriter.binding import Binding, Protected
from rewriter.edits import Edit
from rewriter.errors import StatementRefused
from rewriter.in_place import masked_row
from rewriter.scans import Scan
from rewriter.statement import Statement
from rewriter.write_clauses import ClauseKind, WriteClause, write_clauses
from rewriter.writes import Write

_CONFLICTING = (ClauseKind.CONFLICT_VALUE, ClauseKind.CONFLICT_CONDITION)


@dataclass(frozen=True, slots=True)
class Shield:
    """What stands before and after the expression between two places of the text.

    `masked` and `revealed`: sensitive columns that the expression may name.
    """

    start: int
    end: int
    before: str
    after: str
    masked: frozenset[ColumnName]
    revealed: frozenset[ColumnName]

    @property
    def edits(self) -> tuple[Edit, Edit]:
        """What puts the expression before the row."""
        return Edit(self.start, self.start, self.before), Edit(self.end, self.end, self.after)

    def has(self, node: exp.Expr) -> bool:
        """Whether a reference stands in the expression."""
        names = (name.meta.get("start") for name in node.find_all(exp.Identifier))
        return any(start is not None and self.start <= start < self.end for start in names)


def shields(
    write: Write, statement: Statement, binding: Binding, *, revealed: frozenset[ColumnName]
) -> tuple[Shield, ...]:
    """One for each expression of a write that names what is masked of its target; none where there can be none.

    `revealed`: what RETURNING may show raw.
    """
    target = write.targets[0]
    protected = binding.protected.get(target.relation.key)
    is_possible = protected is not None and len(write.targets) == 1 and not _aggregates(write.node)
    if protected is None or not is_possible or statement.dialect == "mysql":
        return ()
    if any(own.is_hidden for own in protected.relation.columns):
        return ()  # a star must not show it
    return tuple(_found(write, statement, binding, revealed=revealed))


def _aggregates(write: exp.Expr) -> bool:
    """Whether the write aggregates outside queries, which it may not, but a query around its expressions may."""
    return any(node.find_ancestor(exp.Query, type(write)) is write for node in write.find_all(exp.AggFunc, exp.Window))


def _found(
    write: Write, statement: Statement, binding: Binding, *, revealed: frozenset[ColumnName]
) -> Iterator[Shield]:
    target = write.targets[0]
    protected = binding.protected[target.relation.key]
    words = protected.masked_words | {target.word, "*", "columns"}
    for clause in write_clauses(statement, write):
        spoken = statement.words[clause.first : clause.last + 1]
        if words.isdisjoint(spoken) or not _may_hold_query(clause, statement):
            continue
        shown = revealed if clause.kind is ClauseKind.RETURNED and write.is_top else frozenset()
        shield = _shield(clause, statement, target, binding=binding, revealed=shown)
        if shield is not None:
            yield shield


def _may_hold_query(clause: WriteClause, statement: Statement) -> bool:
    """Whether a query may stand there, and give its output the name that the expression would have given it."""
    match clause.kind:
        case ClauseKind.RETURNED:
            is_star = statement.words[clause.last] == "*" and clause.last - clause.first in (0, 2)
            return statement.dialect == "postgresql" and not is_star
        case ClauseKind.CONFLICT_VALUE | ClauseKind.CONFLICT_CONDITION:
            return statement.dialect != "duckdb"
        case _:
            return True


def _shield(
    clause: WriteClause, statement: Statement, target: Scan, *, binding: Binding, revealed: frozenset[ColumnName]
) -> Shield | None:
    protected = binding.protected[target.relation.key]
    try:
        row = masked_row(protected, qualifier=target.alias, binding=binding, revealed=revealed)
    except StatementRefused:
        return None
    last = clause.last if clause.kind is not ClauseKind.RETURNED else _before_alias(clause, statement)
    names = _named(protected, statement.words[clause.first : last + 1], target)
    return Shield(
        statement.tokens[clause.first].start,
        statement.end_of(statement.tokens[last]),
        "(SELECT ",
        statement.written(f" FROM ({row}) AS {target.alias})"),
        names - revealed,
        names & revealed,
    )


def _before_alias(clause: WriteClause, statement: Statement) -> int:
    """The last token of an item of RETURNING, before the name that it gives its column."""
    last = clause.last
    start = statement.tokens[last].start
    names = {alias.args["alias"].meta.get("start") for alias in statement.nodes(exp.Alias) if alias.args.get("alias")}
    if start in names:
        last -= 2 if statement.words[last - 1] == "as" else 1
    return last


def _named(protected: Protected, words: tuple[str, ...], target: Scan) -> frozenset[ColumnName]:
    """The sensitive columns that `words` may mean: all, where one is the whole row's name or a generated column's."""
    every = {column.word: column.name for column in protected.columns if column.name is not None and column.mask}
    generated = {column.word for column in protected.columns if column.generation is not None}
    is_all = any(word in generated or word in ("*", "columns") for word in words) or _is_row(words, target.word)
    return frozenset(name for word, name in every.items() if is_all or word in words)


def _is_row(words: tuple[str, ...], name: str) -> bool:
    following = (*words[1:], "")
    return any(word == name and after != "." for word, after in zip(words, following, strict=True))
