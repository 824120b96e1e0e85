"""Login nonces that need no memory: a time, random bytes and a MAC under a key of this process.

Asking for one writes nothing, so nobody can fill a disk with them. Single use comes from the table
``login_nonces``, which a nonce enters when it is used. A restart voids those still out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
from datetime import datetime, timedelta

from protocol.errors import Code, RelevoError

LIFE = timedelta(minutes=2)
_HEAD = struct.Struct(">I12s")
_MAC_BYTES = 16


class Nonces:
    """Makes nonces (64 hex digits) and tells its own, fresh ones from all others."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def make(self, now: datetime) -> str:
        head = _HEAD.pack(int(now.timestamp()), secrets.token_bytes(12))
        return (head + self._mac(head)).hex()

    def check(self, nonce: str, now: datetime) -> datetime:
        """When this nonce runs out.

        Raises:
            RelevoError: ``document-expired`` for one of another process or older than two minutes.
        """
        try:
            data = bytes.fromhex(nonce)
        except ValueError as error:
            raise RelevoError(Code.MALFORMED, "nonce is not hex") from error
        head, mac = data[: _HEAD.size], data[_HEAD.size :]
        if len(head) != _HEAD.size or not hmac.compare_digest(mac, self._mac(head)):
            raise RelevoError(Code.DOCUMENT_EXPIRED, "not a challenge of this broker")
        made = datetime.fromtimestamp(_HEAD.unpack(head)[0], now.tzinfo)
        if not made - timedelta(seconds=1) <= now <= made + LIFE:
            raise RelevoError(Code.DOCUMENT_EXPIRED, "the challenge is too old")
        return made + LIFE

    def _mac(self, head: bytes) -> bytes:
        return hmac.new(self._key, head, hashlib.sha256).digest()[:_MAC_BYTES]
