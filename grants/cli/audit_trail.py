"""The commands that read the trail: who saw what, when, why and how many rows; and whether the trail is whole."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from grants.archive import Archive, records_of
from grants.audit import AuditRecord, Event, Filter
from grants.chains import Fault
from grants.cli.audit_formats import Format, lines_of, print_records
from grants.cli.dockets import the_one
from grants.cli.exits import ExitCode
from grants.cli.hints import known_policy, note_column, note_environment, note_person, note_table
from grants.cli.moments import moment
from grants.cli.rendering import error_console, instant, print_json, print_lines, shown_instant
from grants.cli.settings import Settings, with_settings
from grants.client import AUDIT_CHECKPOINTS, AUDIT_KEY
from grants.places import kept_at
from grants.sinks import Kept
from masking import ColumnName

_FEW = 3
"""So many faults of one kind are listed one by one."""
_EMPTY = (
    f"{AUDIT_CHECKPOINTS} holds nothing of this environment: it was emptied, or the applications have another one."
    " If it is new, `unmask audit checkpoint` begins it"
)

audit_app = typer.Typer(invoke_without_command=True)

_Trail = Annotated[
    str | None,
    typer.Option(
        "--trail",
        envvar="UNMASK_AUDIT_TRAIL",
        metavar="PLACE",
        help="The trail in a file or a database (path or SQLAlchemy URL), not in Redis.",
    ),
]


@contextmanager
def _opened(place: str | None) -> Iterator[Kept | None]:
    if place is None:
        yield None
        return
    with closing(kept_at(place)) as kept:
        yield kept


@audit_app.callback()
@with_settings("environment", "redis", "policy")
def audit(  # noqa: PLR0913 -- a command's parameters are its options
    settings: Settings,
    *,
    who: Annotated[str | None, typer.Option("--who", metavar="PRINCIPAL", help="Done by or for this person.")] = None,
    column: Annotated[str | None, typer.Option("--column", metavar="COLUMN", help="About this column.")] = None,
    table: Annotated[str | None, typer.Option("--table", metavar="TABLE", help="About this table.")] = None,
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="About this request; four letters are enough.")
    ] = None,
    event: Annotated[list[Event] | None, typer.Option("--event", help="Only such events; may be repeated.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since", metavar="TIME", parser=moment, help="From here on: 2h (ago), 2026-11-21, 2026-11-21T10:05."
        ),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", metavar="TIME", parser=moment, help="Up to here, exclusive.")
    ] = None,
    trail: _Trail = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print the records.")] = Format.TABLE,
) -> None:
    """Show who asked, approved, saw and was refused what.

    Times are UTC.

    Example: unmask audit --column customers.email --since 7d --event revealed
    """
    if since is not None and until is not None and until <= since:
        raise typer.BadParameter("--until must be later than --since")
    wanted = Filter(
        who=who,
        column=_column(column),
        table=table,
        request=None,
        events=frozenset(event or ()),
        since=since,
        until=until,
    )
    with settings.grants() as grants, _opened(trail) as kept:
        place = grants.stream() if kept is None else kept
        if request is not None:
            known = _requests(records_of(place, settings.environment))
            wanted = replace(wanted, request=the_one(request, known) or request)
        lines = lines_of(records_of(place, settings.environment), wanted)
        if not lines:
            _note_names(settings, wanted, list(records_of(place, settings.environment)))
    print_records(lines, Format.JSON if settings.as_json else format_, settings.environment)


def _requests(records: Iterable[AuditRecord]) -> set[str]:
    """The ids of all requests that the trail tells of."""
    found: set[str] = set()
    for record in records:
        found.update((record.request,) if record.request else (), (use.id for use in record.grants or ()))
    return found


def _note_names(settings: Settings, wanted: Filter, records: Sequence[AuditRecord]) -> None:
    """Where nothing matched, which name may be misspelt."""
    policy = known_policy(settings)
    if not records:
        note_environment(settings, policy)
    if wanted.column is not None:
        note_column(wanted.column, policy, (one for record in records for one in record.columns or ()))
    if wanted.table is not None:
        note_table(wanted.table, policy, (one for record in records for one in record.tables or ()))
    if wanted.who is not None:
        note_person(wanted.who, policy, (record.principal for record in records if record.principal))


def _column(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(ColumnName.parse(text))
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


@contextmanager
def _archive(settings: Settings, trail: str | None) -> Iterator[Archive]:
    policy = settings.loaded_policy()
    with settings.grants() as grants, _opened(trail) as kept:
        yield grants.archive(settings.environment, policy=policy, kept=kept)


@audit_app.command()
@with_settings("environment", "policy", "redis")
def verify(
    settings: Settings,
    *,
    trail: _Trail = None,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="PLACE", help="Another place that keeps the same trail; may be repeated."),
    ] = None,
) -> None:
    """Check that the trail is whole.

    No record was altered, removed, moved, invented or cut off. Set UNMASK_AUDIT_KEY to the key that the applications
    seal their records with, and UNMASK_AUDIT_CHECKPOINTS to the second place that knows how far the trail has come.

    Example: unmask audit verify --env prod
    """
    with _archive(settings, trail) as archive, ExitStack() as stack:
        others = [stack.enter_context(closing(kept_at(place))) for place in against or ()]
        faults = archive.verify(against=others)
        count = sum(1 for _ in records_of(archive.kept, settings.environment))
        has_end = bool(others) or archive.knows_ends()
    if count and not has_end and os.environ.get(AUDIT_CHECKPOINTS):
        faults = (*faults, Fault(line=count + 1, record="", problem=_EMPTY))
    if settings.as_json:
        found = [{"line": one.line, "record": one.record or None, "problem": one.problem} for one in faults]
        print_json({"is_intact": not faults, "environment": settings.environment, "records": count, "faults": found})
    else:
        for line in _fault_lines(faults):
            print_lines(line)
        verdict = f"{len(faults)} fault(s) found" if faults else "none altered, removed, moved or invented"
        print_lines(f"{count} records in {settings.environment}: {verdict}.", style="bold")
    _print_limits(has_end=has_end)
    if faults:
        raise typer.Exit(ExitCode.PROBLEMS)


def _fault_lines(faults: Iterable[Fault]) -> Iterator[str]:
    """One line for each, or for many of one kind."""
    kinds: dict[str, list[Fault]] = {}
    for fault in faults:
        kinds.setdefault(fault.problem, []).append(fault)
    for problem, alike in kinds.items():
        first, last = alike[0], alike[-1]
        if len(alike) <= _FEW:
            yield from (f"record {one.line} {one.record or '(unreadable)'}: {problem}" for one in alike)
        else:
            where = f"the first {first.line} {first.record}, the last {last.line} {last.record}"
            yield f"{len(alike)} records, {where}: {problem}"


def _print_limits(*, has_end: bool) -> None:
    if not os.environ.get(AUDIT_KEY):
        text = f"note: {AUDIT_KEY} is not set, so records of applications are only held against accidents"
        error_console().print(text, soft_wrap=True)
    if not has_end and not os.environ.get(AUDIT_CHECKPOINTS):
        text = f"note: {AUDIT_CHECKPOINTS} is not set, so records that were cut off at the end are not missed"
        error_console().print(text, soft_wrap=True)


@audit_app.command()
@with_settings("environment", "policy", "redis")
def checkpoint(settings: Settings, *, trail: _Trail = None) -> None:
    """Keep how far the trail has come in the second place.

    Applications that know UNMASK_AUDIT_CHECKPOINTS do so themselves; this also covers what people did from machines
    that do not reach it. The trail is verified first.

    Example: UNMASK_AUDIT_CHECKPOINTS=/var/lib/unmask/heads unmask audit checkpoint --env prod
    """
    with _archive(settings, trail) as archive:
        count = archive.checkpoint()
    if settings.as_json:
        print_json({"environment": settings.environment, "writers": count})
    else:
        print_lines(f"Kept how far {count} writers in {settings.environment} have come.")


@audit_app.command()
@with_settings("environment", "policy", "redis")
def prune(
    settings: Settings,
    *,
    before: Annotated[
        datetime,
        typer.Option("--before", metavar="TIME", parser=moment, help="What is older goes: 365d (ago), 2026-01-01."),
    ],
    trail: _Trail = None,
) -> None:
    """Remove old records, so that the rest can still be verified.

    The trail is verified first; what was removed is told by a sealed record. Steps stay as long as anything that rests
    on them.

    Example: unmask audit prune --before 365d --env prod
    """
    with _archive(settings, trail) as archive:
        pruned = archive.prune(before=before, now=datetime.now(UTC))
    if settings.as_json:
        print_json({"environment": settings.environment, "before": instant(before), "removed": len(pruned.ids)})
    else:
        print_lines(f"Removed {len(pruned.ids)} records of {settings.environment} from before {shown_instant(before)}.")
