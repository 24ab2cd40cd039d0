"""The commands that ask for access, and that show what was asked for and what is granted."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from grants.cli.approvers import possible_approvers
from grants.cli.dockets import full_id, live_text, print_docket, print_requests, role_text, scope_text
from grants.cli.documents import request_document
from grants.cli.exits import CommandError, ExitCode
from grants.cli.hints import note_environment, note_person
from grants.cli.moments import duration as parsed_duration
from grants.cli.previews import preview
from grants.cli.rendering import distance, print_json, print_lines, print_table, shown_instant
from grants.cli.settings import Settings, with_settings
from grants.cli.statements import Literals, check_rows, statement_request
from grants.errors import SignatureError
from grants.office import Docket, Office, Unreadable
from grants.records import State, StatementScope
from grants.reminders import ends_soon
from grants.workflow import Ask


class Shown(StrEnum):
    """Which requests to list."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    REVOKED = "revoked"
    EXPIRED = "expired"
    ALL = "all"


Scopes = Annotated[
    list[str] | None,
    typer.Argument(metavar="SCOPE...", help="Columns (customers.email), tag:... or role:... of the policy."),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="What for; approvers and the trail see it.")]
Length = Annotated[
    timedelta | None,
    typer.Option("--for", metavar="DURATION", parser=parsed_duration, help="How long, such as 30m, 8h or 1h30m."),
]
_ROWS = 'Only these rows, such as "id = 42"; checked against the database where --database names it.'
Where = Annotated[str | None, typer.Option("--where", metavar="CONDITION", help=_ROWS)]
Uses = Annotated[int | None, typer.Option("--uses", metavar="N", min=1, help="Only so many statements.")]
_ONE_STATEMENT = (
    "Only the statement in this file (- for standard input); needs --database. Without SCOPE: all that it reads masked."
)
Query = Annotated[
    Path | None,
    typer.Option("--query", metavar="FILE", help=_ONE_STATEMENT),
]

FixedOrFree = Annotated[
    Literals | None,
    typer.Option(
        "--literals",
        show_default=False,
        help="With --query: its values alone (fixed), or any (free). Fixed, unless it has parameters.",
    ),
]


@with_settings("environment", "database", "policy", "redis", "key")
def request(  # noqa: PLR0913 -- a command's parameters are its options
    settings: Settings,
    *,
    scopes: Scopes = None,
    reason: Reason,
    duration: Length = None,
    where: Where = None,
    uses: Uses = None,
    query: Query = None,
    literals: FixedOrFree = None,
    is_urgent: Annotated[
        bool,
        typer.Option("--break-glass", help="Grant it to yourself, where the policy lets you; it is reviewed later."),
    ] = False,
) -> None:
    """Ask to see sensitive columns for a while.

    Example: unmask request customers.email --for 30m --reason "OPS-7 refund"
    """
    if not scopes and query is None:
        raise CommandError(
            ExitCode.USAGE, "name a SCOPE such as customers.email or tag:contact, or give a statement with --query"
        )
    statement, columns = _statement(settings, query, literals)
    if where is not None and settings.database:
        check_rows(settings, scopes or columns, where)
    ask = Ask(
        scopes=tuple(scopes or columns),
        reason=reason,
        duration=duration,
        statement=statement,
        where=where,
        uses=uses,
        break_glass=is_urgent,
    )
    with settings.desk() as (desk, office):
        docket = desk.request(ask)
        print_requested(settings, docket, office)


def _statement(
    settings: Settings, query: Path | None, literals: Literals | None
) -> tuple[StatementScope | None, tuple[str, ...]]:
    if query is None:
        return None, ()
    try:
        text = typer.get_text_stream("stdin").read() if str(query) == "-" else query.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise CommandError(ExitCode.USAGE, f"the statement {query} cannot be read: {type(exc).__name__}") from exc
    return statement_request(settings, text, literals)


def print_requested(settings: Settings, docket: Docket, office: Office) -> None:
    """What became of a request that was just made, and who can do what with it."""
    command = settings.command("approve", docket.id)
    if settings.as_json:
        document = request_document(docket, office.policy, environment=office.environment)
        print_json({**document, "approve_command": command if document["possible_approvers"] else None})
        return
    print_lines(f"Requested {docket.id}: {scope_text(docket)} in {office.environment}", style="bold")
    if role := role_text(docket, office.policy):
        print_lines(f"  {role}")
    if docket.standing.state is State.APPROVED:
        print_lines(f"  granted at once, {live_text(docket, now=office.clock())}")
        return
    for waiting in docket.standing.missing:
        print_lines(f"  waits for {waiting}")
    print_lines(f"  who can approve:  {', '.join(possible_approvers(docket, office.policy))}")
    print_lines(f"  with the command: {command}")
    ends = docket.request.expires_at
    print_lines(f"  it lapses {distance(ends, office.clock())}, {shown_instant(ends)}")


