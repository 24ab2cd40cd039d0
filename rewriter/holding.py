"""Whether what a statement reveals may still be handed out, asked at each fetch of its rows."""

from collections.abc import Callable
from datetime import UTC, datetime

from masking import Access, Permit
from rewriter.errors import Reason, StatementRefused
from rewriter.principals import Who
from rewriter.reveals import Reporter


class Holding:
    """The permits that one open result rests on."""

    def __init__(
        self, access: Callable[[Who], Access], reporter: Reporter, *, who: Who, used: tuple[Permit, ...]
    ) -> None:
        self._access_of = access
        self._reporter = reporter
        self._who = who
        self._grants = frozenset(permit.grant for permit in used)
        self._expires_at = min((one.expires_at for one in used if one.expires_at is not None), default=None)
        self._access: Access | None = None
        self._is_held = False

    def check(self) -> None:
        """Return while every permit is live. As cheap as a warm look at the grants.

        Raises:
            StatementRefused: one of them ended, or it is not certain that none did.
        """
        access = self._access_of(self._who)
        if access is not self._access:  # the same object while nothing has changed
            self._access = access
            self._is_held = self._grants <= {permit.grant for permit in access.permits}
        if self._is_held and (self._expires_at is None or datetime.now(UTC) < self._expires_at):
            return
        refusal = StatementRefused(
            Reason.ACCESS_ENDED, "Close the result and send the statement again: it shows what may be seen by then."
        )
        self._reporter.refused(self._who.principal, refusal)
        raise refusal
