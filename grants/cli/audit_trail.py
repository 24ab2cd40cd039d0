"""The commands that read the trail: who saw what, when, why and how many rows; and whether the trail is whole."""

import csv
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from grants.audit import AuditRecord, Event, Filter
from grants.cli.exits import ExitCode
from grants.cli.moments import moment
from grants.cli.rendering import error_console, instant, print_json, print_lines, print_table, shown_instant
from grants.cli.settings import Settings, with_settings
from grants.client import AUDIT_KEY
from masking import ColumnName
from masking.durations import format_duration


class Format(StrEnum):
    """How records are printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class _Line:
    """A record with how many rows were fetched by then; None where it is no reveal or nobody counted."""

    record: AuditRecord
    rows: int | None


audit_app = typer.Typer(invoke_without_command=True)


@audit_app.callback()
@with_settings("environment", "redis")
def audit(  # noqa: PLR0913 -- a command's parameters are its options
    settings: Settings,
    *,
    who: Annotated[str | None, typer.Option("--who", metavar="PRINCIPAL", help="Done by or for this person.")] = None,
    column: Annotated[str | None, typer.Option("--column", metavar="COLUMN", help="About this column.")] = None,
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="About this request (whole id).")
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
    format_: Annotated[Format, typer.Option("--format", help="How to print the records.")] = Format.TABLE,
) -> None:
    """Show who asked, approved, saw and was refused what.

    Times are UTC.

    Example: unmask audit --column customers.email --since 7d --event revealed
    """
    wanted = Filter(
        who=who,
        column=_column(column),
        request=request,
        events=frozenset(event or ()),
        since=since,
        until=until,
    )
    with settings.grants() as grants:
        lines = _lines(grants.audit(settings.environment), wanted)
    _print_lines(lines, Format.JSON if settings.as_json else format_, settings.environment)


def _column(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(ColumnName.parse(text))
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


def _lines(records: Iterable[AuditRecord], wanted: Filter) -> list[_Line]:
    # Counts come in records of their own that name only the reveal: all are read, so that none is filtered away.
    counts: dict[str, int] = {}
    kept = []
    for record in records:
        if record.event is Event.FETCHED and record.record is not None:
            counts[record.record] = counts.get(record.record, 0) + (record.rows or 0)
        if wanted.matches(record):
            kept.append(record)
    return [_Line(record, record.rows if record.rows is not None else counts.get(record.id)) for record in kept]


def _print_lines(lines: list[_Line], format_: Format, environment: str) -> None:
    match format_:
        case Format.JSON:
            print_json([_document(line) for line in lines])
        case Format.JSONL:
            for line in lines:
                sys.stdout.write(line.record.canonical().decode() + "\n")
        case Format.CSV:
            _print_csv(lines)
        case Format.TABLE:
            _print_readable(lines, environment)


def _document(line: _Line) -> dict[str, Any]:
    document: dict[str, Any] = line.record.model_dump(mode="json", exclude_none=True)
    document["at"] = instant(line.record.at)
    return document if line.rows is None else document | {"rows": line.rows}


_FIELDS: tuple[tuple[str, Callable[[_Line], str]], ...] = (
    ("at", lambda line: instant(line.record.at)),
    ("event", lambda line: line.record.event.value),
    ("environment", lambda line: line.record.environment),
    ("principal", lambda line: line.record.principal or ""),
    ("holder", lambda line: line.record.holder or ""),
    ("columns", lambda line: " ".join(line.record.columns or ())),
    ("tables", lambda line: " ".join(line.record.tables or ())),
    ("grants", lambda line: " ".join(_grants(line.record))),
    ("reason", lambda line: "; ".join(_reasons(line.record))),
    ("approvers", lambda line: " ".join(_approvers(line.record))),
    ("rows", lambda line: "" if line.rows is None else str(line.rows)),
    ("statement", lambda line: line.record.statement or ""),
    ("fingerprint", lambda line: line.record.fingerprint or ""),
    ("database", lambda line: line.record.database or ""),
    ("client", lambda line: line.record.client or ""),
    ("id", lambda line: line.record.id),
)


def _print_csv(lines: list[_Line]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([name for name, _ in _FIELDS])
    writer.writerows([_inert(value(line)) for _, value in _FIELDS] for line in lines)


def _inert(cell: str) -> str:
    # A spreadsheet would run a cell that begins so as a formula.
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _print_readable(lines: list[_Line], environment: str) -> None:
    shown = [line for line in lines if line.record.event is not Event.FETCHED]
    if not shown:
        print_lines(f"Nothing in the trail of {environment} matches.")
        return
    rows = [
        (
            shown_instant(line.record.at).removesuffix(" UTC"),
            line.record.event.value,
            line.record.principal or "",
            " ".join(_grants(line.record)),
            " ".join(line.record.columns or ()),
            "" if line.rows is None else str(line.rows),
            "; ".join(_because(line.record)),
        )
        for line in shown
    ]
    print_table(("WHEN (UTC)", "WHAT", "WHO", "GRANT", "COLUMNS", "ROWS", "WHY"), rows)


def _grants(record: AuditRecord) -> tuple[str, ...]:
    uses = tuple(use.id for use in record.grants or ())
    return uses or ((record.request,) if record.request else ())


def _approvers(record: AuditRecord) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for use in record.grants or () for name in use.approvers))


def _reasons(record: AuditRecord) -> tuple[str, ...]:
    uses = tuple(dict.fromkeys(use.reason for use in record.grants or () if use.reason))
    return uses or ((record.reason,) if record.reason else ())


def _because(record: AuditRecord) -> Iterator[str]:
    yield from _reasons(record)
    if approvers := _approvers(record):
        yield f"approved by {', '.join(approvers)}"
    for shape in dict.fromkeys([record.where, *(use.where for use in record.grants or ())]):
        if shape is not None:
            yield f"where {shape}"
    if record.holder and record.holder != record.principal:
        yield f"for {record.holder}"
    if record.duration is not None and record.event in (Event.REQUESTED, Event.APPROVED):
        yield f"for {format_duration(record.duration)}"


@audit_app.command()
@with_settings("environment", "policy", "redis")
def verify(settings: Settings) -> None:
    """Check that the trail is whole.

    No record was altered, removed, moved or invented. Set UNMASK_AUDIT_KEY to the key that the applications seal
    their records with.

    Example: unmask audit verify --env prod
    """
    policy = settings.loaded_policy()
    with settings.grants() as grants:
        faults = grants.verify(settings.environment, policy=policy)
        count = sum(1 for _ in grants.audit(settings.environment))
    has_key = bool(os.environ.get(AUDIT_KEY))
    if settings.as_json:
        found = [{"line": one.line, "record": one.record or None, "problem": one.problem} for one in faults]
        print_json({"is_intact": not faults, "environment": settings.environment, "records": count, "faults": found})
    else:
        for fault in faults:
            print_lines(f"record {fault.line} {fault.record or '(unreadable)'}: {fault.problem}")
        verdict = f"{len(faults)} fault(s) found" if faults else "none altered, removed, moved or invented"
        print_lines(f"{count} records in {settings.environment}: {verdict}.", style="bold")
    if not has_key:
        error_console().print(
            f"note: {AUDIT_KEY} is not set, so records of applications are only held against accidents", soft_wrap=True
        )
    if faults:
        raise typer.Exit(ExitCode.PROBLEMS)
