"""The requester's e-mail address: kept beside the ticket, shown from R2 on, forgotten when it is deleted."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from broker.store.outgoing_tables import ticket_contacts
from broker.tickets.rows import number_of
from protocol.organisation import covers_clearance
from protocol.scopes import Clearance


def keep(conn: Connection, ticket: str, address: str | None) -> None:
    """Remember where a new ticket's requester wants to be told; nothing where they named nothing."""
    if address is not None:
        conn.execute(insert(ticket_contacts).values(ticket=number_of(ticket), email=address))


def find(conn: Connection, ticket: str) -> str | None:
    wanted = select(ticket_contacts.c.email).where(ticket_contacts.c.ticket == number_of(ticket))
    found: str | None = conn.execute(wanted).scalar_one_or_none()
    return found


def shown(conn: Connection, ticket: str, clearance: Clearance) -> str | None:
    """The address for a reader of that clearance; None below R2 (4-domain.md, person identifiers)."""
    return find(conn, ticket) if covers_clearance(clearance, Clearance.R2) else None
