"""SSH public keys and SSHSIG signatures: the only signature format outside TUF metadata.

Every person and machine of Relevo has an SSH Ed25519 key; technicians may use a hardware-backed
``sk-ssh-ed25519@openssh.com`` key. Signatures are SSHSIG (OpenSSH ``PROTOCOL.sshsig``), so an
ssh-agent can make them, a signature made for one purpose (the namespace) is worthless for another
and for SSH login, and ``ssh-keygen -Y verify`` can check any of them without our code.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol.errors import Code, RelevoError

ED25519 = "ssh-ed25519"
SK_ED25519 = "sk-ssh-ed25519@openssh.com"
_MAGIC = b"SSHSIG"
_VERSION = 1
_HASH = b"sha512"
_USER_PRESENT = 0x01
_MAX_BLOB = 2_048


def pack_string(data: bytes) -> bytes:
    """RFC 4251 section 5 ``string``."""
    return struct.pack(">I", len(data)) + data


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise RelevoError(Code.MALFORMED, "SSH structure is cut short")
        self._at += count
        return piece

    def string(self) -> bytes:
        (size,) = struct.unpack(">I", self.take(4))
        return self.take(size)

    def end(self) -> None:
        if self._at != len(self._data):
            raise RelevoError(Code.MALFORMED, "SSH structure has trailing bytes")


class PublicKey(NamedTuple):
    """An Ed25519 or sk-Ed25519 public key. Equality is equality of the whole key blob."""

    kind: str
    blob: bytes
    raw: bytes
    application: bytes

    @classmethod
    def from_blob(cls, blob: bytes) -> PublicKey:
        """Parse RFC 4253 key data.

        Raises:
            RelevoError: ``malformed`` for any other key type or broken data.
        """
        if len(blob) > _MAX_BLOB:
            raise RelevoError(Code.MALFORMED, "SSH key too long")
        reader = _Reader(blob)
        kind = reader.string()
        if kind not in (ED25519.encode(), SK_ED25519.encode()):
            raise RelevoError(Code.MALFORMED, "only Ed25519 and sk-Ed25519 SSH keys are accepted")
        raw = reader.string()
        if len(raw) != 32:
            raise RelevoError(Code.MALFORMED, "Ed25519 key is not 32 bytes")
        application = reader.string() if kind == SK_ED25519.encode() else b""
        reader.end()
        return cls(kind.decode(), blob, raw, application)

    @classmethod
    def from_text(cls, text: str) -> PublicKey:
        """Parse one ``ssh-ed25519 AAAA… [comment]`` line.

        Raises:
            RelevoError: ``malformed``.
        """
        words = text.split()
        if len(words) < 2:
            raise RelevoError(Code.MALFORMED, "not an SSH public key line")
        try:
            key = cls.from_blob(base64.b64decode(words[1], validate=True))
        except binascii.Error as error:
            raise RelevoError(Code.MALFORMED, "SSH public key is not base64") from error
        if key.kind != words[0]:
            raise RelevoError(Code.MALFORMED, "SSH key type and data disagree")
        return key

    @classmethod
    def from_raw(cls, raw: bytes) -> PublicKey:
        """The ``ssh-ed25519`` key with these 32 public bytes."""
        return cls.from_blob(pack_string(ED25519.encode()) + pack_string(raw))

    @property
    def text(self) -> str:
        """The line without comment, as stored in rosters and grants."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """``SHA256:…`` as ``ssh-keygen -l`` prints it; the DSSE key id."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


class Signer(Protocol):
    """Whatever can make an SSH signature: a key file, an ssh-agent, a hardware key."""

    @property
    def public_key(self) -> PublicKey: ...

    def sign(self, data: bytes) -> bytes:
        """The SSH signature blob (RFC 4253 6.6; PROTOCOL.u2f for sk keys) over ``data``."""


