"""The story that the demo tells, scene by scene. Everything shown is what just happened; nothing is made up."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString

from sqlalchemy import Engine, text

from grants.cli.demo_screen import Screen
from grants.cli.demo_terminal import Terminal
from grants.errors import GrantError
from grants.office import Docket, Office
from grants.records import State
from masking.durations import format_duration
from rewriter import Installed, Rewritten, acting_as

RETURNED: LiteralString = """\
SELECT c.id, c.name, c.email, c.phone, o.item
FROM orders AS o JOIN customers AS c ON c.id = o.customer_id
WHERE o.status = 'returned' ORDER BY o.id DESC LIMIT 3"""
BY_EMAIL: LiteralString = "SELECT count(*) AS found FROM customers WHERE email LIKE '%@example.org'"
BY_PHONE: LiteralString = "SELECT count(*) AS found FROM customers WHERE phone LIKE '+1 9%'"
WATCHED: LiteralString = "SELECT email FROM customers WHERE id = 1"
GRANTED = timedelta(seconds=8)
REASON = "OPS-7 returns"

_NOTICED_WITHIN = 5.0  # seconds
_LOOK_EVERY = timedelta(seconds=2)
_MOMENT = timedelta(milliseconds=50)  # by which a look comes after the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the scenes act with: the hooked engine, where requests can be looked at, and the command line's settings."""

    screen: Screen
    terminal: Terminal
    engine: Engine
    installed: Installed
    office: Office
    settings: dict[str, str]
    keys: dict[str, str]


def tell(stage: Stage) -> None:
    """The whole story, on the screen.

    Raises:
        GrantError: it did not go as it should; what was shown is what happened.
    """
    everybody_sees_masks(stage)
    identifier = ana_requests(stage)
    bo_approves(stage, identifier)
    ana_alone_sees(stage)
    it_ends_by_itself(stage, identifier)
    the_trail(stage, identifier)


def everybody_sees_masks(stage: Stage) -> None:
    """Ana sees masks."""
    stage.screen.scene(
        "Everybody sees masks",
        "Ana works in support. She wants to write to the customers whose parcels came back.",
    )
    _show(stage, "ana", RETURNED)


def ana_requests(stage: Stage) -> str:
    """Ana asks for one column; returns the request's id."""
    stage.screen.scene(
        "Ana asks for one column, for some seconds",
        "She signs the request with her own key, and says what for.",
    )
    length = format_duration(GRANTED)
    _run(stage, "ana", "request", "customers.email", "--for", length, "--reason", REASON)
    identifier = _newest_request(stage)
    stage.screen.say("", "Could she say yes to herself?")
    if _run(stage, "ana", "approve", identifier, "--yes") == 0:
        raise GrantError("ana approved her own request, which must not be possible")
    return identifier


def bo_approves(stage: Stage, identifier: str) -> None:
    """Bo approves, with a key of his own."""
    stage.screen.scene("Bo approves", "He is in the group `privacy`, which the policy lets decide on contact details.")
    if _run(stage, "bo", "approve", identifier, "--yes") != 0:
        raise GrantError("bo could not approve the request")
    _until(lambda: stage.installed.explain(WATCHED, principal="ana").revealed, "the grant did not reach the engine")


def ana_alone_sees(stage: Stage) -> None:
    """The same statement reveals the column to Ana, and that column alone; to Cleo it reveals nothing."""
    stage.screen.scene(
        "Revealed: one column, to Ana alone", "The same statement. It now reads `email` as it is; `phone` stays masked."
    )
    _show(stage, "ana", RETURNED)
    stage.screen.say(
        "",
        "Masks are put in where a table is read, so a filter cannot probe what lies beneath. Ana can search by "
        "address now; by phone number she still finds nobody, though hundreds begin like that.",
    )
    _show(stage, "ana", BY_EMAIL)
    _show(stage, "ana", BY_PHONE)
    stage.screen.say("", "Cleo, who works beside her, asks the same at the same moment:")
    _show(stage, "cleo", RETURNED)


