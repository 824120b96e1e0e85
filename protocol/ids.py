"""Identifiers: their patterns, and how the random ones and the agent's are made."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Annotated

from msgspec import Meta

OrgId = Annotated[str, Meta(pattern=r"^org-[a-z2-7]{32}$(?!\n)")]
"""``org-`` and 160 bits of SHA-256 over the first TUF root's bytes (base32)."""
AgentId = Annotated[str, Meta(pattern=r"^ag-[a-z2-7]{32}$(?!\n)")]
"""``ag-`` and 160 bits of SHA-256 over the agent's SSH public key blob (base32)."""
GrantId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
"""128 random bits; also the SSH user name and the session's id."""
TicketId = Annotated[str, Meta(pattern=r"^T-[1-9][0-9]{0,11}$(?!\n)")]
ArtifactId = Annotated[str, Meta(pattern=r"^art-[0-9a-f]{24}$(?!\n)")]
TokenId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]


def _digest32(prefix: str, data: bytes) -> str:
    return prefix + base64.b32encode(hashlib.sha256(data).digest()[:20]).decode().lower()


def agent_id(public_key_blob: bytes) -> str:
    """The id that belongs to this key and to no other: a broker cannot swap machines."""
    return _digest32("ag-", public_key_blob)


def org_id(first_root: bytes) -> str:
    return _digest32("org-", first_root)


def new_grant_id() -> str:
    return secrets.token_hex(16)


def new_artifact_id() -> str:
    return "art-" + secrets.token_hex(12)


def new_nonce() -> str:
    return secrets.token_hex(32)


def new_reference() -> str:
    """Four groups' worth of entropy is not needed here: it only ties a message to a log line."""
    return secrets.token_hex(4).upper()
