"""What was probably meant, where an answer is empty because of a misspelt name: notes on standard error, no errors."""

from collections.abc import Iterable
from difflib import get_close_matches

from grants.cli.exits import CommandError
from grants.cli.rendering import error_console, printable
from grants.cli.settings import Settings
from masking import ColumnName, Policy, PolicyError, Principal


def known_policy(settings: Settings) -> Policy | None:
    """The policy, for a command that does without one."""
    try:
        return settings.loaded_policy()
    except (CommandError, PolicyError):
        return None


def note_environment(settings: Settings, policy: Policy | None) -> None:
    """Says so where the policy has rules for an environment of nearly this name, and none for this one."""
    named = {one for rule in (policy.approval if policy else ()) for one in rule.environments or ()}
    if settings.environment not in named and get_close_matches(settings.environment, named, 1):
        _note(f"no rule of the policy names the environment {settings.environment}", settings.environment, named)


def note_column(column: str, policy: Policy | None, known: Iterable[str]) -> None:
    """Says so where the policy masks no such column; `known`: those of the trail, which may have left the policy."""
    if policy is None or policy.mask_of(ColumnName.parse(column)) is not None or column in set(known):
        return
    _note(f"the policy has no column {column}", column, map(str, policy.columns))


def note_table(table: str, policy: Policy | None, known: Iterable[str]) -> None:
    """As `note_column`, of a table."""
    named = {str(one.table) for one in policy.columns} | {str(one) for one in policy.tables} if policy else set()
    if policy is not None and table not in named | set(known):
        _note(f"the policy has no table {table}", table, named)


def note_person(who: str, policy: Policy | None, known: Iterable[str]) -> None:
    """Says so where somebody who is known has nearly that name: an application may know others."""
    names = {*known, *(policy.people if policy else ())}
    if Principal(who) not in names and get_close_matches(who, names, 1, 0.8):
        _note(f"nobody is known as {who}", who, names)


def _note(problem: str, meant: str, known: Iterable[str]) -> None:
    close = get_close_matches(meant, sorted(set(known)), 3)
    hint = f": did you mean {' or '.join(close)}?" if close else ""
    error_console().print(printable(f"note: {problem}{hint}"), soft_wrap=True)
