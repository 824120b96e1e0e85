"""Follows the ticket events and puts deliveries in the queue, in one transaction with how far it read.

So an event that is committed is told, once per receiver, whatever is killed in between: before the
transaction nothing was put in and the cursor stands where it was; after it both are there.
"""

from __future__ import annotations

import structlog
from sqlalchemy import Connection, delete, insert, select

from broker.context import Broker
from broker.outgoing import contacts, queue, reading
from broker.outgoing.kinds import WEBHOOK_KINDS
from broker.outgoing.queue import MAIL, Wanted
from broker.outgoing.rules import Happened, Template, wanted
from broker.outgoing.settings import Outgoing
from broker.store.databases import is_storage_fault
from broker.store.desk_tables import notices
from broker.store.engine import Tx
from broker.store.tables import meta
from broker.store.ticket_tables import ticket_events
from broker.tickets import rows
from protocol.audit import Action
from protocol.organisation import Organisation

AT_ONCE = 200
"""Events in one transaction."""
CURSOR = "outgoing.read"
"""Fact in ``meta``: the last event that was looked at."""
_log = structlog.get_logger("broker.outgoing")


async def begin(broker: Broker) -> None:
    """A broker that never sent anything begins here, not with what happened long ago.

    Raises:
        RelevoError: as ``Store.write``; ``follow`` begins then.
    """
    if await broker.store.read(_cursor) is None:
        await broker.store.write(lambda tx: _begin(tx.conn))


async def follow(broker: Broker, settings: Outgoing) -> int:
    """Look at every event that is new; how many deliveries were put in.

    Raises:
        RelevoError: as ``Store.write``; what was done until then stays done.
    """
    made = 0
    while await broker.store.read(_is_behind):
        made += await broker.store.write(lambda tx: _some(broker, tx, settings))
    return made


def _is_behind(conn: Connection) -> bool:
    place = _cursor(conn)
    if place is None:
        return True
    e = ticket_events.c
    return conn.execute(select(e.log_index).where(e.log_index > place).limit(1)).first() is not None


def _some(broker: Broker, tx: Tx, settings: Outgoing) -> int:
    place = _cursor(tx.conn)
    if place is None:
        _begin(tx.conn)
        return 0
    org = broker.organisation.require()
    events = reading.after(tx.conn, place, AT_ONCE)
    if not events:
        return 0
    found = [one for event in events for one in _deliveries_of(tx.conn, org, settings, event)]
    _move_cursor(tx.conn, events[-1].log_index)
    return queue.add(tx.conn, org.roster.org, found, broker.clock())


def _deliveries_of(conn: Connection, org: Organisation, settings: Outgoing, event: Happened) -> list[Wanted]:
    """None of an event that finds a fault of ours: all that come after it would wait behind it."""
    try:
        return deliveries_of(conn, org, settings, event)
    except Exception as error:
        if is_storage_fault(error):
            raise
        _log.exception("bug", ticket=event.ticket, event=event.log_index)
        return []


def deliveries_of(conn: Connection, org: Organisation, settings: Outgoing, event: Happened) -> list[Wanted]:
    """Whom the event is told, by mail and to webhooks."""
    if settings == Outgoing():
        return []
    ticket = rows.load(conn, event.ticket)
    found: list[Wanted] = []
    if settings.mail is not None:
        has_contact = contacts.find(conn, event.ticket) is not None
        found += [
            Wanted(event.ticket, event.log_index, MAIL, template.value, receiver)
            for template, receiver in wanted(org, ticket, event, has_contact=has_contact)
        ]
        if event.kind == Action.TICKET_NOTICE.value:
            found += _notices(conn, org, event)
    name = WEBHOOK_KINDS.get(event.kind)
    if name is not None:
        found += [
            Wanted(event.ticket, event.log_index, webhook.id, name, "")
            for webhook in settings.webhooks
            if webhook.wants(name, ticket.customer)
        ]
    return found


def _notices(conn: Connection, org: Organisation, event: Happened) -> list[Wanted]:
    """Who is told that a target runs out stands with the notice, and from when on: their own hours."""
    told = conn.execute(select(notices.c.receiver, notices.c.at).where(notices.c.id == event.log_index)).all()
    return [
        Wanted(event.ticket, event.log_index, MAIL, Template.SLA.value, f"technician:{row.receiver}", row.at)
        for row in told
        if org.desk.ability(row.receiver).email
    ]


def _begin(conn: Connection) -> None:
    _move_cursor(conn, reading.newest(conn))


def _cursor(conn: Connection) -> int | None:
    found = conn.execute(select(meta.c.value).where(meta.c.key == CURSOR)).scalar_one_or_none()
    return None if found is None else int(found)


def _move_cursor(conn: Connection, place: int) -> None:
    conn.execute(delete(meta).where(meta.c.key == CURSOR))
    conn.execute(insert(meta).values(key=CURSOR, value=str(place)))
