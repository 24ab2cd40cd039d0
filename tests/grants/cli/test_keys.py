"""Keys and the policy's schema on the command line."""

import json
import subprocess
from pathlib import Path
from shutil import which

import pytest

from grants import load_key
from tests.grants.cli.conftest import Shell


def test_new_key_is_private_and_its_public_part_is_for_the_policy(shell: Shell, tmp_path: Path) -> None:
    """A new key is readable by its owner alone; what is printed is the line for the policy, and nothing private."""
    path = tmp_path / "keys" / "new"
    printed = shell.ok("keygen", "--key", str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    public = load_key(path).public
    assert public.text in printed
    assert public.text == path.with_name("new.pub").read_text(encoding="utf-8").strip()
    assert "PRIVATE" not in printed
    assert shell.json("keygen", "--show", "--key", str(path)) == {
        "path": str(path),
        "public_key": public.text,
        "fingerprint": public.id,
    }


def test_existing_file_is_never_overwritten(shell: Shell, tmp_path: Path) -> None:
    """An existing key stays as it is, also its public part."""
    before = (tmp_path / "ana").read_bytes()
    assert "exists already" in shell.fails(1, "keygen", "--key", str(tmp_path / "ana"))
    assert (tmp_path / "ana").read_bytes() == before
    (tmp_path / "other.pub").write_text("mine", encoding="utf-8")
    assert "exists already" in shell.fails(1, "keygen", "--key", str(tmp_path / "other"))
    assert (tmp_path / "other.pub").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "other").exists()


def test_encrypted_key_takes_its_passphrase_from_the_environment(shell: Shell, tmp_path: Path) -> None:
    """A key with a passphrase can be used where nobody can be asked, and without it the message says how."""
    path = tmp_path / "locked"
    outcome = shell.run("keygen", "--passphrase", "--key", str(path), stdin="open sesame\nopen sesame\n")
    assert outcome.exit_code == 0
    assert "open sesame" not in outcome.output
    assert "UNMASK_KEY_PASSPHRASE" in shell.fails(1, "keygen", "--show", "--key", str(path))
    shell.variables["UNMASK_KEY_PASSPHRASE"] = "open sesame"
    assert shell.json("keygen", "--show", "--key", str(path))["public_key"].startswith("ssh-ed25519 ")
    shell.variables["UNMASK_KEY_PASSPHRASE"] = "wrong"
    assert "wrong passphrase" in shell.fails(1, "keygen", "--show", "--key", str(path))


def test_key_of_ssh_keygen_does_as_well(shell: Shell, tmp_path: Path) -> None:
    """An ordinary SSH key is a key."""
    program = which("ssh-keygen")
    if program is None:
        pytest.skip("there is no ssh-keygen on this machine")
    path = tmp_path / "ordinary"
    subprocess.run([program, "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)  # noqa: S603 -- its own words
    public = path.with_name("ordinary.pub").read_text(encoding="utf-8").split()[:2]
    assert shell.json("keygen", "--show", "--key", str(path))["public_key"].split() == public


def test_schema_is_json_schema_of_the_policy(shell: Shell) -> None:
    """`schema` prints JSON Schema with the policy's sections, with `--json` or without."""
    schema = json.loads(shell.ok("schema"))
    assert {"columns", "tables", "people", "approval"} <= set(schema["properties"])
    assert shell.json("schema") == schema
