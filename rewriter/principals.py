"""Whom a statement runs for: execution options, then `acting_as`, then the application's own callable, then nobody.

Nobody holds no grant, so an execution option or context that gets lost on the way masks more, never less.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from masking.names import Principal
from masking import Policy


@dataclass(frozen=True, slots=True)
class Acting:
    """A principal as the application names it, with the groups that the application vouches for."""

    principal: Principal
    groups: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class Who:
    """A resolved principal: the groups of policy and application together, and its standing under the policy."""

    principal: Principal | None
    groups: frozenset[str] = field(default=frozenset())
    is_owner: bool = False
    is_trusted: bool = False


ANYONE = Who(None)
"""Nobody in particular: no grants, no standing."""

_ACTING: ContextVar[Acting | None] = ContextVar("unmask_acting", default=None)


@contextmanager
def acting_as(principal: str, *, groups: Iterable[str] = ()) -> Iterator[None]:
    """Statements inside the block run for `principal`, in this thread's context or task and in what it starts.

    `groups` are added to those that the policy gives the principal; they count for approval rules and standing permits.
    """
    if not principal:
        raise ValueError("acting_as() needs a principal; leave it out for statements that run for nobody")
    token = _ACTING.set(Acting(Principal(principal), frozenset(groups)))
    try:
        yield
    finally:
        _ACTING.reset(token)


class Principals:
    """Resolves the principal of a statement, and remembers its standing under one policy."""

    __slots__ = ("_known", "_policy", "_source")

    _MOST_KNOWN = 4096

    def __init__(self, policy: Policy, source: Callable[[], str | None] | None) -> None:
        self._policy = policy
        self._source = source
        self._known: dict[Acting, Who] = {}

    def current(self, options: Mapping[str, object] | None = None) -> Who:
        """The principal of the statement that is about to run, whose execution options are `options`."""
        named = options.get("principal") if options else None
        acting = _ACTING.get()
        if named is not None:
            acting = self._named(named, acting)
        elif acting is None:
            answer = self._source() if self._source is not None else None
            if not answer:
                return ANYONE
            acting = Acting(Principal(answer))
        return self._known.get(acting) or self._learnt(acting)

    @staticmethod
    def _named(principal: object, acting: Acting | None) -> Acting:
        if not isinstance(principal, str) or not principal:
            raise TypeError(f"the execution option principal= takes a non-empty str, not {type(principal).__name__}")
        # Groups belong to the principal that they were given with: another one must not inherit them.
        groups = acting.groups if acting is not None and acting.principal == principal else frozenset()
        return Acting(Principal(principal), groups)

    def _learnt(self, acting: Acting) -> Who:
        if len(self._known) >= self._MOST_KNOWN:
            self._known.clear()
        who = Who(
            acting.principal,
            frozenset(self._policy.groups_of(acting.principal)) | acting.groups,
            self._policy.is_owner(acting.principal),
            self._policy.is_trusted(acting.principal),
        )
        self._known[acting] = who
        return who
