"""What happens to tickets without anybody asking: timers, and owners that the organisation took back."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy import Connection, select

from broker.context import Broker
from broker.store.engine import Tx
from broker.store.ticket_tables import tickets
from broker.tickets import creation, invitations, rows, steps, timers
from broker.tickets.events import RULES, Event, write
from protocol.audit import Action
from protocol.desk import FALLBACK_QUEUE
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation
from protocol.routing import can_hold
from protocol.tickets import State
from protocol.wire import facts

TICK_S = 1.0
AT_ONCE = 100
"""Tickets in one transaction, so that a backlog after a long stop does not hold up the rest."""
_OWNED = [State.ASSIGNED.value, State.IN_PROGRESS.value]

_log = structlog.get_logger("broker.tickets")


@asynccontextmanager
async def keeping_tickets(broker: Broker) -> AsyncIterator[None]:
    """Look every second until the block ends; what fell due while the broker was down comes first."""
    changed = asyncio.Event()
    changed.set()

    def organisation_changed(organisation: Organisation) -> None:
        changed.set()

    broker.organisation.listeners.append(organisation_changed)
    task = asyncio.create_task(_tick(broker, changed), name="tickets")
    try:
        yield
    finally:
        broker.organisation.listeners.remove(organisation_changed)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _tick(broker: Broker, changed: asyncio.Event) -> None:
    while True:
        try:
            if broker.organisation.current is not None:
                await fire_due(broker)
                if changed.is_set():
                    changed.clear()
                    await end_void_invitations(broker)
                    await find_owners(broker)
        except RelevoError as error:
            changed.set()
            _log.error("tickets-not-kept", code=error.code.value)
        except Exception:
            _log.exception("bug")
        await asyncio.sleep(TICK_S)


async def fire_due(broker: Broker) -> int:
    """Fire every timer that is due, each in the transaction that deletes it; how many.

    Raises:
        RelevoError: as ``Store.write``; what is left fires at the next look.
    """
    fired = 0
    while True:
        found = await broker.store.read(lambda conn: timers.due(conn, broker.clock(), AT_ONCE))
        for ticket, kind in found:
            fired += await _fire(broker, ticket, kind)
        if len(found) < AT_ONCE:
            return fired


async def _fire(broker: Broker, ticket: str, kind: timers.Timer) -> bool:
    def unit(tx: Tx) -> bool:
        now = broker.clock()
        if not timers.take(tx, ticket, kind, now):
            return False
        steps.fire(broker, tx, rows.load(tx.conn, ticket), kind, now)
        return True

    return await broker.store.write(unit)


async def end_void_invitations(broker: Broker) -> int:
    """Experts whose invitation the organisation no longer stands behind see nothing more; how many were ended.
    Their sessions end by themselves (``sessions.keeper``)."""

    def unit(tx: Tx) -> int:
        org, now = broker.organisation.require(), broker.clock()
        void = invitations.void(tx.conn, org, now)
        for wanted, one in void:
            invitations.end(tx, one.invitation, now)
            ticket = rows.load(tx.conn, wanted)
            action = Action.INVITATION_ENDED
            stated = facts(invitation=one.invitation, expert=one.expert, why=Code.REVOKED.value)
            write(tx, ticket, ticket.state, Event(action, action.value, facts=stated), RULES, now)
        return len(void)

    org, now = broker.organisation.require(), broker.clock()
    if not await broker.store.read(lambda conn: invitations.void(conn, org, now)):
        return 0
    return await broker.store.write(unit)


async def find_owners(broker: Broker) -> int:
    """Open tickets whose assignee may not have them any more, or whose queue is gone, are routed anew.

    Pending ones follow when they go on. Returns how many moved.
    """
    org = broker.organisation.require()
    lost = await broker.store.read(lambda conn: _lost(conn, org))
    for ticket in lost:
        await broker.store.write(functools.partial(_anew, broker, ticket))
    return len(lost)


def _lost(conn: Connection, org: Organisation) -> list[str]:
    people = {person.id: person for person in org.roster.technicians}
    queues = {FALLBACK_QUEUE, *(queue.id for queue in org.desk.queues)}
    owners = conn.execute(
        select(tickets.c.assignee, tickets.c.customer)
        .where(tickets.c.state.in_(_OWNED), tickets.c.assignee.is_not(None))
        .distinct()
    ).all()
    gone = [
        (owner, customer)
        for owner, customer in owners
        if owner not in people or not can_hold(people[owner], customer, 1)
    ]
    found: list[str] = []
    for owner, customer in gone:
        wanted = select(tickets.c.number).where(
            tickets.c.state.in_(_OWNED), tickets.c.assignee == owner, tickets.c.customer == customer
        )
        found += [rows.id_of(number) for number in conn.execute(wanted).scalars()]
    stray = select(tickets.c.number).where(
        tickets.c.state.in_([State.NEW.value, State.ASSIGNED.value]),
        tickets.c.assignee.is_(None),
        tickets.c.queue.not_in(queues),
    )
    return [*found, *(rows.id_of(number) for number in conn.execute(stray).scalars())]


def _anew(broker: Broker, ticket: str, tx: Tx) -> None:
    view, now = rows.load(tx.conn, ticket), broker.clock()
    if view.state not in (State.NEW, State.ASSIGNED, State.IN_PROGRESS):
        return
    if view.assignee is not None:
        steps.keep_owned(broker, tx, view, now)
    else:
        org = broker.organisation.require()
        creation.assign_by(tx, view, creation.route_of(tx.conn, org, view), now)
