"""Tickets over HTTP: create, list, show and the moves that technicians make."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select

from broker import artifact_rows
from broker.agents import visible
from broker.calls import Call, Caller
from broker.context import Broker
from broker.policy import (
    Act,
    may_act,
    may_create,
    require_takeable,
    require_technician,
    require_version,
    require_visible,
)
from broker.sessions import lifecycle
from broker.sessions import rows as session_rows
from broker.store.engine import Tx
from broker.store.session_tables import sessions
from broker.store.tables import agents
from broker.store.ticket_tables import tickets
from broker.tickets import rows
from broker.tickets.creation import Origin, open_ticket
from broker.tickets.events import Doer, Event, move, write
from broker.tickets.rows import Changes
from broker.tickets.timeline import timeline
from protocol.api import (
    TicketCreated,
    TicketDetail,
    TicketMove,
    TicketNew,
    TicketResolve,
    Tickets,
    TicketText,
    TicketView,
)
from protocol.audit import Action
from protocol.errors import Code, RelevoError
from protocol.link import EndReason
from protocol.tickets import OPEN_STATES, Move, Party, State

PAGE = 50
MAX_PAGE = 500
MAX_SESSIONS = 200


def doer_of(caller: Caller) -> Doer:
    return Doer(caller.actor, caller.person.name, Party.TECHNICIAN)


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
        return open_ticket(broker, tx, new, origin)

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
        raise RelevoError(Code.NOT_FOUND, f"agent {new.agent}")
    require_visible(who.person, found)
    if new.customer not in (None, found):
        raise RelevoError(Code.PARAMETER_INVALID, "the machine belongs to another customer")
    return found


async def list_tickets(broker: Broker, call: Call) -> Tickets:
    """``GET /v1/tickets``: the newest first; ``after`` is the previous page's ``next``.

    ``state`` is a state or ``open``; ``assignee`` an id or ``me``.

    Raises:
        RelevoError: ``usage`` for a filter that means nothing.
    """
    limit = call.query_int("limit", PAGE, 1, MAX_PAGE)
    after = call.query("after")
    before = None if after is None else rows.number_of(after)
    conditions = _conditions(call)
    found = await broker.store.read(lambda conn: rows.page(conn, conditions, before, limit + 1))
    shown = found[:limit]
    return Tickets(rows=tuple(shown), next=shown[-1].ticket if len(found) > limit else None)


def _conditions(call: Call) -> list[ColumnElement[bool]]:
    conditions = [visible(call.who, tickets.c.customer)]
    state, assignee, customer = call.query("state"), call.query("assignee"), call.query("customer")
    if state == "open":
        conditions.append(tickets.c.state.in_([s.value for s in OPEN_STATES]))
    elif state is not None:
        if state not in {s.value for s in State}:
            raise RelevoError(Code.USAGE, f"no such state: {state}")
        conditions.append(tickets.c.state == state)
    if assignee is not None:
        conditions.append(tickets.c.assignee == (call.who.person.id if assignee == "me" else assignee))
    if customer is not None:
        conditions.append(tickets.c.customer == customer)
    return conditions


async def show_ticket(broker: Broker, call: Call) -> TicketDetail:
    """``GET /v1/tickets/{ticket}``. Raises RelevoError: ``not-found``, also for what one may not see."""
    who, wanted = call.who, call.param("ticket")

    def query(conn: Connection) -> TicketDetail:
        ticket = rows.load(conn, wanted)
        require_visible(who.person, ticket.customer)
        number = rows.number_of(wanted)
        held = session_rows.select_sessions(conn, sessions.c.ticket == number, limit=MAX_SESSIONS)
        return TicketDetail(
            ticket=ticket,
            timeline=timeline(conn, ticket.ticket),
            sessions=tuple(session.view() for session in held),
            artifacts=artifact_rows.of_ticket(conn, ticket.ticket),
        )

    return await broker.store.read(query)


Change = Callable[[Tx, TicketView, datetime], TicketView]


async def _change(broker: Broker, call: Call, act: Act, version: int | None, apply: Change) -> TicketView:
    """Load, decide, apply, in one unit.

    Raises:
        RelevoError: whatever the decision or the change says; nothing is changed then.
    """
    who, wanted = call.who, call.param("ticket")

    def unit(tx: Tx) -> TicketView:
        ticket = rows.load(tx.conn, wanted)
        call.about.ticket, call.about.customer = ticket.ticket, ticket.customer
        may_act(who.person, ticket, act)
        require_version(ticket, version)
        return apply(tx, ticket, broker.clock())

    return await broker.store.write(unit)


async def take_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/take``: mine, at my tier, and in progress. Taking from a colleague needs the version that
    showed the colleague, and ends the colleague's sessions: grants never pass on.

    Raises:
        RelevoError: ``tier-too-low``, ``stale-version``, ``invalid-transition``, ``not-found``.
    """
    body, who = call.take(TicketMove), call.who

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        require_takeable(who.person, ticket, body.version)
        if ticket.assignee == who.person.id and ticket.state is State.IN_PROGRESS:
            return ticket
        doer, tier = doer_of(who), may_act(who.person, ticket, Act.TAKE)
        if ticket.assignee not in (None, who.person.id):
            number = sessions.c.ticket == rows.number_of(ticket.ticket)
            lifecycle.end_matching(broker, tx, number, EndReason.REVOKED, who.actor)
        taken = move(
            tx,
            ticket,
            Move.TAKE,
            doer,
            now,
            changes=Changes(tier=tier, assignee=who.person.id),
            text=body.reason,
        )
        return move(tx, taken, Move.START, doer, now)

    return await _change(broker, call, Act.TAKE, body.version, apply)


