"""Keys that an SSH agent holds: they sign there and never come here.

Only what this needs of the protocol (draft-ietf-sshm-ssh-agent): list the keys, have one sign. An answer is bounded in
size and time, and a signature counts only once it is seen to hold.
"""

import base64
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from grants.errors import SignatureError
from grants.records import Signed
from grants.signing import PublicKey, T, token_of

SOCKET = "SSH_AUTH_SOCK"
"""The environment variable with the path of the agent's socket."""
PATIENCE = timedelta(minutes=1)
"""How long a signature may take: the agent may ask its owner first."""
_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14  # the protocol's numbers of messages
_ALGORITHM = b"ssh-ed25519"
_LONGEST = 256 * 1024  # bytes of an answer


@dataclass(frozen=True, slots=True)
class AgentKey:
    """A key in the agent at the socket `path`."""

    public: PublicKey
    path: Path

    def sign(self, record: T) -> Signed[T]:
        """`record` with this key's signature.

        Raises:
            SignatureError: the agent does not sign.
        """
        return Signed(record, token_of(record, self.public, self._signed))

    def signature(self, content: bytes) -> str:
        """This key's signature over `content`, in base64.

        Raises:
            SignatureError: the agent does not sign.
        """
        return base64.b64encode(self._signed(content)).decode()

    def _signed(self, content: bytes) -> bytes:
        blob = base64.b64decode(self.public.text.split()[1])
        answer = _asked(self.path, _SIGN, _packed(blob) + _packed(content) + struct.pack(">I", 0), expected=_SIGNED)
        try:
            (whole,) = _strings(answer, 1)
            algorithm, signature = _strings(whole, 2)
        except ValueError as exc:
            raise SignatureError("the SSH agent gave no signature") from exc
        if algorithm != _ALGORITHM or not self.public.has_signed(content, base64.b64encode(signature).decode()):
            raise SignatureError("the SSH agent gave a signature that does not hold")
        return signature


def agent_keys(path: Path) -> tuple[AgentKey, ...]:
    """The Ed25519 keys in the agent at the socket `path`.

    Raises:
        SignatureError: it does not answer, or is none.
    """
    answer = _asked(path, _LIST, b"", expected=_LISTED)
    try:
        (count,) = struct.unpack(">I", answer[:4])
        parts = list(_strings(answer[4:], 2 * count))
    except (ValueError, struct.error) as exc:
        raise SignatureError("the SSH agent gave no list of keys") from exc
    blobs = [blob for blob in parts[::2] if blob.startswith(_packed(_ALGORITHM))]
    return tuple(AgentKey(PublicKey.parse(f"ssh-ed25519 {base64.b64encode(blob).decode()}"), path) for blob in blobs)


def agent_socket() -> Path | None:
    """Where this process's agent listens; None where there is none."""
    path = os.environ.get(SOCKET)
    return Path(path) if path else None


def _asked(path: Path, kind: int, content: bytes, *, expected: int) -> bytes:
    """What the agent answers, without the number of its kind."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
            agent.settimeout(PATIENCE.total_seconds())
            agent.connect(str(path))
            agent.sendall(_packed(bytes([kind]) + content))
            (length,) = struct.unpack(">I", _read(agent, 4))
            answer = _read(agent, length) if 0 < length <= _LONGEST else b""
    except (OSError, struct.error) as exc:
        raise SignatureError(f"the SSH agent does not answer ({type(exc).__name__}): is {SOCKET} right?") from exc
    if answer[:1] != bytes([expected]):
        raise SignatureError("the SSH agent declined: is the key still there (`ssh-add -l`), and did you confirm?")
    return answer[1:]


def _read(agent: socket.socket, length: int) -> bytes:
    parts = b""
    while len(parts) < length:
        part = agent.recv(length - len(parts))
        if not part:
            raise ConnectionError("the agent hung up")
        parts += part
    return parts


def _packed(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _strings(content: bytes, count: int) -> Iterator[bytes]:
    """The `count` strings that `content` begins with.

    Raises:
        ValueError: there are fewer.
    """
    position = 0
    for _ in range(count):
        if len(content) < position + 4:
            raise ValueError("too short")
        (length,) = struct.unpack(">I", content[position : position + 4])
        end = position + 4 + length
        if len(content) < end:
            raise ValueError("too short")
        yield content[position + 4 : end]
        position = end
