"""The methods of a dialect that hand statements to its cursors, with the rewriter before each."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

from rewriter.exactness import UNKNOWN
from rewriter.guards import batching
from rewriter.hook import Hook, Prepare
from rewriter.own_statements import internally
from rewriter.prepared import Batch
from rewriter.writes import TellingCount

_INTERNAL_METHODS = (
    "initialize",
    "do_ping",
    "get_isolation_level",
    "set_isolation_level",
    "do_recover_twophase",
    "_hstore_oids",
)
"""Methods of dialects that send SQL of their own on raw cursors, whoever the principal is."""


def wrapped_methods(dialect: Any, hook: Hook) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every method of `dialect` that sends SQL, as it is to be from now on."""
    yield from _executing(dialect, hook).items()
    for name in _INTERNAL_METHODS:
        if hasattr(dialect, name):
            yield name, _internal(getattr(dialect, name))
    if hasattr(dialect, "_deliver_insertmanyvalues_batches"):
        deliver = dialect._deliver_insertmanyvalues_batches  # noqa: SLF001 -- without it, batches are read whole
        yield "_deliver_insertmanyvalues_batches", _batches(deliver, hook, dialect.paramstyle)


def _executing(dialect: Any, hook: Hook) -> dict[str, Callable[..., None]]:
    """The methods by which a dialect hands statements to its cursor, with the rewriter before each."""
    prepare = hook.preparing(is_formatted=dialect.paramstyle in ("format", "pyformat"))
    prepare_bare = hook.preparing(is_formatted=False)
    execute_many, execute_bare = dialect.do_executemany, dialect.do_execute_no_params

    def do_executemany(cursor: Any, statement: Any, parameters: Any, context: Any = None) -> None:  # noqa: PLR0917 -- SQLAlchemy's
        safe = prepare(cursor, statement, None if context is None else context.execution_options, UNKNOWN)
        with batching(cursor):
            execute_many(cursor, safe, parameters, context)

    def do_execute_no_params(cursor: Any, statement: Any, context: Any = None) -> None:
        safe = prepare_bare(cursor, statement, None if context is None else context.execution_options, ())
        execute_bare(cursor, safe, context)

    do_execute = _execute(dialect, hook, prepare)
    return {"do_execute": do_execute, "do_executemany": do_executemany, "do_execute_no_params": do_execute_no_params}


def _execute(dialect: Any, hook: Hook, prepare: Prepare) -> Callable[..., None]:
    """The dialect's `do_execute`.

    Where that is SQLAlchemy's own, which only calls the cursor, its guard is left out for text that has been judged:
    what the guard does once the driver has run is done here.
    """
    execute, run, failed, errors = dialect.do_execute, hook.run, hook.failed, hook.driver.errors
    is_plain = getattr(execute, "__func__", None) is DefaultDialect.do_execute
    direct = hook.direct_cursors if is_plain else frozenset[type]()

    def do_execute(cursor: Any, statement: Any, parameters: Any, context: Any = None) -> None:  # noqa: PLR0917
        safe = prepare(cursor, statement, None if context is None else context.execution_options, parameters)
        after = safe.aftermath
        if type(cursor) not in direct:
            execute(cursor, safe, parameters, context)
        elif after is None:
            cursor.unmask_execute(safe, parameters)
        elif after.telling_count is not TellingCount.NO:
            execute(cursor, safe, parameters, context)  # its guard sees to what the driver counted
        elif not after.is_quiet:
            run(cursor, safe, partial(cursor.unmask_execute, safe, parameters))  # a closure would cost cells each time
        else:
            try:
                cursor.unmask_execute(safe, parameters)
            except errors as error:
                clean = failed(cursor, after, error)
                if clean is None:
                    raise
            else:
                return
            # Raised outside the handler, as in `Hook.run`.
            raise clean

    return do_execute


def _internal(method: Callable[..., Any]) -> Callable[..., Any]:
    def internal(*arguments: Any, **keywords: Any) -> Any:
        with internally():
            return method(*arguments, **keywords)

    return internal


def _batches(deliver: Callable[..., Iterator[Any]], hook: Hook, paramstyle: str) -> Callable[..., Iterator[Any]]:
    """Batches of an INSERT that are made of its rewritten template, and say so: judging the template is enough."""
    is_formatted = paramstyle in ("format", "pyformat")

    def delivered(connection: Any, cursor: Any, statement: Any, *rest: Any) -> Iterator[Any]:
        context = rest[-1]
        text = hook.template(cursor.connection, statement, context.execution_options, is_formatted=is_formatted)
        for batch in deliver(connection, cursor, text, *rest):
            yield batch._replace(replaced_statement=Batch.of(batch.replaced_statement, statement, text))

    return delivered
