"""SQL in, masked SQL out: the pure core, and the order of its passes.

read → calls → scans → (per scan) columns, clauses, derived table → qualifiers, grouping → edits → verify.
With no sensitive column in reach the text comes back byte for byte.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from sqlglot import exp

from masking import ColumnName, Policy
from masking.access import Fingerprint
from masking.names import Principal
from masking.types import Dialect
from rewriter.binding import Binding, bind, qualified, quoted
from rewriter.calls import check_calls
from rewriter.clauses import TableClauses, table_clauses, table_statement_start
from rewriter.conversions import check_conversions
from rewriter.created_tables import stored_query
from rewriter.edits import Edit, applied
from rewriter.errors import Reason, StatementRefused
from rewriter.explained import explained
from rewriter.grouping import grouping_edit
from rewriter.kinds import StatementKind
from rewriter.lookups import Lookup, lookups
from rewriter.mentions import Mentions, mentions
from rewriter.narrowing import Rows, narrowed
from rewriter.output_names import output_name_edits
from rewriter.placeholders import without_comments
from rewriter.projection import Needed, masked_select, needed
from rewriter.qualifiers import named_apart, qualifier_edits
from rewriter.recorded_text import without_literals
from rewriter.reserved import is_keyword
from rewriter.scans import Scan, scans
from rewriter.schema import Catalog, Relation, RelationKind
from rewriter.settings import setting_edits
from rewriter.shadowing import shadowing_edits
from rewriter.stars import star_edits
from rewriter.statement import Statement, fingerprint, read_statement
from rewriter.stored_views import with_stored_views
from rewriter.strangers import has_strangers
from rewriter.verify import verify
from rewriter.verify_lookups import without_lookups
from rewriter.views import (
    check_definition,
    definition,
    is_expanded,
    reaches_protected,
    sensitive_words,
    stored_row_functions,
    within,
)
from rewriter.whole_rows import whole_row_edits
from rewriter.write_plan import NO_WRITES, Reads, WritePlan, check_target, write_plan
from rewriter.writes import WRITES, TellingCount, writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """A statement as it may run.

    `masked`: sensitive columns that it can read and that come masked. `revealed`: sensitive columns that it can read
    raw; one that comes raw in some rows only is among both. `tables`: the relations with sensitive columns that it
    names, as `schema.table`. `statement`: its text with every literal as `?`. `has_strangers`: it uses a name that the
    known schema does not account for. `telling_count`: when its row count says whether a sensitive column changed.
    """

    sql: str
    original: str
    kind: StatementKind
    masked: frozenset[ColumnName] = frozenset()
    revealed: frozenset[ColumnName] = frozenset()
    tables: tuple[str, ...] = ()
    telling_count: TellingCount = TellingCount.NO
    dialect: Dialect
    is_percent_doubled: bool = False
    has_strangers: bool = False
    catalog: Catalog | None = field(default=None, repr=False, compare=False)
    told: list[tuple[Fingerprint, str]] = field(default_factory=list, repr=False, compare=False)

    @property
    def fingerprint(self) -> Fingerprint:
        """Equal for statements that differ only in literals, layout, comments and letter case."""
        return self._told()[0]

    @property
    def statement(self) -> str:
        """The text with every literal as `?`."""
        return self._told()[1]

    def _told(self) -> tuple[Fingerprint, str]:
        # Few statements are ever asked for it: those that reveal something.
        if not self.told:
            statement = read_statement(self.original, self.dialect, is_percent_doubled=self.is_percent_doubled)
            self.told.append((fingerprint(statement), without_literals(statement, self.catalog)))
        return self.told[0]

    @property
    def is_unchanged(self) -> bool:
        """Whether the text is passed on byte for byte."""
        return self.sql == self.original


@dataclass(frozen=True, slots=True)
class _Target:
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


@dataclass(frozen=True, slots=True)
class _MaskedView:
    """A view's definition with every scan in it masked, and the names that it uses."""

    sql: str
    names: Mentions
    masked: frozenset[ColumnName]
    revealed: frozenset[ColumnName]


