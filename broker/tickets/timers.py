"""What is set to happen to a ticket by itself. Firing deletes the timer in the transaction that acts."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from broker.store.desk_tables import timers
from broker.store.engine import Tx
from broker.tickets.rows import id_of, number_of


class Timer(enum.StrEnum):
    RESUME = "resume"
    """A pending ticket goes on."""
    CLOSE = "close"
    """A resolved ticket closes: the reopen window is over."""


def set_timer(tx: Tx, ticket: str, kind: Timer, due: datetime) -> None:
    """One of a kind for each ticket; setting it again moves it."""
    clear_timer(tx, ticket, kind)
    tx.conn.execute(insert(timers).values(ticket=number_of(ticket), kind=kind.value, due=due))


def clear_timer(tx: Tx, ticket: str, kind: Timer) -> None:
    tx.conn.execute(delete(timers).where(timers.c.ticket == number_of(ticket), timers.c.kind == kind.value))


def due(conn: Connection, now: datetime, most: int) -> list[tuple[str, Timer]]:
    """Ticket and kind of what is due, the earliest first."""
    wanted = (
        select(timers.c.ticket, timers.c.kind).where(timers.c.due <= now).order_by(timers.c.due).limit(most)
    )
    return [(id_of(row.ticket), Timer(row.kind)) for row in conn.execute(wanted)]


def take(tx: Tx, ticket: str, kind: Timer, now: datetime) -> bool:
    """Whether this transaction is the one that fires it."""
    done = tx.conn.execute(
        delete(timers).where(
            timers.c.ticket == number_of(ticket), timers.c.kind == kind.value, timers.c.due <= now
        )
    )
    return done.rowcount == 1