def it_ends_by_itself(stage: Stage, identifier: str) -> None:
    """The grant is watched until it is over."""
    stage.screen.scene("It ends by itself", "Ana looks at one address, again and again, until her time is over.")
    stage.screen.sql("ana asks", WATCHED)
    stage.screen.say("")
    docket = stage.office.docket(identifier)
    if not isinstance(docket, Docket) or docket.standing.lease is None:
        raise GrantError("the grant ended before it could be watched: the machine is too busy; run the demo again")
    expires_at = docket.standing.lease.expires_at
    while not _is_over(stage, left=(left := expires_at - stage.office.clock())):
        time.sleep(min(max(left, timedelta()) + _MOMENT, _LOOK_EVERY).total_seconds())
    stage.screen.say("", "Nobody had to take it away. Her first statement, once more:")
    _show(stage, "ana", RETURNED)


def the_trail(stage: Stage, identifier: str) -> None:
    """Who asked, who approved, who saw what, when and why."""
    stage.screen.scene("The trail", "Each reveal was recorded before its statement ran.")
    _run(stage, None, "audit", "--request", identifier)
    _run(stage, None, "audit", "verify")


def _show(stage: Stage, who: str, sql: LiteralString) -> None:
    """A statement as asked, as run, and its rows."""
    rewritten, result = _asked(stage, who, sql)
    notes = {name.column: "masked" for name in rewritten.masked}
    notes |= {name.column: "revealed" for name in rewritten.revealed}
    stage.screen.sql(f"{who} asks", rewritten.original)
    stage.screen.sql("what runs, unchanged" if rewritten.is_unchanged else "what runs", rewritten.sql)
    stage.screen.rows(result.names, result.rows, notes=notes)


@dataclass(frozen=True, slots=True)
class _Result:
    """What a statement returned."""

    names: tuple[str, ...]
    rows: Sequence[Sequence[object]]


def _asked(stage: Stage, who: str, sql: LiteralString) -> tuple[Rewritten, _Result]:
    """The statement as it ran, and what it returned; once more if a grant came or went meanwhile."""
    while True:
        rewritten = stage.installed.explain(sql, principal=who)
        with acting_as(who), stage.engine.connect() as connection:
            found = connection.execute(text(sql))
            result = _Result(tuple(found.keys()), found.all())
        if stage.installed.explain(sql, principal=who) == rewritten:
            return rewritten, result


def _is_over(stage: Stage, *, left: timedelta) -> bool:
    """Takes one look at the watched cell, and shows it; whether the time is up and the cell masked."""
    rewritten, result = _asked(stage, "ana", WATCHED)
    is_revealed = bool(rewritten.revealed)
    time_left = f"{left.total_seconds():4.1f} s left" if left > timedelta() else "over".rjust(11)
    stage.screen.line(f"{time_left}   {result.rows[0][0]}", is_revealed=is_revealed)
    return left <= timedelta() and not is_revealed


def _run(stage: Stage, who: str | None, *words: str) -> int:
    """Runs `unmask` as somebody: their key is all that says who it is."""
    shown = {} if who is None else {"UNMASK_KEY": stage.keys[who]}
    stage.screen.command(words, shown=shown)
    return stage.terminal.run(words, os.environ | stage.settings | stage.screen.terminal | shown)


def _newest_request(stage: Stage) -> str:
    pending: Sequence[Docket] = [
        docket
        for docket in stage.office.dockets()
        if isinstance(docket, Docket) and docket.standing.state is State.PENDING and docket.request.principal == "ana"
    ]
    if not pending:
        raise GrantError("the request was not stored")
    return max(pending, key=lambda docket: docket.request.requested_at).id


def _until(is_so: Callable[[], object], complaint: str) -> None:
    deadline = time.monotonic() + _NOTICED_WITHIN
    while not is_so():
        if time.monotonic() > deadline:
            raise GrantError(complaint)
        time.sleep(0.02)
