"""Whom a statement runs for: execution options, then `acting_as`, then the application's own callable, then nobody.

Nobody holds no grant, so an execution option or context that gets lost on the way masks more, never less.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from masking import Policy, Principal

Acting = tuple[Principal, frozenset[str]]
"""A principal as the application names it, with the groups that the application vouches for."""


@dataclass(frozen=True, slots=True, eq=False)
class Who:
    """A resolved principal: the groups of policy and application together, and its standing under the policy.

    Compared by identity, so that it is a cheap key; `name` compares by content. `acting`: what it was resolved from.
    """

    principal: Principal | None
    groups: frozenset[str] = field(default=frozenset())
    is_owner: bool = False
    is_trusted: bool = False
    acting: Acting | None = None

    @property
    def name(self) -> tuple[Principal | None, frozenset[str]]:
        """What makes two of them the same principal."""
        return (self.principal, self.groups)


ANYONE = Who(None)
"""Nobody in particular: no grants, no standing."""

ACTING: ContextVar[Acting | None] = ContextVar("unmask_acting", default=None)


@contextmanager
def acting_as(principal: str, *, groups: Iterable[str] = ()) -> Iterator[None]:
    """Statements inside the block run for `principal`, in this thread's context or task and in what it starts.

    `groups` are added to those that the policy gives the principal; they count for approval rules and standing permits.
    """
    if not principal:
        raise ValueError("acting_as() needs a principal; leave it out for statements that run for nobody")
    token = ACTING.set((Principal(principal), frozenset(groups)))
    try:
        yield
    finally:
        ACTING.reset(token)


class Principals:
    """Resolves the principal of a statement, and remembers its standing under one policy."""

    __slots__ = ("_known", "_policy", "_source")

    _MOST_KNOWN = 4096

    def __init__(self, policy: Policy, source: Callable[[], str | None] | None) -> None:
        self._policy = policy
        self._source = source
        self._known: dict[Acting, Who] = {}

    @property
    def has_source(self) -> bool:
        """Whether the application answers where nothing else names a principal."""
        return self._source is not None

    def current(self, options: Mapping[str, object] | None = None) -> Who:
        """The principal of the statement that is about to run, whose execution options are `options`."""
        return self.who(self.acting(options))

    def acting(self, options: Mapping[str, object] | None) -> Acting | None:
        """As options, context or application name it."""
        named = options.get("principal") if options else None
        acting = ACTING.get()
        if named is not None:
            return self._named(named, acting)
        if acting is None and self._source is not None and (answer := self._source()):
            return (Principal(answer), frozenset())
        return acting

    def who(self, acting: Acting | None) -> Who:
        """Whom that is under the policy: the same object each time, for as long as it is remembered."""
        return ANYONE if acting is None else self._known.get(acting) or self._learnt(acting)

    @staticmethod
    def _named(principal: object, acting: Acting | None) -> Acting:
        if not isinstance(principal, str) or not principal:
            raise TypeError(f"the execution option principal= takes a non-empty str, not {type(principal).__name__}")
        # Groups belong to the principal that they were given with: another one must not inherit them.
        groups = acting[1] if acting is not None and acting[0] == principal else frozenset[str]()
        return (Principal(principal), groups)

    def _learnt(self, acting: Acting) -> Who:
        if len(self._known) >= self._MOST_KNOWN:
            self._known.clear()
        principal, groups = acting
        who = Who(
            principal,
            self._policy.groups_of(principal) | groups,
            is_owner=self._policy.is_owner(principal),
            is_trusted=self._policy.is_trusted(principal),
            acting=acting,
        )
        return self._known.setdefault(acting, who)
