"""Keys and signatures."""

import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_elliptic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from grants import PublicKey, Request, SignatureError, generate_key, load_key
from grants.records import Approval
from grants.signing import SigningKey, opened, read_key

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRINTED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"
# The private key whose 32 bytes are all 7.
FIXED = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))


def request(**changed: object) -> Request:
    """A request as it comes from the workflow."""
    fields: dict[str, object] = {
        "id": "abcd-efgh",
        "environment": "prod",
        "principal": "ana",
        "scopes": ("customers.email",),
        "columns": ("customers.email",),
        "duration": timedelta(minutes=30),
        "reason": "OPS-7 refund",
        "requested_at": AT,
        "expires_at": AT + timedelta(days=3),
        "policy_version": "v1",
        "nonce": "0123456789abcdef",
    }
    return Request.model_validate(fields | changed)


def test_a_signed_record_opens_under_its_own_key() -> None:
    """What was signed comes back under the signer's public key."""
    key = generate_key()
    signed = key.sign(request())
    assert opened(signed.token, Request, key=key.public) == signed


def test_a_signed_record_does_not_open_under_another_key() -> None:
    """Another person's key does not open it."""
    signed = generate_key().sign(request())
    with pytest.raises(SignatureError, match="does not hold"):
        opened(signed.token, Request, key=generate_key().public)


def test_no_character_of_a_token_can_be_changed() -> None:
    """Every changed character is found, unless the token still says the same bytes."""
    key = generate_key()
    token = key.sign(request()).token
    for place, letter in enumerate(token):
        altered = token[:place] + ("A" if letter != "A" else "B") + token[place + 1 :]
        try:
            assert opened(altered, Request, key=key.public).record == request()
        except SignatureError:
            continue


def test_one_kind_of_record_does_not_pass_for_another() -> None:
    """A signed request is no approval, whatever its fields say."""
    key = generate_key()
    signed = key.sign(request())
    with pytest.raises(SignatureError):
        opened(signed.token, Approval, key=key.public)


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"kid": "SHA256:other"}, {"crit": ["exp"], "exp": 1}, {"cty": "x"}])
def test_the_header_holds_exactly_what_it_must(header: dict[str, object]) -> None:
    """A well signed token with another header is refused."""
    private = Ed25519PrivateKey.generate()
    key = SigningKey(private)
    headers = {"kid": key.public.id, "typ": "unmask-request+jws"} | header
    token = jwt.PyJWS(algorithms=["EdDSA"]).encode(request().canonical(), private, algorithm="EdDSA", headers=headers)
    with pytest.raises(SignatureError):
        opened(token, Request, key=key.public)


def test_an_unsigned_token_is_refused() -> None:
    """The algorithm `none` is no signature."""
    token = jwt.PyJWS().encode(request().canonical(), "", algorithm="none")
    with pytest.raises(SignatureError):
        opened(token, Request, key=generate_key().public)


@pytest.mark.parametrize("payload", [b"{}", b"[]", b"nonsense", b'{"kind":"request"}'])
def test_a_malformed_record_is_refused_even_if_signed(payload: bytes) -> None:
    """A signature does not make a record of what is none."""
    private = Ed25519PrivateKey.generate()
    key = SigningKey(private)
    headers = {"kid": key.public.id, "typ": "unmask-request+jws"}
    token = jwt.PyJWS(algorithms=["EdDSA"]).encode(payload, private, algorithm="EdDSA", headers=headers)
    with pytest.raises(SignatureError, match="malformed"):
        opened(token, Request, key=key.public)


def test_a_record_in_another_spelling_is_refused() -> None:
    """The digest that decisions name is over one spelling, so there is only one."""
    private = Ed25519PrivateKey.generate()
    key = SigningKey(private)
    headers = {"kid": key.public.id, "typ": "unmask-request+jws"}
    spaced = request().canonical().replace(b":", b": ", 1)
    token = jwt.PyJWS(algorithms=["EdDSA"]).encode(spaced, private, algorithm="EdDSA", headers=headers)
    with pytest.raises(SignatureError, match="canonical"):
        opened(token, Request, key=key.public)


