"""The SQLAlchemy hook: puts the rewriter between an engine's dialect and its driver.

The choke point is `do_execute*` of the engine's own dialect object, which every SQLAlchemy path runs through after all
listeners; guarded connections and cursors see to what goes around it (docs/architecture.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import ref

from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import SingletonThreadPool, StaticPool
from sqlalchemy.util.concurrency import greenlet_spawn

from masking import Dialect, Policy
from rewriter.errors import RewriteError
from rewriter.execution import wrapped_methods
from rewriter.guards import driver_of, is_guarded
from rewriter.hook import Hook
from rewriter.off_loop import OffLoopAccess, OffLoopRecorder, Threads
from rewriter.orm import INSTALLED, watch_sessions
from rewriter.principals import Principals
from rewriter.protocols import AccessSource, GrantsSource, Recorder
from rewriter.reporter import Place, Reporter
from rewriter.rewritten import Rewritten
from rewriter.schemas import Schemas

_DIALECTS: dict[str, Dialect] = {
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
    "duckdb": "duckdb",
}

_DRIVERS = {("psycopg", True): "psycopg_async"}
"""Drivers that SQLAlchemy calls by one name, synchronous or not."""


class Installed:
    """One engine's hook, as `install` returns it."""

    def __init__(self, engine: Engine, hook: Hook, terms: tuple[object, ...]) -> None:
        self.engine = engine
        self.hook = hook
        self.terms = terms
        self._originals: list[str] = []

    def refresh(self) -> None:
        """Have the schema read again before the next statement: another process changed it."""
        self.hook.schemas.refresh()

    def explain(self, sql: str, *, principal: str | None = None) -> Rewritten:
        """How `sql` would run for `principal`: its text, what it masks and reveals. Nothing runs, nothing is recorded.

        Raises:
            StatementRefused: it would be refused.
            PolicyError: the policy does not fit the schema.
        """
        options = {} if principal is None else {"principal": principal}
        who = self.hook.principals.current(options)
        with self.engine.connect() as connection:
            return self.hook.explain(sql, connection.connection.dbapi_connection, who)

    async def explain_async(self, sql: str, *, principal: str | None = None) -> Rewritten:
        """As `explain`, for an AsyncEngine: it takes a connection of the engine's as well."""
        return await greenlet_spawn(self.explain, sql, principal=principal)

    def uninstall(self) -> None:
        """Take the hook off the engine: from now on its statements run as they are."""
        dialect = self.engine.dialect
        if dialect.__dict__.get(INSTALLED) is not self:
            return
        self.hook.retire()
        for name in self._originals:
            del dialect.__dict__[name]
        del dialect.__dict__[INSTALLED]
        pool: Any = self.engine.pool
        pool._creator = pool._creator.unmask_original  # noqa: SLF001 -- see `_wrap_pool`

    def put_on(self) -> None:
        """Wrap the engine's dialect and pool; `install` has done so."""
        self._wrap_dialect()
        self._wrap_pool()
        setattr(self.engine.dialect, INSTALLED, self)

    def _wrap(self, name: str, method: Callable[..., Any]) -> None:
        setattr(self.engine.dialect, name, method)
        self._originals.append(name)

    def _wrap_dialect(self) -> None:
        dialect: Any = self.engine.dialect
        for name, method in wrapped_methods(dialect, self.hook):
            self._wrap(name, method)
        hook = self.hook
        connect = hook.driver.connecting(dialect, hook) or dialect.connect

        def connect_guarded(*arguments: Any, **keywords: Any) -> Any:
            hook.driver.configure(keywords, hook)
            return connect(*arguments, **keywords)

        self._wrap("connect", connect_guarded)

    def _wrap_pool(self) -> None:
        # The creator, and not `do_connect`: that does not fire where the engine has creator=.
        pool: Any = self.engine.pool
        original = pool._invoke_creator  # noqa: SLF001 -- it survives dispose(), which no public hook on creating does
        guard = self.hook.guard

        def creator(record: Any) -> Any:
            # Whoever runs a statement has checked the connection out; before that, it is the application's to set up.
            known = ref(record)
            return guard(original(record), lambda: (one := known()) is None or one.fairy_ref is not None)

        creator.unmask_original = pool._creator  # type: ignore[attr-defined] # for uninstall  # noqa: SLF001
        pool._creator = creator  # noqa: SLF001
        _guard_pooled(self.engine, self.hook)


