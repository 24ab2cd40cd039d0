"""`prove`: the promise, tried with random statements over the user's own schema and policy, on scratch copies."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grants.cli.exits import CommandError, ExitCode
from grants.cli.rendering import error_console, print_facts, print_json, print_lines
from grants.cli.settings import Settings, with_settings

if TYPE_CHECKING:  # SQLAlchemy and the rewriter take long to import
    from sqlalchemy import URL

    from rewriter.proof.campaign import Tally
    from rewriter.proof.trio import Origin, Trio

_HERE = "here"
_SECONDS = 60.0
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class _Limit:
    """When to stop: after so many statements or seconds, whichever comes first."""

    statements: int | None
    seconds: float | None


@with_settings("database", "policy")
def prove(
    settings: Settings,
    *,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="How long to go on; a minute if no limit is given.")
    ] = None,
    statements: Annotated[int | None, typer.Option(min=1, help="How many statements to try.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The first statement's; the others follow it.")] = 0,
    scratch: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The server for the scratch databases, or `here` for the database's own; SQLite and DuckDB need none.",
        ),
    ] = None,
) -> None:
    """Try the promise on your own schema and policy: every statement as on a masked copy.

    Random statements run through the hook, on a masked copy, and on a twin that differs in secrets alone. All three are
    scratch databases with your schema and invented rows: of your database only the catalogs are read.

    Example: unmask prove --database postgresql+psycopg://app@db/shop --scratch postgresql+psycopg://me@localhost/postgres
    """
    from rewriter.proof.campaign import Tally  # noqa: PLC0415 -- as above
    from rewriter.proof.trio import trio  # noqa: PLC0415

    policy = settings.loaded_policy()
    limit = _Limit(statements, _SECONDS if minutes is statements is None else minutes and minutes * _MINUTE)
    tally = Tally(seed)
    source = _source(settings)
    with _stopped_by_signals(), trio(source, policy, server=_server(source, scratch)) as three:
        if not three.binding.protected:
            raise CommandError(
                ExitCode.POLICY, "there is nothing to prove: the policy masks no column of this database"
            )
        with suppress(KeyboardInterrupt):
            _run(three, tally, limit)
    _report(settings, three, tally)
    if tally.leaks or tally.differences:
        raise typer.Exit(ExitCode.PROBLEMS)


def _source(settings: Settings) -> "Origin":
    from grants.cli.engines import dialect_of, opened  # noqa: PLC0415 -- as above
    from rewriter.proof.trio import read_origin  # noqa: PLC0415

    with opened(settings, is_read_only=True) as engine, engine.connect() as connection:
        return read_origin(connection, dialect_of(engine), engine.url)


def _server(source: "Origin", scratch: str | None) -> "URL":
    """Where scratch databases go.

    Raises:
        CommandError: nobody said, or it is another kind of server.
    """
    from sqlalchemy import make_url  # noqa: PLC0415 -- as above
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    from rewriter.proof.scratch import is_file  # noqa: PLC0415

    if is_file(source.url) or scratch == _HERE:
        return source.url
    if scratch is None:
        expected = (
            "name a server for the scratch databases with --scratch URL, or `--scratch here` for the database's own"
        )
        raise CommandError(ExitCode.USAGE, expected)
    try:
        url = make_url(scratch)
    except ArgumentError as exc:
        raise CommandError(ExitCode.USAGE, "the URL of --scratch cannot be read") from exc
    if url.get_backend_name() != source.url.get_backend_name():
        raise CommandError(
            ExitCode.USAGE, f"--scratch has to be a {source.url.get_backend_name()} server, as the database is"
        )
    return url


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """A request to terminate ends the block as an interrupt does, so that scratch databases are removed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(three: "Trio", tally: "Tally", limit: _Limit) -> None:
    from rewriter.proof.campaign import prove as run  # noqa: PLC0415 -- as above

    end = None if limit.seconds is None else time.monotonic() + limit.seconds
    with error_console().status("building statements") as status:

        def is_over() -> bool:
            status.update(f"{tally.count} statements, {tally.leaks} leaks, {tally.differences} differences")
            is_late = end is not None and time.monotonic() >= end
            return is_late or (limit.statements is not None and tally.count >= limit.statements)

        run(three, tally, is_over=is_over)


def _report(settings: Settings, three: "Trio", tally: "Tally") -> None:
    if settings.as_json:
        print_json(_document(three, tally))
    else:
        _print(three, tally)


def _document(three: "Trio", tally: "Tally") -> dict[str, Any]:
    from rewriter.proof.comparison import Verdict  # noqa: PLC0415 -- as above

    return {
        "is_proven": not (tally.leaks or tally.differences),
        "statements": tally.count,
        "writes": tally.writes,
        "equal": tally.verdicts[Verdict.EQUAL],
        "invalid": tally.verdicts[Verdict.INVALID],
        "slow": tally.verdicts[Verdict.SLOW],
        "refused": {reason.name.lower(): count for reason, count in sorted(tally.refusals.items())},
        "hints": dict(tally.hints.most_common()),
        "leaks": tally.leaks,
        "differences": tally.differences,
        "faults": [
            {"seed": f.seed, "is_leak": f.verdict.is_leak, "fault": f.verdict.value, "detail": f.detail, "sql": f.sql}
            for f in tally.faults
        ],
        "seed": tally.seed,
        "left_out": list(three.left_out),
        "same_in_twin": list(three.kept),
    }


def _print(three: "Trio", tally: "Tally") -> None:
    from rewriter.proof.comparison import Verdict  # noqa: PLC0415 -- as above

    refused = ", ".join(f"{count} for {reason.value}" for reason, count in tally.refusals.most_common())
    print_facts(
        (
            ("statements", f"{tally.count}, of seeds {tally.seed} to {tally.seed + tally.count - 1}"),
            ("writes", f"{tally.writes} of them"),
            ("equal", f"{tally.verdicts[Verdict.EQUAL]}"),
            ("not valid", f"{tally.verdicts[Verdict.INVALID]}, for the engine itself"),
            ("too slow", str(tally.verdicts[Verdict.SLOW] or "")),
            ("refused", f"{tally.verdicts[Verdict.REFUSED]}{f': {refused}' if refused else ''}"),
            ("leaks", f"{tally.leaks}"),
            ("differences", f"{tally.differences}"),
            ("left out", ", ".join(three.left_out)),
            ("same secrets", ", ".join(three.kept)),
        )
    )
    for hint, count in tally.hints.most_common():
        print_lines()
        print_lines("refused once" if count == 1 else f"refused {count} times", style="bold")
        print_lines(f"  {hint}")
    for fault in tally.faults:
        print_lines()
        print_lines(f"{'leak' if fault.verdict.is_leak else 'difference'} at seed {fault.seed}", style="bold red")
        print_lines(f"  {fault.verdict.value}: {fault.detail}")
        print_lines(f"  {fault.sql}")
