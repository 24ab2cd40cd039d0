"""Which schema, with the policy bound to it, holds for a connection: one shared by all, private ones where they differ.

A connection that changed the schema sees its own change before anyone else does, and one with temporary tables sees
tables that nobody else has: a name resolved there must not be believed elsewhere. What other processes change is
noticed by the schema's stamp, which is read again once in a while; until then the text of statements holds most of it
off (docs/threat-model.md).
"""

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, TypeVar

from masking import Dialect, Policy, Principal
from rewriter.binding import Binding, bind
from rewriter.catalog import catalog_stamp, load_catalog, merged, unlisted_tables, with_unlisted
from rewriter.errors import StatementRefused
from rewriter.guards import Driver, Whole
from rewriter.guards.gate import RawCursor
from rewriter.prepared import Outcome
from rewriter.renames import Renames
from rewriter.revealing import Repeats
from rewriter.schema import Catalog, Relation
from rewriter.statement_cache import StatementCache
from rewriter.stencils import Stencil
from rewriter.stored_views import with_stored_views

_Found = TypeVar("_Found")

_SHARED_BYTES = 8 * 1024 * 1024
_PRIVATE_BYTES = 1024 * 1024
_MOST_BINDINGS = 256

_MOST_UNLISTED = 50
"""Tables of one connection that no catalog lists: each is asked for again whenever the schema is."""

_LEASE = 0.5
"""Seconds for which a schema is believed before its stamp is read again."""

_JUST_READ = 0.45
"""A schema that is believed for longer than that has been looked at a moment ago."""

_MOST_OF_TIME = 0.01
"""The share of time that reading stamps may take: where a stamp is slow, the lease grows."""


@dataclass(slots=True, kw_only=True)
class View:
    """A schema as some connections see it, and every statement that was rewritten for it.

    `generation`: it holds while `Schemas.generation` is the same, and until `fresh_until` without a look at its stamp.
    `stencils`: what became of their templates. `bindings`: by principal, where masks depend on one. `repeats`: reveals
    that were judged.
    """

    generation: int
    fresh_until: float
    stamp: str
    catalog: Catalog
    statements: StatementCache[Outcome]
    stencils: StatementCache[Stencil]
    bindings: dict[Hashable, Binding] = field(default_factory=dict)
    repeats: Repeats = field(default_factory=Repeats)


@dataclass(slots=True)
class _ConnectionState:
    """What is known of one connection.

    `is_private`: it may see another schema than the rest, so only what was read on it holds for it. `is_dirty`: it
    changed the schema in a transaction that has not ended. `is_apart`: it looks names up elsewhere than others do, or
    has other databases, for as long as it lives. `unlisted`: schema and name of tables that it sees, and that no
    catalog lists. `is_distrusted`: somebody wrote on it whose statements are not rewritten. `is_set_up`: whether the
    application has made it ready for whoever it is for. `is_reset`: somebody changed afterwards what statements mean.
    """

    is_private: bool = False
    is_apart: bool = False
    is_dirty: bool = False
    unlisted: frozenset[tuple[str, str]] = frozenset()
    is_distrusted: bool = False
    is_set_up: Callable[[], bool] = lambda: True
    is_reset: bool = False
    view: View | None = None


