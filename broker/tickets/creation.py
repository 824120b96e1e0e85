"""Opening a ticket, whoever does it: priority, likely duplicates, the route, merging, following up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, func, or_, select

from broker.context import Broker
from broker.outgoing import contacts
from broker.store.engine import Tx
from broker.store.ticket_tables import tickets
from broker.tickets import rows
from broker.tickets.events import RULES, Doer, Event, Told, move, write
from broker.tickets.rows import Changes, Placed
from protocol.api import Duplicate, TicketCreated, TicketNew, TicketView
from protocol.audit import Action
from protocol.desk import Desk
from protocol.duplicates import RECENT, Described, candidates
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation
from protocol.routing import Route, Subject, route
from protocol.tickets import CREATORS, FINAL_STATES, OPEN_STATES, Move, next_state
from protocol.wire import Fact, facts

MAX_COMPARED = 100
"""Earlier tickets that a new one is compared with."""
MERGED = "merged_into"
_OPEN = [state.value for state in OPEN_STATES]


class Origin(NamedTuple):
    """Who opens it and how, and what proves it."""

    customer: str
    requester: str
    channel: str
    doer: Doer
    facts: tuple[Fact, ...] = ()
    evidence: tuple[bytes, ...] = ()


def open_ticket(broker: Broker, tx: Tx, new: TicketNew, origin: Origin) -> TicketCreated:
    """A new ticket, routed; or merged at once where ``duplicate_of`` names another.

    Raises:
        RelevoError: ``refused`` for a party that opens none; ``not-found`` for an unknown category or
            linked ticket; ``conflict`` to follow up what is not closed; as ``merge``.
    """
    if origin.doer.party not in CREATORS:
        raise RelevoError(Code.REFUSED, f"{origin.doer.party} opens no tickets")
    org, now = broker.organisation.require(), broker.clock()
    desk = org.desk.of_customer(origin.customer)
    org.desk.require_category(new.category)
    if new.follow_up_of is not None:
        _require_followable(rows.load(tx.conn, new.follow_up_of), origin.customer)
    placed = Placed(
        customer=origin.customer,
        requester=origin.requester,
        priority=desk.priority_of(new.impact, new.urgency),
        language=new.language or desk.language,
        channel=origin.channel,
    )
    ticket = rows.add(tx.conn, new, placed, now)
    contacts.keep(tx.conn, ticket.ticket, new.contact_email)
    similar = duplicates(tx.conn, ticket, now)
    stated = facts(
        title=new.title,
        impact=new.impact,
        urgency=new.urgency,
        priority=ticket.priority,
        channel=origin.channel,
        category=new.category,
        follow_up_of=new.follow_up_of,
        similar=" ".join(f"{d.ticket}:{d.percent}" for d in similar) or None,
    )
    event = Event(
        Action.TICKET_CREATED,
        "ticket.create",
        new.description,
        True,
        (*stated, *origin.facts),
        origin.evidence,
    )
    write(tx, ticket, None, event, origin.doer, now)
    if new.duplicate_of is not None:
        ticket = merge(tx, ticket, new.duplicate_of, origin.doer, now)
    else:
        ticket = by_rule(tx, org, ticket, now)
    return _created(ticket, similar)


def _created(ticket: TicketView, similar: tuple[Duplicate, ...]) -> TicketCreated:
    return TicketCreated(**msgspec.structs.asdict(ticket), duplicates=similar)


def _require_followable(old: TicketView, customer: str) -> None:
    if old.customer != customer:
        raise RelevoError(Code.NOT_FOUND, f"ticket {old.ticket}")
    if old.state not in FINAL_STATES:
        raise RelevoError(Code.CONFLICT, f"{old.ticket} is {old.state}: it can go on itself")


# --- duplicates --------------------------------------------------------------------------------


def duplicates(conn: Connection, ticket: TicketView, now: datetime) -> tuple[Duplicate, ...]:
    """Tickets of the same machine or requester that may be about the same."""
    same = tickets.c.requester == ticket.requester
    if ticket.agent is not None:
        same = or_(same, tickets.c.agent == ticket.agent)
    wanted = (
        select(tickets)
        .where(
            tickets.c.customer == ticket.customer,
            same,
            tickets.c.number != rows.number_of(ticket.ticket),
            or_(tickets.c.state.in_(_OPEN), tickets.c.created >= now - RECENT),
        )
        .order_by(tickets.c.number.desc())
        .limit(MAX_COMPARED)
    )
    known = {view.ticket: view for view in map(rows.view, conn.execute(wanted).all())}
    found = candidates(_described(ticket), [_described(view) for view in known.values()], now)
    return tuple(
        Duplicate(
            ticket=row.ticket,
            title=known[row.ticket].title,
            state=known[row.ticket].state,
            percent=row.percent,
            words=row.words[:20],
        )
        for row in found
    )


def _described(view: TicketView) -> Described:
    text = f"{view.title}\n{view.description}"
    return Described(view.ticket, view.agent, view.requester, text, view.state, view.created)


def merge(tx: Tx, ticket: TicketView, into: str, doer: Doer, now: datetime, reason: str = "") -> TicketView:
    """``ticket`` is cancelled as a repetition of ``into``, which gets a line about it.

    Raises:
        RelevoError: ``not-found`` for another customer's; ``parameter-invalid`` for itself;
            ``ticket-closed`` when ``into`` is over; ``conflict`` when it was merged before;
            ``invalid-transition``.
    """
    if ticket.merged_into is not None:
        raise RelevoError(Code.CONFLICT, f"{ticket.ticket} was merged into {ticket.merged_into} before")
    next_state(ticket.state, Move.CANCEL, doer.party)
    target = rows.load(tx.conn, into)
    if target.customer != ticket.customer:
        raise RelevoError(Code.NOT_FOUND, f"ticket {into}")
    if target.ticket == ticket.ticket:
        raise RelevoError(Code.PARAMETER_INVALID, "a ticket does not repeat itself")
    if target.state in FINAL_STATES:
        raise RelevoError(Code.TICKET_CLOSED, target.ticket)
    merged = move(
        tx,
        ticket,
        Move.CANCEL,
        doer,
        now,
        changes=Changes(merged_into=target.ticket),
        told=Told(reason, reason=MERGED, facts=facts(merged_into=target.ticket)),
    )
    after = rows.touch(tx.conn, target, now)
    stated = facts(merged_from=ticket.ticket)
    line = Event(Action.TICKET_CHANGED, "ticket.merge", ticket.ticket, False, stated, reason=MERGED)
    write(tx, after, target.state, line, doer, now)
    return merged


# --- routes ------------------------------------------------------------------------------------


def by_rule(tx: Tx, org: Organisation, ticket: TicketView, now: datetime) -> TicketView:
    """Apply the first rule that matches; without one the ticket stays where it is."""
    found = route_of(tx.conn, org, ticket)
    return ticket if found.rule is None else assign_by(tx, ticket, found, now)


def route_of(conn: Connection, org: Organisation, ticket: TicketView) -> Route:
    subject = Subject(ticket.customer, ticket.category, ticket.language, ticket.priority)
    loads = open_loads(conn) if _needs_loads(org.desk) else {}
    return route(subject, org.desk, org.roster.technicians, loads)


def assign_by(tx: Tx, ticket: TicketView, found: Route, now: datetime) -> TicketView:
    """Carry out a route, in the name of the rules."""
    changes = Changes(
        tier=max(found.tier, ticket.tier),
        queue=found.queue,
        assignee=rows.UNSET if found.assignee is None else found.assignee,
    )
    told = Told(public=False, facts=facts(rule=found.rule, queue=found.queue))
    return move(tx, ticket, Move.ASSIGN, RULES, now, changes=changes, told=told)


def _needs_loads(desk: Desk) -> bool:
    return any(rule.to_person for rule in desk.rules)


def open_loads(conn: Connection) -> dict[str, int]:
    """Open tickets per technician."""
    wanted = (
        select(tickets.c.assignee, func.count())
        .where(tickets.c.state.in_(_OPEN), tickets.c.assignee.is_not(None))
        .group_by(tickets.c.assignee)
    )
    found: Sequence[tuple[str, int]] = [(row[0], row[1]) for row in conn.execute(wanted)]
    return dict(found)