async def start_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/start`` by the assignee."""
    body, doer = call.take(TicketMove), doer_of(call.who)
    return await _change(
        broker,
        call,
        Act.START,
        body.version,
        lambda tx, ticket, now: move(tx, ticket, Move.START, doer, now, text=body.reason),
    )


async def add_note(broker: Broker, call: Call) -> TicketView:
    """``POST …/notes``: internal, the user does not see it."""
    return await _say(broker, call, Act.NOTE, Action.TICKET_NOTE, public=False)


async def add_reply(broker: Broker, call: Call) -> TicketView:
    """``POST …/replies``: the user sees it on their machine."""
    return await _say(broker, call, Act.REPLY, Action.TICKET_REPLY, public=True)


async def _say(broker: Broker, call: Call, act: Act, action: Action, *, public: bool) -> TicketView:
    """Raises RelevoError: ``ticket-closed`` on a ticket that is closed or cancelled."""
    body, doer = call.take(TicketText), doer_of(call.who)

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        if ticket.state in (State.CLOSED, State.CANCELLED):
            raise RelevoError(Code.TICKET_CLOSED, ticket.ticket)
        after = rows.touch(tx.conn, ticket, now)
        write(tx, after, ticket.state, Event(action, action.value, body.text, public), doer, now)
        return after

    return await _change(broker, call, act, None, apply)


async def resolve_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/resolve`` by the assignee, from In Progress or Pending."""
    body, who = call.take(TicketResolve), call.who

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        changes = Changes(
            resolution=body.resolution,
            cause=body.cause.value,
            resolved_by_tier=may_act(who.person, ticket, Act.RESOLVE),
            article=body.article,
            no_article_reason=body.no_article_reason,
        )
        return move(tx, ticket, Move.RESOLVE, doer_of(who), now, changes=changes, text=body.resolution)

    return await _change(broker, call, Act.RESOLVE, body.version, apply)


async def reopen_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/reopen`` a resolved ticket."""
    body, doer = call.take(TicketMove), doer_of(call.who)
    changes = Changes(reopened=True)
    return await _change(
        broker,
        call,
        Act.REOPEN,
        body.version,
        lambda tx, ticket, now: move(tx, ticket, Move.REOPEN, doer, now, changes=changes, text=body.reason),
    )


async def close_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/close`` a resolved ticket: every session on it ends at once."""
    return await _finish(broker, call, Act.CLOSE, Move.CLOSE)


async def cancel_ticket(broker: Broker, call: Call) -> TicketView:
    """``POST …/cancel`` an open ticket, with a reason: every session on it ends at once."""
    if not call.take(TicketMove).reason.strip():
        raise RelevoError(Code.PARAMETER_INVALID, "cancelling needs a reason")
    return await _finish(broker, call, Act.CANCEL, Move.CANCEL)


async def _finish(broker: Broker, call: Call, act: Act, how: Move) -> TicketView:
    body, who = call.take(TicketMove), call.who

    def apply(tx: Tx, ticket: TicketView, now: datetime) -> TicketView:
        after = move(tx, ticket, how, doer_of(who), now, text=body.reason)
        number = sessions.c.ticket == rows.number_of(ticket.ticket)
        lifecycle.end_matching(broker, tx, number, EndReason.TICKET_CLOSED, who.actor)
        return after

    return await _change(broker, call, act, body.version, apply)
