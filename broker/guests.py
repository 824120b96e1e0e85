"""Who may see one ticket: people with a tier at its customer, and outside experts while they are invited."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, or_, select

from broker.agents import visible
from broker.calls import Caller
from broker.policy import require_visible
from broker.store.desk_tables import invitations
from broker.store.ticket_tables import tickets
from broker.tickets.rows import id_of
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation, Technician, covers_clearance, tier_for
from protocol.scopes import Clearance, Role


def _invited(expert: str, now: datetime) -> Select[tuple[int]]:
    """Numbers of the tickets that an expert is invited to now."""
    return select(invitations.c.ticket).where(
        invitations.c.expert == expert, invitations.c.ended.is_(None), invitations.c.until > now
    )


def is_invited(conn: Connection, person: Technician, number: int, now: datetime) -> bool:
    if Role.EXPERT not in person.roles:
        return False
    wanted = _invited(person.id, now).where(invitations.c.ticket == number).limit(1)
    return conn.execute(wanted).first() is not None


def require_ticket_visible(
    conn: Connection, person: Technician, customer: str, number: int, now: datetime, *, what: str = ""
) -> None:
    """Raises RelevoError: ``not-found`` for what the person may not see, in the words for what is not there:
    ``what``, or the ticket."""
    if not is_invited(conn, person, number, now):
        require_visible(person, customer, what or f"ticket {id_of(number)}")


def visible_tickets(who: Caller, now: datetime) -> ColumnElement[bool]:
    """The condition on ``tickets`` that leaves what the caller may see."""
    listed = visible(who, tickets.c.customer)
    if not who.has(Role.EXPERT):
        return listed
    return or_(listed, tickets.c.number.in_(_invited(who.person.id, now)))


def clearance_at(org: Organisation, person: Technician, customer: str) -> Clearance:
    """What of a ticket's internal texts the person may read: by tier; auditors all, anybody else R1."""
    if Role.AUDITOR in person.roles:
        return Clearance.R3
    try:
        return org.policy.of_tier(tier_for(person, customer)).clearance
    except RelevoError:
        return Clearance.R1


def require_readable(
    conn: Connection,
    org: Organisation,
    person: Technician,
    customer: str,
    number: int,
    needed: Clearance,
    now: datetime,
) -> None:
    """May this person read a result of that clearance on this ticket?

    Raises:
        RelevoError: ``not-found`` for what the person may not see; ``role-missing``; ``tier-too-low``.
    """
    if is_invited(conn, person, number, now):
        held = Clearance.R1
    else:
        require_visible(person, customer, "artifact")
        if Role.TECHNICIAN not in person.roles:
            raise RelevoError(Code.ROLE_MISSING, f"{person.id} is not a technician")
        held = org.policy.of_tier(tier_for(person, customer)).clearance
    if not covers_clearance(held, needed):
        raise RelevoError(Code.TIER_TOO_LOW, f"{needed} for {person.id}")