def test_the_stored_form_of_a_request_does_not_change() -> None:
    """Requests that earlier versions stored stay readable: their bytes are pinned here."""
    assert request().canonical() == (
        b'{"break_glass":false,"columns":["customers.email"],"duration":"PT30M","environment":"prod",'
        b'"expires_at":"2026-11-24T12:00:00Z","id":"abcd-efgh","kind":"request",'
        b'"nonce":"0123456789abcdef","policy_version":"v1",'
        b'"principal":"ana","reason":"OPS-7 refund","requested_at":"2026-11-21T12:00:00Z",'
        b'"scopes":["customers.email"],"version":1}'
    )
    digest = "sha256:1fb4815f9a7ac71f7956782ecb4037fa1e77409527ed8f818abd8137e19930e7"
    assert opened(FIXED.sign(request()).token, Request, key=FIXED.public).digest == digest


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_a_key_survives_its_openssh_file(tmp_path: Path, passphrase: str) -> None:
    """What `openssh` writes, `load_key` reads, encrypted or not."""
    key = generate_key()
    path = tmp_path / "id"
    path.write_text(key.openssh(passphrase))
    assert load_key(path, passphrase=lambda: passphrase).public == key.public


def test_a_key_in_a_pem_file_is_read() -> None:
    """PKCS #8 in PEM does as well, and its passphrase is asked for."""
    private = Ed25519PrivateKey.generate()
    encryption = serialization.BestAvailableEncryption(b"correct horse")
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    assert read_key(pem, passphrase=lambda: "correct horse").public == SigningKey(private).public


def test_a_passphrase_is_asked_for_only_where_it_is_needed() -> None:
    """A key without one is read without a question."""

    def never() -> str:
        raise AssertionError

    key = generate_key()
    assert read_key(key.openssh().encode(), passphrase=never).public == key.public


@pytest.mark.parametrize("passphrase", [None, lambda: "wrong", lambda: ""])
def test_an_encrypted_key_without_its_passphrase_is_an_error(passphrase: object) -> None:
    """It says so, and gives away nothing."""
    content = generate_key().openssh("correct horse").encode()
    with pytest.raises(SignatureError, match="passphrase"):
        read_key(content, passphrase=passphrase)  # type: ignore[arg-type] # a callable or None


def test_keys_of_other_kinds_are_refused_with_advice() -> None:
    """The error says how to make the right kind."""
    private = generate_elliptic(SECP256R1())
    content = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    with pytest.raises(SignatureError, match="ssh-keygen -t ed25519"):
        read_key(content)
    with pytest.raises(SignatureError, match="ssh-keygen -t ed25519"):
        PublicKey.parse(public.decode())


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "nonsense", "ssh-rsa AAAA", PRINTED[:-8]])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    """Whatever it is, it is a SignatureError."""
    with pytest.raises(SignatureError):
        PublicKey.parse(text)


def test_a_comment_is_no_part_of_a_key() -> None:
    """Keys are equal by their bytes."""
    key = generate_key().public
    assert PublicKey.parse(f"  {key.text}   ana@laptop (work) ") == key


def test_the_id_is_what_ssh_keygen_prints() -> None:
    """OpenSSH's own tool agrees on the public key (`ssh-keygen -y`) and on its fingerprint (`ssh-keygen -l`)."""
    assert FIXED.public.text == PRINTED
    assert FIXED.public.id == "SHA256:z/fSv0Z0RZS+Lccbc6ZoOWwt/fbj1VFJGSBKQbo4icE"


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    """The path is named, and what to do."""
    with pytest.raises(SignatureError, match=r"nowhere.*keygen"):
        load_key(tmp_path / "nowhere")


def test_a_private_key_neither_pickles_nor_prints() -> None:
    """It cannot travel by accident."""
    key = generate_key()
    with pytest.raises(TypeError):
        pickle.dumps(key)
    assert "SHA256" in repr(key)
