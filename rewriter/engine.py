"""The SQLAlchemy hook: puts the rewriter between an engine's dialect and its driver.

The choke point is `do_execute*` of the engine's own dialect object, which every SQLAlchemy path runs through after all
listeners; guarded connections and cursors see to what goes around it (docs/adr, HOOKING of the design).
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import SingletonThreadPool, StaticPool

from masking import Policy
from masking.types import Dialect
from rewriter.errors import RewriteError
from rewriter.guards import batching, driver_of, is_guarded
from rewriter.hook import Hook, internally
from rewriter.orm import INSTALLED, watch_sessions
from rewriter.principals import Principals
from rewriter.protocols import GrantsSource, Recorder
from rewriter.reveals import Place, Reporter
from rewriter.rewrite import Rewritten
from rewriter.schemas import Schemas

_DIALECTS: dict[str, Dialect] = {
    "postgresql": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
    "duckdb": "duckdb",
}

_INTERNAL_METHODS = (
    "initialize",
    "do_ping",
    "get_isolation_level",
    "set_isolation_level",
    "do_recover_twophase",
    "_hstore_oids",
)
"""Methods of dialects that send SQL of their own on raw cursors, whoever the principal is."""


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
        pool._creator = pool._creator.unmask_original
        event.remove(self.engine, "do_connect", self._configure)

    # How it is put on.

    def _put_on(self) -> None:
        self._wrap_dialect()
        self._wrap_connect()
        setattr(self.engine.dialect, INSTALLED, self)

    def _wrap(self, name: str, method: Callable[..., Any]) -> None:
        setattr(self.engine.dialect, name, method)
        self._originals.append(name)

    def _wrap_dialect(self) -> None:
        dialect: Any = self.engine.dialect
        prepare = self.hook.prepare
        is_formatted = dialect.paramstyle in ("format", "pyformat")
        execute, execute_many, execute_bare = dialect.do_execute, dialect.do_executemany, dialect.do_execute_no_params

        def do_execute(cursor: Any, statement: Any, parameters: Any, context: Any = None) -> None:
            options = context.execution_options if context is not None else _NO_OPTIONS
            execute(cursor, prepare(cursor, statement, options, is_formatted=is_formatted), parameters, context)

        def do_executemany(cursor: Any, statement: Any, parameters: Any, context: Any = None) -> None:
            options = context.execution_options if context is not None else _NO_OPTIONS
            safe = prepare(cursor, statement, options, is_formatted=is_formatted)
            with batching(cursor):
                execute_many(cursor, safe, parameters, context)

        def do_execute_no_params(cursor: Any, statement: Any, context: Any = None) -> None:
            options = context.execution_options if context is not None else _NO_OPTIONS
            execute_bare(cursor, prepare(cursor, statement, options, is_formatted=False), context)

        self._wrap("do_execute", do_execute)
        self._wrap("do_executemany", do_executemany)
        self._wrap("do_execute_no_params", do_execute_no_params)
        for name in _INTERNAL_METHODS:
            if hasattr(dialect, name):
                self._wrap(name, _internal(getattr(dialect, name)))

    def _wrap_connect(self) -> None:
        pool: Any = self.engine.pool
        original = pool._invoke_creator
        guard = self.hook.guard

        def creator(record: Any) -> Any:
            return guard(original(record))

        creator.unmask_original = pool._creator  # type: ignore[attr-defined] # for uninstall
        pool._creator = creator
        event.listen(self.engine, "do_connect", self._configure)
        _guard_pooled(self.engine, self.hook)

    def _configure(self, _dialect: Any, _record: Any, _arguments: Any, keywords: dict[str, Any]) -> None:
        self.hook.driver.configure(keywords, self.hook)


_NO_OPTIONS: dict[str, object] = {}


def _internal(method: Callable[..., Any]) -> Callable[..., Any]:
    def internal(*args: Any, **kwargs: Any) -> Any:
        with internally():
            return method(*args, **kwargs)

    return internal


def _guard_pooled(engine: Engine, hook: Hook) -> None:
    """See to connections that were pooled before: they are closed, or guarded where closing would lose a database."""
    if not isinstance(engine.pool, StaticPool | SingletonThreadPool):
        engine.dispose()
        return

    def guard(_connection: Any, record: Any, fairy: Any) -> None:
        if not is_guarded(record.dbapi_connection, hook):
            record.dbapi_connection = fairy.dbapi_connection = hook.guard(record.dbapi_connection)

    event.listen(engine, "checkout", guard)


def install(
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
            raise RewriteError("the engine is hooked already, with another policy, environment or grants: uninstall first")
        return installed
    recorder = audit if audit is not None or grants is None else grants.recorder
    hook = _hook(engine, policy, principal, Reporter(recorder, Place(environment=environment, policy_version=policy.version)))
    if grants is not None:
        hook.source = grants.attach(policy=policy, environment=environment)
    installed = Installed(engine, hook, terms)
    installed._put_on()
    watch_sessions()
    return installed


def _hook(
    engine: Engine, policy: Policy, principal: Callable[[], str | None] | None, reporter: Reporter
) -> Hook:
    dialect = _DIALECTS.get(engine.dialect.name)
    if dialect is None:
        raise RewriteError(f"{engine.dialect.name} cannot be hooked. Supported: {', '.join(sorted(_DIALECTS))}")
    if engine.dialect.is_async:
        raise RewriteError(f"the asynchronous driver {engine.dialect.driver} cannot be hooked yet: use a synchronous one")
    driver = driver_of(engine.dialect.driver)
    return Hook(
        policy=policy,
        driver=driver,
        schemas=Schemas(policy, dialect, driver),
        principals=Principals(policy, principal),
        reporter=reporter,
    )
