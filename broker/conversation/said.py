"""What a technician said is taken in once, however often it is sent after a lost answer."""

from __future__ import annotations

from sqlalchemy import insert, select

from broker.store.conversation_tables import said_once
from broker.store.engine import Tx
from broker.tickets.rows import number_of
from protocol.errors import Code, RelevoError


def first_time(tx: Tx, technician: str, nonce: str | None, ticket: str) -> bool:
    """Note that ``nonce`` was used; False if it was before.

    Raises:
        RelevoError: ``replayed`` where it was used on another ticket.
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
        return False
    tx.conn.execute(insert(said_once).values(technician=technician, nonce=nonce, ticket=number))
    return True
