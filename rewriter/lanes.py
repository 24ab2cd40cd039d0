"""Which statements are rewritten alike: for whom, for which columns, under which driver rules."""

from dataclasses import dataclass

from masking import NOBODY, Access, ColumnName, Policy, Principal
from rewriter.principals import Who
from rewriter.protocols import AccessSource
from rewriter.reveals import Allowance, allowance

_MOST_REMEMBERED = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """Statements that are rewritten alike: for the same columns, driver rules and standing. Compared by identity.

    `principal`: whose they are, where the policy has masks that depend on it.
    """

    allowed: Allowance
    is_formatted: bool
    is_owner: bool
    writable: frozenset[ColumnName] | None
    principal: Principal | None


def writable(policy: Policy, who: Who) -> frozenset[ColumnName] | None:
    """The sensitive columns that `who` may assign; None for all of them."""
    if policy.writes == "guard" or who.is_owner:
        return None
    permits = policy.standing_permits(who.principal, who.groups) if who.principal is not None else ()
    return frozenset().union(*(permit.columns for permit in permits))


class Lanes:
    """What each principal may see at this instant, and the lane of its statements."""

    def __init__(self, source: AccessSource | None, policy: Policy) -> None:
        self._source = source
        self._policy = policy
        self._lanes: dict[tuple[object, ...], Lane] = {}
        self._last: dict[tuple[Who, bool], tuple[Access, Lane]] = {}

    def is_open(self, who: Who) -> bool:
        """Whether `who` can never be granted anything, so that nobody need be asked."""
        return self._source is None or who.principal is None

    def access(self, who: Who) -> Access:
        """What `who` may see now: the same object while nothing has changed."""
        if self._source is None or who.principal is None:
            return NOBODY
        return self._source.access(who.principal, who.groups)

    def of(self, who: Who, access: Access, *, is_formatted: bool) -> Lane:
        """The lane of what `who` runs under `access`."""
        last = self._last.get((who, is_formatted))
        if last is not None and last[0] is access:
            return last[1]
        lane = self.lane(allowance(access), who, is_formatted=is_formatted)
        if len(self._last) >= _MOST_REMEMBERED:
            self._last.clear()
        self._last[who, is_formatted] = (access, lane)
        return lane

    def lane(self, allowed: Allowance, who: Who, *, is_formatted: bool) -> Lane:
        """The lane of what `who` runs if it may see what `allowed` says."""
        principal = who.principal if self._policy.is_principal_dependent else None
        key = (allowed, is_formatted, who.is_owner, writable(self._policy, who), principal)
        found = self._lanes.get(key)
        if found is None:
            if len(self._lanes) >= _MOST_REMEMBERED:
                self._lanes.clear()
            found = self._lanes.setdefault(key, Lane(*key))
        return found
