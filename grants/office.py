"""Where requests of one environment are looked at: what was asked and decided, and what that comes to now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from grants import verification, workflow
from grants.errors import GrantError, UnknownRequest
from grants.records import Approval, Case, Request, State
from grants.store import Store
from grants.verification import Place
from grants.workflow import Setting, Standing
from masking import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Docket:
    """A request as it stands: what was asked, what was decided, and what that comes to now.

    `uses_left`: of a limited grant; None for others. `waited`: how long ago it was asked.
    """

    case: Case
    standing: Standing
    uses_left: int | None = None
    waited: timedelta = timedelta()

    @property
    def id(self) -> str:
        """The request's id, and its grant's."""
        return self.request.id

    @property
    def request(self) -> Request:
        """What was asked."""
        return self.case.request.record

    @property
    def digest(self) -> str:
        """What tells this request from any other: the SHA-256 of its signed bytes."""
        return self.case.request.digest

    @property
    def is_unreviewed(self) -> bool:
        """Whether its holder granted it to themselves, and no approver has signed it off."""
        return workflow.is_unreviewed(self.case)

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """Who said yes so far."""
        return workflow.approvals(self.case)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A stored request that nobody signed as it is, or that cannot be checked under this policy."""

    id: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What all desks of one environment share."""

    store: Store
    policy: Policy
    environment: str
    clock: Callable[[], datetime]

    def setting(self) -> Setting:
        """The circumstances of a step taken now."""
        return Setting(policy=self.policy, environment=self.environment, now=self.clock())

    def dockets(self) -> tuple[Docket | Unreadable, ...]:
        """Every request that is kept, in the order in which they end.

        Raises:
            StoreError: Redis could not tell.
        """
        return tuple(self._docket(one, text) for one, text in self.store.cases(self.environment))

    def docket(self, identifier: str) -> Docket | Unreadable:
        """One request.

        Raises:
            UnknownRequest: there is none.
            StoreError: Redis could not tell.
        """
        return self._docket(identifier, self.stored(identifier))

    def stored(self, identifier: str) -> str:
        """The text of one request.

        Raises:
            UnknownRequest: there is none.
            StoreError: Redis could not tell.
        """
        text = self.store.case(self.environment, identifier)
        if text is None:
            raise UnknownRequest(identifier, self.environment)
        return text

    def opened(self, identifier: str, text: str) -> Case:
        """The case in `text`, its signatures checked.

        Raises:
            SignatureError: it was altered.
            UnknownPrincipal: somebody who signed it is not in the policy.
        """
        return verification.opened_case(text, Place(policy=self.policy, environment=self.environment, id=identifier))

    def _docket(self, identifier: str, text: str) -> Docket | Unreadable:
        try:
            case = self.opened(identifier, text)
        except GrantError as exc:
            return Unreadable(id=identifier, problem=str(exc))
        setting = self.setting()
        standing = workflow.standing(case, setting)
        waited = setting.now - case.request.record.requested_at
        is_limited = standing.state is State.APPROVED and case.request.record.uses is not None
        left = self.store.uses_left(self.environment, identifier) if is_limited else None
        return Docket(case=case, standing=standing, uses_left=left, waited=waited)
