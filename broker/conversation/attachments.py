"""Files on a ticket: from its user, proved by the machine's key, and from technicians, by theirs.

The broker holds ciphertext and what the signed manifest says of it. An attachment is a row of the
conversation and an artifact of the ticket, written together.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import Connection, func, insert, select
from starlette.responses import Response

from broker import artifact_rows
from broker.artifacts import Content, content_of, header_envelope, keep
from broker.calls import Call
from broker.context import Broker
from broker.policy import Act, may_act
from broker.refusals import claimed
from broker.store.conversation_tables import attachments
from broker.store.engine import Tx
from broker.store.session_tables import artifacts
from broker.store.tables import agents
from broker.tickets import rows, steps
from broker.tickets.doing import doer_of
from broker.tickets.events import Doer, Event, write
from broker.tickets.from_agent import own_ticket
from protocol.api import ArtifactView, TicketView
from protocol.attaching import MAX_OF_TICKET, MAX_SEALED, MAX_TICKET_BYTES
from protocol.audit import Action, Actor, ActorKind, AuditRecord
from protocol.documents import Attachment, AttachmentFetch
from protocol.dsse import open_envelope, unsafe_peek
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.sshkeys import PublicKey
from protocol.ticket_api import AttachmentWanted
from protocol.tickets import Happening, Party
from protocol.wire import Fact, facts, to_json

MAX_BYTES = MAX_SEALED
D = TypeVar("D", Attachment, AttachmentFetch)

FRESH = timedelta(minutes=5)
"""How old a machine's question for a file may be."""


async def attach_by_technician(broker: Broker, call: Call) -> ArtifactView:
    """``PUT …/attachments``: a file for the user and for colleagues, with its signed manifest in a header.

    Raises:
        RelevoError: ``malformed``, ``signature-invalid``, ``identity-mismatch``, ``not-found``,
            ``ticket-closed``, ``too-large``, ``rate-limited``, ``hash-mismatch``; no file is left.
    """
    who, wanted = call.who, call.param("ticket")
    envelope = header_envelope(call)
    call.about.evidence = (to_json(envelope),)
    said = open_envelope(envelope, Attachment, [who.key])
    if said.technician != who.person.id or said.ticket != wanted:
        raise RelevoError(Code.IDENTITY_MISMATCH, "signed for another person or ticket")

    def own(conn: Connection) -> TicketView:
        ticket = rows.load(conn, wanted)
        call.about.ticket, call.about.customer = ticket.ticket, ticket.customer
        may_act(who.person, ticket, Act.REPLY)
        return ticket

    await broker.store.read(own)  # nothing is taken in for what one may not touch
    return await _attach(broker, call, said, envelope, own, lambda _conn: doer_of(who))


async def attach_from_machine(broker: Broker, call: Call) -> ArtifactView:
    """``PUT /v1/attachments`` by an agent, for its user; resumes a ticket that waits for the user.

    Raises:
        RelevoError: as ``attach_by_technician``; ``unauthenticated``, ``revoked``.
    """
    envelope = header_envelope(call)
    claim = unsafe_peek(envelope, Attachment)
    call.about.actor = claimed(ActorKind.AGENT, claim.agent or "")
    call.about.evidence = (to_json(envelope),)
    said = await broker.store.read(lambda conn: _proved(broker, conn, envelope, claim.agent, Attachment))
    agent = said.agent or ""
    call.about.actor = Actor(kind=ActorKind.USER, id=agent)
    if said.technician is not None:
        raise RelevoError(Code.IDENTITY_MISMATCH, "a machine speaks for its user alone")

    def own(conn: Connection) -> TicketView:
        return own_ticket(conn, agent, said.ticket)

    def doer(conn: Connection) -> Doer:
        host = conn.execute(select(agents.c.hostname).where(agents.c.agent == agent)).scalar_one()
        return Doer(Actor(kind=ActorKind.USER, id=agent), host or agent, Party.USER)

    await broker.store.read(own)
    return await _attach(broker, call, said, envelope, own, doer)


