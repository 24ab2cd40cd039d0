"""How a statement would run: `explain`, and requests for one statement. No statement of anybody is run."""

import re
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grants import rules
from grants.cli.exits import CommandError, ExitCode
from grants.cli.findings import Finding, column_findings, finding_rows, request_words
from grants.cli.rendering import print_json, print_lines, print_table
from grants.cli.settings import Settings, with_settings
from grants.records import StatementScope
from masking import Policy, PolicyError, Principal, RowCondition


class Literals(StrEnum):
    """Whether a grant for a statement is good for its values alone, or for any."""

    FIXED = "fixed"
    FREE = "free"


if TYPE_CHECKING:
    from rewriter import Installed, Rewritten

_PARAMETER = re.compile(
    r"""('(?:[^']|'')*' | "[^"]*" | `[^`]*` | --[^\n]* | /\*.*?\*/) | (?<![:\w\\]) :[A-Za-z_]\w* (?!:)""",
    re.DOTALL | re.VERBOSE,
)
"""A parameter; or, as the first group, text in which none can stand."""


def statement_request(
    settings: Settings, sql: str, literals: Literals | None
) -> tuple[StatementScope, tuple[str, ...]]:
    """What a request for one statement is bound to, and the columns that the statement needs.

    With free literals it is bound by its fingerprint alone, and what the approver is shown has none. `literals` None:
    fixed where the statement has no parameters, whose values could not be known.

    Raises:
        CommandError: it reads nothing sensitive, or has parameters that were to be fixed.
    """
    from grants.cli.engines import hooked  # noqa: PLC0415 -- SQLAlchemy and the rewriter take long to import

    with hooked(settings, settings.loaded_policy()) as installed:
        rewritten = installed.explain(_as_sent(sql, installed))
    columns = tuple(str(column) for column in sorted(rewritten.masked | rewritten.revealed))
    if not columns:
        raise CommandError(ExitCode.REFUSED, "nothing to ask for: the statement reads no sensitive column")
    return _scope(rewritten, literals, is_open=rewritten.original != sql), columns


def _scope(rewritten: "Rewritten", literals: Literals | None, *, is_open: bool) -> StatementScope:
    """`is_open`: the statement has parameters."""
    from rewriter.exactness import exact_hash, has_parameters, shown  # noqa: PLC0415 -- as above

    sql, dialect = rewritten.original, rewritten.dialect
    is_open = is_open or has_parameters(sql, dialect)
    if literals is Literals.FREE or (literals is None and is_open):
        return StatementScope(fingerprint=rewritten.fingerprint, literals="free", text=rewritten.statement)
    if is_open:
        message = "the statement has parameters, whose values are not known: write them into it (the application may"
        raise CommandError(ExitCode.USAGE, f"{message} send them as parameters all the same), or add --literals free")
    exact = exact_hash(sql, dialect, salt=secrets.token_hex(8))
    return StatementScope(fingerprint=rewritten.fingerprint, literals="fixed", text=shown(sql, dialect), exact=exact)


def check_rows(settings: Settings, scopes: Sequence[str], where: str) -> None:
    """Nothing, where a condition on rows fits the live database for every column of `scopes`.

    Raises:
        CommandError: it does not, so that a grant would reveal nothing; or it cannot be read.
        RuleError: there is no such scope.
    """
    from grants.cli.engines import live_catalog  # noqa: PLC0415 -- as above
    from rewriter.binding import bind  # noqa: PLC0415 -- as above
    from rewriter.narrowing import misfits  # noqa: PLC0415 -- as above

    policy = settings.loaded_policy()
    try:
        condition = RowCondition.parse(where)
    except PolicyError as exc:
        raise CommandError(ExitCode.REFUSED, str(exc)) from exc
    rows = frozenset((column, condition) for column in rules.meant_by(scopes, policy))
    for fault in misfits(bind(policy, live_catalog(settings, policy)), rows):
        raise CommandError(ExitCode.REFUSED, str(fault))


def _as_sent(sql: str, installed: "Installed") -> str:
    """`sql` with SQLAlchemy's parameters (`:name`) as the database knows them, so that the fingerprint is the same."""
    if installed.engine.dialect.name == "sqlite":  # which has them itself
        return sql
    return _PARAMETER.sub(lambda match: match.group() if match[1] else "?", sql)


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
    """Show how a statement would run.

    Its rewritten text, each column's mask, who could grant it, and the command that asks for it.

    Example: unmask explain "SELECT email FROM customers" --as ana@shop.example
    """
    policy = settings.loaded_policy()
    text = typer.get_text_stream("stdin").read() if sql == "-" else sql
    rewritten = _rewritten(settings, policy, text, principal=principal)
    who = None if principal is None else Principal(principal)
    findings = column_findings(rewritten, policy, environment=settings.environment, who=who)
    command = settings.command(*words) if (words := request_words(findings)) else None
    if settings.as_json:
        print_json(_explained(rewritten, findings) | {"principal": principal, "request_command": command})
    else:
        _print_explained(rewritten, findings, command)


def _rewritten(settings: Settings, policy: Policy, sql: str, *, principal: str | None) -> "Rewritten":
    from grants.cli.engines import hooked  # noqa: PLC0415 -- as above

    with ExitStack() as stack:
        grants = None
        if principal is not None:
            grants = stack.enter_context(settings.grants())
            # Where grants cannot be read the hook masks; here that would be a wrong answer, so it is an error.
            office = grants.office(policy=policy, environment=settings.environment)
            office.store.held(settings.environment, principal)
        installed = stack.enter_context(hooked(settings, policy, grants=grants))
        return installed.explain(_as_sent(sql, installed), principal=principal)


def _explained(rewritten: "Rewritten", findings: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "sql": rewritten.original,
        "rewritten": rewritten.sql,
        "is_unchanged": rewritten.is_unchanged,
        "kind": rewritten.kind.value,
        "fingerprint": rewritten.fingerprint,
        "tables": list(rewritten.tables),
        "columns": [finding.document() for finding in findings],
    }


def _print_explained(rewritten: "Rewritten", findings: tuple[Finding, ...], command: str | None) -> None:
    if rewritten.is_unchanged:
        print_lines("It reads nothing sensitive and runs as it is.")
        return
    print_lines("runs as", style="bold")
    print_lines(rewritten.sql)
    print_lines()
    if not findings:
        print_lines("It reads no sensitive column. Whether the names in it are there, only the database tells.")
        return
    print_table(("COLUMN", "SHOWN AS", "APPROVED BY", "AT MOST"), finding_rows(findings))
    if command:
        print_lines()
        print_lines(f"to see more:  {command}")
