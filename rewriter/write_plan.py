"""What becomes of the writes in a statement: their targets masked in place, what they assign guarded.

A grant reveals to its holder, it never copies: whatever a write reads is masked, but for what RETURNING shows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from masking import ColumnName
from rewriter.assignments import named_columns
from rewriter.binding import Binding
from rewriter.edits import Edit
from rewriter.errors import Reason, StatementRefused
from rewriter.lookups import WriteLookups, write_lookups
from rewriter.pinned_order import check_order_of_write
from rewriter.scans import Scan
from rewriter.schema import RelationKind
from rewriter.scopes import Scopes
from rewriter.shields import Shield, shields
from rewriter.statement import Statement
from rewriter.targets import Targets
from rewriter.write_guard import WriteGuard
from rewriter.writes import TellingCount, Write


@dataclass(frozen=True, slots=True)
class WritePlan:
    """The edits of a statement's writes, and the sensitive columns of their targets that they read."""

    edits: frozenset[Edit] = frozenset()
    masked: frozenset[ColumnName] = frozenset()
    revealed: frozenset[ColumnName] = frozenset()
    telling_count: TellingCount = TellingCount.NO


NO_WRITES = WritePlan()


@dataclass(frozen=True, slots=True)
class Reads:
    """What a statement's `writes` read: `found`, every scan; `masked`, those that became masked derived tables.

    `revealed`: the columns that a RETURNING may show. `writable`: those that may be assigned, None for all.
    `is_shielded`: as of `Work`.
    """

    writes: Sequence[Write]
    found: Sequence[Scan]
    masked: Sequence[Scan]
    revealed: frozenset[ColumnName]
    writable: frozenset[ColumnName] | None
    is_shielded: bool = False


def write_plan(statement: Statement, binding: Binding, reads: Reads) -> WritePlan:
    """The plan for every write of the statement.

    Raises:
        StatementRefused: a write that cannot be masked, or that would store a mask over a value.
    """
    if not reads.writes:
        return NO_WRITES
    scopes = Scopes(statement, binding.resolver, found=reads.found, written=reads.writes)
    named = {id(node) for write in reads.writes for node in named_columns(write)}
    masked = {id(scan.node) for scan in reads.masked}
    edits: set[Edit] = set()
    columns: set[ColumnName] = set()
    revealed: set[ColumnName] = set()
    telling = TellingCount.NO
    for write in reads.writes:
        guard = WriteGuard(write, scopes, statement=statement, binding=binding)
        _check_writable(guard.assigned, reads.writable)
        guard.check(masked)
        count = _telling_count(write, statement, guard, binding=binding)
        telling = max(telling, count, key=list(TellingCount).index)
        known = write_lookups(statement, write.targets, binding) if write.is_top else WriteLookups()
        shielded = _shields(write, statement, binding, reads=reads, known=known)
        guarded = set(guard.edits(shielded))
        places = {edit.start for edit in guarded}
        targets = Targets(write, scopes, statement=statement, binding=binding, shields=shielded).reads(
            named | guard.kept() | known.columns, reads.revealed
        )
        edits.update(guarded, targets.edits, known.edits)
        edits.update(edit for each in shielded if each.start not in places for edit in each.edits)
        columns.update(targets.masked, *(each.masked for each in shielded))
        revealed.update(targets.revealed, *(each.revealed for each in shielded))
    return WritePlan(frozenset(edits), frozenset(columns), frozenset(revealed), telling)


def _shields(
    write: Write, statement: Statement, binding: Binding, *, reads: Reads, known: WriteLookups
) -> tuple[Shield, ...]:
    """The shields of a write, but for conditions that are answered on raw columns."""
    if not reads.is_shielded:
        return ()
    answered = [column for column in statement.nodes(exp.Column) if id(column) in known.columns]
    found = shields(write, statement, binding, revealed=reads.revealed)
    return tuple(shield for shield in found if not any(map(shield.has, answered)))


def _check_writable(assigned: Iterable[ColumnName], writable: frozenset[ColumnName] | None) -> None:
    for column in assigned:
        if writable is not None and column not in writable:
            raise StatementRefused(
                Reason.WRITE,
                f"Only owners, trusted principals and those with a standing grant to it may write {column}.",
            )


def _telling_count(write: Write, statement: Statement, guard: WriteGuard, *, binding: Binding) -> TellingCount:
    if statement.dialect != "mysql":
        return TellingCount.NO
    if write.is_replace and any(scan.relation.key in binding.protected for scan in write.targets):
        return TellingCount.ALWAYS  # a row that replaces one like it counts once, another one twice
    if not guard.is_replacing:
        return TellingCount.NO
    return TellingCount.ALWAYS if isinstance(write.node, exp.Insert) else TellingCount.CHANGED


def check_targets(statement: Statement, targets: Iterable[Scan], binding: Binding) -> None:
    """Nothing, when rows of the relations of `targets` can be written.

    Raises:
        StatementRefused: one is a view, or the order in which rows are found would show.
    """
    for scan in targets:
        if scan.relation.kind is not RelationKind.TABLE:
            raise StatementRefused(Reason.WRITE, f"Write to the table itself instead of the view {scan.relation.name}.")
        check_order_of_write(statement, binding)