async def fetch_by_machine(broker: Broker, call: Call) -> Response:
    """``POST /v1/attachments/fetch``: the content of what a technician put on one of the machine's tickets.

    Raises:
        RelevoError: ``unauthenticated``, ``revoked``, ``signature-invalid``, ``identity-mismatch``,
            ``document-expired``, ``not-found``.
    """
    envelope = call.take(AttachmentWanted).proof
    claim = unsafe_peek(envelope, AttachmentFetch)
    call.about.actor = claimed(ActorKind.AGENT, claim.agent)
    now = broker.clock()

    def unit(tx: Tx) -> tuple[ArtifactView, bytes]:
        asked = _proved(broker, tx.conn, envelope, claim.agent, AttachmentFetch)
        if asked.tls_sha256 != broker.identity.tls_sha256:
            raise RelevoError(Code.IDENTITY_MISMATCH, "the machine sees another certificate than ours")
        if abs(now - asked.at) > FRESH:
            raise RelevoError(Code.DOCUMENT_EXPIRED, "the question was not asked just now: check the clock")
        row = artifact_rows.find(tx.conn, asked.attachment)
        ours = select(attachments.c.artifact).where(
            attachments.c.artifact == asked.attachment, attachments.c.technician.is_not(None)
        )
        if row is None or row.agent != asked.agent or tx.conn.execute(ours).first() is None:
            raise RelevoError(Code.NOT_FOUND, "attachment")
        view = artifact_rows.view(row)
        tx.audit(
            AuditRecord(
                at=now,
                actor=Actor(kind=ActorKind.USER, id=asked.agent),
                action=Action.ARTIFACT_READ,
                customer=row.customer,
                ticket=view.ticket,
                agent=asked.agent,
                facts=facts(artifact=view.artifact, clearance=view.clearance.value),
            )
        )
        return view, row.manifest

    view, manifest = await broker.store.write(unit)
    return content_of(broker, view, manifest)


def _proved(broker: Broker, conn: Connection, envelope: Envelope, agent: str | None, kind: type[D]) -> D:
    """What an enrolled machine signed."""
    row = conn.execute(select(agents).where(agents.c.agent == (agent or ""))).one_or_none()
    if row is None:
        raise RelevoError(Code.UNAUTHENTICATED, f"{agent} is not enrolled")
    if row.agent in broker.organisation.require().revoked.agents:
        raise RelevoError(Code.REVOKED, row.agent)
    return open_envelope(envelope, kind, [PublicKey.from_text(row.key)])


async def _attach(
    broker: Broker,
    call: Call,
    said: Attachment,
    envelope: Envelope,
    own: Callable[[Connection], TicketView],
    doer_in: Callable[[Connection], Doer],
) -> ArtifactView:
    """Keep the content; then the artifact, the row of the conversation and its record, in one unit."""
    if said.size_bytes > MAX_BYTES:
        raise RelevoError(Code.TOO_LARGE, f"attachment of {said.size_bytes} bytes")
    signed = to_json(envelope)

    def unit(tx: Tx) -> ArtifactView:
        ticket, doer, now = own(tx.conn), doer_in(tx.conn), broker.clock()
        steps.require_open(ticket)
        if said.agent != ticket.agent:
            raise RelevoError(Code.IDENTITY_MISMATCH, "signed for another machine than the ticket's")
        _require_room(tx.conn, rows.number_of(ticket.ticket), said.size_bytes)
        view = artifact_rows.add_attachment(tx.conn, said, ticket.customer, signed, now)
        after = rows.touch(tx.conn, ticket, now)
        action = Action.TICKET_ATTACHED
        event = Event(action, action.value, said.name, True, _facts(said), (signed,))
        _remember(tx, said, write(tx, after, ticket.state, event, doer, now))
        if doer.party is Party.USER:
            steps.happened(broker, tx, after, Happening.USER_REPLY, now, doer)
        return view

    content = Content(said.attachment, said.size_bytes, said.sha256, signed)
    return await keep(broker, call, said.technician or said.agent or "", content, unit)


def _require_room(conn: Connection, number: int, size: int) -> None:
    """Raises RelevoError: ``rate-limited`` where the ticket has too many attachments already."""
    held, total = conn.execute(
        select(func.count(), func.coalesce(func.sum(artifacts.c.size_bytes), 0)).where(
            artifacts.c.ticket == number, artifacts.c.kind == artifact_rows.ATTACHMENT
        )
    ).one()
    if held >= MAX_OF_TICKET or total + size > MAX_TICKET_BYTES:
        raise RelevoError(Code.RATE_LIMITED, f"{held} attachments of {total} bytes on one ticket")


def _remember(tx: Tx, said: Attachment, index: int) -> None:
    tx.conn.execute(
        insert(attachments).values(
            log_index=index,
            artifact=said.attachment,
            ticket=rows.number_of(said.ticket),
            technician=said.technician,
            as_is=said.as_is,
            redaction=to_json(said.redaction),
        )
    )


def _facts(said: Attachment) -> tuple[Fact, ...]:
    return facts(
        artifact=said.attachment,
        clearance=said.clearance.value,
        size_bytes=said.size_bytes,
        sha256=said.sha256,
        as_is=said.as_is,
    )
