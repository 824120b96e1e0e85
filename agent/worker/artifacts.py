"""Results go onto the ticket: signed by this machine, and sealed where the broker must not read them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from protocol.documents import PROTOCOL_VERSION, ArtifactManifest, Grant
from protocol.drivers.http import BrokerHttp
from protocol.dsse import seal as sign
from protocol.errors import Code, RelevoError
from protocol.ids import new_artifact_id
from protocol.organisation import Organisation, Technician, covers_clearance, tier_for
from protocol.scopes import Clearance, Role
from protocol.sshkeys import ED25519, KeySigner, PublicKey
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
            recipients = recipients_for(await self._organisation(), self._grant, clearance)
            content = await asyncio.to_thread(_encrypt, content, recipients)
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
    """age recipients of an artifact: the session's technician, everybody at this customer whose tier
    may see ``clearance``, and the organisation's auditors.

    A technician's own Ed25519 SSH key serves as recipient where the roster lists none (age's
    ``ssh-ed25519`` recipients); keys in hardware cannot decrypt and need a listed recipient. Revoked keys
    open nothing new, and neither does anything of a person whose keys are all revoked.
    """
    found: list[str] = [*organisation.roster.auditor_recipients]
    for person in organisation.roster.technicians:
        if person.id == grant.technician or _may_see(organisation, person, grant.customer, clearance):
            found += _of_person(organisation, person)
    return tuple(dict.fromkeys(found))


def _of_person(organisation: Organisation, person: Technician) -> list[str]:
    if all(_is_revoked(organisation, text) for text in person.keys):
        return []
    listed = person.age_recipients or [
        text for text in person.keys if PublicKey.from_text(text).kind == ED25519
    ]
    return [text for text in listed if text.startswith("age1") or not _is_revoked(organisation, text)]


def _is_revoked(organisation: Organisation, key: str) -> bool:
    return PublicKey.from_text(key).fingerprint in organisation.revoked.keys


def _may_see(organisation: Organisation, person: Technician, customer: str, clearance: Clearance) -> bool:
    if Role.TECHNICIAN not in person.roles:
        return False
    try:
        policy = organisation.policy.of_tier(tier_for(person, customer))
    except RelevoError:
        return False
    return covers_clearance(policy.clearance, clearance)


def _encrypt(content: bytes, recipients: tuple[str, ...]) -> bytes:
    import pyrage

    if not recipients:
        raise RelevoError(Code.REFUSED, "nobody could open this artifact")
    parsed = [
        pyrage.x25519.Recipient.from_str(text)
        if text.startswith("age1")
        else pyrage.ssh.Recipient.from_str(text)
        for text in recipients
    ]
    sealed: bytes = pyrage.encrypt(content, parsed)
    return sealed
