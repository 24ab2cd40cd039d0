"""Errors of the grants.

GrantError
├── UnknownRequest      no request or grant with that id in that environment
├── UnknownPrincipal    the person is not in the policy, or has no key there
├── TransitionError     the request's state does not allow that; `.state` and `.event` say which
├── SelfApproval        a person tried to decide on a request of their own
├── RuleError           the policy's approval rule does not allow it
├── SignatureError      a key cannot be used, or a signature is not its author's
├── StoreError          Redis could not do it; the message says what to do
└── RecordError         no sink of the trail took the record, so nothing may be revealed

No error holds a literal, parameter or cell value, a private key or a password.
"""


class GrantError(Exception):
    """Root of every error that `grants` raises."""


class UnknownRequest(GrantError):
    """No request or grant has this id.

    Attributes:
        id: what was asked for.
        environment: where it was looked for.
    """

    def __init__(self, id: str, environment: str) -> None:  # noqa: A002 -- the command line's own word
        super().__init__(id, environment)
        self.id = id
        self.environment = environment

    def __str__(self) -> str:
        return (
            f"there is no request {self.id!r} in {self.environment}: check the id with `unmask requests`, and the "
            "environment with --env; requests are kept for a week after they end"
        )


class UnknownPrincipal(GrantError):
    """The person cannot act, because the policy does not know them or their key."""


class TransitionError(GrantError):
    """The request is in a state that does not allow the event.

    Attributes:
        id: the request.
        state: the state it is in (`pending`, `approved`, `denied`, `revoked`, `expired`).
        event: the verb that was tried.
    """

    def __init__(self, id: str, state: str, event: str, hint: str) -> None:  # noqa: A002, PLR0917 -- it must pickle
        super().__init__(id, state, event, hint)
        self.id = id
        self.state = state
        self.event = event
        self.hint = hint

    def __str__(self) -> str:
        return f"cannot {self.event} {self.id}: it is {self.state}. {self.hint}"


class SelfApproval(GrantError):
    """The requester tried to decide on their own request."""


class RuleError(GrantError):
    """The policy's approval rule does not allow the request or the decision."""


class SignatureError(GrantError):
    """A key cannot be used, or a signature does not belong to the record's author."""


class StoreError(GrantError):
    """Redis could not do it. The message says what to do; `.is_outage` tells a server that does not answer."""

    def __init__(self, message: str, *, is_outage: bool = False) -> None:
        super().__init__(message)
        self.is_outage = is_outage

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), self.args, {"is_outage": self.is_outage})


class RecordError(GrantError):
    """No durable sink took the record."""
