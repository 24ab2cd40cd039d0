"""The commands that need a live database: how a statement would run, and whether the policy fits the schema.

The database is only read, and only its schema: no statement of anybody is run.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from grants.cli.exits import CommandError, ExitCode
from grants.cli.findings import Finding, column_findings, finding_rows, request_words
from grants.cli.rendering import print_json, print_lines, print_table
from grants.cli.settings import Settings, with_settings
from grants.client import Grants
from grants.records import StatementScope
from masking import Policy, PolicyError, Principal, Problem
from rewriter import Installed, Rewritten, install
from rewriter.schemas import View

_EXTRAS = {"psycopg": "postgresql", "psycopg2": "postgresql", "pymysql": "mysql", "duckdb": "duckdb"}


def _url(settings: Settings) -> URL:
    if not settings.database:
        raise typer.BadParameter("this needs the live schema: name the database with --database or UNMASK_DATABASE_URL")
    try:
        url = make_url(settings.database)
    except ArgumentError as exc:
        raise typer.BadParameter(
            "the database URL cannot be read: expected such as postgresql+psycopg://host/db"
        ) from exc
    is_file = url.get_backend_name() in ("sqlite", "duckdb") and url.database not in (None, "", ":memory:")
    if is_file and not Path(str(url.database)).exists():
        # Opening it would make an empty one.
        raise CommandError(ExitCode.UNREACHABLE, f"there is no database file {url.database}: check the path in the URL")
    return url


@contextmanager
def hooked(settings: Settings, policy: Policy, *, grants: Grants | None = None) -> Iterator[Installed]:
    """The database of these settings, hooked."""
    url = _url(settings)
    try:
        engine = create_engine(url, poolclass=NullPool)
    except NoSuchModuleError as exc:
        raise typer.BadParameter(f"no driver is known for {url.drivername}: is the URL right?") from exc
    except ModuleNotFoundError as exc:
        extra = _EXTRAS.get(url.get_driver_name())
        advice = f": pip install 'unmask[{extra}]'" if extra else ""
        raise CommandError(ExitCode.UNREACHABLE, f"the driver {exc.name} is not installed{advice}") from exc
    try:
        yield install(engine, policy=policy, grants=grants, environment=settings.environment)
    finally:
        engine.dispose()


def statement_request(settings: Settings, sql: str) -> tuple[StatementScope, tuple[str, ...]]:
    """What a request for one statement is bound to, and the columns that the statement needs.

    The statement is bound by its fingerprint, which knows no literals: it may run with any values, and what the
    approver is shown has none.
    """
    with hooked(settings, settings.loaded_policy()) as installed:
        rewritten = installed.explain(sql)
    columns = tuple(str(column) for column in sorted(rewritten.masked | rewritten.revealed))
    if not columns:
        raise CommandError(ExitCode.REFUSED, "nothing to ask for: the statement reads no sensitive column")
    scope = StatementScope(fingerprint=rewritten.fingerprint, literals="free", text=rewritten.statement)
    return scope, columns


@with_settings("environment", "database", "policy", "redis")
def explain(
    settings: Settings,
    *,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="The statement; - reads it from standard input.")],
    principal: Annotated[
        str | None,
        typer.Option("--as", metavar="PRINCIPAL", help="For this person, with their live grants. Without: for nobody."),
    ] = None,
) -> None:
    """Show how a statement would run: its rewritten text, each column's mask, and what to request.

    Example: unmask explain "SELECT email FROM customers" --as ana@shop.example
    """
    policy = settings.loaded_policy()
    text = typer.get_text_stream("stdin").read() if sql == "-" else sql
    with ExitStack() as stack:
        grants = stack.enter_context(settings.grants()) if principal is not None else None
        installed = stack.enter_context(hooked(settings, policy, grants=grants))
        rewritten = installed.explain(text, principal=principal)
    who = None if principal is None else Principal(principal)
    findings = column_findings(rewritten, policy, environment=settings.environment, who=who)
    command = settings.command(*words) if (words := request_words(findings)) else None
    if settings.as_json:
        print_json(_explained(rewritten, findings) | {"principal": principal, "request_command": command})
    else:
        _print_explained(rewritten, findings, command)


def _explained(rewritten: Rewritten, findings: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "sql": rewritten.original,
        "rewritten": rewritten.sql,
        "is_unchanged": rewritten.is_unchanged,
        "kind": rewritten.kind.value,
        "fingerprint": rewritten.fingerprint,
        "tables": list(rewritten.tables),
        "columns": [finding.document() for finding in findings],
    }


def _print_explained(rewritten: Rewritten, findings: tuple[Finding, ...], command: str | None) -> None:
    if not findings:
        print_lines("It reads nothing sensitive and runs as it is.")
        return
    print_lines("runs as", style="bold")
    print_lines(rewritten.sql)
    print_lines()
    print_table(("COLUMN", "SHOWN AS", "APPROVED BY", "AT MOST"), finding_rows(findings))
    if command:
        print_lines()
        print_lines(f"to see more:  {command}")


@with_settings("environment", "database", "policy")
def check(settings: Settings) -> None:
    """Check the policy against a live database: unknown names, masks that do not fit, what nobody could approve.

    Example: unmask check --database postgresql+psycopg://app@db/shop
    """
    policy = settings.loaded_policy()
    with hooked(settings, policy) as installed:
        fit = _fit(installed)
    if settings.as_json:
        problems = [_problem_document(problem) for problem in fit.problems]
        print_json({"is_ok": not problems, "problems": problems, "tables": fit.tables, "columns": fit.columns})
    else:
        _print_fit(settings, fit)
    if fit.problems:
        raise typer.Exit(ExitCode.PROBLEMS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """How a policy fits a schema. `columns`: sensitive columns that the database has; `tables`: the tables of those."""

    problems: tuple[Problem, ...] = ()
    tables: int = 0
    columns: int = 0


def _fit(installed: Installed) -> _Fit:
    schemas = installed.hook.schemas
    with installed.engine.connect() as connection:
        view: View = schemas.load(connection.connection.dbapi_connection)
    try:
        binding = schemas.binding(view, None)
    except PolicyError as exc:
        return _Fit(problems=exc.problems)
    masked = [column for table in binding.protected.values() for column in table.columns if column.mask is not None]
    return _Fit(tables=len(binding.protected), columns=len(masked))


def _problem_document(problem: Problem) -> dict[str, Any]:
    return {
        "message": problem.message,
        "hint": problem.hint or None,
        "file": problem.file or None,
        "line": problem.line or None,
        "column": problem.column or None,
    }


def _print_fit(settings: Settings, fit: _Fit) -> None:
    if not fit.problems:
        print_lines(f"{settings.policy} fits the database: {fit.columns} columns in {fit.tables} tables are masked.")
        return
    print_lines(f"{settings.policy} does not fit the database:", style="bold")
    for problem in fit.problems:
        print_lines(f"  {problem.message}. {problem.hint}".rstrip())
