"""How far the requester's machine got a conversation, and how far the requester saw it.

A mark only ever moves on. It is a convenience like ``agents.last_seen`` and has no record in the log.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from broker.store.conversation_tables import read_marks
from broker.store.engine import Tx
from broker.store.ticket_tables import ticket_events
from broker.tickets.rows import number_of
from protocol.conversation import Marks


def find(conn: Connection, ticket: str) -> Marks:
    row = conn.execute(select(read_marks).where(read_marks.c.ticket == number_of(ticket))).one_or_none()
    if row is None:
        return Marks(ticket=ticket)
    return Marks(
        ticket=ticket,
        delivered=row.delivered,
        delivered_at=row.delivered_at,
        read=row.read,
        read_at=row.read_at,
    )


def move_on(tx: Tx, ticket: str, index: int, now: datetime, *, read: bool) -> None:
    """The machine got (with ``read``: the user saw) everything up to ``index``; never further than there is."""
    number = number_of(ticket)
    events = ticket_events.c
    there: int | None = tx.conn.execute(
        select(func.max(events.log_index)).where(events.ticket == number, events.public)
    ).scalar_one()
    if there is None:
        return
    index, known = min(index, there), find(tx.conn, ticket)
    changes: dict[str, object] = {}
    if known.delivered is None or index > known.delivered:
        changes |= {"delivered": index, "delivered_at": now}
    if read and (known.read is None or index > known.read):
        changes |= {"read": index, "read_at": now}
    if not changes:
        return
    done = tx.conn.execute(update(read_marks).where(read_marks.c.ticket == number).values(**changes))
    if done.rowcount == 0:
        tx.conn.execute(insert(read_marks).values(ticket=number, **changes))
    tx.touched(ticket)
