"""The gate between an engine's statements and its driver: who asks, what may be seen, what runs, what is recorded."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from masking import NOBODY, Access, PolicyError, session_secrets
from rewriter.errors import Reason, StatementRefused, UnknownRelation
from rewriter.exactness import UNKNOWN
from rewriter.guards import Driver
from rewriter.kinds import StatementKind
from rewriter.prepared import Aftermath, Batch, Prepared, Safe
from rewriter.principals import Principals, Who
from rewriter.protocols import AccessSource
from rewriter.reveals import NOTHING, Allowance, Reporter, Run, Shown, allowance
from rewriter.rewrite import Rewritten, rewrite_bound
from rewriter.row_count import count_rows
from rewriter.schemas import Schemas, View, without_tables
from rewriter.statement import read_statement
from rewriter.trailing_comment import split_comment
from rewriter.trust import Trust

_Result = TypeVar("_Result")

_MOST_REMEMBERED = 4096

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
    """One statement as it came: its text, on which connection, for whom, how the driver will read it, and with what."""

    text: str
    connection: Any
    who: Who
    is_formatted: bool
    parameters: object = UNKNOWN


@dataclass(frozen=True, slots=True, eq=False)
class _Lane:
    """Statements that are rewritten alike: for the same columns, driver rules and standing. Compared by identity."""

    allowed: Allowance
    is_formatted: bool
    is_owner: bool


class Hook:
    """Everything that one hooked engine knows. Implements `rewriter.guards.gate.Gate`."""

    def __init__(
        self,
        schemas: Schemas,
        driver: Driver,
        *,
        principals: Principals,
        reporter: Reporter,
        source: AccessSource | None,
    ) -> None:
        self.schemas = schemas
        self.driver = driver
        self.principals = principals
        self._reporter = reporter
        self._source = source
        self._trust = Trust(reporter, schemas.dialect)
        self._is_active = True
        self._secrets = session_secrets(schemas.policy, schemas.dialect)
        self._classes: dict[tuple[type, type], type] = {}
        self._lanes: dict[tuple[Allowance, bool, bool], _Lane] = {}
        self._last: dict[tuple[Who, bool], tuple[Access, _Lane]] = {}

    # The dialect's side.

    def prepare(
        self,
        connection: Any,
        text: Any,
        options: Mapping[str, object] | None,
        *,
        is_formatted: bool,
        parameters: object = UNKNOWN,
    ) -> Safe:
        """The text to run in place of `text`, for the principal that the options or the context name.

        Once per statement: what is known already costs a few look-ups, and nothing that grows with anything.
        """
        if type(text) is Safe:
            return text
        who = self.principals.current(options)
        view = self.schemas.known(connection)
        if view is not None and not who.is_trusted:
            _, lane = self._access(who, is_formatted)
            prepared = view.statements.get(lane, text)
            if prepared is not None and not prepared.rewritten.revealed:
                return prepared.sql
        return self._pass(_Ask(_plain(text), connection, who, is_formatted, parameters))

    def template(self, connection: Any, text: str, options: Mapping[str, object] | None, *, is_formatted: bool) -> str:
        """What becomes of an INSERT of which many are about to be composed. Nothing runs, nothing is recorded."""
        who = self.principals.current(options)
        if not self._is_active or _INTERNAL.get() or who.is_trusted:
            return text
        view = self.schemas.known(connection) or self._load(connection)
        _, lane = self._access(who, is_formatted)
        try:
            return str.__str__(self._prepared(_Ask(text, connection, who, is_formatted), view, lane).sql)
        except StatementRefused as refusal:
            self._reporter.refused(who.principal, refusal)
            raise

    def guard(self, connection: Any) -> Any:
        """A new connection of the driver, guarded, its session prepared for the policy's masks."""
        guarded = self.driver.adopt(connection, self)
        try:
            self._check_session(guarded)
            self.driver.keep_secrets(guarded, self._secrets)
        except BaseException:
            guarded.close()
            raise
        return guarded

    def _load(self, connection: Any) -> View:
        self._check_session(connection)
        return self.schemas.load(connection)

    def _check_session(self, connection: Any) -> None:
        """Fail closed: under other settings the engine may read a statement otherwise than the rewriter does."""
        if self._is_active and (fault := self.driver.session_fault(connection)) is not None:
            raise StatementRefused(Reason.SESSION, fault)

    def retire(self) -> None:
        """From now on, statements pass as they are."""
        self._is_active = False
        # Without a view that holds, none is looked up in: every statement comes to where `_is_active` is asked.
        self.schemas.refresh()

    def explain(self, text: str, connection: Any, who: Who) -> Rewritten:
        """How `text` would run for `who`; nothing runs and nothing is recorded."""
        _, lane = self._access(who, is_formatted=False)
        view = self.schemas.known(connection) or self._load(connection)
        return self._rewritten(_Ask(text, connection, who, is_formatted=False), view, lane.allowed)

    # The guards' side.

    def admit(self, connection: object, text: str, *, is_formatted: bool) -> Safe:
        """As `Gate.admit`."""
        return self.prepare(connection, text, None, is_formatted=is_formatted)

    def allow_raw(self, operation: str) -> None:
        """As `Gate.allow_raw`."""
        if not self._is_active or _INTERNAL.get():
            return
        who = self.principals.current()
        if not who.is_trusted:
            refusal = StatementRefused(
                Reason.RAW_ACCESS,
                f"{operation} goes around the rewriter; only the policy's trusted principals may use it.",
            )
            self._reporter.refused(who.principal, refusal)
            raise refusal

    def run(self, cursor: Any, query: Safe, call: Callable[[], _Result]) -> _Result:
        """As `Gate.run`."""
        after = query.aftermath
        if after is None:
            return call()
        try:
            result = call()
        except self.driver.errors as error:
            if after.is_rewritten:
                self.schemas.doubt(cursor.connection)
            clean = self.driver.withheld(error) if after.is_sensitive else None
            if clean is None:
                raise
        else:
            if after.record is not None:
                count_rows(cursor, lambda count: self.counted(query, count))
            return result
        finally:
            if after.is_schema_change:
                self.schemas.changed(cursor.connection)
            elif after.is_transaction:
                self.schemas.settled(cursor.connection, is_end=False)
        # Raised outside the handler: as its context, the driver's own error would carry the cells along.
        raise clean

    def counted(self, query: Safe, count: int) -> None:
        """As `Gate.counted`."""
        if query.aftermath is not None and query.aftermath.record is not None:
            self._reporter.rows(query.aftermath.record, count)

    def transaction_ended(self, connection: object) -> None:
        """As `Gate.transaction_ended`."""
        self.schemas.settled(connection, is_end=True)

    def derived(self, mixin: type, base: type) -> type:
        """As `Gate.derived`."""
        if (plain := base.__dict__.get("unmask_base")) is not None:
            if base.gate is self:  # type: ignore[attr-defined] # every derived class has it
                return base
            # Another hook's: one that was taken off, or that of an engine which shares the pool.
            base = plain
        found = self._classes.get((mixin, base))
        if found is None:
            bases = (mixin,) if issubclass(mixin, base) else (mixin, base)
            # A class without slots of its own, so that an object made before can become one of it.
            slots = {"__slots__": ()} if "__slots__" in mixin.__dict__ else {}
            found = type(base.__name__, bases, {"gate": self, "unmask_base": base, **slots})
            self._classes[mixin, base] = found
        return found

    # The way of a statement.

    def _pass(self, ask: _Ask) -> Safe:
        if not self._is_active or _INTERNAL.get():
            return Safe.of(ask.text)
        if ask.who.is_trusted:
            trusted = self._trust.statement(ask.text, ask.who, is_formatted=ask.is_formatted)
            if trusted is not None:
                return trusted
            # Fail closed: what cannot be recorded is masked, as for an owner.
            ask = replace(ask, who=Who(ask.who.principal, ask.who.groups, is_owner=True))
        try:
            return self._judged(ask)
        except StatementRefused as refusal:
            self._reporter.refused(ask.who.principal, refusal)
            raise

    def _judged(self, ask: _Ask) -> Safe:
        view = self.schemas.known(ask.connection)
        if view is None:
            if (free := self._free_of_tables(ask)) is not None:
                return free
            view = self._load(ask.connection)
        access, lane = self._access(ask.who, ask.is_formatted)
        batch = ask.text if type(ask.text) is Batch else None
        if batch is not None:
            ask = replace(ask, text=batch.template)
        after: Aftermath | None = None
        while (prepared := self._prepared(ask, view, lane)).rewritten.revealed:
            run = Run(prepared.rewritten, view.catalog.database, ask.parameters)
            record = self._reporter.revealed(ask.who, access, run)
            if isinstance(record, str):
                after = Aftermath(is_sensitive=True, is_rewritten=True, record=record)
                break
            access = record
            lane = self._lane(allowance(access), ask.who, is_formatted=ask.is_formatted)
        if batch is not None:
            return _composed(batch, prepared, after or prepared.sql.aftermath)
        return prepared.sql if after is None else Safe.of(prepared.sql, after)

    def _free_of_tables(self, ask: _Ask) -> Safe | None:
        """Transaction control and settings need no schema: reading it first would start a transaction too early."""
        statement = read_statement(ask.text, self.schemas.dialect, is_percent_doubled=ask.is_formatted)
        if statement.kind not in (StatementKind.TRANSACTION, StatementKind.SESSION):
            return None
        return Safe.of(ask.text, Aftermath(is_transaction=True))

    def _prepared(self, ask: _Ask, view: View, lane: _Lane) -> Prepared:
        prepared = view.statements.get(lane, ask.text)
        if prepared is not None:
            return prepared
        text, comment = split_comment(ask.text, is_formatted=ask.is_formatted)
        prepared = view.statements.get(lane, text) if comment else None
        if prepared is None:
            rewritten = self._rewritten(replace(ask, text=text), view, lane.allowed)
            prepared = Prepared.of(rewritten, _aftermath(rewritten))
            view.statements.put(lane, text, prepared)
        if not comment:
            return prepared
        return replace(prepared, sql=Safe.of(prepared.sql + comment, prepared.sql.aftermath))

    def _rewritten(self, ask: _Ask, view: View, allowed: Allowance) -> Rewritten:
        try:
            rewritten = self._in_view(ask, view, allowed)
        except UnknownRelation as unknown:
            # The engine's own error where it knows no such relation either.
            with self.driver.unguarded(ask.connection) as cursor:
                cursor.execute(unknown.probe)
                cursor.fetchall()
        else:
            if not rewritten.has_strangers:
                return rewritten
            # The schema may know the name meanwhile; the stamp tells.
            latest = self._load(ask.connection)
            return rewritten if latest.catalog is view.catalog else self._in_view(ask, latest, allowed)
        # It does know one: our schema is out of date.
        self.schemas.refresh()
        return self._in_view(ask, self._load(ask.connection), allowed)

    def _in_view(self, ask: _Ask, view: View, allowed: Allowance) -> Rewritten:
        try:
            binding = self.schemas.binding(view, ask.who.principal)
        except PolicyError as error:
            if not ask.who.is_owner:
                raise
            return self._before_tables(ask, view, error)

        def rewritten(shown: Shown) -> Rewritten:
            return rewrite_bound(
                ask.text,
                binding,
                revealed=shown.columns,
                rows=shown.rows,
                is_percent_doubled=ask.is_formatted,
                is_owner=ask.who.is_owner,
            )

        first = rewritten(allowed.always)
        if not allowed.statements:
            return first
        more = allowed.for_statement(first.fingerprint)
        return first if more == allowed.always else rewritten(more)

    @staticmethod
    def _before_tables(ask: _Ask, view: View, error: PolicyError) -> Rewritten:
        """An owner creates the tables that the policy names; until they are there, nothing that reads a table runs."""
        binding = without_tables(view.catalog)
        try:
            return rewrite_bound(ask.text, binding, is_percent_doubled=ask.is_formatted, is_owner=True)
        except UnknownRelation:
            raise error from None

    def _access(self, who: Who, is_formatted: bool) -> tuple[Access, _Lane]:  # noqa: FBT001 -- once per statement, where a keyword costs
        access = NOBODY
        if self._source is not None and who.principal is not None:
            access = self._source.access(who.principal, who.groups)
            if not access.permits:
                access = NOBODY
        last = self._last.get((who, is_formatted))
        if last is not None and last[0] is access:
            return last
        lane = self._lane(NOTHING if access is NOBODY else allowance(access), who, is_formatted=is_formatted)
        if len(self._last) >= _MOST_REMEMBERED:
            self._last.clear()
        self._last[who, is_formatted] = (access, lane)
        return access, lane

    def _lane(self, allowed: Allowance, who: Who, *, is_formatted: bool) -> _Lane:
        key = (allowed, is_formatted, who.is_owner)
        found = self._lanes.get(key)
        if found is None:
            if len(self._lanes) >= _MOST_REMEMBERED:
                self._lanes.clear()
            found = self._lanes.setdefault(key, _Lane(*key))
        return found


def _plain(text: Any) -> str:
    """The text itself: what a subclass of str makes of `str()` must not run in place of what was judged."""
    if not isinstance(text, str):
        raise TypeError(f"a hooked engine takes SQL as str, not {type(text).__name__}")
    return text if type(text) in (str, Batch) else str.__str__(text)


def _composed(batch: Batch, prepared: Prepared, after: Aftermath | None) -> Safe:
    """The text of a batch, as what became of its template lets it run."""
    if prepared.sql != batch.rewritten:
        # Fail closed: rows are being written, and what they may show has changed meanwhile.
        raise StatementRefused(Reason.WRITE, "What may be seen has changed since these rows were sent: try again.")
    return Safe.of(batch, after)


def _aftermath(rewritten: Rewritten) -> Aftermath:
    return Aftermath(
        is_sensitive=bool(rewritten.tables),
        is_rewritten=not rewritten.is_unchanged,
        is_schema_change=rewritten.kind is StatementKind.DDL,
        is_transaction=rewritten.kind is StatementKind.TRANSACTION,
    )
