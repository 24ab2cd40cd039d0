"""`check`: whether the policy fits a live database, and whether people can do what it asks of them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from grants.cli.approvers import able
from grants.cli.exits import ExitCode
from grants.cli.rendering import print_json, print_lines
from grants.cli.settings import Settings, with_settings
from masking import Policy, PolicyError, Problem

if TYPE_CHECKING:
    from rewriter.schema import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """How a policy fits a schema. `columns`: those that are masked; `tables`: those that have any of them."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    tables: int = 0
    columns: int = 0


@with_settings("environment", "database", "policy")
def check(settings: Settings) -> None:
    """Check the policy against a live database.

    Problems: names that the database lacks, masks that a column cannot have, roles of the database that its user cannot
    take. Warnings: approvals that nobody could
    give.

    Example: unmask check --database postgresql+psycopg://app@db/shop
    """
    from grants.cli.engines import live_catalog, role_problems  # noqa: PLC0415 -- SQLAlchemy and the rewriter take long to import

    policy = settings.loaded_policy()
    fit = _fit(policy, live_catalog(settings, policy), settings.environment)
    fit = replace(fit, problems=(*fit.problems, *role_problems(settings, policy)))
    if settings.as_json:
        print_json(_document(fit))
    else:
        _print_fit(settings, fit)
    if fit.problems:
        raise typer.Exit(ExitCode.PROBLEMS)


def _fit(policy: Policy, catalog: "Catalog", environment: str) -> _Fit:
    from rewriter.binding import bind  # noqa: PLC0415 -- as above

    warnings = _warnings(policy, environment)
    try:
        binding = bind(policy, catalog)
    except PolicyError as exc:
        return _Fit(problems=exc.problems, warnings=warnings)
    masked = [column for table in binding.protected.values() for column in table.columns if column.mask is not None]
    return _Fit(warnings=warnings, tables=len(binding.protected), columns=len(masked))


def _warnings(policy: Policy, environment: str) -> tuple[str, ...]:
    found = []
    for rule in policy.approval:
        is_here = rule.environments is None or environment in rule.environments
        people = able([rule], policy)
        if is_here and not rule.auto and len(people) < rule.required:
            approvers = ", ".join(rule.approvers)
            found.append(f"{rule.scope} needs {rule.required} of {approvers}, and {len(people)} of them have a key")
        unheard = [name for name in people if not policy.people[name].notify]
        if is_here and rule.break_glass and unheard:
            found.append(
                f"{rule.scope} has break-glass, and {', '.join(unheard)} would not be notified of it: "
                "give them addresses under `notify:`"
            )
    return tuple(found)


def _document(fit: _Fit) -> dict[str, Any]:
    return {
        "is_ok": not fit.problems,
        "problems": [_problem(problem) for problem in fit.problems],
        "warnings": list(fit.warnings),
        "tables": fit.tables,
        "columns": fit.columns,
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "message": problem.message,
        "hint": problem.hint or None,
        "file": problem.file or None,
        "line": problem.line or None,
        "column": problem.column or None,
    }


def _print_fit(settings: Settings, fit: _Fit) -> None:
    if fit.problems:
        print_lines(f"{settings.policy} does not fit the database:", style="bold")
    else:
        columns, tables = _count(fit.columns, "column"), _count(fit.tables, "table")
        print_lines(f"{settings.policy} fits the database: {columns} of {tables} masked.")
    for problem in fit.problems:
        print_lines(f"  {problem.message}. {problem.hint}".rstrip())
    for warning in fit.warnings:
        print_lines(f"warning: {warning}", style="yellow")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
