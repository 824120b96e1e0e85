"""Ticket events as deliveries need them, read from the store."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, func, select

from broker.knowledge.secrets import without_secrets
from broker.outgoing import contacts
from broker.outgoing.mails import Envelope, Letter
from broker.outgoing.queue import Delivery
from broker.outgoing.rules import REQUESTER, Happened, Template, language_of
from broker.store.desk_tables import notices, ratings
from broker.store.sla_tables import sla_notices
from broker.store.tables import audit
from broker.store.ticket_tables import ticket_events
from broker.tickets import rows
from protocol.api import TicketView
from protocol.audit import ActorKind, AuditRecord
from protocol.errors import RelevoError
from protocol.organisation import Organisation, tier_for
from protocol.scopes import Clearance, Role
from protocol.tickets import Party
from protocol.wire import from_json
from protocol.wording import Language


class Step(NamedTuple):
    """A share of a target that is used up, as the notice with this event told it."""

    clock: str
    percent: int


def after(conn: Connection, log_index: int, limit: int) -> list[Happened]:
    """Events behind that place of the log, oldest first."""
    e = ticket_events.c
    return _read(conn, e.log_index > log_index, limit)


def one(conn: Connection, log_index: int) -> Happened | None:
    found = _read(conn, ticket_events.c.log_index == log_index, 1)
    return found[0] if found else None


def newest(conn: Connection) -> int:
    """The last event's place; -1 before there is any."""
    found = conn.execute(select(func.max(ticket_events.c.log_index))).scalar_one()
    return -1 if found is None else int(found)


def step_of(conn: Connection, log_index: int) -> Step | None:
    wanted = select(sla_notices.c.clock, sla_notices.c.percent).where(sla_notices.c.log_index == log_index)
    row = conn.execute(wanted.limit(1)).one_or_none()
    return None if row is None else Step(row.clock, row.percent)


def _read(conn: Connection, where: ColumnElement[bool], limit: int) -> list[Happened]:
    wanted = (
        select(ticket_events, audit.c.record)
        .join(audit, audit.c.idx == ticket_events.c.log_index)
        .where(where)
        .order_by(ticket_events.c.log_index)
        .limit(limit)
    )
    return [_happened(conn, row) for row in conn.execute(wanted).all()]


def _happened(conn: Connection, row: Row[Any]) -> Happened:
    return Happened(
        log_index=row.log_index,
        ticket=rows.id_of(row.ticket),
        at=row.at,
        by=row.by,
        kind=row.kind,
        text=row.text,
        public=row.public,
        from_state=row.from_state,
        to_state=row.to_state,
        party=Party(row.party),
        reason=row.reason,
        tier=row.tier,
        priority=row.priority,
        assignee=row.assignee,
        queue=row.queue,
        clearance=Clearance(row.clearance),
        actor=_actor(row.record),
        assignee_before=_assignee_before(conn, row.ticket, row.log_index),
    )


def _actor(record: bytes | None) -> str | None:
    """The technician who did it; None where somebody else did, and where the record was erased or cannot be
    read: that is for an auditor to find, and holds up no mail."""
    if record is None:
        return None
    try:
        actor = from_json(record, AuditRecord).actor
    except RelevoError:
        return None
    return actor.id if actor.kind is ActorKind.TECHNICIAN else None


def _assignee_before(conn: Connection, number: int, log_index: int) -> str | None:
    e = ticket_events.c
    wanted = select(e.assignee).where(e.ticket == number, e.log_index < log_index)
    row = conn.execute(wanted.order_by(e.log_index.desc()).limit(1)).first()
    return None if row is None else row.assignee


# --- mails -------------------------------------------------------------------------------------


class Mail(NamedTuple):
    letter: Letter
    envelope: Envelope


def mail_of(conn: Connection, org: Organisation, delivery: Delivery) -> Mail | None:
    """What a delivery says and to which address; None where there is nobody to tell any more: the address
    is gone, the person left, or may not see the ticket now."""
    event, ticket = one(conn, delivery.log_index), rows.find(conn, delivery.ticket)
    if event is None or ticket is None:
        return None
    found = _address(conn, org, delivery.receiver, ticket)
    if found is None:
        return None
    address, language = found
    # Dated when it was put in, or for when it was held back: every attempt is the same mail.
    envelope = Envelope(
        address, language, delivery.message, _thread(org.roster.org, ticket.ticket), delivery.hold_until
    )
    return Mail(_letter(conn, org, delivery, event, ticket), envelope)


def _thread(org: str, ticket: str) -> str:
    """What every mail of a ticket refers to."""
    return "thread." + hashlib.sha256(f"{org}\n{ticket}".encode()).hexdigest()[:32]


def _letter(
    conn: Connection, org: Organisation, delivery: Delivery, event: Happened, ticket: TicketView
) -> Letter:
    template = Template(delivery.kind)
    clock, percent = "", 0
    if template is Template.SLA:
        wanted = select(notices.c.clock, notices.c.percent).where(notices.c.id == delivery.log_index)
        clock, percent = conn.execute(wanted.limit(1)).one()
    return Letter(
        template=template,
        org=org.roster.name,
        ticket=ticket.ticket,
        title=without_secrets(ticket.title),
        customer=ticket.customer,
        state=event.to_state,
        priority=event.priority,
        tier=event.tier,
        queue=event.queue,
        by=event.by,
        said=event.words,
        asks_rating=template is Template.RESOLVED and _asked_rating(conn, event),
        clock=clock,
        percent=percent,
        merged_into=ticket.merged_into or "",
        has_machine=ticket.agent is not None,
    )


def _asked_rating(conn: Connection, event: Happened) -> bool:
    """True for the Resolved that put the question; a second one does not ask again."""
    wanted = select(ratings.c.asked).where(ratings.c.ticket == rows.number_of(event.ticket))
    return conn.execute(wanted).scalar_one_or_none() == event.at


def _address(
    conn: Connection, org: Organisation, receiver: str, ticket: TicketView
) -> tuple[str, Language] | None:
    if receiver == REQUESTER:
        address = contacts.find(conn, ticket.ticket)
        return None if address is None else (address, "es" if ticket.language == "es" else "en")
    kind, _, id_ = receiver.partition(":")
    if kind == "queue":
        queue = org.desk.queue(id_)
        language = org.desk.of_customer(ticket.customer).language
        return (queue.email, _known(language)) if queue.email and queue.id == id_ else None
    email = org.desk.ability(id_).email
    if email is None or not _may_see(org, id_, ticket.customer):
        return None
    return email, _known(language_of(org.desk, id_, ticket.customer))


def _known(language: str) -> Language:
    return "es" if language == "es" else "en"


def _may_see(org: Organisation, technician: str, customer: str) -> bool:
    for person in org.roster.technicians:
        if person.id == technician:
            if Role.ADMIN in person.roles:
                return True
            try:
                tier_for(person, customer)
            except RelevoError:
                return False
            return True
    return False
