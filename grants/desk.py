"""One person's desk: where they ask, approve, deny and revoke. A step is signed, stored and recorded, or not taken.

Who acts is whoever's private key signs: the desk looks the key up in the policy and takes nobody's word for it.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal

from grants import rules, workflow
from grants.audit import Entry, Event
from grants.errors import (
    GrantError,
    RecordError,
    RuleError,
    SelfApproval,
    SignatureError,
    StoreError,
    UnknownPrincipal,
    UnknownRequest,
)
from grants.notices import Notice, notice_of
from grants.office import Docket, Office
from grants.records import Approval, Case, Decision, Denial, Request, Review, Revocation, Signed, State
from grants.signing import Signer
from grants.store import KEPT_AFTER, Change
from grants.trail import Trail
from grants.workflow import Ask, Setting, Standing
from masking import Principal

_ATTEMPTS = 100  # a busy request; each lost attempt means that somebody else's step was stored
_EVENTS: dict[type[Decision], Event] = {
    Approval: Event.APPROVED,
    Denial: Event.DENIED,
    Revocation: Event.REVOKED,
    Review: Event.REVIEWED,
}
_REVIEWABLE = timedelta(days=90)
"""How long a break-glass grant can be reviewed after its end."""
_FAILURES: dict[type[GrantError], str] = {
    SelfApproval: "self-approval",
    RuleError: "not allowed by the policy",
    SignatureError: "a signature does not hold",
    UnknownPrincipal: "a signer is not in the policy",
}


class Desk:
    """The desk of the person whose private key this is.

    Raises:
        UnknownPrincipal: the key is nobody's in the policy.
    """

    def __init__(
        self, office: Office, key: Signer, trail: Trail, *, notify: Callable[[Notice], None] = lambda _: None
    ) -> None:
        """`notify` is handed what others are to be told of each step that was taken; it must neither block nor fail."""
        self._notify = notify
        self._office = office
        self._key = key
        self.principal: Principal = rules.principal_of(key.public, office.policy)
        self._trail = trail

    def request(self, ask: Ask) -> Docket:
        """A new request; approved at once where the policy approves it by itself.

        Raises:
            RuleError: the policy does not allow it.
            StoreError: Redis did not take it.
            RecordError: no sink took its record.
        """
        setting = self._office.setting()
        while True:
            made = workflow.request(ask, setting, by=self.principal, nonce=secrets.token_hex(8))
            case = Case(self._key.sign(made))
            standing = workflow.standing(case, setting)
            docket = Docket(case=case, standing=standing, uses_left=_first_uses(made, standing))
            if self._store(Event.REQUESTED, None, docket=docket):
                return docket

    def approve(self, identifier: str, *, digest: str | None = None, duration: timedelta | None = None) -> Docket:
        """An approval, for at most `duration`; with the last one needed the grant is live.

        `digest`: of the request that was looked at (`Docket.digest`), so that no other one is approved in its place.

        Raises:
            GrantError: as `workflow.approve`, or nothing was stored.
        """
        return self._decide(
            identifier,
            lambda case, setting: workflow.approve(case, setting, by=self.principal, duration=duration),
            digest=digest,
        )

    def deny(self, identifier: str, *, reason: str, digest: str | None = None) -> Docket:
        """A denial, which ends the request. `digest`: as for `approve`.

        Raises:
            GrantError: as `workflow.deny`, or nothing was stored.
        """
        return self._decide(
            identifier,
            lambda case, setting: workflow.deny(case, setting, by=self.principal, reason=reason),
            digest=digest,
        )

    def revoke(self, identifier: str, *, reason: str = "") -> Docket:
        """A revocation, which ends the request or its grant; what cannot be revoked in due form is taken away as it is.

        Raises:
            GrantError: as `workflow.revoke`, or nothing was stored.
        """
        try:
            return self._decide(
                identifier, lambda case, setting: workflow.revoke(case, setting, by=self.principal, reason=reason)
            )
        except (StoreError, SignatureError, UnknownPrincipal, UnknownRequest):
            # Redis is full, or somebody spoilt what a revocation needs: that must not keep the grant alive.
            with suppress(StoreError):
                self._office.store.end(self._office.environment, identifier)
            raise

    def review(self, identifier: str, *, reason: str = "", digest: str | None = None) -> Docket:
        """A review of a grant that its holder gave to themselves. `digest`: as for `approve`.

        Raises:
            GrantError: as `workflow.review`, or nothing was stored.
        """
        return self._decide(
            identifier,
            lambda case, setting: workflow.review(case, setting, by=self.principal, reason=reason),
            digest=digest,
        )

    def _decide(
        self, identifier: str, decide: Callable[[Case, Setting], Decision], *, digest: str | None = None
    ) -> Docket:
        """Reads, decides, stores if nothing changed meanwhile; else reads and decides again."""
        for _ in range(_ATTEMPTS):
            text = self._office.stored(identifier)
            setting = self._office.setting()
            try:
                case = self._office.opened(identifier, text)
                _check_seen(case, digest)
                signed: Signed[Decision] = self._key.sign(decide(case, setting))
            except (SelfApproval, RuleError, SignatureError, UnknownPrincipal) as exc:
                self._record_failure(identifier, exc)
                raise
            after = case.followed_by(signed)
            standing = workflow.standing(after, setting)
            record = case.request.record
            left, waited = _first_uses(record, standing), setting.now - record.requested_at
            docket = Docket(case=after, standing=standing, uses_left=left, waited=waited)
            if self._store(_EVENTS[type(signed.record)], text, docket=docket):
                return docket
        raise StoreError(f"{identifier} changes faster than it can be decided: try again")

    def _store(self, event: Event, before: str | None, *, docket: Docket) -> bool:
        change = Change(
            identifier=docket.id,
            principal=docket.request.principal,
            before=before,
            after=docket.case.stored(),
            ends_at=self._ends_at(docket),
            grant=_fate(event, docket),
            kept_for=_REVIEWABLE if docket.request.break_glass else KEPT_AFTER,
            uses=_uses(event, docket),
        )
        entry = _entry(event, docket, by=self.principal, now=self._office.clock())
        is_stored = self._trail.write_with(
            entry, lambda text: self._office.store.commit(self._office.environment, change, entry=text)
        )
        if is_stored:
            self._notify(notice_of(event, docket, self._office.policy, by=self.principal))
        return is_stored

    def _ends_at(self, docket: Docket) -> datetime:
        undone = Case(
            docket.case.request, tuple(one for one in docket.case.decisions if isinstance(one.record, Approval))
        )
        lease = workflow.standing(undone, self._office.setting()).lease
        return lease.expires_at if lease else docket.request.expires_at

    def _record_failure(self, identifier: str, exc: GrantError) -> None:
        entry = Entry(
            event=Event.FAILED,
            environment=self._office.environment,
            at=self._office.clock(),
            principal=self.principal,
            request=identifier,
            reason=_FAILURES[type(exc)],
        )
        try:
            self._trail.write(entry)
        except RecordError:
            return  # the caller is about to learn of the failure itself


def _first_uses(request: Request, standing: Standing) -> int | None:
    """Of a grant that was just made: it has all its uses."""
    return request.uses if standing.state is State.APPROVED else None


def _fate(event: Event, docket: Docket) -> Literal["set", "keep", "del"]:
    """What becomes of a grant by a step."""
    if docket.standing.state is not State.APPROVED:
        return "del"
    return "keep" if event is Event.REVIEWED else "set"


def _uses(event: Event, docket: Docket) -> tuple[int, str] | None:
    """What a limited grant begins with; only the step that makes it says so, so that no other fills it up again."""
    is_made = event in (Event.REQUESTED, Event.APPROVED) and docket.standing.state is State.APPROVED
    return (docket.request.uses, docket.digest) if is_made and docket.request.uses is not None else None


def _check_seen(case: Case, digest: str | None) -> None:
    if digest is not None and digest != case.request.digest:
        raise SignatureError(
            f"{case.request.record.id} is not the request that you looked at: another one was put in its place. "
            "Nothing was decided; look at it again"
        )


def _entry(event: Event, docket: Docket, *, by: Principal, now: datetime) -> Entry:
    request, lease = docket.request, docket.standing.lease
    last = docket.case.decisions[-1].record if docket.case.decisions else request
    return Entry(
        event=event,
        environment=request.environment,
        at=now,
        principal=by,
        request=request.id,
        digest=docket.case.request.digest,
        holder=request.principal,
        scopes=request.scopes,
        where=rules.row_shape(request),
        columns=tuple(str(column) for column in request.columns),
        uses=request.uses,
        break_glass=request.break_glass or None,
        duration=last.duration if isinstance(last, Request | Approval) else request.duration,
        expires_at=lease.expires_at if lease else None,
        is_live=docket.standing.state is State.APPROVED,
        reason=request.reason if isinstance(last, Request | Approval) else last.reason,
        fingerprint=request.statement.fingerprint if request.statement else None,
        policy_version=request.policy_version,
    )
