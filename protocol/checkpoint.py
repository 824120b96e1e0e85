"""Checkpoints of the audit log (c2sp.org/tlog-checkpoint) and witnesses' cosignatures on them.

A checkpoint is a signed note whose text is the log's origin, its size and its root. The log signs it
under its origin as key name; here the two must be equal, so that a checkpoint of one log can never
be taken for another's.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import note as notes
from protocol.errors import Code, RelevoError
from protocol.merkle import HASH_SIZE, MAX_SIZE
from protocol.note import COSIGNATURE_V1, Note, VerifierKey

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_COSIGNATURE = struct.Struct(">Q64s")
_MAX_TIME = (1 << 63) - 1


class Checkpoint(NamedTuple):
    """What a log says of itself at one moment."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()
    """Opaque lines; signed with the rest, of no meaning here."""

    @property
    def text(self) -> str:
        """The note text."""
        lines = [self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions]
        return "".join(f"{line}\n" for line in lines)


def verifier_key(name: str, private: Ed25519PrivateKey) -> str:
    """The log's verifier key string, as it goes into the roster (``BrokerKeys.log_key``)."""
    return VerifierKey.of(name, private).text


def sign(checkpoint: Checkpoint, private: Ed25519PrivateKey) -> str:
    """The signed note; the key's name is the origin.

    Raises:
        RelevoError: ``usage`` for an origin that cannot name a key, or a root that is no hash.
    """
    if len(checkpoint.root) != HASH_SIZE or not 0 <= checkpoint.size <= MAX_SIZE:
        raise RelevoError(Code.USAGE, f"no checkpoint of size {checkpoint.size}")
    return notes.sign(checkpoint.text, checkpoint.origin, private)


def parse(text: str) -> Checkpoint:
    """The checkpoint in a note text, unverified.

    Raises:
        RelevoError: ``malformed``.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or not all(lines):
        raise RelevoError(Code.MALFORMED, "not a checkpoint")
    origin, size, root, *extensions = lines
    try:
        decoded = base64.b64decode(root, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RelevoError(Code.MALFORMED, "checkpoint root is not base64") from error
    if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE or len(decoded) != HASH_SIZE:
        raise RelevoError(Code.MALFORMED, "not a checkpoint")
    found = Checkpoint(origin, int(size), decoded, tuple(extensions))
    if found.text != text:
        raise RelevoError(Code.MALFORMED, "checkpoint is not in canonical form")
    return found


def verify(note: str, verifier_key: str) -> Checkpoint:
    """The checkpoint, after checking the log's signature and that the origin is the key's name.

    Raises:
        RelevoError: ``signature-invalid``, ``malformed`` or ``too-large``.
    """
    key = VerifierKey.parse(verifier_key)
    signed = notes.parse(note)
    notes.verify(signed, key)
    found = parse(signed.text)
    if found.origin != key.name:
        raise RelevoError(Code.SIGNATURE_INVALID, f"checkpoint of another log than {key.name}")
    return found


def cosign(note: str, name: str, private: Ed25519PrivateKey, at_s: int) -> str:
    """The note with one more line: a witness's cosignature/v1 made at ``at_s`` (POSIX seconds).

    The witness has verified the log's signature and consistency before it calls this.

    Raises:
        RelevoError: ``malformed`` if ``note`` holds no checkpoint; ``usage`` for the name or time.
    """
    signed = notes.parse(note)
    parse(signed.text)
    if not 0 <= at_s <= _MAX_TIME:
        raise RelevoError(Code.USAGE, f"no time: {at_s}")
    key = VerifierKey.of(name, private, COSIGNATURE_V1)
    signature = private.sign(_cosigned(signed, at_s))
    return note + notes.signature_line(key, _COSIGNATURE.pack(at_s, signature))


def verify_cosignature(note: str, verifier_key: str) -> int:
    """The newest time (POSIX seconds) at which this witness vouched for the checkpoint.

    Raises:
        RelevoError: ``signature-invalid`` when there is no such cosignature or one is wrong.
    """
    key = VerifierKey.parse(verifier_key)
    signed = notes.parse(note)
    found = notes.signed_by(signed, key) if key.kind == COSIGNATURE_V1 else ()
    if not found:
        raise RelevoError(Code.SIGNATURE_INVALID, f"no cosignature by {key.name}")
    return max(_check_cosignature(signed, key, blob) for blob in found)


def _check_cosignature(signed: Note, key: VerifierKey, blob: bytes) -> int:
    if len(blob) != _COSIGNATURE.size:
        raise RelevoError(Code.SIGNATURE_INVALID, f"cosignature by {key.name} has the wrong size")
    at_s, signature = _COSIGNATURE.unpack(blob)
    if at_s > _MAX_TIME:
        raise RelevoError(Code.SIGNATURE_INVALID, f"cosignature by {key.name} has no time")
    notes.check_raw(key, signature, _cosigned(signed, at_s))
    return int(at_s)


def _cosigned(signed: Note, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{signed.text}".encode()
