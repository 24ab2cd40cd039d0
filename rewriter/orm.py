"""One ORM Session serves one principal: when another comes, it forgets what it loaded for the one before.

The identity map would hand out earlier, unmasked attributes without any SQL. Unflushed changes are kept: only
attributes that are as loaded are expired. A result of the one before that is still open may load more of them at any
moment: until its end the session forgets before every statement and look-up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session

from rewriter.hook import Hook
from rewriter.principals import Who

INSTALLED = "_unmask_installed"
"""The attribute of a hooked engine's dialect that holds its hook."""

_KEY = "unmask"
_FIRST = "unmask_first"
"""The options of a statement that ran before its session had begun."""


@dataclass(slots=True)
class _Watch:
    """Whom a session has loaded for; None where it may hold what several loaded. `before`: whom it served earlier."""

    hook: Hook
    options: Mapping[str, object]
    who: Who | None
    before: tuple[Who, ...] = ()

    def current(self, options: Mapping[str, object]) -> Who:
        """Whom the session serves, where a call's own options are `options`."""
        return self.hook.principals.current({**self.options, **options})


def watch_sessions() -> None:
    """See to every Session that begins on a hooked engine. Once in a process is enough; more does no harm."""
    if not event.contains(Session, "do_orm_execute", _before_statement):
        event.listen(Session, "do_orm_execute", _before_statement)
        event.listen(Session, "after_begin", _after_begin)


def _after_begin(session: Session, _transaction: object, connection: Any) -> None:
    installed = connection.dialect.__dict__.get(INSTALLED)
    if installed is None:
        return
    options = connection.get_execution_options()
    watch = session.info.get(_KEY)
    if watch is None:
        watch = session.info[_KEY] = _Watch(installed.hook, options, None)
        watch.who = watch.current(session.info.pop(_FIRST, {}))
        _guard_lookup(session)
    else:
        watch.options = options


def _guard_lookup(session: Session) -> None:
    """Have `Session.get` ask first whom the objects in the identity map were loaded for: it may run no SQL at all."""
    lookup = session._identity_lookup  # noqa: SLF001 -- what `ext.horizontal_shard` overrides; there is no event

    def guarded(*args: Any, **kwargs: Any) -> Any:
        _serve(session, kwargs.get("execution_options") or {})
        return lookup(*args, **kwargs)

    session._identity_lookup = guarded  # type: ignore[method-assign]  # noqa: SLF001


def _before_statement(state: ORMExecuteState) -> None:
    session = state.session
    watch: _Watch | None = session.info.get(_KEY)
    if watch is None:
        if "principal" in state.execution_options:
            session.info[_FIRST] = state.execution_options
        return
    if state.is_relationship_load or state.is_column_load:
        # In the midst of another load nothing may be expired: it is done before the next statement of the session.
        who = watch.current(state.execution_options)
        if watch.who is not None and watch.who.name != who.name:
            watch.before = (*watch.before, watch.who, who)
            watch.who = None
        return
    _serve(session, state.execution_options)


def _serve(session: Session, options: Mapping[str, object]) -> None:
    watch: _Watch = session.info[_KEY]
    who = watch.current(options)
    if watch.who is None or who.name != watch.who.name:
        watch.before = (*watch.before, *(() if watch.who is None else (watch.who,)))
        watch.who = who
    elif not watch.before:
        return
    # Looked at before forgetting: what the last of their rows may have loaded is forgotten as well.
    watch.before = tuple(
        one for one in dict.fromkeys(watch.before) if one.name != who.name and watch.hook.is_revealing(one)
    )
    _forget(session)


def _forget(session: Session) -> None:
    for state in session.identity_map.all_states():
        loaded = [name for name in state.dict if name in state.manager and name not in state.committed_state]
        instance = state.obj()
        if loaded and instance is not None:
            session.expire(instance, loaded)
