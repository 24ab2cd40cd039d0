"""Ed25519 keys of people, and signatures over records.

Rules: only Ed25519; a key is an ordinary OpenSSH key (a private one may be PEM too); a record travels as a compact JWS
(RFC 7515, EdDSA of RFC 8037) whose header holds exactly `alg`, `kid` (the key's OpenSSH fingerprint) and `typ` (the
kind of record), so that one kind can never pass for another. Nothing here reads a policy or a clock.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ValidationError

from grants.errors import SignatureError
from grants.records import Author, Signed

Passphrase = Callable[[], str]
T = TypeVar("T", bound=Author)

_ONLY_ED25519 = "expected an Ed25519 key: make one with `unmask keygen` or `ssh-keygen -t ed25519`"
_NO_TOKEN = "a stored record is not a signed token"  # noqa: S105 -- a message
_DOES_NOT_HOLD = "a signature does not hold: the record was altered, signed with another key, or is of another kind"
_PARTS = 3
_LONGEST_HEADER = 500  # characters; ours have less than half of it
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*+")  # RFC 7515: without padding, and nothing else in it
_MOST_KEPT = 1024  # keys, and headers, of which what was read is kept


class _Header(BaseModel):
    """The part of a header that says what to look for; the whole is compared once that is known."""

    typ: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One person's public key. `text` is the OpenSSH form without a comment: `ssh-ed25519 AAAA…`."""

    text: str

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """A line as in `authorized_keys`; a comment is dropped.

        Raises:
            SignatureError: not an Ed25519 key in OpenSSH form.
        """
        canonical = " ".join(text.split()[:2])
        _loaded(canonical)
        return cls(canonical)

    @property
    def id(self) -> str:
        """The OpenSSH fingerprint, as `ssh-keygen -l` prints it: `SHA256:…`."""
        digest = hashlib.sha256(base64.b64decode(self.text.split()[1])).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def has_signed(self, content: bytes, signature: str) -> bool:
        """Whether `signature` (base64) is this key's over `content`."""
        try:
            self.verifying_key().verify(base64.b64decode(signature, validate=True), content)
        except (InvalidSignature, ValueError):
            return False
        return True

    def verifying_key(self) -> Ed25519PublicKey:
        """The key as the cryptography library has it."""
        return _loaded(self.text)


@lru_cache(_MOST_KEPT)
def _loaded(text: str) -> Ed25519PublicKey:
    """The key that an OpenSSH line holds. A few people sign everything, so it is read once."""
    try:
        key = serialization.load_ssh_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise SignatureError(f"a public key cannot be read; {_ONLY_ED25519}") from exc
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureError(f"a public key is of another kind; {_ONLY_ED25519}")
    return key


class Signer(Protocol):
    """What signs for a person: a key in hand, or one that an SSH agent holds."""

    @property
    def public(self) -> PublicKey:
        """The key under which its signatures hold."""
        ...

    def sign(self, record: T) -> Signed[T]:
        """`record` with its signature."""
        ...

    def signature(self, content: bytes) -> str:
        """Its signature over `content`, in base64."""
        ...


def token_of(record: Author, key: PublicKey, sign: Callable[[bytes], bytes]) -> str:
    """`record` as a compact JWS, signed by `sign` under `key`."""
    signed = f"{_header(_type_of(record.kind), key)}.{_encoded(record.canonical())}"
    return f"{signed}.{_encoded(sign(signed.encode()))}"


