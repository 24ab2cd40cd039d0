"""The gate between an engine's statements and its driver: who asks, what may be seen, what runs, what is recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, assert_never

from masking import Access, session_secrets
from rewriter.errors import Reason, StatementRefused
from rewriter.exactness import UNKNOWN
from rewriter.guards import Driver
from rewriter.kinds import is_of_session
from rewriter.lanes import Lanes
from rewriter.outcomes import Ask, Outcomes
from rewriter.own_statements import is_own
from rewriter.prepared import Aftermath, Batch, Cells, Outcome, Revealing, Safe, text_of
from rewriter.principals import ACTING, Acting, Principals, Who
from rewriter.protocols import AccessSource
from rewriter.reporter import Reporter
from rewriter.results import watch
from rewriter.revealing import Reveals
from rewriter.reveals import Run
from rewriter.rewritten import Rewritten
from rewriter.schemas import Schemas, View
from rewriter.statement_cache import Entries
from rewriter.trust import Trust

_Result = TypeVar("_Result")

_MOST_REMEMBERED = 4096

Prepare = Callable[[Any, Any, Mapping[str, object] | None, object], Safe]
"""Cursor, text, execution options and parameters of a statement → the text to run."""


@dataclass(frozen=True, slots=True)
class _Route:
    """The way of one principal's statements: it holds for this access, in this view, while that does.

    `is_open`: nobody can be granted anything here, so that `access` need not be asked for.
    """

    who: Who
    is_open: bool
    access: Access
    view: View
    entries: Entries[Outcome]


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
        self._lanes = Lanes(source, schemas.policy)
        self._outcomes = Outcomes(schemas, driver)
        self._trust = Trust(reporter, schemas.dialect)
        self._reveals = Reveals(reporter, self._lanes.access, driver.taken)
        self._is_active = True
        self._secrets = session_secrets(schemas.policy, schemas.dialect)
        self._classes: dict[tuple[type, type], type] = {}
        self._routes: dict[bool, dict[Acting | None, _Route]] = {False: {}, True: {}}
        self.direct_cursors: set[type] = set()
        """Guarded classes of cursors whose `unmask_execute` is what the guard's own `execute` calls in the end."""

    # The dialect's side.

    def preparing(self, *, is_formatted: bool) -> Prepare:
        """A function that gives the text to run in place of another, for the principal that options or context name.

        Called once per statement: one that is known already costs a few look-ups, and nothing that grows with anything.
        So it is one piece, without calls; whatever it does not know at once, `_unknown` finds out.
        """
        acting_now, routes, schemas, access = ACTING.get, self._routes[is_formatted], self.schemas, self._lanes.access
        principals, is_asked, unknown = self.principals, self.principals.has_source, self._unknown
        again = self._reveals.again

        def prepare(cursor: Any, text: Any, options: Mapping[str, object] | None, parameters: object) -> Safe:  # noqa: PLR0917 -- once per statement, where keywords cost
            acting = acting_now()
            if (options and "principal" in options) or (is_asked and acting is None):
                acting = principals.acting(options)
            route = routes.get(acting)
            left = None
            if (
                route is not None
                and ((view := route.view) is schemas.common or schemas.is_seen_by(cursor.connection, view))
                and view.fresh_until >= schemas.clock()
                and (route.is_open or access(route.who) is route.access)
                and (found := route.entries.young.get(text)) is not None
            ):
                if type(found) is Safe:
                    return found
                if isinstance(found, Revealing):
                    ready = again(route.who, found, access=route.access, known=route.view.repeats)
                    if isinstance(ready, Safe):
                        return ready
                    left = ready
            ask = Ask(_plain(text), cursor.connection, principals.who(acting), is_formatted, parameters)
            return unknown(ask, left)

        return prepare

    def template(self, connection: Any, text: str, options: Mapping[str, object] | None, *, is_formatted: bool) -> str:
        """What becomes of an INSERT of which many are about to be composed. Nothing runs, nothing is recorded."""
        ask = Ask(text, connection, self.principals.current(options), is_formatted)
        if not self._is_active or ask.who.is_trusted:
            return text
        view = self.schemas.known(connection) or self._outcomes.load(connection)
        lane = self._lanes.of(ask.who, self._lanes.access(ask.who), is_formatted=is_formatted)
        try:
            return str.__str__(text_of(self._outcomes.of(ask, view, lane)))
        except StatementRefused as refusal:
            self._reporter.refused(ask.who.principal, refusal)
            raise

    def guard(self, connection: Any, is_set_up: Callable[[], bool] = lambda: True) -> Any:
        """A new connection of the driver, guarded, its session prepared for the policy's masks.

        `is_set_up`: whether the pool's own listeners are done with it.
        """
        guarded = self.driver.adopt(connection, self)
        try:
            self.schemas.begun(guarded, is_set_up)
            if self._is_active:
                self._outcomes.check_session(guarded)
            self.driver.keep_secrets(guarded, self._secrets)
        except BaseException:
            guarded.close()
            raise
        return guarded

    def retire(self) -> None:
        """From now on, statements pass as they are."""
        self._is_active = False
        # Without a view that holds, none is looked up in: every statement comes to where `_is_active` is asked.
        self.schemas.refresh()

    def explain(self, text: str, connection: Any, who: Who) -> Rewritten:
        """How `text` would run for `who`; nothing runs and nothing is recorded."""
        access = self._lanes.access(who)
        view = self.schemas.known(connection) or self._outcomes.load(connection)
        while True:
            lane = self._lanes.of(who, access, is_formatted=False)
            rewritten = self._outcomes.foreseen(Ask(text, connection, who, is_formatted=False), lane.allowed)
            left = self._reporter.left(access, Run(rewritten, view.catalog.database, parameters=()))
            if left is access:
                return rewritten
            access = left

    # The guards' side.

    def admit(self, connection: object, text: str, *, is_formatted: bool) -> Safe:
        """As `Gate.admit`."""
        return self._unknown(Ask(_plain(text), connection, self.principals.current(), is_formatted))

    def is_revealing(self, who: Who) -> bool:
        """Whether rows may still come of a result that revealed something to `who`."""
        return self._reveals.is_open(who.principal)

    def allow_raw(self, operation: str) -> None:
        """As `Gate.allow_raw`."""
        if not self._is_active:
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
            result = call() if after.under is None else after.under(cursor, call)
        except self.driver.errors as error:
            clean = self.failed(cursor, after, error)
            if clean is None:
                raise
        else:
            if query.record is not None and after.check is not None:
                one = watch(cursor, check=after.check, report=self._reporter.rows, record=query.record)
                if after.results is not None:
                    after.results.add(one)
            return result
        finally:
            if after.is_setting:
                self.schemas.reset(cursor.connection)
            if after.is_distrusting:
                self.schemas.distrust(cursor.connection)
            if after.is_schema_change:
                self.schemas.changed(cursor.connection, is_apart=is_of_session(query))
            elif after.is_transaction:
                self.schemas.settled(cursor.connection, is_end=False)
        # Raised outside the handler: as its context, the driver's own error would carry the cells along.
        raise clean

    def failed(self, cursor: Any, after: Aftermath, error: BaseException) -> BaseException | None:
        """What is raised in place of the driver's `error`; None where that holds no cell of what the statement read."""
        if after.is_rewritten:
            self.schemas.doubt(cursor.connection)
        match after.cells:
            case Cells.NONE:
                is_telling = False
            case Cells.ELSEWHERE:
                is_telling = self.driver.is_elsewhere(error)
            case Cells.LATE:
                is_telling = self.driver.is_late(error)
            case Cells.ANY:
                is_telling = True
            case _:
                assert_never(after.cells)
        return self.driver.withheld(error) if is_telling else None

    def late(self, error: BaseException) -> BaseException | None:
        """As `Gate.late`."""
        if not self._is_active or self.principals.current().is_trusted or not self.driver.is_late(error):
            return None
        return self.driver.withheld(error)

    @staticmethod
    def check_access(query: Safe) -> None:
        """As `Gate.check_access`."""
        if query.aftermath is not None and query.aftermath.check is not None:
            query.aftermath.check()

    def counted(self, query: Safe, count: int) -> None:
        """As `Gate.counted`."""
        if query.record is not None:
            self._reporter.rows(query.record, count)

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
            more: dict[str, object] = {"__slots__": ()} if "__slots__" in mixin.__dict__ else {}
            execute = getattr(base, "execute", None) if "execute" in mixin.__dict__ else None
            if execute is not None:
                more["unmask_execute"] = execute
            found = type(base.__name__, bases, {"gate": self, "unmask_base": base, **more})
            if execute is not None and not getattr(mixin, "unmask_checks_parameters", False):
                self.direct_cursors.add(found)
            self._classes[mixin, base] = found
        return found

    # The way of a statement.

    def _unknown(self, ask: Ask, access: Access | None = None) -> Safe:
        """`access`: under which to judge it, where that is known to be less than what may be seen now."""
        if not self._is_active or is_own(ask.text, self.schemas.dialect, is_percent_doubled=ask.is_formatted):
            return Safe.of(ask.text)
        if ask.who.is_trusted:
            trusted = self._trust.statement(ask.text, ask.who, is_formatted=ask.is_formatted)
            if trusted is not None:
                return trusted
            # Fail closed: what cannot be recorded is masked, as for an owner.
            ask = replace(ask, who=Who(ask.who.principal, ask.who.groups, is_owner=True))
        try:
            return self._judged(ask, access)
        except StatementRefused as refusal:
            self._reporter.refused(ask.who.principal, refusal)
            raise

    def _judged(self, ask: Ask, access: Access | None) -> Safe:
        view = self.schemas.known(ask.connection)
        if view is None:
            if (free := self._outcomes.free_of_tables(ask)) is not None:
                return free
            view = self._outcomes.load(ask.connection)
        is_usual = access is None
        access = self._lanes.access(ask.who) if access is None else access
        lane = self._lanes.of(ask.who, access, is_formatted=ask.is_formatted)
        batch = ask.text if type(ask.text) is Batch else None
        if batch is not None:
            ask = replace(ask, text=batch.template, parameters=UNKNOWN)
        if is_usual:
            entries = view.statements.entries(lane)
            self._remember(ask, _Route(ask.who, self._lanes.is_open(ask.who), access, view, entries))
        while isinstance(found := self._outcomes.of(ask, view, lane), Revealing):
            run = self._run(ask, found, view)
            ready = self._reveals.ready(ask.who, found, run, access=access, known=view.repeats)
            if isinstance(ready, Safe):
                found = ready
                break
            access = ready
            lane = self._lanes.of(ask.who, access, is_formatted=ask.is_formatted)
        return found if batch is None else _composed(batch, found)

    def _run(self, ask: Ask, found: Revealing, view: View) -> Run:
        is_usual = self.schemas.is_usual(ask.connection, view)
        return Run(found.rewritten, view.catalog.database, found.database_role, ask.parameters, is_usual)

    def _remember(self, ask: Ask, route: _Route) -> None:
        acting = ask.who.acting
        if self.principals.who(acting) is not ask.who:
            return  # a standing for this one statement
        routes = self._routes[ask.is_formatted]
        if len(routes) >= _MOST_REMEMBERED:
            routes.clear()
        routes[acting] = route


def _plain(text: Any) -> str:
    """The text itself: what a subclass of str makes of `str()` must not run in place of what was judged."""
    if not isinstance(text, str):
        raise TypeError(f"a hooked engine takes SQL as str, not {type(text).__name__}")
    return text if type(text) in (str, Batch) else str.__str__(text)


def _composed(batch: Batch, found: Safe) -> Safe:
    """The text of a batch, as what became of its template lets it run."""
    if found != batch.rewritten:
        # Fail closed: rows are being written, and what they may show has changed meanwhile.
        raise StatementRefused(Reason.WRITE, "What may be seen has changed since these rows were sent: try again.")
    return Safe.of(batch, found.aftermath, record=found.record)
