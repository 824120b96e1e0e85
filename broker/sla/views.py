"""Clocks in answers: on every ticket view, by due time in lists, explained one by one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
import structlog
from sqlalchemy import ColumnElement, Connection, and_, or_, select

from broker.calls import Call
from broker.context import Broker
from broker.guests import require_ticket_visible
from broker.sla import keeper
from broker.sla.clocks import Subject, clocks_of, shown
from broker.store.sla_tables import sla_due
from broker.store.ticket_tables import tickets
from broker.tickets import rows
from protocol.api import Tickets, TicketView
from protocol.calendars import Calendar, from_us, to_us
from protocol.errors import Code, RelevoError
from protocol.sla import Clock
from protocol.sla_views import SlaExplained, trace, view

V = TypeVar("V", bound=TicketView)
MAX_CLOSED_DAYS = 100
_CURSOR = re.compile(r"([0-9]{1,18})\.([1-9][0-9]{0,11})")
_log = structlog.get_logger("broker.sla")


def subject_of(ticket: TicketView) -> Subject:
    return Subject(rows.number_of(ticket.ticket), ticket.customer, ticket.priority)


def with_clocks(broker: Broker, conn: Connection, found: Sequence[V]) -> tuple[V, ...]:
    """The same views with their clocks at this moment; one query for all of them."""
    organisation = broker.organisation.current
    if organisation is None or not found:
        return tuple(found)
    promises = broker.promises.of(organisation.desk)
    clocks = clocks_of(conn, promises, [subject_of(ticket) for ticket in found], broker.clock())
    return tuple(_with(ticket, clocks[rows.number_of(ticket.ticket)]) for ticket in found)


def with_clock(broker: Broker, conn: Connection, ticket: V) -> V:
    """``with_clocks`` of one."""
    return with_clocks(broker, conn, [ticket])[0]


def _with(ticket: V, clocks: Sequence[Clock]) -> V:
    if not clocks:
        return ticket
    sla = tuple(view(clock) for clock in shown(clocks, ticket.tier))
    return msgspec.structs.replace(ticket, sla=sla)


# --- lists by due time -----------------------------------------------------------------------------


def wants_due(call: Call) -> bool:
    """``sort=due`` or ``breached=true``. Raises RelevoError: ``usage`` for another sort."""
    sort, breached = call.query("sort"), call.query("breached")
    if sort not in (None, "new", "due") or breached not in (None, "true"):
        raise RelevoError(Code.USAGE, "sort is new or due; breached is true")
    return sort == "due" or breached is not None


async def list_by_due(
    broker: Broker, call: Call, conditions: Sequence[ColumnElement[bool]], limit: int
) -> Tickets:
    """Open tickets with a running clock, the most urgent first; with ``breached`` only the late ones.

    Raises:
        RelevoError: ``usage`` for an ``after`` that no page gave.
    """
    try:
        await keeper.catch_up(broker)
    except RelevoError as error:
        # Looking must work while nothing can be written; the order may be a little old then.
        _log.warning("list-not-fresh", code=error.code.value)
    where = list(conditions)
    if call.query("breached") is not None:
        where.append(sla_due.c.breaches <= broker.clock())
    after = call.query("after")
    if after is not None:
        where.append(_behind(after))

    def query(conn: Connection) -> Tickets:
        wanted = (
            select(tickets, sla_due.c.due.label("due_at"))
            .join(sla_due, sla_due.c.ticket == tickets.c.number)
            .where(sla_due.c.due.is_not(None), *where)
            .order_by(sla_due.c.due, sla_due.c.ticket)
            .limit(limit + 1)
        )
        found = conn.execute(wanted).all()
        page = found[:limit]
        last = page[-1] if len(found) > limit else None
        return Tickets(
            rows=with_clocks(broker, conn, [rows.view(row) for row in page]),
            next=None if last is None else f"{to_us(last.due_at)}.{last.number}",
        )

    return await broker.store.read(query)


def _behind(cursor: str) -> ColumnElement[bool]:
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise RelevoError(Code.USAGE, f"not a page of this list: {cursor[:40]!r}")
    due, number = from_us(int(found[1])), int(found[2])
    return or_(sla_due.c.due > due, and_(sla_due.c.due == due, sla_due.c.ticket > number))


# --- explained --------------------------------------------------------------------------------------


async def explain_ticket(broker: Broker, call: Call) -> SlaExplained:
    """``GET /v1/tickets/{ticket}/sla``: every clock and how it came about.

    Raises:
        RelevoError: ``not-found``, also for what one may not see; ``parameter-invalid`` while the
            customer's calendar cannot be computed with.
    """
    who, wanted = call.who, call.param("ticket")
    desk = broker.organisation.require().desk
    promises = broker.promises.of(desk)

    def query(conn: Connection) -> SlaExplained:
        ticket, now = rows.load(conn, wanted), broker.clock()
        call.about.ticket, call.about.customer = ticket.ticket, ticket.customer
        number = rows.number_of(wanted)
        require_ticket_visible(conn, who.person, ticket.customer, number, now)
        hours = promises.hours(ticket.customer)
        if hours is None:
            raise RelevoError(Code.PARAMETER_INVALID, f"the calendar of {ticket.customer} is broken")
        found = clocks_of(conn, promises, [subject_of(ticket)], now)[number]
        return SlaExplained(
            ticket=ticket.ticket,
            customer=ticket.customer,
            priority=ticket.priority,
            at=now,
            calendar=hours.calendar.id,
            zone=hours.calendar.zone,
            hours=hours.calendar.hours,
            closed=_special_days(hours.calendar, found, now),
            clocks=tuple(trace(clock) for clock in found),
        )

    return await broker.store.read(query)


def _special_days(calendar: Calendar, clocks: Sequence[Clock], now: datetime) -> tuple[str, ...]:
    """Holidays and exceptions that any of the clocks passed or will pass before it is due."""
    if not clocks:
        return ()
    first = from_us(min(clock.started for clock in clocks)).date()
    last = max(now, *(from_us(clock.due) for clock in clocks if clock.due is not None), now).date()
    found = {day.date: day.name for day in calendar.holidays if first <= day.date <= last}
    for special in calendar.exceptions:
        if first <= special.date <= last:
            found[special.date] = f"{', '.join(special.hours) or '-'} {special.name}"
    lines = [f"{day.isoformat()} {found[day]}".rstrip() for day in sorted(found)]
    return tuple(lines[:MAX_CLOSED_DAYS])
