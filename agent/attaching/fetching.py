"""A file that a technician put on one of the machine's tickets: proved, opened, and written where the user says.

What is fetched is never unpacked, started or looked into.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agent import identity
from agent.attaching.sending import Sender
from agent.folder import Folder
from agent.journal import Journal
from protocol.attached import by_technician
from protocol.attaching import MAX_SEALED
from protocol.audit import Action
from protocol.documents import PROTOCOL_VERSION, Attachment, AttachmentFetch
from protocol.drivers import age
from protocol.drivers.http import BrokerHttp, Response
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation
from protocol.sshkeys import KeySigner
from protocol.ticket_api import AttachmentWanted
from protocol.wire import facts, from_json, to_json

_DEADLINE_S = 600.0


class Fetched(NamedTuple):
    """``by``: the technician's name in the verified roster."""

    attachment: Attachment
    by: str
    content: bytes


def fetch(folder: Folder, artifact: str) -> Fetched:
    """Ask the broker, verify who made it, and open it with the machine's own key.

    Raises:
        RelevoError: ``not-found``; ``signature-invalid``, ``identity-mismatch``, ``hash-mismatch``,
            ``not-in-roster`` or ``revoked`` where it is not what a technician of this organisation put
            there; ``refused`` where it is not sealed to this machine.
    """
    sender, signer = Sender(folder), identity.load(folder)
    organisation = sender.organisation()
    tls = sender.membership.tls_sha256
    if tls is None:
        raise RelevoError(Code.NOT_APPLICABLE, "this machine knows its broker by no certificate")
    asked = AttachmentFetch(
        version=PROTOCOL_VERSION,
        agent=sender.membership.agent,
        attachment=artifact,
        tls_sha256=tls,
        at=datetime.now(UTC),
    )
    body = to_json(AttachmentWanted(proof=seal(asked, signer)))
    http = BrokerHttp(sender.membership.url, tls)
    answer = http.request(
        "POST",
        "/v1/attachments/fetch",
        body,
        {"content-type": "application/json"},
        deadline_s=_DEADLINE_S,
        limit=MAX_SEALED,
    )
    attachment, by = _verified(artifact, sender.membership.agent, answer, organisation)
    content = age.decrypt(answer.body, _age_identity(signer))
    _record(folder, signer, attachment)
    return Fetched(attachment, by, content)


def _verified(
    artifact: str, agent: str, answer: Response, organisation: Organisation
) -> tuple[Attachment, str]:
    try:
        raw = base64.urlsafe_b64decode(answer.headers.get("relevo-manifest", ""))
    except ValueError as error:
        raise RelevoError(Code.MALFORMED, "manifest is not base64") from error
    envelope = from_json(raw, Envelope)
    said, person = by_technician(envelope, organisation)
    if said.attachment != artifact or said.agent != agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the broker sent something else")
    if (said.sha256, said.size_bytes) != (hashlib.sha256(answer.body).hexdigest(), len(answer.body)):
        raise RelevoError(Code.HASH_MISMATCH, artifact)
    return said, person.name


def _age_identity(signer: KeySigner) -> bytes:
    return signer.private_key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def _record(folder: Folder, signer: KeySigner, attachment: Attachment) -> None:
    journal = Journal(folder.journal, identity.id_of(signer))
    try:
        stated = facts(artifact=attachment.attachment, technician=attachment.technician)
        journal.append(signer, Action.ATTACHMENT_FETCHED, ticket=attachment.ticket, facts=stated)
    finally:
        journal.close()