@dataclass(frozen=True, slots=True)
class _Work:
    """One statement to mask: under which binding, what need not be masked, and what is answered on raw columns.

    `is_definition`: it is a view's, and will stand inside another one. `writable`: as of `rewrite_bound`.
    """

    statement: Statement
    binding: Binding
    revealed: frozenset[ColumnName]
    lookups: Mapping[int, tuple[Lookup, ...]] = field(default_factory=dict)
    is_definition: bool = False
    writable: frozenset[ColumnName] | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a statement scans, which of that is sensitive, and the edits that mask it."""

    found: tuple[Scan, ...]
    targets: tuple[_Target, ...]
    edits: frozenset[Edit]
    names: Mentions = field(default_factory=Mentions)
    has_strangers: bool = False
    written: tuple[Scan, ...] = ()
    writes: WritePlan = NO_WRITES

    @property
    def masked(self) -> frozenset[ColumnName]:
        return self.writes.masked.union(*(target.masked for target in self.targets))

    @property
    def revealed(self) -> frozenset[ColumnName]:
        return self.writes.revealed.union(*(target.revealed for target in self.targets))

    @property
    def scanned(self) -> tuple[Scan, ...]:
        """The scans that matter: of relations with sensitive columns, or of what may come to have them."""
        return (*(target.scan for target in self.targets), *self.written)


def rewrite(  # noqa: PLR0913 -- the public function of the core: each argument is named at the call
    sql: str,
    *,
    dialect: Dialect,
    policy: Policy,
    catalog: Catalog,
    revealed: frozenset[ColumnName] = frozenset(),
    principal: Principal | None = None,
) -> Rewritten:
    """`sql` with every scan of a sensitive column behind its mask, except the columns in `revealed`.

    Raises:
        StatementRefused: the statement cannot be masked with certainty.
        PolicyError: the policy does not fit the catalog.
        ValueError: `dialect` is not the catalog's.
    """
    if dialect != catalog.dialect:
        raise ValueError(f"the catalog was read from {catalog.dialect}, not {dialect}")
    return rewrite_bound(sql, with_stored_views(bind(policy, catalog, principal)), revealed=revealed)


def rewrite_bound(  # noqa: PLR0913 -- as `rewrite`
    sql: str,
    binding: Binding,
    *,
    revealed: frozenset[ColumnName] = frozenset(),
    rows: Rows = frozenset(),
    is_percent_doubled: bool = False,
    is_owner: bool = False,
    writable: frozenset[ColumnName] | None = None,
) -> Rewritten:
    """As `rewrite`, with a policy bound once to its catalog.

    `rows`: columns that a SELECT may reveal in some rows. `is_percent_doubled`: the driver will process `%(x)s` and
    `%%` in the text. `is_owner`: DDL may pass. `writable`: the sensitive columns that may be assigned, None for all.

    Raises:
        StatementRefused: the statement cannot be masked with certainty.
        UnknownRelation: it names a relation that the catalog lacks.
        LeakError: the produced text failed its own check.
    """
    statement = read_statement(sql, binding.dialect, is_percent_doubled=is_percent_doubled)
    if statement.kind is StatementKind.DDL and not is_owner:
        raise StatementRefused(Reason.STATEMENT_KIND, "Only the policy's owners may change the schema.")
    result = Rewritten(
        sql=sql,
        original=sql,
        kind=statement.kind,
        dialect=binding.dialect,
        is_percent_doubled=is_percent_doubled,
        catalog=binding.catalog,
    )
    if statement.kind is StatementKind.DDL:
        return _stored(statement, binding, result)
    if statement.kind is StatementKind.EXPLAIN:
        return _explained(statement, _Inner(binding, revealed, rows, writable), result)
    if statement.tree is None:
        return result
    if rows and statement.kind is StatementKind.SELECT:
        binding = narrowed(binding, rows)
    try:
        return _masked(_Work(statement, binding, revealed, writable=writable), result)
    except StatementRefused as error:
        if error.fingerprint is None:
            error.fingerprint = fingerprint(statement)
        raise


def _stored(statement: Statement, binding: Binding, result: Rewritten) -> Rewritten:
    """A new table is filled with masks, also where a grant is live: a grant reveals to its holder, it never copies."""
    query = stored_query(statement)
    if query is None:
        return result
    inner = rewrite_bound(
        statement.sql[query.start : query.end], binding, is_percent_doubled=statement.is_percent_doubled
    )
    if inner.kind is not StatementKind.SELECT:
        raise StatementRefused(Reason.STATEMENT_KIND, "Only the rows of a SELECT can fill a new table.")
    sql = statement.sql[: query.start] + inner.sql + statement.sql[query.end :]
    return replace(result, sql=sql, masked=inner.masked, tables=inner.tables)


@dataclass(frozen=True, slots=True)
class _Inner:
    """On what terms a statement inside another is rewritten."""

    binding: Binding
    revealed: frozenset[ColumnName]
    rows: Rows
    writable: frozenset[ColumnName] | None


def _explained(statement: Statement, terms: _Inner, result: Rewritten) -> Rewritten:
    """The plan of what would run for the principal; a plan reveals nothing, so there is nothing to record."""
    plan = explained(statement)
    inner = rewrite_bound(
        statement.sql[plan.start :],
        terms.binding,
        revealed=terms.revealed,
        rows=terms.rows,
        writable=terms.writable,
        is_percent_doubled=statement.is_percent_doubled,
    )
    if inner.kind not in (StatementKind.SELECT, StatementKind.WRITE):
        raise StatementRefused(Reason.STATEMENT_KIND, "Only reads and writes of rows can be explained.")
    prefix = plan.safe_prefix() if inner.tables else statement.sql[: plan.start]
    return replace(result, sql=prefix + inner.sql, masked=inner.masked, tables=inner.tables)


def _masked(work: _Work, result: Rewritten) -> Rewritten:
    _check_statement(work.statement)
    plan = _outermost_plan(work)
    if plan.scanned:
        scanned = {".".join(scan.relation.key) for scan in plan.scanned if _is_sensitive(scan, work.binding)}
        result = replace(
            result,
            masked=plan.masked,
            revealed=plan.revealed,
            tables=tuple(sorted(scanned)),
            has_strangers=plan.has_strangers,
            telling_count=plan.writes.telling_count,
        )
    if plan.edits:
        result = replace(result, sql=applied(work.statement.sql, plan.edits))
    if plan.scanned or plan.edits:
        is_write = result.kind is StatementKind.WRITE
        verify(
            without_lookups(result.sql, work.binding, is_percent_doubled=work.statement.is_percent_doubled),
            work.binding,
            revealed=frozenset() if is_write else work.revealed,
            returned=work.revealed if is_write else frozenset(),
            is_percent_doubled=work.statement.is_percent_doubled,
        )
    return result


def _outermost_plan(work: _Work) -> _Plan:
    """The plan of a whole statement, its rows found by known values where that can be."""
    statement, binding = work.statement, work.binding
    if binding.has_lookups and statement.kind is StatementKind.SELECT:
        found = lookups(statement, scans(statement, binding.resolver), binding, revealed=work.revealed)
        if found:
            with suppress(StatementRefused):  # the raw column cannot be hidden from a star or a whole row there
                return _plan(replace(work, lookups=found))
    return _plan(work)


def _plan(work: _Work) -> _Plan:
    """Every edit that one statement needs."""
    statement, binding = work.statement, work.binding
    check_calls(statement, binding, also=stored_row_functions(binding))
    check_conversions(statement, binding)
    found = scans(statement, binding.resolver)
    for scan in found:
        check_definition(scan.relation, binding)
    written = writes(statement, found) if statement.kind is StatementKind.WRITE else ()
    in_place = {scan.start for write in written for scan in write.targets}
    touched = tuple(scan for scan in found if scan.start in in_place and _is_sensitive(scan, binding))
    sensitive = {scan for scan in found if scan.start not in in_place and _is_sensitive(scan, binding)}
    words = sensitive_words(binding)
    watched = [s for s in found if s in sensitive or (s.start not in in_place and _is_watched(s, work))]
    edits = set(setting_edits(statement, binding))
    if not watched and not touched and words.isdisjoint(statement.words):
        return _Plan(found, (), frozenset(edits))
    _check_accounted(statement, words)
    for scan in touched:
        check_target(scan)
    shown, work = work.revealed, work if not written else replace(work, revealed=frozenset())
    names = _mentioned(work, found)
    # What stands around a view's text may use more columns than the text does.
    is_strange = work.is_definition or has_strangers(statement, found, watched)
    targets = tuple(_target(work, scan, names, is_strange=is_strange) for scan in watched)
    changed = [target for target in targets if target.is_replaced]
    settled = {*sensitive, *(target.scan for target in changed), *(s for s in found if s.start in in_place)}
    edits.update(_read_edits(work, changed, found, names=names))
    edits.update(shadowing_edits(statement, words, binding.resolver))
    edits.update(_full_name(scan, binding) for scan in found if _is_namesake(scan, words, settled))
    plan = write_plan(
        statement, binding, Reads(written, found, [target.scan for target in changed], shown, work.writable)
    )
    edits.update(plan.edits)
    edits.update(output_name_edits(statement, tuple(edits), [target.scan for target in changed]))
    return _Plan(found, targets, frozenset(edits), names, is_strange, touched, plan)


def _read_edits(work: _Work, changed: list[_Target], found: tuple[Scan, ...], *, names: Mentions) -> Iterator[Edit]:
    """The derived tables in place of what is read, and what follows from them elsewhere in the text."""
    statement = work.statement
    apart = named_apart(statement, [target.scan for target in changed], found)
    if apart:
        changed = [replace(target, scan=apart.get(target.scan.start, target.scan)) for target in changed]
    yield from _edits(statement, changed)
    yield from (edit for t in changed for lookup in work.lookups.get(t.scan.start, ()) for edit in lookup.edits)
    beside = {t.scan: t.columns for t in changed if t.columns is not None and t.columns.extra}
    yield from star_edits(statement, beside, names)
    yield from qualifier_edits(statement, [target.scan for target in changed], found, apart=apart)
    yield from whole_row_edits(statement, [target.scan for target in changed])


def _is_watched(scan: Scan, work: _Work) -> bool:
    """Whether a scan of nothing sensitive may come to read something that is, by a change of the schema."""
    is_view = is_expanded(scan.relation) and not table_clauses(work.statement, scan).lock
    return scan.relation.key in work.binding.listed or is_view


def _mentioned(work: _Work, found: tuple[Scan, ...]) -> Mentions:
    """The names that the statement uses, and those of its views and generated columns, which will stand inside it.

    Inside they mean columns of the views' own tables and of the generated columns' own; but the check cannot tell.
    """
    names = said = mentions(work.statement, found)
    for scan in found:
        view = _masked_view(scan.relation, work.binding, work.revealed)
        names = names if view is None else names.with_inner(view.names)
        protected = work.binding.masked(scan.relation.key)
        columns = needed(scan, protected, said) if protected is not None and protected.is_generating else None
        if columns is not None and any(column.generation is not None for column in columns.columns):
            inner = Mentions(bare={column.word for column in (*columns.columns, *columns.sources)})
            names = names.with_inner(inner)
    return names


def _is_sensitive(scan: Scan, binding: Binding) -> bool:
    return binding.masked(scan.relation.key) is not None or reaches_protected(scan.relation, binding)


def _check_statement(statement: Statement) -> None:
    """Constructs that write from a SELECT."""
    assert statement.tree is not None
    changes = (*_DATA_CHANGES, *(WRITES if statement.kind is StatementKind.SELECT else ()))
    if statement.nodes(*changes):
        raise StatementRefused(Reason.STATEMENT_KIND, "A SELECT may not create, fill or change tables or files.")
    if statement.dialect == "mysql" and isinstance(statement.tree, exp.Describe):
        # There it is EXPLAIN, which reads rows found by a key beforehand and prints their cells.
        raise StatementRefused(Reason.STATEMENT_KIND, "DESCRIBE a table, EXPLAIN a query.")


_DATA_CHANGES = (exp.Into, exp.Create, exp.Drop, exp.Command)


def _check_accounted(statement: Statement, words: frozenset[str]) -> None:
    """Every mention of a sensitive relation's name is one that the parser placed in its tree."""
    for index in [index for index, word in enumerate(statement.words) if word in words]:
        token = statement.tokens[index]
        is_unplaced = token.start not in statement.placed and statement.is_word(token)
        if is_unplaced and not is_keyword(statement, index):
            raise StatementRefused(
                Reason.CONSTRUCT, f"The role of the name {token.text} in the statement is not clear."
            )


