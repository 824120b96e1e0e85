"""The part of the role matrix that is about the conversation on tickets."""

from __future__ import annotations

from broker.calls import MEMBER, TECHNICIAN, Http, Open, Row
from broker.conversation import attachments, stream
from protocol import api, ticket_api
from protocol.audit import Action

_TICKET = "/v1/tickets/{ticket}"
_EVENTS = "text/event-stream"
_UPLOAD_S = 1_000.0

CONVERSATION_ROUTES: tuple[Row, ...] = (
    Http("GET", "/v1/stream", stream.all_tickets_stream, MEMBER, gives=_EVENTS, query=("after",)),
    Http("GET", f"{_TICKET}/stream", stream.ticket_stream, MEMBER, gives=_EVENTS, query=("after",)),
    Http(
        "PUT",
        f"{_TICKET}/attachments",
        attachments.attach_by_technician,
        TECHNICIAN,
        gives=api.ArtifactView,
        streams=True,
        max_body=attachments.MAX_BYTES,
        body_deadline_s=_UPLOAD_S,
        refusal=Action.ARTIFACT_REFUSED,
    ),
    # Of machines: what they prove is checked inside.
    Http(
        "PUT",
        "/v1/attachments",
        attachments.attach_from_machine,
        Open.PROOF,
        gives=api.ArtifactView,
        streams=True,
        max_body=attachments.MAX_BYTES,
        body_deadline_s=_UPLOAD_S,
        refusal=Action.ARTIFACT_REFUSED,
    ),
    Http(
        "POST",
        "/v1/attachments/fetch",
        attachments.fetch_by_machine,
        Open.PROOF,
        takes=ticket_api.AttachmentWanted,
        gives="application/octet-stream",
    ),
)
