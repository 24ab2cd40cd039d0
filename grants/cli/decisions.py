"""The commands that decide on a request, or end it."""

import sys
from datetime import timedelta
from typing import Annotated

import typer

from grants.cli.dockets import full_id, live_text, print_docket, role_text
from grants.cli.documents import request_document
from grants.cli.moments import duration as parsed_duration
from grants.cli.previews import Preview, preview
from grants.cli.rendering import print_json, print_lines
from grants.cli.settings import Settings, with_settings
from grants.cli.shown_statements import is_shown_truly
from grants.errors import SignatureError
from grants.office import Docket, Office, Unreadable
from grants.records import State
from masking import Principal

Identifier = Annotated[str, typer.Argument(metavar="ID", help="The request's id; four of its letters are enough.")]


@with_settings("environment", "database", "policy", "redis", "key")
def approve(
    settings: Settings,
    *,
    identifier: Identifier,
    duration: Annotated[
        timedelta | None,
        typer.Option("--for", metavar="DURATION", parser=parsed_duration, help="A shorter time than was asked for."),
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option("--digest", metavar="TEXT", help="Only the request with this digest, as shown."),
    ] = None,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do not ask on the terminal.")] = False,
) -> None:
    """Approve somebody else's request.

    What you sign is the request that is shown; on a terminal you are asked first. With the last approval that it needs
    its grant is live.

    Example: unmask approve k7m2 --for 15m
    """
    with settings.desk() as (desk, office):
        before = office.docket(full_id(office, identifier))
        if isinstance(before, Unreadable):
            raise SignatureError(f"{before.id} cannot be trusted: {before.problem}")
        _check_statement(before)
        is_asked = is_terminal() and not (is_sure or settings.as_json)
        told = (
            None if settings.as_json else preview(settings, before.request.statement, office.policy, by=desk.principal)
        )
        if is_asked:
            _print_before(before, office, told)
            typer.confirm(f"Approve this as {desk.principal}?", abort=True, err=True)
        # Signed is the request that is shown, whatever stands under its id by now.
        after = desk.approve(before.id, digest=digest or before.digest, duration=duration)
        if settings.as_json:
            print_json(request_document(after, office.policy, environment=office.environment))
            return
        if not is_asked:
            _print_before(before, office, told)
        _print_approved(settings, after, office, by=desk.principal)


def _check_statement(docket: Docket) -> None:
    scope = docket.request.statement
    if scope is not None and not is_shown_truly(scope):
        raise SignatureError(
            f"{docket.id} shows another statement than the one that it is bound to: its author made it by hand. Deny it"
        )


def is_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def _print_before(docket: Docket, office: Office, told: Preview | None) -> None:
    print_docket(docket, office.policy, now=office.clock(), preview=told)
    print_lines()


def _print_approved(settings: Settings, after: Docket, office: Office, *, by: Principal) -> None:
    print_lines(f"Approved {after.id} as {by}.", style="bold")
    if after.standing.state is State.APPROVED:
        columns = ", ".join(str(column) for column in after.request.columns)
        print_lines(f"  {after.request.principal} sees {columns} {live_text(after, now=office.clock())}")
        if role := role_text(after, office.policy):
            print_lines(f"  {role}")
        print_lines(f"  to end it early:  {settings.command('revoke', after.id)}")
    for waiting in after.standing.missing:
        print_lines(f"  not live yet: it waits for {waiting}")


@with_settings("environment", "policy", "redis", "key")
def deny(
    settings: Settings,
    *,
    identifier: Identifier,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; the requester and the trail see it.")],
) -> None:
    """Deny somebody else's request, which ends it.

    Example: unmask deny k7m2 --reason "the ticket is closed"
    """
    with settings.desk() as (desk, office):
        after = desk.deny(full_id(office, identifier), reason=reason)
        _print_ended(settings, after, office, line=f"Denied {after.id} of {after.request.principal}.")


@with_settings("environment", "policy", "redis", "key")
def review(
    settings: Settings,
    *,
    identifier: Identifier,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="What you found; the trail keeps it.")] = "",
    digest: Annotated[
        str | None, typer.Option("--digest", metavar="TEXT", help="Only the request with this digest, as shown.")
    ] = None,
) -> None:
    """Sign off what somebody granted themselves (break-glass).

    It stays in the list of `requests --unreviewed` until then. To end it, revoke it as well.

    Example: unmask review k7m2 --reason "was the incident of Tuesday"
    """
    with settings.desk() as (desk, office):
        before = office.docket(full_id(office, identifier))
        if isinstance(before, Unreadable):
            raise SignatureError(f"{before.id} cannot be trusted: {before.problem}")
        after = desk.review(before.id, reason=reason, digest=digest or before.digest)
        _print_ended(settings, after, office, line=f"Reviewed {after.id} of {after.request.principal}.")


@with_settings("environment", "policy", "redis", "key")
def revoke(
    settings: Settings,
    *,
    identifier: Identifier,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; the trail keeps it.")] = "",
) -> None:
    """End a request or its grant at once.

    Your own, or one that you may approve.

    Example: unmask revoke k7m2 --reason "done early"
    """
    with settings.desk() as (desk, office):
        after = desk.revoke(full_id(office, identifier), reason=reason)
        line = f"Revoked {after.id} of {after.request.principal}: it reveals nothing any more."
        _print_ended(settings, after, office, line=line)


def _print_ended(settings: Settings, docket: Docket, office: Office, *, line: str) -> None:
    if settings.as_json:
        print_json(request_document(docket, office.policy, environment=office.environment))
    else:
        print_lines(line)
