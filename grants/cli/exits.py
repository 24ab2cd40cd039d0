"""Exit codes, and what becomes of an expected error: a message on standard error that says what to do, and its code.

No expected error shows a traceback. An unexpected one does, without the values of variables.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from grants.cli.rendering import error_console, printable
from grants.errors import GrantError, RecordError, StoreError, UnknownRequest
from masking import MaskingError, PolicyError


class ExitCode(IntEnum):
    """What a script can tell from how a command ended: a closed set."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    POLICY = 3
    UNREACHABLE = 4
    PROBLEMS = 5
    UNKNOWN = 6


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.REFUSED: "refused: the policy, the request's state or your key does not allow it",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.POLICY: "the policy is missing or invalid, or does not fit the database",
    ExitCode.UNREACHABLE: "Redis, the database or a file cannot be reached or used, or a step could not be recorded",
    ExitCode.PROBLEMS: "`check` or `audit verify` found problems, or `prove` a leak or a difference",
    ExitCode.UNKNOWN: "no request has that id, or several begin with it",
}


class CommandError(Exception):
    """A command cannot go on, for a reason that only the command line knows."""

    def __init__(self, code: ExitCode, message: str) -> None:
        super().__init__(code, message)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[1])


@contextmanager
def reported(*, as_json: bool) -> Iterator[None]:
    """Turns an expected error inside into a message and an exit code."""
    try:
        yield
    except Exception as exc:
        code = code_of(exc)
        if code is None:
            raise
        _report(exc, code, as_json=as_json)
        raise typer.Exit(code) from exc


def code_of(error: Exception) -> ExitCode | None:
    """The exit code that `error` ends with; None for one that nobody expected."""
    match error:
        case CommandError():
            return error.code
        case UnknownRequest():
            return ExitCode.UNKNOWN
        case StoreError() | RecordError():
            return ExitCode.UNREACHABLE
        case MaskingError():
            return ExitCode.POLICY
        case GrantError():
            return ExitCode.REFUSED
        case OSError() if not isinstance(error, BrokenPipeError):  # which typer ends without a word
            return ExitCode.UNREACHABLE
    if _is_database_error(error):
        return ExitCode.UNREACHABLE
    return ExitCode.REFUSED if _is_from("rewriter", "RewriteError", error) else None


def _is_database_error(error: Exception) -> bool:
    return _is_from("sqlalchemy.exc", "SQLAlchemyError", error)


def _is_from(module: str, name: str, error: Exception) -> bool:
    # Most commands need neither module, and importing them takes longer than all else: one that nobody imported did
    # not raise.
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(error, getattr(loaded, name))


def _report(error: Exception, code: ExitCode, *, as_json: bool) -> None:
    message = _message(error)
    console = error_console()
    if as_json:
        fault = {"error": code.name.lower(), "exit_code": int(code), "message": message}
        console.print(json.dumps(fault, ensure_ascii=False), soft_wrap=True)
        return
    console.print("error: ", style="bold red", end="")
    for number, line in enumerate(message.splitlines()):
        console.print(("       " if number else "") + printable(line), soft_wrap=True)


def _message(error: Exception) -> str:
    if isinstance(error, PolicyError):
        return "\n".join(str(problem) for problem in error.problems)
    if _is_database_error(error):
        # The driver's own words, without the statement and its parameters that SQLAlchemy adds to them.
        cause = getattr(error, "orig", None) or error
        lines = str(cause).strip().splitlines()
        return f"the database could not do it: {lines[0] if lines else type(cause).__name__}"
    if isinstance(error, OSError):
        problem = f"cannot be read or written ({error.strerror or type(error).__name__})"
        return f"{error.filename or 'a file'} {problem}: check its path and permissions"
    return str(error)
