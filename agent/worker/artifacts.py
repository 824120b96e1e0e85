"""Results go onto the ticket: signed by this machine, and sealed where the broker must not read them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from protocol.documents import PROTOCOL_VERSION, ArtifactManifest, Grant
from protocol.drivers import age
from protocol.drivers.http import BrokerHttp
from protocol.dsse import seal as sign
from protocol.errors import Code, RelevoError
from protocol.ids import new_artifact_id
from protocol.organisation import Organisation
from protocol.recipients import recipients
from protocol.scopes import Clearance
from protocol.sshkeys import KeySigner
from protocol.wire import to_json

MAX_ARTIFACT = 256 << 20


class BrokerArtifacts:
    """``ArtifactSink`` over the broker's ``PUT /v1/artifacts``."""

    def __init__(
        self,
        http: BrokerHttp,
        signer: KeySigner,
        grant: Grant,
        organisation: Callable[[], Awaitable[Organisation]],
    ) -> None:
        self._http = http
        self._signer = signer
        self._grant = grant
        self._organisation = organisation

    async def store(
        self, *, kind: str, name: str, media_type: str, clearance: Clearance, content: bytes, seal: bool
    ) -> str:
        """See ``agent.actions.context.ArtifactSink``."""
        if len(content) > MAX_ARTIFACT:
            raise RelevoError(Code.TOO_LARGE, f"artifact of {len(content)} bytes")
        if seal:
            found = recipients_for(await self._organisation(), self._grant, clearance)
            content = await asyncio.to_thread(age.encrypt, content, found)
        manifest = ArtifactManifest(
            version=PROTOCOL_VERSION,
            artifact=new_artifact_id(),
            agent=self._grant.agent,
            grant=self._grant.grant,
            ticket=self._grant.ticket,
            kind=kind,
            name=name,
            clearance=clearance,
            sealed=seal,
            media_type=media_type,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            made=datetime.now(UTC),
        )
        header = base64.urlsafe_b64encode(to_json(sign(manifest, self._signer))).decode()
        await asyncio.to_thread(
            self._http.request,
            "PUT",
            "/v1/artifacts",
            content,
            {"Relevo-Manifest": header, "content-type": "application/octet-stream"},
        )
        return manifest.artifact


def recipients_for(organisation: Organisation, grant: Grant, clearance: Clearance) -> tuple[str, ...]:
    """age recipients of an artifact: the session's technician, and whoever may see ``clearance``."""
    return recipients(organisation, grant.customer, clearance, also=grant.technician)
