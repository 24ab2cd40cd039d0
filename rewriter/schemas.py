"""Which schema, with the policy bound to it, holds for a connection: one shared by all, private ones where they differ.

A connection that changed the schema sees its own change before anyone else does, and one with temporary tables sees
tables that nobody else has: a name resolved there must not be believed elsewhere.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from masking.names import Principal
from masking import Policy
from masking.types import Dialect
from rewriter.binding import Binding, bind
from rewriter.catalog import load_catalog
from rewriter.guards import Driver
from rewriter.schema import Catalog
from rewriter.statement_cache import StatementCache

_SHARED_BYTES = 8 * 1024 * 1024
_PRIVATE_BYTES = 512 * 1024
_MOST_BINDINGS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A schema as some connections see it, and every statement that was rewritten for it.

    `generation`: it holds while `Schemas.generation` is the same. `bindings`: by principal, where masks depend on one.
    """

    generation: int
    catalog: Catalog
    statements: StatementCache
    bindings: dict[Hashable, Binding] = field(default_factory=dict)


@dataclass(slots=True)
class _ConnectionState:
    """What is known of one connection.

    `is_private`: it may see another schema than the rest, so only what was read on it holds for it. `is_dirty`: it
    changed the schema in a transaction that has not ended.
    """

    is_private: bool = False
    is_dirty: bool = False
    view: View | None = None


class Schemas:
    """Loads schemas when they are first needed, on the connection that needs them."""

    def __init__(self, policy: Policy, dialect: Dialect, driver: Driver) -> None:
        self.generation = 0
        self.policy = policy
        self.dialect = dialect
        self.driver = driver
        self.has_private = False
        self.shared: View | None = None

    def known(self, connection: Any) -> View | None:
        """The view of `connection`, if it is loaded and still holds."""
        view = self.shared
        if self.has_private and (state := _state(connection)).is_private:
            view = state.view
        return view if view is not None and view.generation == self.generation else None

    def load(self, connection: Any) -> View:
        """The view of `connection`, read from the database on that very connection."""
        # Read before the schema is: a change made meanwhile leaves this view out of date from the start.
        generation = self.generation
        with self.driver.unguarded(connection) as cursor:
            catalog = load_catalog(cursor, self.dialect)
        state = _state(connection)
        state.is_private = state.is_dirty or any(relation.is_temporary for relation in catalog.relations.values())
        size = _PRIVATE_BYTES if state.is_private else _SHARED_BYTES
        view = View(generation=generation, catalog=catalog, statements=StatementCache(size))
        if state.is_private:
            self.has_private, state.view = True, view
        else:
            self.shared, state.view = view, None
        return view

    def changed(self, connection: Any) -> None:
        """`connection` changed the schema: it sees that at once, the others when its transaction ends."""
        self.generation += 1
        self.has_private = True
        state = _state(connection)
        state.is_private, state.is_dirty, state.view = True, True, None

    def settled(self, connection: Any) -> None:
        """A transaction ended on `connection`: what it changed in the schema holds for all now, or for nobody."""
        if self.has_private and (state := _state(connection)).is_dirty:
            self.generation += 1
            state.is_dirty, state.view = False, None

    def refresh(self) -> None:
        """Have every schema read again when next needed."""
        self.generation += 1

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
            found = view.bindings[key] = bind(self.policy, view.catalog, key)
        return found


def _state(connection: Any) -> _ConnectionState:
    state: _ConnectionState | None = getattr(connection, "unmask_state", None)
    if state is None:
        state = _ConnectionState()
        try:
            connection.unmask_state = state
        except AttributeError:
            # A connection from before `install`, without a guard: it has no place to remember anything, and may be
            # one that changed the schema, so nothing but what is read on it now holds for it.
            state.is_private = state.is_dirty = True
    return state


def without_tables(catalog: Catalog) -> Binding:
    """A binding under which no table is known: what an owner may do before the tables that the policy names exist."""
    return bind(Policy.parse("{}"), replace(catalog, relations={}))
