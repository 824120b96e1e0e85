"""Tickets in the store: the row and the view of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from broker.store.ticket_tables import counters, tickets
from protocol.api import TicketNew, TicketView
from protocol.errors import Code, RelevoError
from protocol.tickets import OPEN_STATES, CauseCode, State, priority

FIRST_TIER = 1
_ID = re.compile(r"T-([1-9][0-9]{0,11})")


def number_of(ticket: str) -> int:
    """``T-12`` as 12. Raises RelevoError: ``not-found`` for what is no ticket's id."""
    found = _ID.fullmatch(ticket)
    if not found:
        raise RelevoError(Code.NOT_FOUND, f"ticket {ticket[:20]!r}")
    return int(found[1])


def id_of(number: int) -> str:
    return f"T-{number}"


def view(row: Row[Any]) -> TicketView:
    return TicketView(
        ticket=id_of(row.number),
        title=row.title,
        description=row.description,
        state=State(row.state),
        customer=row.customer,
        agent=row.agent,
        requester=row.requester,
        tier=row.tier,
        assignee=row.assignee,
        impact=row.impact,
        urgency=row.urgency,
        priority=priority(row.impact, row.urgency),
        created=row.created,
        updated=row.updated,
        version=row.version,
        resolution=row.resolution,
        cause=CauseCode(row.cause) if row.cause else None,
        resolved_by_tier=row.resolved_by_tier,
    )


def find(conn: Connection, ticket: str) -> TicketView | None:
    row = conn.execute(select(tickets).where(tickets.c.number == number_of(ticket))).one_or_none()
    return None if row is None else view(row)


def load(conn: Connection, ticket: str) -> TicketView:
    """Raises RelevoError: ``not-found``."""
    found = find(conn, ticket)
    if found is None:
        raise RelevoError(Code.NOT_FOUND, f"ticket {ticket}")
    return found


def add(conn: Connection, new: TicketNew, *, customer: str, requester: str, now: datetime) -> TicketView:
    """A new row with the next number; the caller writes its event in the same transaction."""
    number = _next_number(conn)
    conn.execute(
        insert(tickets).values(
            number=number,
            title=new.title,
            description=new.description,
            state=State.NEW.value,
            customer=customer,
            agent=new.agent,
            requester=requester,
            tier=FIRST_TIER,
            impact=new.impact,
            urgency=new.urgency,
            created=now,
            updated=now,
            version=1,
        )
    )
    return load(conn, id_of(number))


class Changes(NamedTuple):
    """What a transition sets besides the state; None leaves a column as it is."""

    tier: int | None = None
    assignee: str | None = None
    resolution: str | None = None
    cause: str | None = None
    resolved_by_tier: int | None = None
    article: str | None = None
    no_article_reason: str | None = None
    reopened: bool = False


def change(conn: Connection, before: TicketView, state: State, changes: Changes, now: datetime) -> TicketView:
    """Store the next version of ``before``.

    Raises:
        RelevoError: ``stale-version`` if the row is no longer what ``before`` says.
    """
    values: dict[str, Any] = {k: v for k, v in changes._asdict().items() if v is not None and k != "reopened"}
    if changes.reopened:
        values["reopen_count"] = tickets.c.reopen_count + 1
    done = conn.execute(
        update(tickets)
        .where(tickets.c.number == number_of(before.ticket), tickets.c.version == before.version)
        .values(state=state.value, updated=now, version=before.version + 1, **values)
    )
    if done.rowcount != 1:
        raise RelevoError(Code.STALE_VERSION, before.ticket)
    return load(conn, before.ticket)


def touch(conn: Connection, before: TicketView, now: datetime) -> TicketView:
    """A new version with nothing but the time changed."""
    return change(conn, before, before.state, Changes(), now)


def page(
    conn: Connection, conditions: Sequence[ColumnElement[bool]], before: int | None, limit: int
) -> list[TicketView]:
    """Tickets from the newest on, below number ``before``."""
    wanted = select(tickets).where(*conditions)
    if before is not None:
        wanted = wanted.where(tickets.c.number < before)
    return [view(row) for row in conn.execute(wanted.order_by(tickets.c.number.desc()).limit(limit)).all()]


def open_count(conn: Connection, agent: str, most: int) -> int:
    """How many open tickets this machine has, counted up to ``most``."""
    states = [state.value for state in OPEN_STATES]
    wanted = select(tickets.c.number).where(tickets.c.agent == agent, tickets.c.state.in_(states))
    return len(conn.execute(wanted.limit(most)).all())


def _next_number(conn: Connection) -> int:
    name = "ticket"
    done = conn.execute(update(counters).where(counters.c.name == name).values(value=counters.c.value + 1))
    if done.rowcount == 0:
        conn.execute(insert(counters).values(name=name, value=1))
    number: int = conn.execute(select(counters.c.value).where(counters.c.name == name)).scalar_one()
    return number
