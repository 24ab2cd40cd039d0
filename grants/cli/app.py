"""`unmask`: the commands, in the order in which help lists them."""

from importlib.metadata import version
from typing import Annotated

import typer

from grants.cli.audit_trail import audit_app
from grants.cli.checking import check
from grants.cli.decisions import approve, deny, review, revoke
from grants.cli.demo import demo
from grants.cli.exits import MEANINGS
from grants.cli.keys import keygen, schema
from grants.cli.proving import prove
from grants.cli.reminding import remind, renew
from grants.cli.requests import grants, request, requests
from grants.cli.statements import explain

_EXITS = "\n\n".join(f"{int(code)}  {meaning}" for code, meaning in MEANINGS.items())

# An unexpected error shows a plain traceback: typer's own would print the values of variables.
app = typer.Typer(
    name="unmask",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=f"Exit codes:\n\n{_EXITS}",
)


def _print_version(*, is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"unmask {version('unmask')}")
        raise typer.Exit


@app.callback()
def unmask(
    *,
    _is_version_wanted: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=lambda value: _print_version(is_wanted=value))
    ] = False,
) -> None:
    """Ask for sensitive columns, decide on it, and see who saw what.

    Settings come from options, else from UNMASK_POLICY, UNMASK_REDIS_URL, UNMASK_ENVIRONMENT, UNMASK_KEY,
    UNMASK_DATABASE_URL and UNMASK_AUDIT_TRAIL. Without an option: UNMASK_KEY_PASSPHRASE, UNMASK_AUDIT_KEY,
    UNMASK_AUDIT_CHECKPOINTS, UNMASK_NOTIFY. Who you are is decided by your key.
    """


for command in (request, requests, approve, deny, revoke, review, grants, renew, remind):
    app.command()(command)
app.add_typer(audit_app, name="audit")
for command in (explain, check, prove, keygen, schema, demo):
    app.command()(command)


def main() -> None:
    """Run the command line."""
    app(prog_name="unmask")