def _target(work: _Work, scan: Scan, names: Mentions, *, is_strange: bool) -> _Target:
    statement, binding, revealed = work.statement, work.binding, work.revealed
    clauses = table_clauses(statement, scan)
    protected = binding.masked(scan.relation.key) or binding.listed.get(scan.relation.key)
    view = _masked_view(scan.relation, binding, revealed)
    if protected is None:
        assert view is not None
        return _Target(scan, None, clauses, statement.written(view.sql), view.masked, view.revealed, is_fixed=True)
    # A star does not show a hidden column, but the check cannot tell.
    hidden = {column.name.lower() for column in scan.relation.columns if column.is_hidden}
    is_open = protected.is_open_ended or not hidden.isdisjoint(protected.masked_words)
    is_fixed = is_strange or (is_open and names.is_everything(scan))
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
    inside = f"{clauses.before}{statement.written(source)}{clauses.after}{clauses.lock}"
    return _Target(scan, columns, clauses, f"{head}{inside}{tail}", masked, shown, is_fixed=is_fixed)


def _masked_view(relation: Relation, binding: Binding, revealed: frozenset[ColumnName]) -> _MaskedView | None:
    """The definition of a view, masked; None for a relation that is none, or whose own rows are masked.

    That of a view which reads nothing sensitive is worked out as well: what it calls may.
    """
    is_closed = relation.kind is RelationKind.MATERIALIZED_VIEW and relation.key in binding.protected
    is_view = relation.kind in (RelationKind.VIEW, RelationKind.MATERIALIZED_VIEW)
    if is_closed or not (is_view or reaches_protected(relation, binding)):
        return None
    key = ("view", relation.key, revealed)
    known = binding.memo.get(key)
    if known is None:
        inner = within(relation, binding)
        text = definition(relation, binding, is_sensitive=reaches_protected(relation, binding))
        known = binding.memo[key] = _definition_masked(text, inner, revealed)
    assert isinstance(known, _MaskedView)
    return known


