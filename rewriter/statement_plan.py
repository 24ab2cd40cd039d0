"""Every edit that one statement needs, views read by it included: their definitions are planned the same way.

The plan says what changes; it changes nothing, and whether that is enough is for `rewriter.verify` to say.
"""

from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import field, replace

from masking import ColumnName
from rewriter.binding import Binding, qualified
from rewriter.calls import check_calls
from rewriter.clauses import inner_lock, locked_definition
from rewriter.column_arguments import check_column_arguments
from rewriter.conversions import check_conversions
from rewriter.edits import Edit, applied
from rewriter.errors import Reason, StatementRefused
from rewriter.full_text import check_search
from rewriter.judged import judged_functions
from rewriter.kinds import StatementKind
from rewriter.lookups import lookups
from rewriter.masked_tables import masked_words
from rewriter.mentions import Mentions, mentions
from rewriter.output_names import output_name_edits
from rewriter.placeholders import without_comments
from rewriter.projection import needed
from rewriter.records import record
from rewriter.replacements import MaskedView, Replacement, Work, read_edits, replacement
from rewriter.reserved import is_keyword
from rewriter.scans import Scan, scans
from rewriter.schema import RelationKind
from rewriter.settings import setting_edits
from rewriter.shadowing import shadowing_edits
from rewriter.statement import Statement, read_statement
from rewriter.strangers import has_strangers
from rewriter.views import (
    check_definition,
    definition,
    is_expanded,
    namesakes,
    reaches_protected,
    sensitive_words,
    stored_row_functions,
    within,
)
from rewriter.write_plan import NO_WRITES, Reads, WritePlan, check_targets, write_plan
from rewriter.writes import Write, writes


@record()
class StatementPlan:
    """What a statement scans, which of that is sensitive, and the edits that mask it."""

    found: tuple[Scan, ...]
    replacements: tuple[Replacement, ...]
    edits: frozenset[Edit]
    names: Mentions = field(default_factory=Mentions)
    has_strangers: bool = False
    written: tuple[Scan, ...] = ()
    writes: WritePlan = NO_WRITES

    @property
    def masked(self) -> frozenset[ColumnName]:
        """Sensitive columns that come masked."""
        return self.writes.masked.union(*[each.masked for each in self.replacements])

    @property
    def revealed(self) -> frozenset[ColumnName]:
        """Sensitive columns that come raw, in some rows at least."""
        return self.writes.revealed.union(*[each.revealed for each in self.replacements])

    @property
    def scanned(self) -> tuple[Scan, ...]:
        """The scans that matter: of relations with sensitive columns, or of what may come to have them."""
        return (*[each.scan for each in self.replacements], *self.written)


def outermost_plan(work: Work) -> StatementPlan:
    """The plan of a whole statement, its rows found by known values where that can be."""
    statement, binding = work.statement, work.binding
    if binding.has_lookups and statement.kind is StatementKind.SELECT:
        found = lookups(statement, scans(statement, binding.resolver), binding, revealed=work.revealed)
        if found:
            with suppress(StatementRefused):  # the raw column cannot be hidden from a star or a whole row there
                return _plan(replace(work, lookups=found))
    return _plan(work)


