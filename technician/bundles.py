"""Diagnostic bundles as they arrive: nothing of one is used before the machine's signature held.

Light to import: what verifies is loaded when there is something to verify.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocol import assist
from protocol.diagnosis import BUNDLE_MEDIA_TYPE, MAX_BUNDLE, Bundle
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.ids import AgentId, GrantId, TicketId
from protocol.wire import from_json

if TYPE_CHECKING:
    pass


@dataclass
class Receiving:
    """One bundle on its way, never more of it than was announced."""

    start: assist.ContentStart
    data: bytearray

    @classmethod
    def begin(cls, start: assist.ContentStart) -> Receiving:
        """Raises RelevoError: ``malformed`` for other content, ``too-large``."""
        if start.media_type != BUNDLE_MEDIA_TYPE:
            raise RelevoError(Code.MALFORMED, "content that is no bundle")
        if start.size_bytes > MAX_BUNDLE:
            raise RelevoError(Code.TOO_LARGE, f"bundle of {start.size_bytes} bytes")
        return cls(start, bytearray())

    def add(self, chunk: assist.Chunk) -> None:
        """Raises RelevoError: ``malformed`` when more comes than was announced."""
        self.data += chunk.data
        if len(self.data) > self.start.size_bytes:
            raise RelevoError(Code.MALFORMED, "more bytes than announced")

    def finish(self, end: assist.ContentEnd) -> bytes:
        """The whole content. Raises RelevoError: ``hash-mismatch`` when it is not what was announced."""
        content = bytes(self.data)
        if len(content) != self.start.size_bytes or hashlib.sha256(content).hexdigest() != end.sha256:
            raise RelevoError(Code.HASH_MISMATCH, "bundle")
        return content


def verified(
    content: bytes, seal: Envelope | None, *, agent: AgentId, grant: GrantId, ticket: TicketId
) -> Bundle:
    """The bundle, once ``agent`` itself signed exactly these bytes for this grant and ticket.

    The signature carries the machine's public key; it counts because its hash is the agent's id, which
    comes from the grant that we signed.

    Raises:
        RelevoError: ``signature-invalid``, ``identity-mismatch``, ``hash-mismatch`` or ``malformed``;
            nothing of the content may be shown then.
    """
    from protocol.documents import BundleSeal
    from protocol.dsse import machine_key, open_envelope

    if seal is None:
        raise RelevoError(Code.SIGNATURE_INVALID, "bundle without a seal")
    document = open_envelope(seal, BundleSeal, [machine_key(seal, agent)])
    if (document.agent, document.grant, document.ticket) != (agent, grant, ticket):
        raise RelevoError(Code.IDENTITY_MISMATCH, "seal of another session")
    if (document.sha256, document.size_bytes) != (hashlib.sha256(content).hexdigest(), len(content)):
        raise RelevoError(Code.HASH_MISMATCH, "bundle")
    bundle = from_json(content, Bundle)
    manifest = bundle.manifest
    said = (manifest.agent, manifest.grant, manifest.ticket, manifest.clearance)
    if said != (agent, grant, ticket, document.clearance):
        raise RelevoError(Code.IDENTITY_MISMATCH, "bundle of another session")
    return bundle


def printable_json(content: bytes) -> bytes:
    """The same JSON in ASCII: a terminal acts on some characters beyond it (C1 controls, bidi marks)."""
    if content.isascii():
        return content
    return json.dumps(json.loads(content), separators=(",", ":")).encode("ascii")
