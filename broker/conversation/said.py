"""What a technician said is taken in once, however often it is sent after a lost answer."""

from __future__ import annotations

from sqlalchemy import insert, select

from broker.store.conversation_tables import said_once
from broker.store.engine import Tx
from broker.store.ticket_tables import ticket_events
from broker.tickets.rows import number_of
from protocol.errors import Code, RelevoError


def first_time(tx: Tx, technician: str, nonce: str | None, ticket: str, kind: str, text: str) -> bool:
    """Note that ``nonce`` was used; False if these very words were taken in with it before.

    Raises:
        RelevoError: ``replayed`` where it was used on another ticket, or for other words: whoever said those
            must not believe that they arrived.
    """
    if nonce is None:
        return True
    number, c = number_of(ticket), said_once.c
    known = tx.conn.execute(
        select(c.ticket).where(c.technician == technician, c.nonce == nonce)
    ).scalar_one_or_none()
    if known is not None:
        if known != number:
            raise RelevoError(Code.REPLAYED, "the nonce was used on another ticket")
        e = ticket_events.c
        same = select(e.log_index).where(e.ticket == number, e.kind == kind, e.text == text).limit(1)
        if tx.conn.execute(same).first() is None:
            raise RelevoError(Code.REPLAYED, "the nonce was used for other words")
        return False
    tx.conn.execute(insert(said_once).values(technician=technician, nonce=nonce, ticket=number))
    return True
