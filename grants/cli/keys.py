"""The commands that need neither Redis nor a database: keys of people, and the schema of the policy file."""

import os
from pathlib import Path
from typing import Annotated

import typer

from grants.cli.exits import CommandError, ExitCode
from grants.cli.rendering import print_json, print_lines
from grants.cli.settings import Settings, asked_passphrase, with_settings
from grants.signing import SigningKey, generate_key, load_key
from masking import Policy


@with_settings("key")
def keygen(
    settings: Settings,
    *,
    is_shown: Annotated[
        bool, typer.Option("--show", help="Make none: show the public part of the one there is.")
    ] = False,
    is_encrypted: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase to encrypt it with.")
    ] = False,
) -> None:
    """Make a key to sign with, and its line for the policy.

    It is an ordinary SSH key (Ed25519); one that ssh-keygen made does as well. An existing file is never overwritten.

    Example: unmask keygen --key ~/.ssh/id_ed25519
    """
    path = settings.key.expanduser()
    key: SigningKey
    if is_shown:
        key = load_key(path, passphrase=asked_passphrase)
    else:
        passphrase = ""
        if is_encrypted:
            passphrase = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
        key = generate_key()
        _write(key, path, passphrase=passphrase)
    if settings.as_json:
        print_json({"path": str(path), "public_key": key.public.text, "fingerprint": key.public.id})
        return
    print_lines(f"{'The key' if is_shown else 'New key'} {path}, {key.public.id}", style="bold")
    print_lines("In the policy, under `people:`, with your name and groups:")
    print_lines(f'  you@example.com: {{groups: [], key: "{key.public.text}"}}')


def _write(key: SigningKey, path: Path, *, passphrase: str) -> None:
    public = path.with_name(path.name + ".pub")
    if public.exists():
        raise _exists(public)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made with its final rights and only if it is new: it is never readable by others, and nobody's key is lost.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exc:
        raise _exists(path) from exc
    except OSError as exc:
        advice = "name another file with --key"
        raise CommandError(ExitCode.REFUSED, f"{path} cannot be written ({exc.strerror}): {advice}") from exc
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(key.openssh(passphrase))
    public.write_text(key.public.text + "\n", encoding="utf-8")


def _exists(path: Path) -> CommandError:
    advice = "with --show its line for the policy is printed; --key names another file"
    return CommandError(ExitCode.REFUSED, f"{path} exists already and stays as it is: {advice}")


@with_settings()
def schema(settings: Settings) -> None:  # noqa: ARG001 -- every command takes its settings
    """Print the JSON Schema of the policy file.

    Example: unmask schema > masking.schema.json
    """
    print_json(Policy.json_schema())
