"""Pairing an organisation with a broker, and what is published there: bodies of the HTTP API."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.ids import OrgId
from protocol.wire import Count, Nonce, Sha256, Wire


class Pairing(Wire, frozen=True):
    """What ``relevo-broker init`` writes to ``pairing.json`` for ``relevo org connect``.

    ``secret`` opens ``POST /v1/org/pair`` once.
    """

    url: Annotated[str, Meta(max_length=300)]
    tls_sha256: Sha256
    secret: Nonce
    issuer_key: str
    log_key: str
    snapshot_key: str
    """Raw Ed25519 public key, hex: the TUF snapshot role."""
    timestamp_key: str


class RepositoryFile(Wire, frozen=True):
    """``path`` below the repository: ``metadata/2.root.json`` or ``targets/roster.json`` …"""

    path: Annotated[str, Meta(pattern=r"^(metadata|targets)(/[A-Za-z0-9][A-Za-z0-9._-]{0,120}){1,6}$(?!\n)")]
    content: bytes


class Publication(Wire, frozen=True):
    """Signed metadata (root, targets, delegations) and target files, offline-signed by the admin."""

    files: Annotated[tuple[RepositoryFile, ...], Meta(min_length=1, max_length=5_000)]


class PairRequest(Wire, frozen=True):
    secret: Nonce
    publication: Publication


class Published(Wire, frozen=True):
    org: OrgId
    targets_version: Count
    snapshot_version: Count