def _guard_pooled(engine: Engine, hook: Hook) -> None:
    """See to connections that were pooled before: they are closed, or guarded.

    Closing would lose a database in memory, and asynchronous connections cannot be closed here, where nothing can wait.
    """
    if not engine.dialect.is_async and not isinstance(engine.pool, StaticPool | SingletonThreadPool):
        engine.dispose()
        return

    def guard(_connection: Any, record: Any, fairy: Any) -> None:
        if not is_guarded(record.dbapi_connection, hook):
            record.dbapi_connection = fairy.dbapi_connection = hook.guard(record.dbapi_connection)

    event.listen(engine, "checkout", guard)


def install(  # noqa: PLR0913 -- the one call that an application writes: each argument is named there
    engine: Engine | AsyncEngine,
    *,
    policy: Policy,
    grants: GrantsSource | None = None,
    environment: str = "default",
    principal: Callable[[], str | None] | None = None,
    audit: Recorder | None = None,
) -> Installed:
    """Mask every statement of `engine` as `policy` says, but for what `grants` reveal.

    Does not connect, and needs no schema yet: the policy is checked before the first statement of an untrusted
    principal. Installing the same again returns what is there. `grants=None` masks always. `principal` is asked where
    neither execution options nor `acting_as` name one. `audit` takes the records in place of the grants' own recorder.

    Raises:
        RewriteError: the engine's database or driver cannot be hooked, or it is hooked on other terms.
    """
    if isinstance(engine, AsyncEngine):
        engine = engine.sync_engine
    terms = (policy, grants, environment, principal, audit)
    installed: Installed | None = engine.dialect.__dict__.get(INSTALLED)
    if installed is not None:
        if installed.terms != terms:
            raise RewriteError(
                "the engine is hooked already, with another policy, environment or grants: uninstall first"
            )
        return installed
    reports = _reports(policy, grants, audit, environment=environment)
    if engine.dialect.is_async:
        reports = _off_loop(reports)
    hook = _hook(engine, Principals(policy, principal), reports, policy=policy)
    installed = Installed(engine, hook, terms)
    installed.put_on()
    watch_sessions()
    return installed


@dataclass(frozen=True, slots=True)
class _Reports:
    """What the hook asks and tells of grants."""

    source: AccessSource | None
    recorder: Recorder | None
    place: Place


def _reports(policy: Policy, grants: GrantsSource | None, audit: Recorder | None, *, environment: str) -> _Reports:
    recorder = audit if audit is not None or grants is None else grants.recorder
    place = Place(environment=environment, policy_version=policy.version)
    source = None if grants is None else grants.attach(policy=policy, environment=environment)
    return _Reports(source, recorder, place)


def _off_loop(reports: _Reports) -> _Reports:
    """The same, without ever blocking the event loop."""
    threads = Threads()
    source = None if reports.source is None else OffLoopAccess(reports.source, threads)
    recorder = None if reports.recorder is None else OffLoopRecorder(reports.recorder, threads)
    return _Reports(source, recorder, reports.place)


def _hook(engine: Engine, principals: Principals, reports: _Reports, *, policy: Policy) -> Hook:
    dialect = _DIALECTS.get(engine.dialect.name)
    if dialect is None:
        raise RewriteError(f"{engine.dialect.name} cannot be hooked. Supported: {', '.join(sorted(_DIALECTS))}")
    driver = driver_of(_DRIVERS.get((engine.dialect.driver, engine.dialect.is_async), engine.dialect.driver))
    if policy.database_roles and reports.source is not None and driver.taken is None:
        # Fail closed: a grant would not give what was approved.
        raise RewriteError(
            f"the policy has roles with a database_role, and none can be taken by {engine.dialect.driver} here."
            " Supported: every driver of PostgreSQL, and PyMySQL"
        )
    schemas = Schemas(policy, dialect, driver, is_per_connection=_is_in_memory(engine))
    return Hook(
        schemas,
        driver,
        principals=principals,
        reporter=Reporter(reports.recorder, reports.place, source=reports.source),
        source=reports.source,
    )


def _is_in_memory(engine: Engine) -> bool:
    """Whether each connection may have a database of its own."""
    database = engine.url.database or ""
    return engine.dialect.name in ("sqlite", "duckdb") and ("memory" in str(engine.url) or not database)
