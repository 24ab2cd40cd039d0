"""What the policy's rules say of roles of the database that come with a request. Pure."""

from collections.abc import Iterable
from typing import Protocol

from grants.records import Request, StatementScope
from masking import Policy


class Narrowed(Protocol):
    """What may be for one statement, some rows, or a number of uses: an ask or a request."""

    @property
    def statement(self) -> StatementScope | None:
        """The one statement."""
        ...

    @property
    def where(self) -> str | None:
        """The condition on rows."""
        ...

    @property
    def uses(self) -> int | None:
        """How many statements."""
        ...


def database_role(request: Request, policy: Policy) -> str | None:
    """The role of the database that a grant of `request` carries: the one that was asked for, if it still is meant.

    Fail closed: nobody approved what the policy means by the name of the role since.
    """
    meant = None if is_narrowed(request) else role_meant(request.scopes, policy)
    return meant if meant == request.database_role else None


def role_meant(scopes: Iterable[str], policy: Policy) -> str | None:
    """The role of the database that `scopes` bring: of several, the one whose name comes first."""
    return min((policy.database_roles[role] for role in roles_named(scopes, policy)), default=None)


def is_narrowed(asked: Narrowed) -> bool:
    """Whether it is for one statement, some rows or a number of uses: a role of the database cannot be."""
    return asked.statement is not None or asked.where is not None or asked.uses is not None


def roles_named(scopes: Iterable[str], policy: Policy) -> tuple[str, ...]:
    """The roles among `scopes` that stand for a role of the database."""
    named = dict.fromkeys(scope.removeprefix("role:") for scope in scopes if scope.startswith("role:"))
    return tuple(role for role in named if role in policy.database_roles)