def _plan(work: Work) -> StatementPlan:
    """Every edit that one statement needs."""
    statement, binding = work.statement, work.binding
    found = _harmless_scans(statement, binding)
    written, in_place = _written(statement, found)
    sensitive = [scan for scan in found if is_sensitive(scan, binding)]
    check_search(statement, sensitive, binding, revealed=work.revealed)
    touched = tuple([scan for scan in sensitive if scan.start in in_place]) if in_place else ()
    watched = [s for s in found if s.start not in in_place and (s in sensitive or _is_watched(s, work))]
    words = sensitive_words(binding)
    edits = set(setting_edits(statement, binding))
    if not watched and not touched and words.isdisjoint(statement.indexes):
        return StatementPlan(found, (), frozenset(edits))
    _check_accounted(statement, words)
    check_targets(statement, touched, binding)
    shown, work = work.revealed, work if not written else replace(work, revealed=frozenset())
    names = _mentioned(work, found)
    # What stands around a view's text may use more columns than the text does.
    is_strange = work.is_definition or has_strangers(statement, found, watched)
    replacements = _replacements(work, watched, names, is_strange=is_strange)
    if statement.dialect == "mysql":
        check_column_arguments(statement, _hidden_words(replacements, touched, binding, revealed=work.revealed))
    changed = [each for each in replacements if each.is_replaced]
    masked = [each.scan for each in changed]
    settled = {*masked, *touched, *[s for s in sensitive if not _may_seem_another(s, names, work)]}
    edits.update(read_edits(work, changed, found, names=names))
    edits.update(shadowing_edits(statement, words, binding.resolver))
    edits.update([_full_name(scan, binding) for scan in found if _is_namesake(scan, words, settled)])
    plan = write_plan(statement, binding, Reads(written, found, masked, shown, work.writable, work.is_shielded))
    edits.update(plan.edits)
    edits.update(output_name_edits(statement, tuple(edits), masked))
    is_strange |= has_strangers(statement, found, touched)
    return StatementPlan(found, replacements, frozenset(edits), names, is_strange, touched, plan)


def _harmless_scans(statement: Statement, binding: Binding) -> tuple[Scan, ...]:
    """What the statement scans, where nothing that it or a view in it calls reads more than that."""
    check_calls(statement, binding, also=stored_row_functions(binding), judged=judged_functions(statement, binding))
    check_conversions(statement, binding)
    found = scans(statement, binding.resolver)
    for scan in found:
        check_definition(scan.relation, binding)
    return found


def _written(statement: Statement, found: tuple[Scan, ...]) -> tuple[Sequence[Write], frozenset[int]]:
    """The statement's writes, and where their targets stand."""
    if statement.kind is not StatementKind.WRITE:
        return (), frozenset()
    written = writes(statement, found)
    return written, frozenset(scan.start for write in written for scan in write.targets)


def _replacements(work: Work, watched: Iterable[Scan], names: Mentions, *, is_strange: bool) -> tuple[Replacement, ...]:
    """What stands in place of each of the `watched` scans."""
    return tuple([replacement(work, s, names, view=masked_view(work, s), is_strange=is_strange) for s in watched])


def _hidden_words(
    replacements: Iterable[Replacement],
    touched: Iterable[Scan],
    binding: Binding,
    *,
    revealed: frozenset[ColumnName],
) -> dict[Scan, frozenset[str]]:
    """What masked columns are called, by scan; of a view, what they are called in its tables."""
    hidden = {each.scan: frozenset(name.column.lower() for name in each.masked) for each in replacements}
    for scan in (*hidden, *touched):
        protected = binding.masked(scan.relation.key)
        if protected is not None:
            hidden[scan] = hidden.get(scan, frozenset()) | masked_words(protected, revealed)
    return hidden


def _is_watched(scan: Scan, work: Work) -> bool:
    """Whether a scan of nothing sensitive may come to read something that is, by a change of the schema."""
    return scan.relation.key in work.binding.listed or is_expanded(scan.relation)


def _mentioned(work: Work, found: tuple[Scan, ...]) -> Mentions:
    """The names that the statement uses, and those of its views and generated columns, which will stand inside it.

    Inside they mean columns of the views' own tables and of the generated columns' own; but the check cannot tell.
    """
    names = said = mentions(work.statement, found)
    for scan in found:
        view = masked_view(work, scan)
        names = names if view is None else names.with_inner(view.names)
        protected = work.binding.masked(scan.relation.key)
        columns = needed(scan, protected, said) if protected is not None and protected.is_generating else None
        if columns is not None and any(column.generation is not None for column in columns.columns):
            inner = Mentions(bare={column.word for column in (*columns.columns, *columns.sources)})
            names = names.with_inner(inner)
    return names