def _definition_masked(sql: str, binding: Binding, revealed: frozenset[ColumnName]) -> _MaskedView:
    """A view's SELECT masked, every table in it named in full: no name of the statement around it captures one."""
    # Without its comments: one to the end of the line would swallow the bracket that comes after.
    statement = read_statement(without_comments(sql, binding.dialect), binding.dialect)
    plan = _plan(_Work(statement, binding, revealed, is_definition=True))
    replaced = {target.scan.start for target in plan.targets if target.is_replaced}
    named = {_full_name(scan, binding) for scan in plan.found if scan.start not in replaced and not scan.is_qualified}
    return _MaskedView(applied(statement.sql, plan.edits | named).strip(), plan.names, plan.masked, plan.revealed)


def _is_namesake(scan: Scan, words: frozenset[str], settled: Container[Scan]) -> bool:
    """Another relation of a sensitive one's name: a temporary table, or one that comes first in the search path."""
    return scan.relation.name.lower() in words and scan not in settled and not scan.is_qualified


def _full_name(scan: Scan, binding: Binding) -> Edit:
    alias = "" if scan.has_alias or scan.is_operand else f" AS {scan.alias}"
    return Edit(scan.start, scan.end, qualified(scan.relation, binding.catalog) + alias)


def _edits(statement: Statement, changed: Iterable[_Target]) -> Iterator[Edit]:
    """Everything that changes in the text, in no order."""
    places: set[int] = set()
    for target in changed:
        yield _table_edit(statement, target)
        yield from target.clauses.removals
        grouping = grouping_edit(statement, target.scan, target.columns) if target.columns is not None else None
        if grouping is not None and grouping.start not in places:
            places.add(grouping.start)
            yield grouping


def _table_edit(statement: Statement, target: _Target) -> Edit:
    scan, clauses = target.scan, target.clauses
    table = f"({target.select})"
    if scan.is_operand or isinstance(scan.node.parent, exp.Summarize):
        return Edit(scan.start, scan.end, table)
    if not scan.has_alias:
        table += f" AS {scan.alias}"
    start = table_statement_start(statement, scan)
    if start is not None:
        return Edit(start, clauses.end, f"SELECT * FROM {table}")
    return Edit(clauses.start, clauses.end, table)
