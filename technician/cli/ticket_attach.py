"""`relevo ticket attach`: a file for the user, and for colleagues."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import click

from protocol.api import AgentView, ArtifactView, TicketDetail
from protocol.attaching import MAX_FILE, plain_name
from protocol.documents import PROTOCOL_VERSION, Attachment
from protocol.drivers import age
from protocol.drivers.files import read_regular
from protocol.drivers.terminal import Command, emit_json, note, option, say, words
from protocol.dsse import seal
from protocol.errors import Code, RelevoError
from protocol.ids import agent_id, new_artifact_id
from protocol.recipients import recipients
from protocol.scopes import Clearance
from protocol.sshkeys import PublicKey
from protocol.wire import from_json, to_json
from technician.cli.common import technician_options
from technician.cli.ticket_common import path
from technician.login import Api, client

_UPLOAD_S = 900.0


@click.command("attach", cls=Command, help="ticket.attach")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("file", type=click.Path(path_type=Path))
@option("--name", metavar="NAME", help="option.attach-name")
@technician_options
def attach(ticket_id: str, file: Path, name: str | None, home: Path, as_json: bool) -> None:
    """Seal it to the ticket's machine and to colleagues, sign it, put it on the ticket."""
    api, content = client(home), read_regular(file, MAX_FILE)
    detail = api.get_json(path(ticket_id), TicketDetail)
    sealed = age.encrypt(content, _recipients(api, detail))
    signer = api.signer()
    attachment = Attachment(
        version=PROTOCOL_VERSION,
        attachment=new_artifact_id(),
        ticket=detail.ticket.ticket,
        agent=detail.ticket.agent,
        technician=api.config.technician,
        key=signer.public_key.text,
        name=plain_name(name or file.name),
        media_type="application/octet-stream",
        clearance=Clearance.R1,
        size_bytes=len(sealed),
        sha256=hashlib.sha256(sealed).hexdigest(),
        redaction=(),
        as_is=None,
        made=datetime.now(UTC),
    )
    header = base64.urlsafe_b64encode(to_json(seal(attachment, signer))).decode()
    answer = api.request(
        "PUT",
        path(ticket_id, "/attachments"),
        sealed,
        {"relevo-manifest": header, "content-type": "application/octet-stream"},
        deadline_s=_UPLOAD_S,
    )
    view = from_json(answer.body, ArtifactView)
    if as_json:
        emit_json(view)
    else:
        say(view.artifact)
        note(words()("ticket.attached", ticket=view.ticket))


def _recipients(api: Api, detail: TicketDetail) -> tuple[str, ...]:
    """The machine, by the key whose hash is its id, so that the broker cannot name another; colleagues."""
    organisation = api.repository().refresh(datetime.now(UTC))
    customer = detail.ticket.customer
    found = recipients(organisation, customer, Clearance.R1, also=api.config.technician)
    if detail.ticket.agent is None:
        return found
    key = PublicKey.from_text(api.get_json(f"/v1/agents/{detail.ticket.agent}", AgentView).key)
    if agent_id(key.blob) != detail.ticket.agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the broker names another machine's key")
    return (*found, key.text)
