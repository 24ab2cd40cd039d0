"""The two seams through which the hook asks for grants and reports reveals; `rewriter` runs without either.

`grants` satisfies both by shape alone: neither package imports the other.
"""

from datetime import datetime
from typing import Protocol

from masking import Policy
from masking.access import Access, Fingerprint, Permit, Reveal
from masking.names import Principal


class AccessSource(Protocol):
    """What a principal may see, at this instant."""

    def access(self, principal: Principal, groups: frozenset[str]) -> Access:
        """Every live permit of `principal`, standing ones included.

        Called once per statement: no I/O when warm, the same object while nothing has changed, and never an
        exception: what is not certain is not granted.
        """
        ...

    def peek(self, principal: Principal, groups: frozenset[str]) -> Access | None:
        """As `access`, but None where it would have to wait: for callers that must not block."""
        ...

    def spend(self, permits: tuple[Permit, ...]) -> bool:
        """Take one use of each of `permits`, which are limited: of all, or else of none.

        Called before the statement that they reveal something to. False where it is not certain, and never an
        exception.
        """
        ...

    def has_uses(self, permits: tuple[Permit, ...]) -> bool:
        """Whether each of `permits`, which are limited, has a use left. None is taken; only `explain` asks."""
        ...


class Recorder(Protocol):
    """Where reveals and refusals are recorded."""

    def reveal(self, reveal: Reveal) -> str:
        """The id of the record, once it is as durable as the sink promises; any exception means it is not recorded.

        The recorder says when it was. What is revealed again in the same way comes as the same object.
        """
        ...

    def rows(self, record: str, count: int) -> None:
        """Add to `record` how many rows were fetched: soon, without a wait, on whatever thread it is told."""
        ...

    def refused(
        self,
        *,
        principal: Principal | None,
        fingerprint: Fingerprint | None,
        reason: str,
        environment: str,
        at: datetime,
    ) -> None:
        """Record that a statement was declined; `reason` is one of `rewriter.Reason`."""
        ...


class GrantsSource(Protocol):
    """What `install(grants=…)` takes."""

    @property
    def recorder(self) -> Recorder:
        """Where reveals by these grants are recorded."""
        ...

    def attach(self, *, policy: Policy, environment: str) -> AccessSource:
        """The live grants of one environment, checked against one policy's approval rules."""
        ...
