"""CSAT: the question put once, when the ticket is first resolved, and the user's one answer."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from broker.store.desk_tables import ratings
from broker.store.engine import Tx
from broker.tickets.events import Doer, Event, write
from broker.tickets.rows import number_of
from protocol.api import RatingView, TicketView
from protocol.audit import Action
from protocol.lifecycle import check_rating
from protocol.tickets import Party
from protocol.wire import facts


def find(conn: Connection, ticket: str) -> RatingView | None:
    row = conn.execute(select(ratings).where(ratings.c.ticket == number_of(ticket))).one_or_none()
    if row is None:
        return None
    return RatingView(asked=row.asked, score=row.score, text=row.text or "", answered=row.answered)


def ask(tx: Tx, ticket: TicketView, now: datetime) -> None:
    """Put the question, unless it was put before, there is no user's machine to answer on, or nobody asked
    for help: a monitor opened the ticket."""
    if (
        ticket.agent is None
        or ticket.channel == Party.MONITOR.value
        or find(tx.conn, ticket.ticket) is not None
    ):
        return
    tx.conn.execute(insert(ratings).values(ticket=number_of(ticket.ticket), asked=now))


def answer(
    tx: Tx, ticket: TicketView, score: int, text: str, doer: Doer, now: datetime, evidence: bytes
) -> None:
    """Store the answer. The ticket itself stays as it is: it may be closed by now.

    Raises:
        RelevoError: as ``protocol.lifecycle.check_rating``; nothing is stored then.
    """
    asked = find(tx.conn, ticket.ticket)
    check_rating(score, asked.asked if asked else None, asked.answered if asked else None, now)
    tx.conn.execute(
        update(ratings)
        .where(ratings.c.ticket == number_of(ticket.ticket))
        .values(score=score, text=text, answered=now)
    )
    event = Event(Action.TICKET_RATED, "ticket.rate", text, False, facts(score=score), (evidence,))
    write(tx, ticket, ticket.state, event, doer, now)
