"""The SELECT in place of each scan of a protected relation, and what follows from it elsewhere in the text.

Which scans those are, and how the views among them are masked inside, `rewriter.statement_plan` decides.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace

from sqlglot import exp

from masking import ColumnName
from rewriter.binding import Binding, quoted
from rewriter.clauses import TableClauses, table_clauses, table_statement_start, without_brackets
from rewriter.edits import Edit
from rewriter.grouping import grouping_edit
from rewriter.lookups import Lookup
from rewriter.mentions import Mentions
from rewriter.merging import keeping_whole
from rewriter.pinned_order import is_pinned, pinning
from rewriter.projection import Needed, masked_select, needed
from rewriter.qualifiers import named_apart, qualifier_edits
from rewriter.records import record
from rewriter.scans import Scan
from rewriter.stars import star_edits
from rewriter.statement import Statement
from rewriter.whole_rows import whole_row_edits


@record()
class Work:
    """One statement to mask: under which binding, what need not be masked, and what is answered on raw columns.

    `is_definition`: it is a view's, and will stand inside another one. `writable`: as of `rewrite_bound`.
    `is_shielded`: what its writes read of their targets is put before masked rows (`rewriter.shields`).
    """

    statement: Statement
    binding: Binding
    revealed: frozenset[ColumnName]
    lookups: Mapping[int, tuple[Lookup, ...]] = field(default_factory=dict)
    is_definition: bool = False
    writable: frozenset[ColumnName] | None = None
    is_shielded: bool = False


@record()
class MaskedView:
    """A view's definition with every scan in it masked, and the names that it uses."""

    sql: str
    names: Mentions
    masked: frozenset[ColumnName]
    revealed: frozenset[ColumnName]


@record()
class Replacement:
    """A scan of a protected relation, the SELECT that replaces its name where something is masked, and what it reads.

    `columns`: None for a view without masks of its own. `is_fixed`: it is replaced even where nothing is masked, so
    that no change of the schema shows through.
    """

    scan: Scan
    columns: Needed | None
    clauses: TableClauses
    select: str
    masked: frozenset[ColumnName]
    revealed: frozenset[ColumnName]
    is_fixed: bool

    @property
    def is_replaced(self) -> bool:
        """Whether the text changes there."""
        return self.is_fixed or bool(self.masked)


def replacement(work: Work, scan: Scan, names: Mentions, *, view: MaskedView | None, is_strange: bool) -> Replacement:
    """What stands in place of `scan`, in a statement that uses `names`.

    `view`: its relation's masked definition, None where there is none or its own rows are masked. `is_strange`: the
    statement may use names that the known schema does not account for.
    """
    statement, binding, revealed = work.statement, work.binding, work.revealed
    clauses = table_clauses(statement, scan)
    if binding.dialect == "mysql" and not binding.catalog.is_mariadb:
        clauses = replace(clauses, removals=(*clauses.removals, *without_brackets(statement, scan)))
    whole = keeping_whole(statement, scan, binding)
    protected = binding.masked(scan.relation.key) or binding.listed.get(scan.relation.key)
    if protected is None:
        assert view is not None
        select = statement.written(view.sql)
        if whole:
            select = f"SELECT * FROM ({select}) AS {quoted(scan.relation.name, binding.dialect)}{whole}"
        return Replacement(scan, None, clauses, select, view.masked, view.revealed, is_fixed=True)
    # A star does not show a hidden column, but the check cannot tell.
    is_open = protected.is_open_ended or not scan.relation.hidden.isdisjoint(protected.masked_words)
    is_fixed = is_strange or (is_open and names.is_everything(scan)) or is_pinned(protected, binding)
    columns = needed(scan, protected, names, lookups=work.lookups.get(scan.start, ()))
    sensitive = columns.names
    masked, shown = sensitive - revealed, (sensitive & revealed) | columns.partly_shown
    source = protected.sql
    if view is not None:
        masked, shown = masked | view.masked, shown | view.revealed
        source = f"({view.sql}) AS {quoted(scan.relation.name, binding.dialect)}" if view.masked else source
    # The moved clauses are the caller's own text: they stand as they stood, and only what is generated is escaped.
    select = masked_select(protected, columns, revealed, source="\x00")
    head, tail = statement.written(select).split("\x00")
    end = f"{clauses.lock}{tail}{whole}" if tail else f"{whole}{clauses.lock}"
    after = pinning(protected, clauses, binding) if source is protected.sql else clauses.after
    select = f"{head}{clauses.before}{statement.written(source)}{after}{end}"
    return Replacement(scan, columns, clauses, select, masked, shown, is_fixed=is_fixed)


def read_edits(work: Work, changed: list[Replacement], found: tuple[Scan, ...], *, names: Mentions) -> Iterator[Edit]:
    """The derived tables in place of what is read, and what follows from them elsewhere in the text."""
    statement = work.statement
    apart = named_apart(statement, [each.scan for each in changed], found)
    if apart:
        changed = [replace(each, scan=apart.get(each.scan.start, each.scan)) for each in changed]
    yield from _edits(statement, changed)
    yield from (edit for t in changed for lookup in work.lookups.get(t.scan.start, ()) for edit in lookup.edits)
    beside = {t.scan: t.columns for t in changed if t.columns is not None and t.columns.extra}
    yield from star_edits(statement, beside, names)
    yield from qualifier_edits(statement, [each.scan for each in changed], found, apart=apart)
    yield from whole_row_edits(statement, [each.scan for each in changed])


def _edits(statement: Statement, changed: Iterable[Replacement]) -> Iterator[Edit]:
    """Everything that changes in the text, in no order."""
    places: set[int] = set()
    for each in changed:
        yield _table_edit(statement, each)
        yield from each.clauses.removals
        grouping = grouping_edit(statement, each.scan, each.columns) if each.columns is not None else None
        if grouping is not None and grouping.start not in places:
            places.add(grouping.start)
            yield grouping


def _table_edit(statement: Statement, replaced: Replacement) -> Edit:
    scan, clauses = replaced.scan, replaced.clauses
    table = f"({replaced.select})"
    if scan.is_operand or isinstance(scan.node.parent, exp.Summarize):
        return Edit(scan.start, scan.end, table)
    if not scan.has_alias:
        table += f" AS {scan.alias}"
    start = table_statement_start(statement, scan)
    if start is not None:
        return Edit(start, clauses.end, f"SELECT * FROM {table}")
    return Edit(clauses.start, clauses.end, table)
