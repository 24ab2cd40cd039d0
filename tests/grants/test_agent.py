"""Keys in an SSH agent, a real one: they sign like any key, and never leave it."""

import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from grants.agent import agent_keys
from grants.errors import SignatureError
from grants.records import Request
from grants.signing import opened
from tests.grants.cli.conftest import Shell, shell
from tests.grants.conftest import KEYS, House, ask

__all__ = ["shell"]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The socket of an agent without keys."""
    program = shutil.which("ssh-agent")
    if program is None:
        assert not os.environ.get("CI"), "ssh-agent is missing: install openssh-client"
        pytest.skip("there is no ssh-agent on this machine")
    path = tmp_path / "agent"
    started = subprocess.run([program, "-a", str(path)], capture_output=True, text=True, check=True)  # noqa: S603 -- ours
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    yield path
    process = re.search(r"SSH_AGENT_PID=(\d+)", started.stdout)
    assert process
    os.kill(int(process[1]), 15)


def add(path: Path) -> None:
    """Hand the key in a file to the agent."""
    path.chmod(0o600)
    subprocess.run(["ssh-add", "-q", str(path)], check=True)  # noqa: S603, S607 -- our own words


def test_a_key_in_the_agent_signs_like_any_other(house: House, agent: Path, tmp_path: Path) -> None:
    """The whole way: a request of hers, which everybody's verification accepts."""
    assert agent_keys(agent) == ()
    (tmp_path / "ana").write_text(KEYS["ana"].openssh(), encoding="utf-8")
    add(tmp_path / "ana")
    (key,) = agent_keys(agent)
    assert key.public == KEYS["ana"].public
    docket = house.grants.desk(policy=house.policy, environment="prod", key=key).request(ask())
    assert opened(docket.case.request.token, Request, key=KEYS["ana"].public).record == docket.request
    assert house.desk("bo").approve(docket.id).standing.lease is not None
    assert house.grants.verify("prod", policy=house.policy) == ()
    subprocess.run(["ssh-add", "-q", "-D"], check=True)  # noqa: S607 -- our own words
    with pytest.raises(SignatureError, match="still there"):
        key.signature(b"")


def test_the_command_line_finds_the_key_in_the_agent(shell: Shell, agent: Path) -> None:
    """The only one of a person in the policy, or the one whose public half a file holds."""
    words = ("request", "customers.email", "--for", "5m", "--reason", "OPS-7")
    shell.variables["UNMASK_KEY"] = "agent"
    assert "no Ed25519 key(s) of people" in shell.fails(1, *words)
    add(shell.folder / "stranger")
    add(shell.folder / "ana")
    assert shell.json(*words)["principal"] == "ana@shop.example"
    add(shell.folder / "bo")
    assert "--key FILE.pub" in shell.fails(1, *words)
    (shell.folder / "dee").chmod(0o600)
    for name in ("bo", "dee"):
        public = subprocess.run(  # noqa: S603 -- our own words
            ["ssh-keygen", "-y", "-f", str(shell.folder / name)],  # noqa: S607 -- our own words
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        (shell.folder / f"{name}.pub").write_text(public, encoding="utf-8")
    shell.variables["UNMASK_KEY"] = str(shell.folder / "bo.pub")
    assert shell.json(*words)["principal"] == "bo@shop.example"
    shell.variables["UNMASK_KEY"] = str(shell.folder / "dee.pub")
    assert "does not hold the key" in shell.fails(1, *words)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x00\x00\x00",
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\x05",
        b"\x00\x00\x00\x05\x0c\xff\xff\xff\xff",
        b"\x00\x00\x00\x09\x0c\x00\x00\x00\x01\x00\x00\x00\xff",
    ],
)
def test_whatever_an_agent_answers_is_no_key(tmp_path: Path, answer: bytes) -> None:
    """Cut off, refused, or of a length that cannot be."""
    path = tmp_path / "bad"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(100)
                peer.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(SignatureError, match="agent"):
            agent_keys(path)
    with pytest.raises(SignatureError, match="does not answer"):
        agent_keys(tmp_path / "nowhere")
