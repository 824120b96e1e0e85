"""Invitations of outside experts: stored with their signed documents, listed, ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from broker.sessions.rows import scopes_of, scopes_text
from broker.store.desk_tables import invitations
from broker.store.engine import Tx
from broker.tickets.rows import id_of, number_of
from protocol.api import InvitationView
from protocol.documents import Invitation
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.invitations import verify_invitation
from protocol.organisation import Organisation
from protocol.wire import from_json

MAX_OF_TICKET = 20


def add(tx: Tx, invitation: Invitation, envelope: bytes) -> None:
    """Raises RelevoError: ``already-exists``; ``rate-limited`` beyond ``MAX_OF_TICKET``."""
    if find(tx.conn, invitation.invitation) is not None:
        raise RelevoError(Code.ALREADY_EXISTS, invitation.invitation)
    if len(of_ticket(tx.conn, invitation.ticket)) >= MAX_OF_TICKET:
        raise RelevoError(Code.RATE_LIMITED, f"{MAX_OF_TICKET} invitations to one ticket")
    tx.conn.execute(
        insert(invitations).values(
            invitation=invitation.invitation,
            ticket=number_of(invitation.ticket),
            expert=invitation.expert,
            by=invitation.by,
            scopes=scopes_text(invitation.scopes),
            until=invitation.until,
            envelope=envelope,
        )
    )


def find(conn: Connection, invitation: str) -> InvitationView | None:
    wanted = select(invitations).where(invitations.c.invitation == invitation)
    row = conn.execute(wanted).one_or_none()
    return None if row is None else _view(row)


def of_ticket(conn: Connection, ticket: str) -> tuple[InvitationView, ...]:
    wanted = (
        select(invitations)
        .where(invitations.c.ticket == number_of(ticket))
        .order_by(invitations.c.until)
        .limit(MAX_OF_TICKET)
    )
    return tuple(_view(row) for row in conn.execute(wanted))


def current(conn: Connection, expert: str, ticket: str, now: datetime) -> Envelope | None:
    """The document by which the expert may ask for a session on the ticket now: the one that lasts longest."""
    wanted = (
        select(invitations.c.envelope)
        .where(
            invitations.c.ticket == number_of(ticket),
            invitations.c.expert == expert,
            invitations.c.ended.is_(None),
            invitations.c.until > now,
        )
        .order_by(invitations.c.until.desc())
        .limit(1)
    )
    found = conn.execute(wanted).scalar_one_or_none()
    return None if found is None else from_json(found, Envelope)


def void(conn: Connection, org: Organisation, now: datetime) -> tuple[tuple[str, InvitationView], ...]:
    """Tickets with invitations that the store takes for good and the organisation does not any more: the
    inviter or the expert left or lost the customer, or the invitation was revoked."""
    wanted = select(invitations).where(invitations.c.ended.is_(None), invitations.c.until > now)
    found = conn.execute(wanted).all()
    return tuple((id_of(row.ticket), _view(row)) for row in found if not _holds(row.envelope, org, now))


def _holds(envelope: bytes, org: Organisation, now: datetime) -> bool:
    try:
        verify_invitation(from_json(envelope, Envelope), org, now)
    except RelevoError:
        return False
    return True


def end(tx: Tx, invitation: str, now: datetime) -> bool:
    """False if it had ended."""
    done = tx.conn.execute(
        update(invitations)
        .where(invitations.c.invitation == invitation, invitations.c.ended.is_(None))
        .values(ended=now)
    )
    return done.rowcount == 1


def _view(row: Row[Any]) -> InvitationView:
    return InvitationView(
        invitation=row.invitation,
        expert=row.expert,
        by=row.by,
        scopes=scopes_of(row.scopes),
        until=row.until,
        ended=row.ended,
    )