class SigningKey:
    """A person's private key. It is never stored, printed or pickled."""

    __slots__ = ("_private", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = PublicKey(
            private.public_key()
            .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
            .decode()
        )

    def __reduce__(self) -> str:
        raise TypeError("a private key does not pickle")

    def __repr__(self) -> str:
        return f"<SigningKey {self.public.id}>"

    def sign(self, record: T) -> Signed[T]:
        """`record` with this key's signature."""
        return Signed(record, token_of(record, self.public, self._private.sign))

    def signature(self, content: bytes) -> str:
        """This key's signature over `content`, in base64."""
        return base64.b64encode(self._private.sign(content)).decode()

    def openssh(self, passphrase: str = "") -> str:
        """The private key as an OpenSSH file holds it, encrypted where `passphrase` is not empty."""
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            encryption = serialization.BestAvailableEncryption(passphrase.encode())
        private = serialization.PrivateFormat.OpenSSH
        return self._private.private_bytes(serialization.Encoding.PEM, private, encryption).decode()


def generate_key() -> SigningKey:
    """A new key."""
    return SigningKey(Ed25519PrivateKey.generate())


def load_key(path: Path, *, passphrase: Passphrase | None = None) -> SigningKey:
    """The private key in the file `path`.

    Raises:
        SignatureError: there is no such file, it is no Ed25519 key, or the passphrase is wrong.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise SignatureError(f"the private key {path} cannot be read ({exc.strerror}); {_ONLY_ED25519}") from exc
    return read_key(content, name=str(path), passphrase=passphrase)


def read_key(content: bytes, *, name: str = "<key>", passphrase: Passphrase | None = None) -> SigningKey:
    """The private key in `content`, OpenSSH or PEM. `passphrase` is called only for an encrypted one.

    Raises:
        SignatureError: it is no Ed25519 key, or the passphrase is missing or wrong.
    """
    try:
        try:
            private = _private_key(content, None)
        except TypeError as exc:
            if passphrase is None:
                raise SignatureError(f"the private key {name} is encrypted, and there is no passphrase for it") from exc
            private = _private_key(content, passphrase().encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise SignatureError(
            f"the private key {name} cannot be read: wrong passphrase or damaged; {_ONLY_ED25519}"
        ) from exc
    if not isinstance(private, Ed25519PrivateKey):
        raise SignatureError(f"the private key {name} is of another kind; {_ONLY_ED25519}")
    return SigningKey(private)


def _private_key(content: bytes, password: bytes | None) -> object:
    """Raises TypeError exactly where the key is encrypted and `password` is None."""
    if b"BEGIN OPENSSH PRIVATE KEY" not in content:
        return serialization.load_pem_private_key(content, password)
    try:
        return serialization.load_ssh_private_key(content, password)
    except ValueError as exc:
        if password is None and "password" in str(exc).lower():
            raise TypeError(str(exc)) from exc
        raise


def opened(token: str, model: type[T], *, key: PublicKey) -> Signed[T]:
    """The record in `token`, signed with `key`.

    Raises:
        SignatureError: the signature is another key's, or the record was altered or is of another kind.
    """
    _check(token, model, key)
    return Signed(unopened(token, model), token)


def opened_as_claimed(token: str, model: type[T], *, key_of: Callable[[T], PublicKey]) -> Signed[T]:
    """The record in `token`, signed with the key of whom it names as its author, as `key_of` knows it.

    Raises:
        SignatureError: as `opened`; and whatever `key_of` raises.
    """
    claimed = unopened(token, model)
    _check(token, model, key_of(claimed))
    return Signed(claimed, token)


def _check(token: str, model: type[T], key: PublicKey) -> None:
    """Nothing, where `token` is signed with `key` and holds a record of this kind.

    Raises:
        SignatureError: it is not, or does not.
    """
    signed, _, signature = token.rpartition(".")
    # Compared as text and before anything else: a header is never asked how it wants to be checked.
    if signed.partition(".")[0] != _header(_type_of(model.model_fields["kind"].default), key):
        raise SignatureError(_DOES_NOT_HOLD)
    try:
        key.verifying_key().verify(_bytes_of(signature), signed.encode())
    except (InvalidSignature, ValueError) as exc:
        raise SignatureError(_DOES_NOT_HOLD) from exc


def unopened(token: str, model: type[T]) -> T:
    """The record in `token`, its signature not looked at: only to find out whose it claims to be.

    Raises:
        SignatureError: it is not a token, or holds no such record.
    """
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise SignatureError(_NO_TOKEN)
    try:
        payload = _bytes_of(parts[1])
    except ValueError as exc:
        raise SignatureError(_NO_TOKEN) from exc
    return _parsed(payload, model)


def kind_of(token: str) -> str:
    """The kind of record that the header of `token` claims.

    Raises:
        SignatureError: it is not a token.
    """
    if token.find(".") > _LONGEST_HEADER or token.count(".") != _PARTS - 1:
        raise SignatureError(_NO_TOKEN)
    return _kind_in(token.partition(".")[0])


@lru_cache(_MOST_KEPT)
def _kind_in(header: str) -> str:
    """What a header claims. One person's headers of a kind are all the same."""
    try:
        return _Header.model_validate_json(_bytes_of(header)).typ.removeprefix("unmask-").removesuffix("+jws")
    except ValueError as exc:  # pydantic's is one
        raise SignatureError(_NO_TOKEN) from exc


def _bytes_of(encoded: str) -> bytes:
    """What base64url without padding spells.

    Raises:
        ValueError: it spells nothing.
    """
    if _BASE64URL.fullmatch(encoded) is None:
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


@lru_cache(_MOST_KEPT)
def _header(typ: str, key: PublicKey) -> str:
    header = json.dumps({"alg": "EdDSA", "kid": key.id, "typ": typ}, separators=(",", ":"))
    return _encoded(header.encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _parsed(payload: bytes, model: type[T]) -> T:
    try:
        record: T = cast("T", model.model_validate_json(payload))  # T is bound to a union, which mypy then yields
    except ValidationError as exc:
        # The faults quote what was read, so none of them goes into the message.
        raise SignatureError(f"a stored {model.__name__.lower()} is malformed, or of a newer version") from exc
    if record.canonical() != payload:
        raise SignatureError(f"a stored {model.__name__.lower()} is not in canonical form")
    return record


def _type_of(kind: str) -> str:
    return f"unmask-{kind}+jws"
