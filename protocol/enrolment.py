"""The token file that an administrator hands to a machine's owner: all an agent needs to join, once."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.envelope import Envelope
from protocol.ids import OrgId
from protocol.wire import Count, Line, Sha256, Wire


class TokenFile(Wire, frozen=True):
    """Written by ``relevo org token`` (JSON, 0600), read by ``relevo-agent enrol``.

    The root's hash is the only thing the agent believes; broker and organisation must agree with what is
    verified from it.
    """

    url: Annotated[str, Meta(pattern=r"^wss://[^/\s]+$(?!\n)", max_length=300)]
    tls_sha256: Sha256
    org: OrgId
    org_name: Line
    root_sha256: Sha256
    targets_version: Count
    """What the administrator had published: a broker that shows a new machine less is rolling back."""
    token: Envelope
    """An ``EnrolmentToken`` signed by an administrator's roster key."""
