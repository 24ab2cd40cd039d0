"""The gate between an engine's statements and its driver: who asks, what may be seen, what text runs, what is recorded."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from masking import Policy, PolicyError, session_secrets
from masking.access import NOBODY, Access
from rewriter.errors import Reason, StatementRefused, UnknownRelation
from rewriter.guards import Driver
from rewriter.prepared import Aftermath, Prepared, Safe
from rewriter.principals import Principals, Who
from rewriter.protocols import AccessSource
from rewriter.reveals import NOTHING, Allowance, Reporter, allowance
from rewriter.rewrite import Rewritten, rewrite_bound
from rewriter.row_count import count_rows
from rewriter.schemas import Schemas, View, without_tables
from rewriter.statement import StatementKind, fingerprint, read_statement, without_literals
from rewriter.trailing_comment import split_comment

_Result = TypeVar("_Result")

_INTERNAL: ContextVar[bool] = ContextVar("unmask_internal", default=False)


@contextmanager
def internally() -> Iterator[None]:
    """Inside, SQLAlchemy's dialect itself is at work (`initialize`, pings): its statements pass as they are."""
    token = _INTERNAL.set(True)
    try:
        yield
    finally:
        _INTERNAL.reset(token)


@dataclass(frozen=True, slots=True)
class _Ask:
    """One statement as it came: its text, on which connection, for whom, and how the driver will read it."""

    text: str
    connection: Any
    who: Who
    is_formatted: bool


