"""Whether what a statement reveals may still be handed out, asked at each fetch of its rows."""

from collections.abc import Callable
from datetime import UTC, datetime

from masking import Access, Permit
from rewriter.errors import Reason, StatementRefused
from rewriter.principals import Who
from rewriter.reporter import Reporter


class Holding:
    """The permits that results rest on: those of one statement under one access, run however often."""

    def __init__(
        self, access: Callable[[Who], Access], reporter: Reporter, *, who: Who, used: tuple[Permit, ...]
    ) -> None:
        self._access_of = access
        self._reporter = reporter
        self._who = who
        self._grants = frozenset(permit.grant for permit in used)
        self._expires_at = min((one.expires_at for one in used if one.expires_at is not None), default=None)
        self._held: Access | None = None
        """The last access that had them all: replaced as a whole, so that threads may share this."""

    def check(self) -> None:
        """Return while every permit is live. As cheap as a warm look at the grants.

        Raises:
            StatementRefused: one of them ended, or it is not certain that none did.
        """
        access = self._access_of(self._who)
        # The same object while nothing has changed.
        if access is not self._held and self._grants <= {permit.grant for permit in access.permits}:
            self._held = access
        if access is self._held and (self._expires_at is None or datetime.now(UTC) < self._expires_at):
            return
        refusal = StatementRefused(
            Reason.ACCESS_ENDED, "Close the result and send the statement again: it shows what may be seen by then."
        )
        self._reporter.refused(self._who.principal, refusal)
        raise refusal