@with_settings("environment", "database", "policy", "redis")
def requests(
    settings: Settings,
    *,
    identifier: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", show_default=False, help="One request, in full."),
    ] = None,
    state: Annotated[Shown, typer.Option("--state", help="Only requests in this state.")] = Shown.ALL,
    is_unreviewed: Annotated[
        bool, typer.Option("--unreviewed", help="Only break-glass that no approver has signed off.")
    ] = False,
) -> None:
    """List requests and what became of them.

    They are kept for a week after they end.

    Example: unmask requests --state pending --env prod
    """
    with settings.office() as office:
        if identifier is not None:
            _print_one(settings, office, identifier)
            return
        kept = [one for one in office.dockets() if state is Shown.ALL or _state(one) == state]
        if is_unreviewed:
            kept = [one for one in kept if isinstance(one, Docket) and one.is_unreviewed]
        kept.sort(key=_order)
        if settings.as_json:
            print_json([request_document(one, office.policy, environment=office.environment) for one in kept])
        elif kept:
            print_requests(kept, office.policy, now=office.clock())
        else:
            which = ("unreviewed " if is_unreviewed else "") + ("" if state is Shown.ALL else f"{state} ")
            print_lines(f"No {which}requests in {office.environment}.")
        if not kept:
            note_environment(settings, office.policy)


def _state(docket: Docket | Unreadable) -> str:
    # What cannot be read is shown with the pending ones: somebody has to look at it.
    return State.PENDING if isinstance(docket, Unreadable) else docket.standing.state


def _order(docket: Docket | Unreadable) -> tuple[int, datetime]:
    """What waits for somebody first, then what is live, then the rest; by age among equals."""
    if isinstance(docket, Unreadable):
        return (0, datetime.min.replace(tzinfo=UTC))
    rank = {State.PENDING: 1, State.APPROVED: 2}.get(docket.standing.state, 3)
    return (rank, docket.request.requested_at)


def _print_one(settings: Settings, office: Office, identifier: str) -> None:
    docket = office.docket(full_id(office, identifier))
    told = None
    if isinstance(docket, Docket) and docket.standing.state is State.PENDING:
        told = preview(settings, docket.request.statement, office.policy)
    if settings.as_json:
        document = request_document(docket, office.policy, environment=office.environment)
        print_json(document | {"preview": told.document() if told else None})
        return
    if isinstance(docket, Unreadable):
        raise SignatureError(f"{docket.id} cannot be trusted: {docket.problem}")
    print_docket(docket, office.policy, now=office.clock(), preview=told)


@with_settings("environment", "policy", "redis")
def grants(
    settings: Settings,
    *,
    who: Annotated[
        str | None,
        typer.Option("--who", metavar="PRINCIPAL", help="Only this person's."),
    ] = None,
) -> None:
    """List the grants that are live now.

    Example: unmask grants --env prod
    """
    with settings.office() as office:
        live = [
            one
            for one in office.dockets()
            if isinstance(one, Docket) and one.standing.state is State.APPROVED and who in (None, one.request.principal)
        ]
        if settings.as_json:
            print_json([request_document(one, office.policy, environment=office.environment) for one in live])
        elif live:
            _print_grants(live, now=office.clock())
        else:
            print_lines(f"No live grants in {office.environment}.")
        if not live:
            note_environment(settings, office.policy)
            if who is not None:
                note_person(who, office.policy, ())


def _print_grants(live: list[Docket], *, now: datetime) -> None:
    rows = []
    for one in live:
        lease = one.standing.lease
        if lease is None:
            raise CommandError(ExitCode.REFUSED, f"{one.id} is approved but has no lease")
        nobody = "nobody" if one.request.break_glass else "the policy"
        approved_by = ", ".join(approval.author for approval in one.approvals) or nobody
        soon = ", soon" if ends_soon(one, now) else ""
        ends = (distance(lease.expires_at, now) + soon, shown_instant(lease.expires_at).removesuffix(" UTC"))
        rows.append((one.id, one.request.principal, scope_text(one), *ends, approved_by, one.request.reason))
    print_table(("ID", "WHO", "SCOPE", "ENDS", "UNTIL (UTC)", "APPROVED BY", "REASON"), rows)
