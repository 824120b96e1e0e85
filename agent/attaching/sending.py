"""A prepared file on its way to the ticket: written down, sealed to who may open it, signed, uploaded."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

from agent import identity
from agent.attaching.prepare import Prepared, classes
from agent.folder import Folder, Membership
from agent.journal import Journal
from protocol.api import ArtifactView
from protocol.audit import Action
from protocol.documents import PROTOCOL_VERSION, Attachment
from protocol.drivers import age, sources
from protocol.drivers.http import BrokerHttp
from protocol.drivers.repository import Repository
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.ids import new_artifact_id
from protocol.organisation import Organisation
from protocol.recipients import recipients
from protocol.sshkeys import KeySigner
from protocol.wire import Fact, facts, from_json, to_json

UPLOAD_S = 900.0


class Sender:
    """Puts files on the tickets of one machine. Synchronous: it belongs to the command line."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.membership: Membership = folder.membership()
        self._signer: KeySigner = identity.load(folder)
        self._http = BrokerHttp(self.membership.url, self.membership.tls_sha256)

    def organisation(self) -> Organisation:
        """The organisation as it is now, verified. Raises RelevoError: as ``Repository.refresh``."""
        source = sources.from_broker(self._http)
        repository = Repository(self._folder.repository, self.membership.root_sha256, source)
        return repository.refresh(datetime.now(UTC))

    def send(self, ticket: str, file: Prepared, organisation: Organisation) -> ArtifactView:
        """Journal, seal, sign, upload; the broker's view of it.

        Raises:
            RelevoError: ``refused`` where nobody could open it; ``cannot-record``: nothing was sent; the
                broker's answer.
        """
        can_open = recipients(organisation, self.membership.customer, file.clearance)
        sealed = age.encrypt(file.content, can_open)
        attachment = Attachment(
            version=PROTOCOL_VERSION,
            attachment=new_artifact_id(),
            ticket=ticket,
            agent=self.membership.agent,
            technician=None,
            key=self._signer.public_key.text,
            name=file.name,
            media_type=file.media_type,
            clearance=file.clearance,
            size_bytes=len(sealed),
            sha256=hashlib.sha256(sealed).hexdigest(),
            redaction=counted(file.removed),
            as_is=file.as_is,
            made=datetime.now(UTC),
        )
        self._record(attachment, len(can_open))
        header = base64.urlsafe_b64encode(to_json(seal(attachment, self._signer))).decode()
        answer = self._http.request(
            "PUT",
            "/v1/attachments",
            sealed,
            {"relevo-manifest": header, "content-type": "application/octet-stream"},
            deadline_s=UPLOAD_S,
        )
        view = from_json(answer.body, ArtifactView)
        if view.artifact != attachment.attachment:
            raise RelevoError(Code.IDENTITY_MISMATCH, "the broker stored something else")
        return view

    def _record(self, attachment: Attachment, can_open: int) -> None:
        """Written before anything leaves the machine."""
        journal = Journal(self._folder.journal, self.membership.agent)
        stated = facts(
            artifact=attachment.attachment,
            sha256=attachment.sha256,
            size_bytes=attachment.size_bytes,
            clearance=attachment.clearance.value,
            recipients=can_open,
            as_is=attachment.as_is,
        )
        try:
            journal.append(
                self._signer,
                Action.ATTACHMENT_SENT,
                ticket=attachment.ticket,
                facts=(*stated, *attachment.redaction),
            )
        finally:
            journal.close()


def counted(removed: dict[str, int]) -> tuple[Fact, ...]:
    """``secret=3``, ``person=1``: how many of each class were taken out."""
    return tuple(Fact(key=name, value=str(count)) for name, count in classes(removed).items())
