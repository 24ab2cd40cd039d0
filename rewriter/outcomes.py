"""What becomes of a statement that was not seen before, in the schema that its connection sees."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from masking import PolicyError
from rewriter.errors import Reason, RewriteError, StatementRefused, UnknownRelation
from rewriter.exactness import UNKNOWN
from rewriter.free_literals import Drawn, are_free, drawn
from rewriter.guards import Driver
from rewriter.kinds import StatementKind, changes_meaning
from rewriter.lanes import Lane, writable
from rewriter.prepared import Aftermath, Cells, Outcome, Revealing, Safe, outcome, text_of
from rewriter.principals import Who
from rewriter.records import record
from rewriter.reveals import Allowance, Shown
from rewriter.rewrite import Terms, rewrite_bound, rewrite_read
from rewriter.rewritten import Rewritten
from rewriter.schemas import Schemas, View, without_tables
from rewriter.statement import Statement, read_statement
from rewriter.stencils import UNFIT, Stencil, stencil
from rewriter.trailing_comment import split_comment


@record()
class Ask:
    """One statement as it came: its text, on which connection, for whom, how the driver will read it, and with what."""

    text: str
    connection: Any
    who: Who
    is_formatted: bool
    parameters: object = UNKNOWN


class Outcomes:
    """Rewrites statements, and remembers what became of them."""

    def __init__(self, schemas: Schemas, driver: Driver) -> None:
        self._schemas = schemas
        self._driver = driver

    def load(self, connection: Any) -> View:
        """What `connection` sees of the schema, read from the database."""
        self.check_session(connection)
        return self._schemas.load(connection)

    def check_session(self, connection: Any) -> None:
        """Fail closed: under other settings the engine may read a statement otherwise than the rewriter does."""
        if (fault := self._driver.session_fault(connection)) is not None:
            raise StatementRefused(Reason.SESSION, fault)

    def free_of_tables(self, ask: Ask) -> Safe | None:
        """Transaction control and settings need no schema: reading it first would start a transaction too early."""
        statement = read_statement(ask.text, self._schemas.dialect, is_percent_doubled=ask.is_formatted)
        if statement.kind not in (StatementKind.TRANSACTION, StatementKind.SESSION):
            return None
        is_setting = statement.kind is StatementKind.SESSION and changes_meaning(ask.text)
        return Safe.of(ask.text, Aftermath(cells=Cells.LATE, is_transaction=True, is_setting=is_setting))

    def of(self, ask: Ask, view: View, lane: Lane) -> Outcome:
        """What became of the statement, or becomes of it now."""
        found = view.statements.get(lane, ask.text)
        if found is not None:
            return found
        text, comment = split_comment(ask.text, is_formatted=ask.is_formatted)
        found = view.statements.get(lane, text) if comment else None
        if found is None:
            found = self._new(replace(ask, text=text), view, lane)
        return _commented(found, comment) if comment else found

    def _new(self, ask: Ask, view: View, lane: Lane) -> Outcome:
        """What becomes of a text that was not seen before, or is known by its template alone."""
        # A grant for one statement holds for its fingerprint, which counts the items of a list.
        dialect = view.catalog.dialect
        apart = None if lane.allowed.statements else drawn(ask.text, dialect, is_percent_doubled=ask.is_formatted)
        known = UNFIT if apart is None else self._stencil(ask, apart, view, lane=lane)
        if apart is not None and known.outcome is not None:
            found = known.filled(ask.text, apart.values)
            view.statements.put_again(lane, ask.text, found)
        else:
            rewritten = self.rewritten(ask, view, lane.allowed)
            found = outcome(rewritten, lane.allowed.database_role)
            if not _is_provisional(rewritten):
                view.statements.put(lane, ask.text, found)
        return found

    def _stencil(self, ask: Ask, apart: Drawn, view: View, *, lane: Lane) -> Stencil:
        """What became of the text's template, or becomes of it now."""
        found = view.stencils.get(lane, apart.template)
        if found is None and not view.stencils.is_again(lane, apart.template):
            return UNFIT  # a shape that never comes back is not worth it
        if found is None:
            found = UNFIT
            # What is refused is so by its own text.
            with suppress(RewriteError):
                statement = read_statement(apart.template, view.catalog.dialect, is_percent_doubled=ask.is_formatted)
                if are_free(statement, apart.stand_ins):
                    rewritten = self.rewritten(replace(ask, text=apart.template), view, lane.allowed, read=statement)
                    ready = outcome(rewritten, lane.allowed.database_role)
                    found = UNFIT if _is_provisional(rewritten) else stencil(rewritten, statement, apart, outcome=ready)
            view.stencils.put(lane, apart.template, found)
        return found

    def rewritten(self, ask: Ask, view: View, allowed: Allowance, *, read: Statement | None = None) -> Rewritten:
        """The statement as it may run under `allowed`. `read`: what its text says, where that is known.

        Raises:
            StatementRefused: it may not.
            PolicyError: the policy does not fit the schema.
        """
        try:
            rewritten = self._in_view(ask, view, allowed, read=read)
        except UnknownRelation as unknown:
            probe = unknown.probe
        else:
            is_known = self._schemas.is_just_read(view) and not _is_provisional(rewritten)
            if not rewritten.has_strangers or is_known:
                return rewritten
            # The schema may know the name meanwhile; the stamp tells.
            latest = self.load(ask.connection)
            return rewritten if latest.catalog is view.catalog else self._in_view(ask, latest, allowed, read=read)
        # The engine's own error where it knows no such relation either; outside the handler, so that it comes alone.
        with self._driver.unguarded(ask.connection) as cursor:
            cursor.execute(probe)
            cursor.fetchall()
        # It does know one: our schema is out of date.
        self._schemas.refresh()
        return self._in_latest(ask, allowed, read=read)

    def foreseen(self, ask: Ask, allowed: Allowance) -> Rewritten:
        """As `rewritten`, in the schema as it is now; a relation that it lacks is a refusal, not the engine's error."""
        return self._in_latest(ask, allowed, read=None)

    def _in_latest(self, ask: Ask, allowed: Allowance, *, read: Statement | None) -> Rewritten:
        """As `rewritten`, in the schema as it is now, with what this connection alone sees of it."""
        view = self.load(ask.connection)
        while True:
            try:
                return self._in_view(ask, view, allowed, read=read)
            except UnknownRelation as unknown:
                if not self._schemas.find(ask.connection, view, unknown.parts):
                    raise
            view = self.load(ask.connection)

    def _in_view(self, ask: Ask, view: View, allowed: Allowance, *, read: Statement | None) -> Rewritten:
        try:
            binding = self._schemas.binding(view, ask.who.principal)
        except PolicyError as error:
            if not ask.who.is_owner:
                raise
            return self._before_tables(ask, view, error)

        statement = read or read_statement(ask.text, binding.dialect, is_percent_doubled=ask.is_formatted)
        assigned = writable(self._schemas.policy, ask.who)

        def rewritten(shown: Shown) -> Rewritten:
            return rewrite_read(statement, binding, Terms(shown.columns, shown.rows, assigned, ask.who.is_owner))

        first = rewritten(allowed.always)
        if not allowed.statements:
            return first
        more = allowed.for_statement(first.fingerprint)
        return first if more == allowed.always else rewritten(more)

    @staticmethod
    def _before_tables(ask: Ask, view: View, error: PolicyError) -> Rewritten:
        """An owner creates the tables that the policy names; until they are there, nothing that reads a table runs."""
        binding = without_tables(view.catalog)
        try:
            return rewrite_bound(ask.text, binding, is_percent_doubled=ask.is_formatted, is_owner=True)
        except UnknownRelation:
            raise error from None


def _is_provisional(rewritten: Rewritten) -> bool:
    """Whether a change of the schema could make the text show what it must not: it is judged anew each time.

    A write's target is not read through its known columns alone, as other tables are: a name that these lack may be
    what a masked column is called by the next time.
    """
    return rewritten.has_strangers and rewritten.kind is StatementKind.WRITE


def _commented(found: Outcome, comment: str) -> Outcome:
    safe = text_of(found)
    commented = Safe.of(safe + comment, safe.aftermath)
    return replace(found, sql=commented) if isinstance(found, Revealing) else commented
