"""`remind` and `renew`: what happens between a request and the end of its grant, without anybody's decision."""

from datetime import timedelta
from typing import Annotated

import typer

from grants.cli.dockets import full_id
from grants.cli.exits import CommandError, ExitCode
from grants.cli.moments import duration as parsed_duration
from grants.cli.rendering import print_json, print_lines
from grants.cli.requests import print_requested
from grants.cli.settings import Settings, with_settings
from grants.errors import SignatureError
from grants.office import Docket, Unreadable
from grants.reminders import due
from grants.workflow import Ask


@with_settings("environment", "policy", "redis")
def remind(settings: Settings) -> None:
    """Send the reminders that are due: to be run every minute or so, by cron or the like.

    To further approvers of what has waited too long, to holders of grants that end soon, and, once a day, to approvers
    of unreviewed break-glass. Each is sent once, whoever runs this.

    Example: unmask remind --env prod
    """
    policy = settings.loaded_policy()
    sent = []
    with settings.grants() as grants:
        office = grants.office(policy=policy, environment=settings.environment)
        now, messenger = office.clock(), grants.messenger(policy)
        for docket in office.dockets():
            for one in due(docket, policy, now=now) if isinstance(docket, Docket) else ():
                if office.store.is_first(settings.environment, one.request, one.occasion):
                    messenger.send(one.notice)
                    sent.append(one)
    if settings.as_json:
        print_json([{"id": one.request, "occasion": one.occasion, "to": list(one.notice.audience)} for one in sent])
        return
    for one in sent:
        print_lines(f"{one.notice.title}: {', '.join(one.notice.audience) or 'nobody in particular'}")
    if not sent:
        print_lines(f"Nobody in {settings.environment} needs to be reminded of anything.")


@with_settings("environment", "policy", "redis", "key")
def renew(
    settings: Settings,
    *,
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The request's id; four of its letters are enough.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="What for; as before if left out.")] = "",
    duration: Annotated[
        timedelta | None,
        typer.Option("--for", metavar="DURATION", parser=parsed_duration, help="How long; as before if left out."),
    ] = None,
) -> None:
    """Ask again for what a request of yours was for.

    It is a new request on the same terms, which takes new approvals: nothing else lengthens a grant.

    Example: unmask renew k7m2 --for 1h
    """
    with settings.desk() as (desk, office):
        before = office.docket(full_id(office, identifier))
        if isinstance(before, Unreadable):
            raise SignatureError(f"{before.id} cannot be trusted: {before.problem}")
        asked = before.request
        if asked.principal != desk.principal:
            raise CommandError(ExitCode.REFUSED, f"{before.id} is {asked.principal}'s: ask for yourself with `request`")
        ask = Ask(
            scopes=asked.scopes,
            reason=reason or asked.reason,
            duration=duration or asked.duration,
            statement=asked.statement,
            where=asked.where,
            uses=asked.uses,
        )
        print_requested(settings, desk.request(ask), office)
