"""Which of the keys in the SSH agent is meant: the one that a file names, else the only one that the policy knows."""

from pathlib import Path

from grants.agent import SOCKET, AgentKey, agent_keys, agent_socket
from grants.errors import SignatureError
from grants.signing import PublicKey
from masking import Policy


def agent_key(policy: Policy, path: Path | None = None) -> AgentKey:
    """The key in the agent whose public half is in the file `path`; without one, the only one of a person's.

    Raises:
        SignatureError: there is no agent, or it holds no such key, or several.
    """
    socket = agent_socket()
    if socket is None:
        raise SignatureError(f"there is no SSH agent: {SOCKET} is not set. Start one with `eval $(ssh-agent)`")
    held = agent_keys(socket)
    if path is not None:
        wanted = _public_key(path)
        found = [one for one in held if one.public == wanted]
        if not found:
            raise SignatureError(f"the SSH agent does not hold the key of {path}: add it with `ssh-add`")
        return found[0]
    known = {PublicKey.parse(person.key) for person in policy.people.values() if person.key}
    found = [one for one in held if one.public in known]
    if len(found) != 1:
        raise SignatureError(
            f"the SSH agent holds {len(found) or 'no'} Ed25519 key(s) of people in the policy: "
            + ("say which with --key FILE.pub" if found else "add yours with `ssh-add`, or name a file with --key")
        )
    return found[0]


def _public_key(path: Path) -> PublicKey:
    try:
        return PublicKey.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise SignatureError(f"the public key {path} cannot be read: {type(exc).__name__}") from exc
