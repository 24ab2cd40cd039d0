"""Durations and instants as people type them on a command line."""

from datetime import UTC, datetime, timedelta

import typer

from masking.durations import parse_duration


def duration(text: str) -> timedelta:
    """`30m`, `8h`, `1h30m`, `7d`.

    Raises:
        BadParameter: it is none.
    """
    try:
        return parse_duration(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


def moment(text: str) -> datetime:
    """`2h` (two hours ago), `2026-11-21`, `2026-11-21T10:05`, `2026-11-21T10:05:12+01:00`; UTC where it has no offset.

    Raises:
        BadParameter: it is none.
    """
    try:
        return datetime.now(UTC) - parse_duration(text)
    except ValueError:
        pass  # not a duration, so perhaps an instant
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        expected = "expected how long ago (2h, 7d) or an instant (2026-11-21, 2026-11-21T10:05, UTC without an offset)"
        raise typer.BadParameter(f"{text!r} is no point in time: {expected}") from exc
    return at if at.tzinfo else at.replace(tzinfo=UTC)
