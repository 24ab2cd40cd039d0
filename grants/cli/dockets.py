"""Requests as people read them: one in full, or many in a table."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from grants import role_rules
from grants.cli.approvers import progress
from grants.cli.exits import CommandError, ExitCode
from grants.cli.previews import Preview
from grants.cli.rendering import distance, print_facts, print_table, shown_instant
from grants.cli.shown_statements import is_shown_truly
from grants.errors import UnknownRequest
from grants.office import Docket, Office, Unreadable
from grants.records import Approval, Decision, State, StatementScope
from masking import Policy
from masking.durations import format_duration

_LEAST_LETTERS, _ALL_LETTERS = 4, 8
_VALUES = {"free": "with any values", "fixed": "with these values"}


def full_id(office: Office, typed: str) -> str:
    """The id that `typed` begins, with four letters or more; its hyphen and letter case do not matter.

    Raises:
        UnknownRequest: no request's does.
        CommandError: several do, or it is too short to say which was meant.
    """
    found = the_one(typed, (one for one, _ in office.store.cases(office.environment)))
    if found is not None:
        return found
    wanted = _letters(typed)
    if len(wanted) == _ALL_LETTERS:
        return f"{wanted[:4]}-{wanted[4:]}"  # the list is an index: what is missing there may still be there to end
    raise UnknownRequest(typed, office.environment)


def the_one(typed: str, known: Iterable[str]) -> str | None:
    """The one of the `known` ids that `typed` begins, as `full_id`; None where none does.

    Raises:
        CommandError: several do, or it is too short to say which was meant.
    """
    wanted = _letters(typed)
    if len(wanted) < _LEAST_LETTERS:
        raise CommandError(
            ExitCode.UNKNOWN, f"{typed!r} is too short: type at least {_LEAST_LETTERS} letters of the id"
        )
    found = [one for one in known if _letters(one).startswith(wanted)]
    exact = [one for one in found if _letters(one) == wanted]
    if len(found) > 1 and len(exact) != 1:
        raise CommandError(
            ExitCode.UNKNOWN, f"{typed} could be any of {', '.join(sorted(found)[:10])}: type more of the id"
        )
    return next(iter(exact or found), None)


def _letters(identifier: str) -> str:
    return identifier.lower().replace("-", "")


def print_requests(dockets: Sequence[Docket | Unreadable], policy: Policy, *, now: datetime) -> None:
    """A table of requests in any state."""
    headings = ("ID", "STATE", "WHO", "SCOPE", "FOR", "YES", "AGE", "ENDS", "REASON")
    print_table(headings, [_row(docket, policy, now=now) for docket in dockets])


def _row(docket: Docket | Unreadable, policy: Policy, *, now: datetime) -> tuple[str, ...]:
    if isinstance(docket, Unreadable):
        return (docket.id, "unreadable", "", "", "", "", "", "", docket.problem)
    request = docket.request
    return (
        request.id,
        docket.standing.state.value,
        request.principal,
        scope_text(docket),
        format_duration(request.duration),
        " ".join(one.brief for one in progress(docket, policy)),
        distance(request.requested_at, now).removesuffix(" ago"),
        _end(docket, now),
        request.reason,
    )


def scope_text(docket: Docket) -> str:
    """What the request is for: as typed, with what narrows it."""
    request = docket.request
    narrowed = [f"where {request.where}"] if request.where else []
    narrowed += [_uses(request.uses, docket.uses_left)] if request.uses else []
    narrowed += ["in one statement"] if request.statement else []
    if request.break_glass:
        narrowed.append("break-glass, unreviewed" if docket.is_unreviewed else "break-glass")
    return ", ".join(request.scopes) + (f" ({'; '.join(narrowed)})" if narrowed else "")


def _uses(uses: int, left: int | None) -> str:
    return f"{uses} {'use' if uses == 1 else 'uses'}" + (f", {left} left" if left is not None else "")


def _end(docket: Docket, now: datetime) -> str:
    state, lease = docket.standing.state, docket.standing.lease
    if state is State.APPROVED and lease:
        return distance(lease.expires_at, now)
    if state is State.PENDING:
        return distance(docket.request.expires_at, now)
    if state is State.EXPIRED:
        return distance(lease.expires_at if lease else docket.request.expires_at, now)
    return distance(docket.case.decisions[-1].record.at, now) if docket.case.decisions else ""


def print_docket(docket: Docket, policy: Policy, *, now: datetime, preview: Preview | None = None) -> None:
    """One request in full: what an approver should read before saying yes."""
    preview = preview or Preview()
    request, standing = docket.request, docket.standing
    columns = ", ".join(str(column) for column in request.columns)
    print_facts(
        [
            ("request", request.id),
            ("state", standing.state.value),
            ("who", request.principal),
            ("environment", request.environment),
            ("scope", scope_text(docket)),
            ("columns", columns),
            ("role", role_text(docket, policy)),
            ("statement", _statement(request.statement)),
            ("tables", ", ".join(preview.tables)),
            ("masked as", "\n".join(f"{column}: {mask}" for column, mask in preview.masks.items())),
            ("rows", preview.rows),
            ("for", format_duration(request.duration)),
            ("reason", request.reason),
            ("asked", f"{distance(request.requested_at, now)}, {shown_instant(request.requested_at)}"),
            ("approvals", _approvals(docket, policy)),
            ("decided", "\n".join(_decision(signed.record) for signed in docket.case.decisions)),
            ("decide", _deadline(docket, now)),
            ("digest", docket.digest if standing.state is State.PENDING else ""),
            ("live", live_text(docket, now=now)),
            ("problem", standing.problem),
        ]
    )


def role_text(docket: Docket, policy: Policy) -> str:
    """What a role of the database that comes with the request means; empty where none does."""
    role = role_rules.database_role(docket.request, policy)
    return "" if role is None else f"statements run under the database's role {role}, with all its rights"


def _approvals(docket: Docket, policy: Policy) -> str:
    if docket.request.break_glass:
        return "none: granted to themselves (break-glass)"
    return "\n".join(f"{one} for {one.rule.scope}" for one in progress(docket, policy))


def _statement(scope: StatementScope | None) -> str:
    if scope is None:
        return ""
    note = _VALUES[scope.literals] if is_shown_truly(scope) else "NOT the statement that the request is bound to"
    text = scope.text.replace("\n", "\N{SYMBOL FOR NEWLINE}")
    return f"{text}\n({note})"


def _decision(decision: Decision) -> str:
    at = shown_instant(decision.at)
    if isinstance(decision, Approval):
        return f"approved for {format_duration(decision.duration)} by {decision.author}, {at}"
    verb = {"denial": "denied", "revocation": "revoked", "review": "reviewed"}[decision.kind]
    return f"{verb} by {decision.author}, {at}" + (f": {decision.reason}" if decision.reason else "")


def _deadline(docket: Docket, now: datetime) -> str:
    if docket.standing.state is not State.PENDING:
        return ""
    return f"{distance(docket.request.expires_at, now)} at the latest, {shown_instant(docket.request.expires_at)}"


def live_text(docket: Docket, *, now: datetime) -> str:
    """Until when the grant lives: `until 2026-11-21 10:05:12 UTC, in 29 min`; empty for what is no grant."""
    lease = docket.standing.lease
    if docket.standing.state is not State.APPROVED or lease is None:
        return ""
    return f"until {shown_instant(lease.expires_at)}, {distance(lease.expires_at, now)}"
