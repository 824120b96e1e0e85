"""The broker's own keys. None of them can make an agent do anything: the issuer key only says that
policy agreed, the others sign the log's checkpoints and TUF's snapshot and timestamp."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker import tls
from broker.config import Config
from protocol import checkpoint
from protocol.checkpoint import Checkpoint
from protocol.drivers.files import private_folder, read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.sshkeys import KeySigner

NAMES = ("issuer", "log", "snapshot", "timestamp")


class NoteSigner:
    """Signs the audit log's checkpoints; what ``broker.store.log.LogSigner`` asks for."""

    def __init__(self, origin: str, private: Ed25519PrivateKey) -> None:
        self.origin = origin
        self._private = private
        self.verifier_key = checkpoint.verifier_key(origin, private)

    def sign(self, size: int, root: bytes) -> str:
        return checkpoint.sign(Checkpoint(self.origin, size, root), self._private)

    def open(self, note: str) -> tuple[int, bytes]:
        found = checkpoint.verify(note, self.verifier_key)
        return found.size, found.root


@dataclass(frozen=True)
class Identity:
    """Everything this broker signs with, and the certificate it shows."""

    issuer: KeySigner
    log: NoteSigner
    snapshot: Ed25519PrivateKey
    timestamp: Ed25519PrivateKey
    tls_sha256: str


def make_keys(folder: Path) -> None:
    """Make all keys that are missing, each in its own file (OpenSSH format, mode 0600)."""
    private_folder(folder)
    for name in NAMES:
        path = folder / name
        if path.exists():
            continue
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        write_private(path, pem)
        write_private(path.with_suffix(".pub"), KeySigner(private).public_key.text.encode() + b"\n")


def load_identity(config: Config) -> Identity:
    """Read the keys and the certificate.

    Raises:
        RelevoError: ``not-found`` or ``malformed``.
    """
    issuer, log, snapshot, timestamp = (_load(config.keys / name) for name in NAMES)
    return Identity(
        issuer=KeySigner(issuer),
        log=NoteSigner(_origin(config.url, log), log),
        snapshot=snapshot,
        timestamp=timestamp,
        tls_sha256=tls.fingerprint(config.certificate),
    )


def public_hex(private: Ed25519PrivateKey) -> str:
    """The raw public key, hex, as ``protocol.publication.Pairing`` and TUF metadata carry it."""
    return private.public_key().public_bytes_raw().hex()


def _origin(url: str, private: Ed25519PrivateKey) -> str:
    """A name no other log has: the host, and a piece of the key's hash."""
    host = urlsplit(url).hostname or "broker"
    digest = hashlib.sha256(private.public_key().public_bytes_raw()).hexdigest()[:16]
    return f"{host}/relevo-log/{digest}"


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_ssh_private_key(read_file(path, 1 << 16), password=None)
    except ValueError as error:
        raise RelevoError(Code.MALFORMED, f"{path} is not a private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise RelevoError(Code.MALFORMED, f"{path} is not an Ed25519 key")
    return key