class Schemas:
    """Loads schemas when they are first needed, on the connection that needs them."""

    def __init__(self, policy: Policy, dialect: Dialect, driver: Driver, *, is_per_connection: bool) -> None:
        """`is_per_connection`: each connection has a database of its own, in memory, so that nothing is shared."""
        self.policy = policy
        self.dialect = dialect
        self.clock: Callable[[], float] = monotonic
        self._driver = driver
        self._generation = 0
        self._is_per_connection = self._has_private = is_per_connection
        self._shared: View | None = None
        self._renames = Renames()
        self.common: View | None = None
        """The view of all connections, until one of them may see another."""

    def known(self, connection: Any) -> View | None:
        """The view of `connection`, if it is loaded and still holds."""
        view = self._shared
        if self._has_private and (state := self._state(connection)).is_private:
            view = state.view
        if view is None or view.generation != self._generation or view.fresh_until < self.clock():
            return None
        return view

    def is_seen_by(self, connection: Any, view: View) -> bool:
        """Whether `view` is what `connection` sees, while some see others. The caller looks at its `fresh_until`."""
        state = self._state(connection)
        return view is (state.view if state.is_private else self._shared) and view.generation == self._generation

    def load(self, connection: Any) -> View:
        """The view of `connection`, read from the database on that very connection.

        What is there already is kept, with all that was rewritten for it, where the schema turns out to be the same.
        """
        state = self._state(connection)
        before = state.view if state.is_private else self._shared
        if before is not None and before.generation == self._generation:
            # Only this thread looks; for the others the view holds meanwhile.
            before.fresh_until = self.clock() + _LEASE
        # Read before the schema is: a change made meanwhile leaves this view out of date from the start.
        generation = self._generation
        view = self._read(connection, None if state.is_dirty else before)
        view.generation = generation
        is_apart = state.is_dirty or state.is_apart or _has_temporary(view.catalog)
        state.is_private = self._is_per_connection or is_apart
        if state.is_private:
            self._has_private, state.view = True, view
        else:
            self._shared, state.view = view, None
        self.common = None if self._has_private or view.generation != self._generation else self._shared
        return view

    def _read(self, connection: Any, before: View | None) -> View:
        start = self.clock()
        with self._driver.unguarded(connection) as cursor:
            stamp = " ".join(self._each(connection, lambda: catalog_stamp(cursor, self.dialect)))
            unlisted = self._unlisted(connection, cursor)
            stamp += repr(unlisted) if unlisted else ""
            end = self.clock()
            fresh_until = end + max(_LEASE, (end - start) / _MOST_OF_TIME)
            if before is not None and before.stamp == stamp:
                return replace(before, fresh_until=fresh_until)
            catalog = merged(self._each(connection, lambda: load_catalog(cursor, self.dialect)))
            catalog = with_unlisted(catalog, unlisted)
        if before is not None and before.catalog.version == catalog.version:
            return replace(before, fresh_until=fresh_until, stamp=stamp)
        size = _PRIVATE_BYTES if self._state(connection).is_private else _SHARED_BYTES
        return View(
            generation=self._generation,
            fresh_until=fresh_until,
            stamp=stamp,
            catalog=catalog,
            statements=StatementCache(size * 3 // 4),
            stencils=StatementCache(size // 4),
        )

    def _each(self, connection: Any, read: Callable[[], _Found]) -> tuple[_Found, ...]:
        return under_each_role(self._driver, connection, read=read, policy=self.policy)

    def _unlisted(self, connection: Any, cursor: RawCursor) -> tuple[Relation, ...]:
        """The tables that `connection` alone sees, as they are now: those that are gone are forgotten."""
        state = self._state(connection)
        if not state.unlisted:
            return ()
        found = unlisted_tables(cursor, state.unlisted, self._driver.errors)
        state.unlisted = frozenset(relation.key for relation in found)
        return found

    def find(self, connection: Any, view: View, parts: tuple[str, ...]) -> bool:
        """Whether the schema of `connection` is worth reading again: it has a table of that name that nothing lists."""
        state = self._state(connection)
        schema = parts[-2] if len(parts) > 1 else view.catalog.default_schema
        key = (schema, parts[-1])
        is_full = key in state.unlisted or len(state.unlisted) >= _MOST_UNLISTED
        if self.dialect != "mysql" or is_full or state.is_distrusted or not schema:
            return False
        with self._driver.unguarded(connection) as cursor:
            if not unlisted_tables(cursor, [key], self._driver.errors):
                return False
        state.unlisted |= {key}
        state.is_private = self._has_private = True
        self.common = None
        return True

    def distrust(self, connection: Any) -> None:
        """Somebody wrote on `connection` who sees raw values: its tables that nothing lists are not read any more."""
        state = self._state(connection)
        state.is_distrusted = True
        if state.unlisted:
            state.unlisted, state.view = frozenset(), None

    def begun(self, connection: Any, is_set_up: Callable[[], bool]) -> None:
        """`connection` is new; the application's own settings come first, until `is_set_up`."""
        self._state(connection).is_set_up = is_set_up

    def reset(self, connection: Any) -> None:
        """A setting was changed on `connection` that gives statements another meaning."""
        state = self._state(connection)
        state.is_reset = state.is_reset or state.is_set_up()

    def is_usual(self, connection: Any, view: View) -> bool:
        """Whether a statement means on `connection`, which sees `view`, what it means on every other one."""
        state = self._state(connection)
        return not (state.is_reset or state.is_apart or _has_temporary(view.catalog))

    def changed(self, connection: Any, *, is_apart: bool = False) -> None:
        """`connection` changed the schema: it sees that at once, the others when its transaction ends.

        `is_apart`: what it changed is how it sees the schema itself (a search path, an attached database).
        """
        self._generation += 1
        self._has_private, self.common = True, None
        state = self._state(connection)
        state.is_private = state.is_dirty = True
        state.is_apart = state.is_apart or is_apart

    def doubt(self, connection: Any) -> None:
        """A statement failed that the engine would run if the schema were another: look before the next one."""
        view = self.known(connection)
        if view is not None and not self.is_just_read(view):
            view.fresh_until = float("-inf")

    def is_just_read(self, view: View) -> bool:
        """Whether looking at the schema again is not worth it: statements that give cause for it may come in crowds."""
        return view.fresh_until - self.clock() > _JUST_READ

    def settled(self, connection: Any, *, is_end: bool) -> None:
        """A transaction ended on `connection`, or a part of it: what it had changed may hold for all, or for nobody."""
        if self._has_private and (state := self._state(connection)).is_dirty:
            self._generation += 1
            state.is_dirty = not is_end

    def refresh(self) -> None:
        """Have every schema read again when next needed."""
        self._generation += 1
        self._shared = self.common = None

    def binding(self, view: View, principal: Principal | None) -> Binding:
        """The policy bound to the schema of `view`.

        Raises:
            PolicyError: the policy names what the database lacks, or masks what cannot be masked so.
        """
        key = principal if self.policy.is_principal_dependent else None
        found = view.bindings.get(key)
        if found is None:
            if len(view.bindings) >= _MOST_BINDINGS:
                view.bindings.clear()
            bound = bind(self.policy, view.catalog, key, carried=self._renames.carried(view.catalog))
            found = view.bindings[key] = with_stored_views(bound)
            if not self._is_per_connection:  # each of those has tables of its own
                self._renames.saw(bound)
        return found

    def _state(self, connection: Any) -> _ConnectionState:
        state: _ConnectionState | None = getattr(connection, "unmask_state", None)
        if state is None:
            state = _ConnectionState(is_private=self._is_per_connection)
            try:
                connection.unmask_state = state
            except AttributeError:
                # A connection from before `install`, without a guard: it has no place to remember anything, and may be
                # one that changed the schema, so nothing but what is read on it now holds for it.
                state.is_private = state.is_dirty = True
        return state


def _has_temporary(catalog: Catalog) -> bool:
    return any(relation.is_temporary for relation in catalog.relations.values())


def under_each_role(
    driver: Driver, connection: Any, *, read: Callable[[], _Found], policy: Policy
) -> tuple[_Found, ...]:
    """What `read` gives to the session, and to each role that it may take where those see more of the schema."""
    found = [read()]
    if driver.is_schema_by_role and driver.taken is not None:
        for role in sorted(set(policy.database_roles.values())):
            with suppress(StatementRefused), driver.taken(Whole(connection), role):
                found.append(read())
    return tuple(found)


def without_tables(catalog: Catalog) -> Binding:
    """A binding under which no table is known: what an owner may do before the tables that the policy names exist."""
    return bind(Policy.parse("{}"), replace(catalog, relations={}))
