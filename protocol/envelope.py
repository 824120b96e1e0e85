"""The DSSE envelope as data. Signing and verifying are in ``protocol.dsse``, which needs ``cryptography``;
the idle agent only carries envelopes and imports this alone."""

from __future__ import annotations

import hashlib
from typing import Annotated

from msgspec import Meta

from protocol.wire import Wire

MAX_PAYLOAD = 1 << 20


class Signature(Wire, frozen=True):
    keyid: Annotated[str, Meta(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$(?!\n)")]
    sig: Annotated[bytes, Meta(max_length=4_096)]


class Envelope(Wire, frozen=True, rename="camel"):
    """DSSE's JSON envelope: ``payloadType``, ``payload`` and ``signatures`` (bytes in base64)."""

    payload_type: Annotated[str, Meta(max_length=120)]
    payload: Annotated[bytes, Meta(max_length=MAX_PAYLOAD)]
    signatures: Annotated[tuple[Signature, ...], Meta(max_length=8)]

    @property
    def digest(self) -> str:
        """SHA-256 of the payload, hex: how grants and consents refer to each other."""
        return hashlib.sha256(self.payload).hexdigest()