class Hook:
    """Everything that one hooked engine knows. Implements `rewriter.guards.gate.Gate`."""

    def __init__(
        self, *, policy: Policy, driver: Driver, schemas: Schemas, principals: Principals, reporter: Reporter
    ) -> None:
        self.policy = policy
        self.driver = driver
        self.schemas = schemas
        self.principals = principals
        self.reporter = reporter
        self.source: AccessSource | None = None
        self.is_active = True
        self._secrets = session_secrets(policy, schemas.dialect)
        self._classes: dict[tuple[type, type], type] = {}
        self._allowances: dict[Hashable, Allowance] = {}
        self._last: dict[Who, tuple[Access, Allowance]] = {}

    # The dialect's side.

    def prepare(self, cursor: Any, text: Any, options: Mapping[str, object], *, is_formatted: bool) -> Safe:
        """The text to run in place of `text`, for the principal that the options or the context name."""
        if type(text) is Safe:
            return text
        return self._pass(_Ask(text, cursor.connection, self.principals.current(options), is_formatted))

    def guard(self, connection: Any) -> Any:
        """A new connection of the driver, guarded, its session prepared for the policy's masks."""
        guarded = self.driver.adopt(connection, self)
        self.driver.keep_secrets(guarded, self._secrets)
        return guarded

    # The guards' side.

    def admit(self, connection: object, text: str, *, is_formatted: bool) -> Safe:
        """As `Gate.admit`."""
        return self._pass(_Ask(text, connection, self.principals.current(), is_formatted))

    def allow_raw(self, operation: str) -> None:
        """As `Gate.allow_raw`."""
        if not self.is_active or _INTERNAL.get():
            return
        who = self.principals.current()
        if who.is_trusted:
            return
        refusal = StatementRefused(
            Reason.RAW_ACCESS, f"{operation} goes around the rewriter; only the policy's trusted principals may use it."
        )
        self.reporter.refused(who.principal, refusal)
        raise refusal

    def run(self, cursor: Any, query: Safe, call: Callable[[], _Result]) -> _Result:
        """As `Gate.run`."""
        after = query.aftermath
        if after is None:
            return call()
        try:
            result = call()
        except self.driver.errors as error:
            clean = self.driver.withheld(error) if after.is_sensitive else None
            if clean is None:
                raise
        else:
            if after.record is not None:
                record = after.record
                count_rows(cursor, lambda count: self.reporter.rows(record, count))
            return result
        finally:
            self._settle(cursor, after)
        # Raised outside the handler: as its context, the driver's own error would carry the cells along.
        raise clean

    def _settle(self, cursor: Any, after: Aftermath) -> None:
        if after.is_schema_change:
            self.schemas.changed(cursor.connection)
        elif after.ends_transaction:
            self.schemas.settled(cursor.connection)

    def transaction_ended(self, connection: object) -> None:
        """As `Gate.transaction_ended`."""
        self.schemas.settled(connection)

    def derived(self, mixin: type, base: type) -> type:
        """As `Gate.derived`."""
        if (plain := base.__dict__.get("unmask_base")) is not None:
            if base.gate is self:  # type: ignore[attr-defined] # every derived class has it
                return base
            # Another hook's: one that was taken off, or that of an engine which shares the pool.
            base = plain
        found = self._classes.get((mixin, base))
        if found is None:
            namespace = {"gate": self, "unmask_base": base}
            bases = (mixin,) if issubclass(mixin, base) else (mixin, base)
            found = self._classes[mixin, base] = type(base.__name__, bases, namespace)
        return found

    def retire(self) -> None:
        """From now on, statements pass as they are."""
        self.is_active = False
        # Without a view that holds, none is looked up in: every statement comes to where `is_active` is asked.
        self.schemas.refresh()

    # The way of a statement.

    def _pass(self, ask: _Ask) -> Safe:
        if ask.who.is_trusted:
            return self._trusted(ask)
        access, allowed = self._access(ask.who)
        view = self.schemas.known(ask.connection)
        if view is not None:
            prepared = view.statements.get(_lane(ask, allowed), ask.text)
            if prepared is not None and not prepared.revealed:
                return prepared.sql
        return self._pass_slowly(ask, access, allowed)

    def _pass_slowly(self, ask: _Ask, access: Access, allowed: Allowance) -> Safe:
        if not self.is_active or _INTERNAL.get():
            return Safe.of(ask.text)
        try:
            return self._judged(ask, access, allowed)
        except StatementRefused as refusal:
            self.reporter.refused(ask.who.principal, refusal)
            raise

    def _judged(self, ask: _Ask, access: Access, allowed: Allowance) -> Safe:
        view = self.schemas.known(ask.connection)
        if view is None:
            if (free := self._free_of_tables(ask)) is not None:
                return free
            view = self.schemas.load(ask.connection)
        prepared = self._prepared(ask, view, allowed)
        if not prepared.revealed:
            return prepared.sql
        record = self.reporter.revealed(ask.who, access, prepared.rewritten, view.catalog.database)
        if record is None:
            return self._prepared(ask, view, NOTHING).sql
        return Safe.of(prepared.sql, Aftermath(is_sensitive=True, record=record))

    def _free_of_tables(self, ask: _Ask) -> Safe | None:
        """Transaction control and settings need no schema: reading it first would start a transaction too early."""
        statement = read_statement(ask.text, self.schemas.dialect, is_percent_doubled=ask.is_formatted)
        if statement.kind not in (StatementKind.TRANSACTION, StatementKind.SESSION):
            return None
        return Safe.of(ask.text, Aftermath(ends_transaction=True))

    def _prepared(self, ask: _Ask, view: View, allowed: Allowance) -> Prepared:
        lane = _lane(ask, allowed)
        prepared = view.statements.get(lane, ask.text)
        if prepared is not None:
            return prepared
        text, comment = split_comment(ask.text, is_formatted=ask.is_formatted)
        prepared = view.statements.get(lane, text) if comment else None
        if prepared is None:
            rewritten = self._rewritten(replace(ask, text=text), view, allowed)
            prepared = Prepared(Safe.of(rewritten.sql, _aftermath(rewritten)), rewritten, rewritten.revealed)
            view.statements.put(lane, text, prepared)
        if not comment:
            return prepared
        return replace(prepared, sql=Safe.of(prepared.sql + comment, prepared.sql.aftermath))

    def _rewritten(self, ask: _Ask, view: View, allowed: Allowance) -> Rewritten:
        try:
            return self._in_view(ask, view, allowed)
        except UnknownRelation as unknown:
            # The engine's own error where it knows no such relation either.
            with self.driver.unguarded(ask.connection) as cursor:
                cursor.execute(unknown.probe)
                cursor.fetchall()
        return self._in_view(ask, self.schemas.load(ask.connection), allowed)

    def _in_view(self, ask: _Ask, view: View, allowed: Allowance) -> Rewritten:
        try:
            binding = self.schemas.binding(view, ask.who.principal)
        except PolicyError as error:
            if not ask.who.is_owner:
                raise
            return self._before_tables(ask, view, error)

        def rewritten(columns: frozenset[Any]) -> Rewritten:
            return rewrite_bound(
                ask.text,
                binding,
                revealed=columns,
                is_percent_doubled=ask.is_formatted,
                is_owner=ask.who.is_owner,
            )

        first = rewritten(allowed.columns)
        more = allowed.for_statement(first.fingerprint)
        return first if more == allowed.columns else rewritten(more)

    @staticmethod
    def _before_tables(ask: _Ask, view: View, error: PolicyError) -> Rewritten:
        """An owner creates the tables that the policy names; until they are there, nothing that reads a table runs."""
        try:
            return rewrite_bound(
                ask.text, without_tables(view.catalog), is_percent_doubled=ask.is_formatted, is_owner=True
            )
        except UnknownRelation:
            raise error from None

    def _trusted(self, ask: _Ask) -> Safe:
        if not self.is_active or _INTERNAL.get():
            return Safe.of(ask.text)
        try:
            statement = read_statement(ask.text, self.schemas.dialect, is_percent_doubled=ask.is_formatted)
        except StatementRefused:
            is_recorded, kind = self.reporter.trusted(ask.who, "", ""), None
        else:
            is_recorded = self.reporter.trusted(ask.who, fingerprint(statement), without_literals(statement))
            kind = statement.kind
        if not is_recorded:
            # Fail closed: what cannot be recorded is masked, as for an owner.
            lesser = Who(ask.who.principal, ask.who.groups, is_owner=True)
            return self._pass(_Ask(ask.text, ask.connection, lesser, ask.is_formatted))
        is_harmless = kind in (StatementKind.SELECT, StatementKind.WRITE, StatementKind.TRANSACTION)
        return Safe.of(
            ask.text,
            Aftermath(is_schema_change=not is_harmless, ends_transaction=kind is StatementKind.TRANSACTION),
        )

    def _access(self, who: Who) -> tuple[Access, Allowance]:
        if self.source is None or who.principal is None:
            return NOBODY, NOTHING
        access = self.source.access(who.principal, who.groups)
        last = self._last.get(who)
        if last is not None and last[0] is access:
            return last
        fresh = allowance(access)
        content = (fresh.columns, fresh.statements)
        if content == (NOTHING.columns, NOTHING.statements):
            fresh = NOTHING
        if len(self._allowances) >= _MOST_REMEMBERED:
            self._allowances.clear()
        if len(self._last) >= _MOST_REMEMBERED:
            self._last.clear()
        fresh = self._allowances.setdefault(content, fresh) if fresh is not NOTHING else fresh
        self._last[who] = (access, fresh)
        return access, fresh

    def explain(self, ask_text: str, connection: Any, who: Who) -> Rewritten:
        """How `ask_text` would run for `who`; nothing runs and nothing is recorded."""
        ask = _Ask(ask_text, connection, who, is_formatted=False)
        _, allowed = self._access(who)
        view = self.schemas.known(connection) or self.schemas.load(connection)
        return self._rewritten(ask, view, allowed)


_MOST_REMEMBERED = 4096


def _lane(ask: _Ask, allowed: Allowance) -> Hashable:
    return (allowed, ask.is_formatted, ask.who.is_owner)


def _aftermath(rewritten: Rewritten) -> Aftermath | None:
    after = Aftermath(
        is_sensitive=bool(rewritten.tables),
        is_schema_change=rewritten.kind is StatementKind.DDL,
        ends_transaction=rewritten.kind is StatementKind.TRANSACTION,
    )
    return None if after == Aftermath() else after

