"""C2SP signed notes (c2sp.org/signed-note): a text, a blank line, and one line per signature.

Only Ed25519 is known here, as the note's own signature (type 0x01) and as a witness's timestamped
cosignature (type 0x04, c2sp.org/tlog-cosignature).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol.errors import Code, RelevoError

ED25519 = 0x01
COSIGNATURE_V1 = 0x04
_TYPES = frozenset({ED25519, COSIGNATURE_V1})
MAX_NOTE = 64 << 10
"""Characters; the specification asks for room for at least 16 signatures."""
MAX_SIGNATURES = 100
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")
_LINE = re.compile(r"— (?P<name>[^\s+\x00-\x1f\x7f]{1,200}) (?P<base64>[A-Za-z0-9+/]{8,8000}={0,2})")


class NoteSignature(NamedTuple):
    name: str
    key_id: bytes
    """Four bytes, big endian as the specification counts them."""
    signature: bytes


class Note(NamedTuple):
    """A parsed note. Nothing in it is true before a signature of a known key has verified."""

    text: str
    """With its final newline, without the blank line."""
    signatures: tuple[NoteSignature, ...]


class VerifierKey(NamedTuple):
    """A public key with its name and purpose: ``name+hash8hex+base64(type || public)``."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def text(self) -> str:
        material = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"

    @classmethod
    def of(cls, name: str, private: Ed25519PrivateKey, kind: int = ED25519) -> VerifierKey:
        """The public half of a key that signs under ``name``. Raises RelevoError: ``usage``."""
        if not _NAME.fullmatch(name):
            raise RelevoError(Code.USAGE, f"not a key name: {name!r}")
        return cls(name, kind, private.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a verifier key string.

        Raises:
            RelevoError: ``malformed``, also when the hash does not belong to the key.
        """
        name, _, rest = text.partition("+")
        stated, _, encoded = rest.partition("+")
        material = _decode(encoded)
        if not _NAME.fullmatch(name) or len(material) != 33 or material[0] not in _TYPES:
            raise RelevoError(Code.MALFORMED, "not an Ed25519 verifier key")
        key = cls(name, material[0], material[1:])
        if stated != key.key_id.hex():
            raise RelevoError(Code.MALFORMED, "verifier key and its hash disagree")
        return key


def parse(text: str) -> Note:
    """Take a note apart, strictly.

    Raises:
        RelevoError: ``malformed``; ``too-large``.
    """
    if len(text) > MAX_NOTE:
        raise RelevoError(Code.TOO_LARGE, f"note of {len(text)} characters")
    if any(ord(letter) < 0x20 and letter != "\n" for letter in text):
        raise RelevoError(Code.MALFORMED, "control character in a note")
    at = text.rfind("\n\n")
    if at < 0 or not text.endswith("\n"):
        raise RelevoError(Code.MALFORMED, "note without signatures")
    lines = text[at + 2 : -1].split("\n")
    if not 0 < len(lines) <= MAX_SIGNATURES:
        raise RelevoError(Code.MALFORMED, f"{len(lines)} signatures on a note")
    return Note(text[: at + 1], tuple(_parse_line(line) for line in lines))


def signed_by(note: Note, key: VerifierKey) -> tuple[bytes, ...]:
    """The raw signatures that claim to be by this key, without repetition; not yet verified."""
    found = [s.signature for s in note.signatures if (s.name, s.key_id) == (key.name, key.key_id)]
    return tuple(dict.fromkeys(found))


def verify(note: Note, key: VerifierKey) -> None:
    """The note carries a good signature of type 0x01 by ``key``; other keys' lines are ignored.

    Raises:
        RelevoError: ``signature-invalid`` when there is none, or any by this key is wrong.
    """
    found = signed_by(note, key) if key.kind == ED25519 else ()
    if not found:
        raise RelevoError(Code.SIGNATURE_INVALID, f"note is not signed by {key.name}")
    for signature in found:
        check_raw(key, signature, note.text.encode())


def check_raw(key: VerifierKey, signature: bytes, message: bytes) -> None:
    """Raises RelevoError: ``signature-invalid``."""
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise RelevoError(Code.SIGNATURE_INVALID, f"note signature by {key.name}") from error


def sign(text: str, name: str, private: Ed25519PrivateKey) -> str:
    """A whole note over ``text`` (which ends in a newline) with one signature.

    Raises:
        RelevoError: ``usage`` for a text or name that no note can have.
    """
    if not text.endswith("\n") or any(ord(letter) < 0x20 and letter != "\n" for letter in text):
        raise RelevoError(Code.USAGE, "not a note text")
    key = VerifierKey.of(name, private)
    return f"{text}\n{signature_line(key, private.sign(text.encode()))}"


def signature_line(key: VerifierKey, signature: bytes) -> str:
    return f"— {key.name} {base64.b64encode(key.key_id + signature).decode()}\n"


def joined(notes: Sequence[str]) -> str:
    """One note with the signatures of all, as when witnesses' answers are collected.

    Raises:
        RelevoError: ``usage`` when they are not notes over the same text.
    """
    parsed = [parse(text) for text in notes]
    if len({note.text for note in parsed}) != 1:
        raise RelevoError(Code.USAGE, "notes over different texts")
    head = parsed[0].text
    return f"{head}\n" + "".join(dict.fromkeys(line for text in notes for line in _lines(text, head)))


def _lines(text: str, head: str) -> list[str]:
    return text[len(head) + 1 :].splitlines(keepends=True)


def _parse_line(line: str) -> NoteSignature:
    found = _LINE.fullmatch(line)
    if not found:
        raise RelevoError(Code.MALFORMED, "not a signature line")
    blob = _decode(found["base64"])
    if len(blob) < 5:
        raise RelevoError(Code.MALFORMED, "signature line is too short")
    return NoteSignature(found["name"], blob[:4], blob[4:])


def _decode(text: str) -> bytes:
    """Strict base64: exactly one text stands for some bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RelevoError(Code.MALFORMED, "not base64") from error
    if base64.b64encode(data).decode() != text:
        raise RelevoError(Code.MALFORMED, "not canonical base64")
    return data
