"""SQL in, masked SQL out: the pure core, and the order of its passes.

read → calls → scans → (per scan) columns, clauses, derived table → qualifiers, grouping → edits → verify.
With no sensitive column in reach the text comes back byte for byte.
"""

from dataclasses import replace

from sqlglot import exp

from masking import ColumnName, Policy
from masking.names import Principal
from masking.types import Dialect
from rewriter.binding import Binding, bind
from rewriter.created_tables import stored_query
from rewriter.edits import applied
from rewriter.errors import LeakError, Reason, StatementRefused
from rewriter.explained import explained
from rewriter.fingerprint import fingerprint
from rewriter.kept_state import keeps_values
from rewriter.kinds import StatementKind
from rewriter.narrowing import Rows, narrowed
from rewriter.records import record
from rewriter.replacements import Work
from rewriter.rewritten import Rewritten
from rewriter.schema import Catalog
from rewriter.statement import Statement, read_statement
from rewriter.statement_plan import is_sensitive, outermost_plan
from rewriter.stored_views import with_stored_views
from rewriter.verify import verify
from rewriter.verify_lookups import without_lookups
from rewriter.writes import WRITES


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
    return rewrite_read(statement, binding, Terms(revealed, rows, writable, is_owner))


@record()
class Terms:
    """On what terms a statement is rewritten: as the arguments of `rewrite_bound`."""

    revealed: frozenset[ColumnName] = frozenset()
    rows: Rows = frozenset()
    writable: frozenset[ColumnName] | None = None
    is_owner: bool = False


def rewrite_read(statement: Statement, binding: Binding, terms: Terms) -> Rewritten:
    """As `rewrite_bound`, of a statement that is read already."""
    if statement.kind is StatementKind.DDL and not terms.is_owner:
        raise StatementRefused(Reason.STATEMENT_KIND, "Only the policy's owners may change the schema.")
    if statement.kind is StatementKind.DDL:
        return _stored(statement, binding)
    if statement.kind is StatementKind.EXPLAIN:
        return _explained(statement, binding, terms)
    if statement.tree is None:
        return _unchanged(statement, binding)
    revealed, rows = terms.revealed, terms.rows
    if (revealed or rows) and keeps_values(statement):
        revealed, rows = frozenset(), frozenset()
    if rows and statement.kind is StatementKind.SELECT:
        binding = narrowed(binding, rows)
    try:
        return _masked(Work(statement, binding, revealed, writable=terms.writable))
    except StatementRefused as error:
        if error.fingerprint is None:
            error.fingerprint = fingerprint(statement)
        raise


def _unchanged(statement: Statement, binding: Binding) -> Rewritten:
    return Rewritten(
        sql=statement.sql,
        original=statement.sql,
        kind=statement.kind,
        dialect=binding.dialect,
        is_percent_doubled=statement.is_percent_doubled,
        catalog=binding.catalog,
    )


def _stored(statement: Statement, binding: Binding) -> Rewritten:
    """A new table is filled with masks, also where a grant is live: a grant reveals to its holder, it never copies."""
    query = stored_query(statement)
    if query is None:
        return _unchanged(statement, binding)
    inner = rewrite_bound(
        statement.sql[query.start : query.end], binding, is_percent_doubled=statement.is_percent_doubled
    )
    if inner.kind is not StatementKind.SELECT:
        raise StatementRefused(Reason.STATEMENT_KIND, "Only the rows of a SELECT can fill a new table.")
    sql = statement.sql[: query.start] + inner.sql + statement.sql[query.end :]
    return replace(_unchanged(statement, binding), sql=sql, masked=inner.masked, tables=inner.tables)


def _explained(statement: Statement, binding: Binding, terms: Terms) -> Rewritten:
    """The plan of what would run for the principal; a plan reveals nothing, so there is nothing to record."""
    plan = explained(statement)
    text = statement.sql[plan.start :]
    explaining = read_statement(text, binding.dialect, is_percent_doubled=statement.is_percent_doubled)
    inner = rewrite_read(explaining, binding, replace(terms, is_owner=False))
    if inner.kind not in (StatementKind.SELECT, StatementKind.WRITE):
        raise StatementRefused(Reason.STATEMENT_KIND, "Only reads and writes of rows can be explained.")
    prefix = plan.safe_prefix() if inner.tables else statement.sql[: plan.start]
    unchanged = _unchanged(statement, binding)
    return replace(unchanged, sql=prefix + inner.sql, masked=inner.masked, tables=inner.tables)


def _masked(work: Work) -> Rewritten:
    _check_statement(work.statement)
    try:
        return _checked(work)
    except (StatementRefused, LeakError) as error:
        is_write = work.statement.kind is StatementKind.WRITE
        if not is_write or (isinstance(error, StatementRefused) and error.reason is not Reason.WRITE):
            raise
        # What the target's references mean, or that the result is right, could not be told: shielded, it need not be.
        try:
            return _checked(replace(work, is_shielded=True))
        except (StatementRefused, LeakError) as second:
            raise (second if isinstance(error, LeakError) else error) from None


def _checked(work: Work) -> Rewritten:
    """The statement masked, and found right by the check."""
    statement, binding = work.statement, work.binding
    plan = outermost_plan(work)
    scanned = plan.scanned
    if not scanned and not plan.edits:
        return _unchanged(statement, binding)
    sql = applied(statement.sql, plan.edits) if plan.edits else statement.sql
    is_write = statement.kind is StatementKind.WRITE
    checked = without_lookups(sql, binding, is_percent_doubled=statement.is_percent_doubled)
    aside = verify(
        checked,
        binding,
        revealed=frozenset() if is_write else work.revealed,
        returned=work.revealed if is_write else frozenset(),
        is_percent_doubled=statement.is_percent_doubled,
    )
    return Rewritten(
        sql=sql,
        original=statement.sql,
        kind=statement.kind,
        dialect=binding.dialect,
        is_percent_doubled=statement.is_percent_doubled,
        catalog=binding.catalog,
        aside=aside if checked is sql else None,
        masked=plan.masked,
        revealed=plan.revealed,
        tables=tuple(sorted({".".join(scan.relation.key) for scan in scanned if is_sensitive(scan, binding)})),
        has_strangers=plan.has_strangers,
        telling_count=plan.writes.telling_count,
    )


def _check_statement(statement: Statement) -> None:
    """Constructs that write from a SELECT."""
    assert statement.tree is not None
    if statement.nodes(*(_ALL_CHANGES if statement.kind is StatementKind.SELECT else _DATA_CHANGES)):
        raise StatementRefused(Reason.STATEMENT_KIND, "A SELECT may not create, fill or change tables or files.")
    if statement.dialect == "mysql" and isinstance(statement.tree, exp.Describe):
        # There it is EXPLAIN, which reads rows found by a key beforehand and prints their cells.
        raise StatementRefused(Reason.STATEMENT_KIND, "DESCRIBE a table, EXPLAIN a query.")


_DATA_CHANGES = (exp.Into, exp.Create, exp.Drop, exp.Command)
_ALL_CHANGES = (*_DATA_CHANGES, *WRITES)
