"""How audit records are printed: as a table, JSON, JSON lines, CSV or OCSF events."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from grants.audit import AuditRecord, Event, Filter
from grants.cli.ocsf import event_of
from grants.cli.rendering import instant, print_json, print_lines, print_table, shown_instant
from masking.durations import format_duration


class Format(StrEnum):
    """How records are printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    OCSF = "ocsf"


@dataclass(frozen=True, slots=True)
class Line:
    """A record with how many rows were fetched by then; None where it is no reveal or nobody counted."""

    record: AuditRecord
    rows: int | None


def lines_of(records: Iterable[AuditRecord], wanted: Filter) -> list[Line]:
    """The records that `wanted` lets through, with the counts of their rows."""
    # Counts come in records of their own that name only the reveal: all are read, so that none is filtered away.
    counts: dict[str, int] = {}
    kept = []
    for record in records:
        for count in record.counts or ():
            counts[count.record] = counts.get(count.record, 0) + count.rows
        if wanted.matches(record):
            kept.append(record)
    return [Line(record, counts.get(record.id)) for record in kept]


def print_records(lines: list[Line], format_: Format, environment: str) -> None:
    """Prints `lines`, the records of `environment`."""
    match format_:
        case Format.JSON:
            print_json([_document(line) for line in lines])
        case Format.JSONL:
            for line in lines:
                sys.stdout.write(line.record.canonical().decode() + "\n")
        case Format.CSV:
            _print_csv(lines)
        case Format.OCSF:
            for line in lines:
                sys.stdout.write(json.dumps(event_of(line.record, line.rows), ensure_ascii=False) + "\n")
        case Format.TABLE:
            _print_readable(lines, environment)
        case _:
            assert_never(format_)


def _document(line: Line) -> dict[str, Any]:
    document: dict[str, Any] = line.record.model_dump(mode="json", exclude_none=True)
    document["at"] = instant(line.record.at)
    return document if line.rows is None else document | {"rows": line.rows}


_FIELDS: tuple[tuple[str, Callable[[Line], str]], ...] = (
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
    ("break_glass", lambda line: "yes" if _is_break_glass(line.record) else ""),
    ("database_role", lambda line: line.record.database_role or ""),
)


def _print_csv(lines: list[Line]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([name for name, _ in _FIELDS])
    writer.writerows([_inert(value(line)) for _, value in _FIELDS] for line in lines)


def _inert(cell: str) -> str:
    # A spreadsheet would run a cell that begins so as a formula.
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _print_readable(lines: list[Line], environment: str) -> None:
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


def _is_break_glass(record: AuditRecord) -> bool:
    return bool(record.break_glass) or any(use.break_glass for use in record.grants or ())


def _reasons(record: AuditRecord) -> tuple[str, ...]:
    uses = tuple(dict.fromkeys(use.reason for use in record.grants or () if use.reason))
    return uses or ((record.reason,) if record.reason else ())


def _because(record: AuditRecord) -> Iterator[str]:
    yield from _reasons(record)
    if _is_break_glass(record):
        yield "break-glass"
    if approvers := _approvers(record):
        yield f"approved by {', '.join(approvers)}"
    for shape in dict.fromkeys([record.where, *(use.where for use in record.grants or ())]):
        if shape is not None:
            yield f"where {shape}"
    if record.holder and record.holder != record.principal:
        yield f"for {record.holder}"
    if record.duration is not None and record.event in (Event.REQUESTED, Event.APPROVED):
        yield f"for {format_duration(record.duration)}"
