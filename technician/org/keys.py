"""Private keys of the organisation, in ``HOME/org/keys`` and ``HOME/keys``, readable by their owner only."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner, SSlibKey

from protocol.drivers.files import given, read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.sshkeys import PublicKey

_MAX_KEY = 16 << 10


def make_key(path: Path) -> CryptoSigner:
    """A new Ed25519 key in ``path`` (PKCS #8 PEM, 0600).

    Raises:
        RelevoError: ``already-exists``: a key is never overwritten.
    """
    _require_absent(path)
    private = Ed25519PrivateKey.generate()
    write_private(path, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return CryptoSigner(private)


def load_key(path: Path) -> CryptoSigner:
    """Raises RelevoError: ``not-found``, ``refused`` or ``malformed``."""
    try:
        private = load_pem_private_key(read_file(path, _MAX_KEY), password=None)
    except (ValueError, TypeError) as error:
        raise RelevoError(Code.MALFORMED, f"{path} is no private key") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise RelevoError(Code.MALFORMED, f"{path} is no Ed25519 key")
    return CryptoSigner(private)


def tuf_key(raw_hex: str) -> SSlibKey:
    """The TUF key with these 32 public bytes (hex).

    Raises:
        RelevoError: ``malformed``.
    """
    try:
        return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(raw_hex)))
    except ValueError as error:
        raise RelevoError(Code.MALFORMED, f"not an Ed25519 public key: {raw_hex[:80]!r}") from error


def raw_hex(signer: CryptoSigner) -> str:
    return str(signer.public_key.keyval["public"])


def public_line(signer: CryptoSigner) -> str:
    """The public key as the ``ssh-ed25519`` line that people hand around."""
    return PublicKey.from_raw(bytes.fromhex(raw_hex(signer))).text


def read_public_line(path: Path) -> PublicKey:
    """The first key of a ``.pub`` file. Raises RelevoError: ``not-found``, ``usage``."""
    with given(path):
        return PublicKey.from_text(read_file(path, _MAX_KEY).decode("ascii", "replace"))


def make_ssh_key(path: Path, comment: str) -> PublicKey:
    """A new SSH key: ``path`` in OpenSSH's format (0600) and ``path.pub``.

    Raises:
        RelevoError: ``already-exists``.
    """
    _require_absent(path)
    private = Ed25519PrivateKey.generate()
    public = PublicKey.from_raw(private.public_key().public_bytes_raw())
    write_private(path, private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    write_private(path.with_name(path.name + ".pub"), f"{public.text} {comment}\n".encode())
    return public


def make_age_identity(path: Path) -> str:
    """A new age identity in ``path``; its recipient (``age1…``)."""
    from pyrage import x25519

    _require_absent(path)
    identity = x25519.Identity.generate()
    recipient = str(identity.to_public())
    write_private(path, f"# public key: {recipient}\n{identity}\n".encode())
    return recipient


def _require_absent(path: Path) -> None:
    if path.exists():
        raise RelevoError(Code.ALREADY_EXISTS, str(path))