def is_sensitive(scan: Scan, binding: Binding) -> bool:
    """Whether a scan reads, at any depth, what is masked for somebody."""
    return binding.masked(scan.relation.key) is not None or reaches_protected(scan.relation, binding)


def _check_accounted(statement: Statement, words: frozenset[str]) -> None:
    """Every mention of a sensitive relation's name is one that the parser placed in its tree, or a call."""
    for index in statement.indexes_of(words & statement.indexes.keys()):
        token = statement.tokens[index]
        is_unplaced = token.start not in statement.placed and statement.is_word(token)
        if is_unplaced and not is_keyword(statement, index) and not _is_call(statement, index):
            raise StatementRefused(
                Reason.CONSTRUCT, f"The role of the name {token.text} in the statement is not clear."
            )


def _is_call(statement: Statement, index: int) -> bool:
    """Whether a name that the parser placed nowhere is a call's, which `check_calls` has judged.

    On SQLite a table can be called.
    """
    is_before_bracket = index + 1 < len(statement.words) and statement.words[index + 1] == "("
    return is_before_bracket and statement.dialect != "sqlite"


def masked_view(work: Work, scan: Scan) -> MaskedView | None:
    """The definition of a view, masked and locked as `scan` is; None for what is none, or whose own rows are masked.

    That of a view which reads nothing sensitive is worked out as well: what it calls may.
    """
    relation, binding, revealed = scan.relation, work.binding, work.revealed
    if relation.kind is RelationKind.TABLE and relation.shadow_of is None:
        return None
    is_closed = relation.kind is RelationKind.MATERIALIZED_VIEW and relation.key in binding.protected
    is_view = relation.kind in (RelationKind.VIEW, RelationKind.MATERIALIZED_VIEW)
    if is_closed or not (is_view or reaches_protected(relation, binding)):
        return None
    lock = inner_lock(work.statement, scan)
    key = ("view", relation.key, revealed, lock)
    known = binding.memo.get(key)
    if known is None:
        inner = within(relation, binding)
        text = definition(relation, binding, is_sensitive=reaches_protected(relation, binding))
        # Without its comments: one to the end of the line would swallow what comes after.
        text = locked_definition(without_comments(text, binding.dialect), lock, binding.dialect)
        known = binding.memo[key] = _definition_masked(text, inner, revealed)
    assert isinstance(known, MaskedView)
    return known


def _definition_masked(sql: str, binding: Binding, revealed: frozenset[ColumnName]) -> MaskedView:
    """A view's SELECT masked, every table in it named in full: no name of the statement around it captures one."""
    statement = read_statement(sql, binding.dialect)
    plan = _plan(Work(statement, binding, revealed, is_definition=True))
    replaced = {each.scan.start for each in plan.replacements if each.is_replaced}
    named = {_full_name(scan, binding) for scan in plan.found if scan.start not in replaced and not scan.is_qualified}
    return MaskedView(applied(statement.sql, plan.edits | named).strip(), plan.names, plan.masked, plan.revealed)


def _is_namesake(scan: Scan, words: frozenset[str], settled: Container[Scan]) -> bool:
    """Another relation of a sensitive one's name: a temporary table, or one that comes first in the search path.

    Or a sensitive one of which nothing masked is read, while words of the statement are masked in its namesake.
    """
    return scan not in settled and scan.relation.name.lower() in words and not scan.is_qualified


def _may_seem_another(scan: Scan, names: Mentions, work: Work) -> bool:
    """Whether the statement, by its words, could read a masked column of another relation of the same name."""
    others = namesakes(work.binding).get(scan.relation.name.lower(), ())
    return bool(others) and any(
        needed(scan, other, names).names - work.revealed for other in others if other.relation.key != scan.relation.key
    )


def _full_name(scan: Scan, binding: Binding) -> Edit:
    """Without an alias: under one it could not be called by its schema and name, and a table to write takes none."""
    return Edit(scan.start, scan.end, qualified(scan.relation, binding.catalog))
