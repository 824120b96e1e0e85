"""Tickets over HTTP: opening, listing, showing. What is done with them is in ``moves_api``."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select

from broker import artifact_rows
from broker.calls import Call, Caller
from broker.connectors.rows import external_ids, tickets_of
from broker.context import Broker
from broker.conversation import marks
from broker.guests import clearance_at, require_ticket_visible, visible_tickets
from broker.outgoing import contacts
from broker.policy import may_create, require_technician, require_visible
from broker.sessions import rows as session_rows
from broker.sla.views import list_by_due, wants_due, with_clock, with_clocks
from broker.store.engine import Tx
from broker.store.session_tables import sessions
from broker.store.tables import agents
from broker.store.ticket_tables import tickets
from broker.tickets import escalations, invitations, ratings, rows
from broker.tickets.creation import Origin, open_ticket
from broker.tickets.doing import doer_of
from broker.tickets.timeline import timeline
from protocol.api import TicketCreated, TicketDetail, TicketNew, Tickets
from protocol.errors import Code, RelevoError
from protocol.tickets import OPEN_STATES, State

PAGE = 50
MAX_PAGE = 500
MAX_SESSIONS = 200


async def create_ticket(broker: Broker, call: Call) -> TicketCreated:
    """``POST /v1/tickets`` by a technician, about a machine or only for a customer.

    Raises:
        RelevoError: ``not-found`` (machine, customer), ``customer-not-allowed``, ``role-missing``;
            ``parameter-invalid`` without customer or with another than the machine's.
    """
    new, who = call.take(TicketNew), call.who
    org = broker.organisation.require()
    require_technician(who.person)

    def unit(tx: Tx) -> TicketCreated:
        customer = _customer_of(tx.conn, new, who)
        call.about.customer = customer
        org.roster.customer(customer)
        may_create(who.person, customer)
        origin = Origin(customer, who.person.name, "technician", doer_of(who))
        return with_clock(broker, tx.conn, open_ticket(broker, tx, new, origin))

    return await broker.store.write(unit)


def _customer_of(conn: Connection, new: TicketNew, who: Caller) -> str:
    if new.agent is None:
        if new.customer is None:
            raise RelevoError(Code.PARAMETER_INVALID, "a ticket needs a customer or a machine")
        return new.customer
    found: str | None = conn.execute(
        select(agents.c.customer).where(agents.c.agent == new.agent)
    ).scalar_one_or_none()
    if found is None:
        raise RelevoError(Code.NOT_FOUND, "machine")
    require_visible(who.person, found, "machine")
    if new.customer not in (None, found):
        raise RelevoError(Code.PARAMETER_INVALID, "the machine belongs to another customer")
    return found


async def list_tickets(broker: Broker, call: Call) -> Tickets:
    """``GET /v1/tickets``: the newest first; ``after`` is the previous page's ``next``.

    ``state`` is a state or ``open``; ``assignee`` an id or ``me``; ``sort=due`` the most urgent first;
    ``breached=true`` only what is late; ``external=RT#12`` by its number in an outside system.

    Raises:
        RelevoError: ``usage`` for a filter that means nothing.
    """
    limit = call.query_int("limit", PAGE, 1, MAX_PAGE)
    after = call.query("after")
    conditions = _conditions(call, broker.clock())
    if wants_due(call):
        return await list_by_due(broker, call, conditions, limit)
    before = None if after is None else rows.number_of(after)

    def query(conn: Connection) -> Tickets:
        found = rows.page(conn, conditions, before, limit + 1)
        shown = with_clocks(broker, conn, found[:limit])
        return Tickets(rows=shown, next=shown[-1].ticket if len(found) > limit else None)

    return await broker.store.read(query)


def _conditions(call: Call, now: datetime) -> list[ColumnElement[bool]]:
    conditions = [visible_tickets(call.who, now)]
    state, assignee, customer = call.query("state"), call.query("assignee"), call.query("customer")
    if state == "open":
        conditions.append(tickets.c.state.in_([s.value for s in OPEN_STATES]))
    elif state is not None:
        if state not in {s.value for s in State}:
            raise RelevoError(Code.USAGE, f"no such state: {state}")
        conditions.append(tickets.c.state == state)
    external = call.query("external")
    if external is not None:
        conditions.append(tickets_of(external))
    if assignee is not None:
        conditions.append(_assigned_to(call.who.person.id if assignee == "me" else assignee))
    conditions += [
        column == value
        for column, value in (
            (tickets.c.customer, customer),
            (tickets.c.queue, call.query("queue")),
            (tickets.c.category, call.query("category")),
        )
        if value is not None
    ]
    for name, column, high in (("tier", tickets.c.tier, 3), ("priority", tickets.c.priority, 5)):
        if call.query(name) is not None:
            conditions.append(column == call.query_int(name, 1, 1, high))
    return conditions


def _assigned_to(assignee: str) -> ColumnElement[bool]:
    return tickets.c.assignee.is_(None) if assignee == "none" else tickets.c.assignee == assignee


async def show_ticket(broker: Broker, call: Call) -> TicketDetail:
    """``GET /v1/tickets/{ticket}``; ``looking=1`` says that the caller has it open, ``looking=0`` no more.

    Texts above the caller's clearance are left out.

    Raises:
        RelevoError: ``not-found``, also for what one may not see.
    """
    who, wanted, now = call.who, call.param("ticket"), broker.clock()
    org = broker.organisation.require()

    def query(conn: Connection) -> TicketDetail:
        ticket = rows.load(conn, wanted)
        number = rows.number_of(wanted)
        require_ticket_visible(conn, who.person, ticket.customer, number, now)
        clearance = clearance_at(org, who.person, ticket.customer)
        held = session_rows.select_sessions(conn, sessions.c.ticket == number, limit=MAX_SESSIONS)
        return TicketDetail(
            ticket=with_clock(broker, conn, ticket),
            timeline=timeline(conn, ticket.ticket, clearance),
            marks=marks.find(conn, ticket.ticket),
            sessions=tuple(session.view() for session in held),
            artifacts=artifact_rows.of_ticket(conn, ticket.ticket),
            escalations=escalations.of_ticket(conn, ticket.ticket, clearance),
            looking=broker.looking.others(ticket.ticket, who.person.id, now),
            rating=ratings.find(conn, ticket.ticket),
            invitations=invitations.of_ticket(conn, ticket.ticket),
            external=external_ids(conn, ticket.ticket),
            contact_email=contacts.shown(conn, ticket.ticket, clearance),
        )

    detail = await broker.store.read(query)
    _look(broker, call, detail.ticket.ticket, now)
    return detail


def _look(broker: Broker, call: Call, ticket: str, now: datetime) -> None:
    person = call.who.person
    match call.query("looking"):
        case None:
            return
        case "1":
            broker.looking.look(ticket, person.id, person.name, now)
        case "0":
            broker.looking.leave(ticket, person.id)
        case _:
            raise RelevoError(Code.USAGE, "looking is 1 or 0")
