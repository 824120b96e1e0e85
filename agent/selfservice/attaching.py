"""What goes onto the ticket when the user was not helped: the only way out of a run of self-service.

Redacted for R1 with the ticket's own pseudonyms, scanned, signed by the machine; and only after the user
asked for a person.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from agent import identity
from agent.actions import bundle
from agent.actions.fix import report_json
from agent.fixes.runs import Run
from agent.folder import Folder, Membership
from agent.journal import Journal
from agent.redaction.redactor import Redactor
from agent.selfservice.looking import Looked
from agent.selfservice.messages import Attached
from protocol.audit import Action
from protocol.diagnosis import BUNDLE_MEDIA_TYPE
from protocol.documents import PROTOCOL_VERSION, ArtifactManifest
from protocol.drivers.http import BrokerHttp
from protocol.dsse import seal
from protocol.errors import RelevoError
from protocol.ids import new_artifact_id
from protocol.scopes import Clearance
from protocol.sshkeys import KeySigner
from protocol.wire import facts, to_json


class Attaching:
    """Stores artifacts of one run on one ticket by ``PUT /v1/artifacts``."""

    def __init__(
        self,
        folder: Folder,
        membership: Membership,
        signer: KeySigner,
        journal: Journal,
        run: str,
        ticket: str,
    ) -> None:
        self._http = BrokerHttp(membership.url, membership.tls_sha256)
        self._agent = membership.agent
        self._signer = signer
        self._journal = journal
        self._run = run
        self._ticket = ticket
        self._key = identity.pseudonym_key(folder, ticket)

    async def put(self, looked: Looked | None, runs: tuple[Run, ...]) -> Attached:
        """Everything that there is; what cannot be stored is left out, and why is said."""
        stored: list[str] = []
        try:
            if looked is not None:
                of = replace(looked.of, ticket=self._ticket)
                content = await asyncio.to_thread(bundle.make, of, looked.results, Clearance.R1, self._key)
                stored.append(
                    await self._store("bundle", f"diagnosis-{of.run}.json", BUNDLE_MEDIA_TYPE, content)
                )
            redactor = Redactor(Clearance.R1, self._key)
            for run in runs:
                report = report_json(run, redactor)
                name = f"fix-{run.fix}-{run.id[-8:]}.json"
                stored.append(await self._store("fix-run", name, "application/json", report))
        except RelevoError as error:
            return Attached(artifacts=tuple(stored), problem=error.code)
        return Attached(artifacts=tuple(stored), problem=None)

    async def _store(self, kind: str, name: str, media_type: str, content: bytes) -> str:
        """Raises RelevoError: ``cannot-record``; as the broker answers; ``unreachable``."""
        manifest = ArtifactManifest(
            version=PROTOCOL_VERSION,
            artifact=new_artifact_id(),
            agent=self._agent,
            grant=self._run,
            ticket=self._ticket,
            kind=kind,
            name=name,
            clearance=Clearance.R1,
            sealed=False,
            media_type=media_type,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            made=datetime.now(UTC),
        )
        self._journal.append(
            self._signer,
            Action.SELF_SERVICE_SHARED,
            grant=self._run,
            ticket=self._ticket,
            facts=facts(artifact=manifest.artifact, kind=kind, name=name, sha256=manifest.sha256),
        )
        header = base64.urlsafe_b64encode(to_json(seal(manifest, self._signer))).decode()
        headers = {"Relevo-Manifest": header, "content-type": "application/octet-stream"}
        await asyncio.to_thread(self._http.request, "PUT", "/v1/artifacts", content, headers)
        return manifest.artifact
