"""Tickets in the store: the row and the view of it."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from broker.store.ticket_tables import counters, tickets
from protocol.api import TicketNew, TicketView
from protocol.desk import FALLBACK_QUEUE
from protocol.errors import Code, RelevoError
from protocol.escalation import HandBack
from protocol.tickets import OPEN_STATES, CauseCode, PendingReason, State
from protocol.wire import from_json, to_json

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
        priority=row.priority,
        created=row.created,
        updated=row.updated,
        version=row.version,
        resolution=row.resolution,
        cause=CauseCode(row.cause) if row.cause else None,
        resolved_by_tier=row.resolved_by_tier,
        resolved=row.resolved,
        closed=row.closed,
        article=row.article,
        no_article_reason=row.no_article_reason,
        hand_back=from_json(row.hand_back, HandBack) if row.hand_back else None,
        reopen_count=row.reopen_count,
        category=row.category,
        queue=row.queue,
        language=row.language,
        channel=row.channel,
        priority_reason=row.priority_reason,
        pending_reason=PendingReason(row.pending_reason) if row.pending_reason else None,
        resume_at=row.resume_at,
        follow_up_of=id_of(row.follow_up_of) if row.follow_up_of else None,
        merged_into=id_of(row.merged_into) if row.merged_into else None,
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


class Placed(NamedTuple):
    """What a new ticket has besides the words of whoever opens it."""

    customer: str
    requester: str
    priority: int
    language: str
    channel: str
    queue: str = FALLBACK_QUEUE


def add(conn: Connection, new: TicketNew, placed: Placed, now: datetime) -> TicketView:
    """A new row with the next number; the caller writes its event in the same transaction."""
    number = next_number(conn, "ticket")
    conn.execute(
        insert(tickets).values(
            number=number,
            title=new.title,
            description=new.description,
            state=State.NEW.value,
            customer=placed.customer,
            agent=new.agent,
            requester=placed.requester,
            tier=FIRST_TIER,
            impact=new.impact,
            urgency=new.urgency,
            priority=placed.priority,
            category=new.category,
            queue=placed.queue,
            language=placed.language,
            channel=placed.channel,
            follow_up_of=number_of(new.follow_up_of) if new.follow_up_of else None,
            created=now,
            updated=now,
            version=1,
        )
    )
    return load(conn, id_of(number))


class Unset(enum.Enum):
    """``Changes`` in which a column is emptied, as opposed to left as it is."""

    UNSET = "unset"


UNSET = Unset.UNSET


class Changes(NamedTuple):
    """What an event sets besides the state. None leaves a column as it is, ``UNSET`` empties it."""

    tier: int | None = None
    assignee: str | Unset | None = None
    queue: str | None = None
    impact: int | None = None
    urgency: int | None = None
    priority: int | None = None
    priority_reason: str | Unset | None = None
    category: str | None = None
    language: str | None = None
    pending_reason: str | Unset | None = None
    resume_at: datetime | Unset | None = None
    resolution: str | None = None
    cause: str | None = None
    resolved_by_tier: int | None = None
    resolved: datetime | Unset | None = None
    closed: datetime | None = None
    article: str | Unset | None = None
    no_article_reason: str | Unset | None = None
    hand_back: HandBack | Unset | None = None
    merged_into: str | None = None
    reopened: bool = False

    def values(self) -> dict[str, Any]:
        """Columns and what they become."""
        found = {
            name: None if value is UNSET else value
            for name, value in self._asdict().items()
            if value is not None and name != "reopened"
        }
        if isinstance(self.hand_back, HandBack):
            found["hand_back"] = to_json(self.hand_back)
        if self.merged_into is not None:
            found["merged_into"] = number_of(self.merged_into)
        if self.reopened:
            found["reopen_count"] = tickets.c.reopen_count + 1
        return found


def change(conn: Connection, before: TicketView, state: State, changes: Changes, now: datetime) -> TicketView:
    """Store the next version of ``before``.

    Raises:
        RelevoError: ``stale-version`` if the row is no longer what ``before`` says.
    """
    done = conn.execute(
        update(tickets)
        .where(tickets.c.number == number_of(before.ticket), tickets.c.version == before.version)
        .values(state=state.value, updated=now, version=before.version + 1, **changes.values())
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


def next_number(conn: Connection, name: str) -> int:
    """The next number of a counter; in the transaction that uses it."""
    done = conn.execute(update(counters).where(counters.c.name == name).values(value=counters.c.value + 1))
    if done.rowcount == 0:
        conn.execute(insert(counters).values(name=name, value=1))
    number: int = conn.execute(select(counters.c.value).where(counters.c.name == name)).scalar_one()
    return number
