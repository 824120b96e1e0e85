"""Which publication of the organisation the broker serves now, asked over one connection that stays."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from msgspec import Struct

from protocol import layout
from protocol.errors import RelevoError
from protocol.wire import from_json
from technician.held import SnapshotVersion

if TYPE_CHECKING:
    from protocol.drivers.http import BrokerHttp

_PATH = "/repo/metadata/timestamp.json"
_DEADLINE_S = 3.0


class _Meta(Struct, frozen=True):
    version: SnapshotVersion


class _Signed(Struct, frozen=True):
    meta: dict[str, _Meta]


class _Timestamp(Struct, frozen=True):
    """The part of TUF's timestamp that is read here (TUF specification, 4.6)."""

    signed: _Signed


class Publication:
    """The broker at ``url``, pinned by ``tls_sha256`` as everywhere. Threads may share it."""

    def __init__(self, url: str, tls_sha256: str | None) -> None:
        self._url = url
        self._tls_sha256 = tls_sha256
        self._http: BrokerHttp | None = None
        self._lock = threading.Lock()

    def version(self) -> int | None:
        """The snapshot's version, not verified: it tells whether a look is worth it. None: no answer."""
        try:
            with self._lock:
                answer = self._client().request(
                    "GET", _PATH, deadline_s=_DEADLINE_S, limit=layout.MAX_TIMESTAMP
                )
            snapshot = from_json(answer.body, _Timestamp).signed.meta.get("snapshot.json")
        except RelevoError:
            return None
        return snapshot.version if snapshot else None

    def _client(self) -> BrokerHttp:
        if self._http is None:
            # Imported with the first question: a session that nobody diagnoses needs none of it.
            from protocol.drivers.http import BrokerHttp

            self._http = BrokerHttp(self._url, self._tls_sha256)
        return self._http