class KeySigner:
    """A signer that holds an Ed25519 private key in memory."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._public = PublicKey.from_raw(private.public_key().public_bytes_raw())

    @classmethod
    def from_seed(cls, seed: bytes) -> KeySigner:
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public_key(self) -> PublicKey:
        return self._public

    @property
    def private_key(self) -> Ed25519PrivateKey:
        return self._private

    def sign(self, data: bytes) -> bytes:
        return pack_string(ED25519.encode()) + pack_string(self._private.sign(data))


def to_be_signed(namespace: str, message: bytes) -> bytes:
    """The bytes an SSHSIG signature is made over."""
    return (
        _MAGIC
        + pack_string(namespace.encode())
        + pack_string(b"")
        + pack_string(_HASH)
        + pack_string(hashlib.sha512(message).digest())
    )


def sign(signer: Signer, namespace: str, message: bytes) -> bytes:
    """A complete SSHSIG blob (what ``ssh-keygen -Y sign`` puts between its armour lines)."""
    signature = signer.sign(to_be_signed(namespace, message))
    return (
        _MAGIC
        + struct.pack(">I", _VERSION)
        + pack_string(signer.public_key.blob)
        + pack_string(namespace.encode())
        + pack_string(b"")
        + pack_string(_HASH)
        + pack_string(signature)
    )


def armoured(blob: bytes) -> str:
    """The text form that ``ssh-keygen -Y verify -s`` reads."""
    text = base64.b64encode(blob).decode()
    lines = [text[i : i + 70] for i in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def verify(key: PublicKey, namespace: str, message: bytes, blob: bytes) -> None:
    """Check that ``key`` signed ``message`` for ``namespace``.

    The key is the caller's, from the roster or the grant; the one named in the blob only has to
    be the same. For sk keys the user must have been present.

    Raises:
        RelevoError: ``signature-invalid``; ``malformed`` if the blob is not an SSHSIG.
    """
    if len(blob) > 2 * _MAX_BLOB:
        raise RelevoError(Code.MALFORMED, "signature too long")
    reader = _Reader(blob)
    if reader.take(6) != _MAGIC or reader.take(4) != struct.pack(">I", _VERSION):
        raise RelevoError(Code.MALFORMED, "not an SSH signature")
    named, stated, reserved, hashed = (reader.string() for _ in range(4))
    signature = _Reader(reader.string())
    reader.end()
    if (named, stated, reserved, hashed) != (key.blob, namespace.encode(), b"", _HASH):
        raise RelevoError(Code.SIGNATURE_INVALID, "signature is by another key or for another purpose")
    kind, raw = signature.string(), signature.string()
    signed = to_be_signed(namespace, message)
    if kind != key.kind.encode():
        raise RelevoError(Code.SIGNATURE_INVALID, "signature is of another kind than the key")
    if key.kind == SK_ED25519:
        signed = _sk_signed(key, signature.take(5), signed)
    signature.end()
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(raw, signed)
    except (InvalidSignature, ValueError) as error:
        raise RelevoError(Code.SIGNATURE_INVALID, f"by {key.fingerprint}") from error


def claimed_key(blob: bytes) -> PublicKey:
    """The key that an SSHSIG blob names, before verification: only to compare its hash with an id.

    Raises:
        RelevoError: ``malformed`` if the blob does not start as an SSHSIG.
    """
    if len(blob) > 2 * _MAX_BLOB:
        raise RelevoError(Code.MALFORMED, "signature too long")
    reader = _Reader(blob)
    if reader.take(6) != _MAGIC or reader.take(4) != struct.pack(">I", _VERSION):
        raise RelevoError(Code.MALFORMED, "not an SSH signature")
    return PublicKey.from_blob(reader.string())


def _sk_signed(key: PublicKey, flags_and_counter: bytes, message: bytes) -> bytes:
    """What a security key signs instead of the message (OpenSSH PROTOCOL.u2f, "SSH U2F Signatures")."""
    if not flags_and_counter[0] & _USER_PRESENT:
        raise RelevoError(Code.SIGNATURE_INVALID, "nobody touched the security key")
    return hashlib.sha256(key.application).digest() + flags_and_counter + hashlib.sha256(message).digest()
