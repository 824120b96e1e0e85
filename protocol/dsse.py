"""DSSE envelopes (github.com/secure-systems-lab/dsse): signed bytes travel with their signatures.

The payload is kept exactly as it was signed and is decoded only after verification. Each signature
is an SSHSIG over DSSE's pre-authentication encoding, in the namespace of the document's kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from protocol import sshkeys
from protocol.documents import Document
from protocol.envelope import Envelope, Signature
from protocol.errors import Code, RelevoError
from protocol.ids import agent_id
from protocol.sshkeys import PublicKey, Signer
from protocol.wire import from_json, to_json

D = TypeVar("D", bound=Document)


def payload_type(kind: type[Document]) -> str:
    return f"application/vnd.{kind.KIND}+json"


def pae(kind: str, payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding."""
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def seal(document: Document, *signers: Signer) -> Envelope:
    """Encode ``document`` once and sign those bytes with each signer."""
    envelope = Envelope(payload_type=payload_type(type(document)), payload=to_json(document), signatures=())
    for signer in signers:
        envelope = countersign(envelope, type(document), signer)
    return envelope


def countersign(envelope: Envelope, kind: type[Document], signer: Signer) -> Envelope:
    """The same bytes with one more signature.

    Raises:
        RelevoError: ``malformed`` if the envelope does not hold a ``kind``.
    """
    _require_kind(envelope, kind)
    blob = sshkeys.sign(signer, kind.KIND, pae(envelope.payload_type, envelope.payload))
    added = Signature(keyid=signer.public_key.fingerprint, sig=blob)
    return Envelope(
        payload_type=envelope.payload_type,
        payload=envelope.payload,
        signatures=(*envelope.signatures, added),
    )


def open_envelope(envelope: Envelope, kind: type[D], keys: Sequence[PublicKey]) -> D:
    """The document, after checking that *every* key of ``keys`` signed it.

    Raises:
        RelevoError: ``signature-invalid`` if a key's signature is missing or wrong, and always for
            an empty ``keys``; ``malformed`` if the content is not exactly a ``kind``.
    """
    if not keys:
        raise RelevoError(Code.SIGNATURE_INVALID, "no key was required, which is never enough")
    _require_kind(envelope, kind)
    message = pae(envelope.payload_type, envelope.payload)
    by_id = {s.keyid: s.sig for s in envelope.signatures}
    for key in keys:
        if key.fingerprint not in by_id:
            raise RelevoError(Code.SIGNATURE_INVALID, f"no signature by {key.fingerprint}")
        sshkeys.verify(key, kind.KIND, message, by_id[key.fingerprint])
    return from_json(envelope.payload, kind)


def machine_key(envelope: Envelope, agent: str) -> PublicKey:
    """The key that the envelope names and whose hash is the agent's id; its signature is not checked here.

    Raises:
        RelevoError: ``identity-mismatch`` when no signature is by this machine; ``malformed``.
    """
    for signature in envelope.signatures:
        key = sshkeys.claimed_key(signature.sig)
        if agent_id(key.blob) == agent:
            return key
    raise RelevoError(Code.IDENTITY_MISMATCH, f"no signature by {agent}")


def unsafe_peek(envelope: Envelope, kind: type[D]) -> D:
    """The content before verification: only to learn which key to verify with."""
    _require_kind(envelope, kind)
    return from_json(envelope.payload, kind)


def _require_kind(envelope: Envelope, kind: type[Document]) -> None:
    if envelope.payload_type != payload_type(kind):
        raise RelevoError(Code.MALFORMED, f"expected {kind.KIND}, found {envelope.payload_type[:120]!r}")
