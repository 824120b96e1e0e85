"""A technician asks for a session: verify, decide, countersign, record, and only then offer it."""

from __future__ import annotations

import time
from datetime import datetime

from sqlalchemy import Connection, insert, select

from broker.calls import Call, Caller, refusal_facts
from broker.context import Broker
from broker.policy import UNWANTED_WINDOW, AgentFacts, check_grant, require_peace
from broker.sessions import lifecycle, rows
from broker.sessions.live import Deadline, Live
from broker.sessions.rows import Session
from broker.store.engine import Tx
from broker.store.session_tables import sessions
from broker.store.tables import agents
from broker.tickets import invitations
from broker.tickets import rows as ticket_rows
from protocol.api import SessionView
from protocol.audit import Action, AuditRecord
from protocol.documents import Grant
from protocol.dsse import countersign, open_envelope, unsafe_peek
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.link import EndReason, Offer
from protocol.organisation import require_active_key
from protocol.scopes import Mode, Role
from protocol.sshkeys import PublicKey
from protocol.wire import facts, to_json


async def handle(broker: Broker, call: Call, envelope: Envelope) -> SessionView:
    """The session, offered to the agent.

    Raises:
        RelevoError: why not; each refusal is recorded once as ``session.refused``.
    """
    try:
        return await _request(broker, call.who, envelope)
    except RelevoError as error:
        await _refused(broker, call, envelope, error)
        raise


async def _request(broker: Broker, who: Caller, envelope: Envelope) -> SessionView:
    grant = _open(broker, who, envelope)
    if not broker.presence.online(grant.agent):
        await broker.store.read(lambda conn: _decide(broker, conn, who, grant))
        raise RelevoError(Code.AGENT_OFFLINE, grant.agent)

    def unit(tx: Tx) -> tuple[Session, Offer]:
        title, invitation = _decide(broker, tx.conn, who, grant)
        signed = countersign(envelope, Grant, broker.identity.issuer)
        session = _store(broker, tx, who, grant, signed, invitation)
        return session, Offer(grant=signed, ticket_title=title, invitation=invitation)

    session, offer = await broker.store.write(unit)
    if not broker.presence.post(grant.agent, offer):
        await broker.store.write(
            lambda tx: lifecycle.end(
                broker, tx, session, EndReason.LINK_LOST, lifecycle.BROKER_ACTOR, tell_agent=False
            )
        )
        raise RelevoError(Code.AGENT_OFFLINE, grant.agent)
    return session.view()


def _open(broker: Broker, who: Caller, envelope: Envelope) -> Grant:
    """The grant, if a key of the caller's own in the roster signed exactly these bytes, and nobody else.

    Raises:
        RelevoError: ``not-in-roster``, ``revoked``, ``signature-invalid``, ``malformed``.
    """
    if len(envelope.signatures) != 1:
        raise RelevoError(Code.MALFORMED, f"{len(envelope.signatures)} signatures on a request")
    key = PublicKey.from_text(unsafe_peek(envelope, Grant).technician_key)
    require_active_key(broker.organisation.require(), who.person, key)
    return open_envelope(envelope, Grant, [key])


def _decide(broker: Broker, conn: Connection, who: Caller, grant: Grant) -> tuple[str, Envelope | None]:
    """The ticket's title and, of an outside expert, the invitation, if the grant may be issued. The roster is the one of this moment: whoever
    was removed since the request came in is refused here, or ended by the sweep that follows.

    Raises:
        RelevoError: see ``check_grant``.
    """
    org = broker.organisation.require()
    ticket = ticket_rows.find(conn, grant.ticket)
    row = conn.execute(select(agents).where(agents.c.agent == grant.agent)).one_or_none()
    agent = None
    if row is not None:
        agent = AgentFacts(agent=row.agent, customer=row.customer, mode=Mode(row.mode), key=row.key)
    person = org.roster.technician(who.person.id)
    invitation = None
    if Role.EXPERT in person.roles:
        invitation = invitations.current(conn, person.id, grant.ticket, broker.clock())
    check_grant(
        grant=grant,
        org=org,
        person=person,
        ticket=ticket,
        agent=agent,
        seen=rows.find(conn, grant.grant) is not None,
        now=broker.clock(),
        invitation=invitation,
    )
    if ticket is None:
        raise RelevoError(Code.NOT_FOUND, f"ticket {grant.ticket}")
    live = rows.live(conn, sessions.c.agent == grant.agent)
    require_peace(len(live), rows.unwanted(conn, grant.agent, broker.clock() - UNWANTED_WINDOW))
    return ticket.title, invitation


def _store(
    broker: Broker, tx: Tx, who: Caller, grant: Grant, signed: Envelope, invitation: Envelope | None
) -> Session:
    now, evidence = broker.clock(), to_json(signed)
    tx.conn.execute(
        insert(sessions).values(
            grant_id=grant.grant,
            ticket=ticket_rows.number_of(grant.ticket),
            customer=grant.customer,
            agent=grant.agent,
            technician=grant.technician,
            technician_key=grant.technician_key,
            scopes=rows.scopes_text(grant.scopes),
            state=rows.REQUESTED,
            reason=grant.reason,
            requested=now,
            establish_by=grant.establish_by,
            ends=grant.ends,
            envelope=evidence,
            invitation=to_json(invitation) if invitation is not None else None,
        )
    )
    session = rows.load(tx.conn, grant.grant)
    stated = facts(
        scopes=rows.scopes_text(grant.scopes), reason=grant.reason, ends=grant.ends, mode=grant.mode.value
    )
    proof = (evidence,) if invitation is None else (evidence, to_json(invitation))
    tx.audit(lifecycle.record(session, Action.SESSION_REQUESTED, who.actor, now, stated, proof))
    tx.after_commit(lambda: broker.sessions.put(_live(grant, now)))
    return session


def _live(grant: Grant, now: datetime) -> Live:
    answer_by, ends = Deadline.at(grant.establish_by, now), Deadline.at(grant.ends, now)
    return Live(grant.grant, grant.agent, grant.technician, answer_by, ends)


async def _refused(broker: Broker, call: Call, envelope: Envelope, error: RelevoError) -> None:
    """One record, with what was asked as evidence; unproven where the signature did not hold. Somebody who
    was refused too often is only counted."""
    call.about.recorded = True
    if not broker.refusals.admit(call.who.actor, error.code, time.monotonic()):
        return
    try:
        asked: Grant | None = unsafe_peek(envelope, Grant)
    except RelevoError:
        asked = None
    record = AuditRecord(
        at=broker.clock(),
        actor=call.who.actor,
        action=Action.SESSION_REFUSED,
        customer=asked.customer if asked else None,
        ticket=await _known_ticket(broker, call, asked),
        grant=asked.grant if asked else None,
        agent=asked.agent if asked else None,
        facts=(
            *refusal_facts("POST", "/v1/sessions", error.code, call.source),
            *facts(why=error.detail[:300]),
        ),
        evidence=(to_json(envelope),),
    )
    await broker.store.write(lambda tx: tx.audit(record))


async def _known_ticket(broker: Broker, call: Call, asked: Grant | None) -> str | None:
    """The ticket asked for, if the caller may see it: nobody writes into a stranger's timeline."""
    if asked is None:
        return None
    ticket = await broker.store.read(lambda conn: ticket_rows.find(conn, asked.ticket))
    return ticket.ticket if ticket is not None and call.who.may_see(ticket.customer) else None
