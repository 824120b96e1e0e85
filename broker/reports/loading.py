"""Rows for reports: tickets of the customers that the caller may see, in one pass over their events.

Read-only, on a reader's connection. What a report may cost is bounded by ``Budget``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, or_, select, type_coerce

from broker.reports.attainment import Kept, counted
from broker.reports.cases import Case, Event, Ticket, derive
from broker.reports.figures import Period
from broker.reports.satisfaction import Rating
from broker.sla.clocks import mark_of
from broker.sla.promises import Promises
from broker.store.desk_tables import ratings
from broker.store.ticket_tables import ticket_events, tickets
from protocol import sla
from protocol.audit import Action
from protocol.calendars import from_us
from protocol.errors import Code, RelevoError
from protocol.tickets import OPEN_STATES, State

MAX_TICKETS = 250_000
"""In one report; about 1 GB of memory and 20 s here. More: a shorter period, or one customer."""
MAX_SECONDS = 25.0
"""Less than ``broker.store.engine.DEADLINE_S``, so that the reader's thread is free again by then."""
_BLOCK = 2_000
_OPEN = [state.value for state in OPEN_STATES]
_STATES = {state.value: state for state in State}
Query = Select[*tuple[Any, ...]]


class Budget:
    """What one report may cost."""

    def __init__(self, seconds: float = MAX_SECONDS, rows: int = MAX_TICKETS) -> None:
        self._ends = time.monotonic() + seconds
        self._rows = rows

    def spend(self, rows: int) -> None:
        """Raises RelevoError: ``too-large``, ``timeout``."""
        self._rows -= rows
        if self._rows < 0:
            raise RelevoError(Code.TOO_LARGE, "too much for one report: a shorter period, or one customer")
        if time.monotonic() > self._ends:
            raise RelevoError(Code.TIMEOUT, "the report takes too long: a shorter period, or one customer")


@dataclass(frozen=True)
class Wanted:
    """What a report is about. ``visible``: makes of a customer column the condition that leaves what the
    caller may see."""

    period: Period
    visible: Callable[[ColumnElement[Any]], ColumnElement[bool]]
    readable: Callable[[str, str, str], bool]
    """Of a known error, a customer and a bundle's clearance: may the caller read of that result?"""
    customer: str | None = None
    tier: int | None = None
    priority: int | None = None
    category: str | None = None

    @property
    def narrowed(self) -> bool:
        """By what only a ticket has."""
        return self.tier is not None or self.priority is not None or self.category is not None

    def of(self, customer: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """The conditions on a customer column of any table."""
        found = [self.visible(customer)]
        return found if self.customer is None else [*found, customer == self.customer]

    def of_ticket(self) -> list[ColumnElement[bool]]:
        """All filters, on ``tickets`` as they are now; cancelled and merged ones are left out."""
        t = tickets.c
        found = [*self.of(t.customer), t.state != State.CANCELLED.value]
        for column, value in ((t.category, self.category), (t.tier, self.tier), (t.priority, self.priority)):
            if value is not None:
                found.append(column == value)
        return found

    def narrow(self, found: Query, ticket: ColumnElement[Any]) -> Query:
        """``found`` with the filters that only tickets have, by its column of ticket numbers."""
        if not self.narrowed:
            return found
        return found.join(tickets, ticket == tickets.c.number).where(*self.of_ticket())

    def passes(self, ticket: Ticket) -> bool:
        """The filters that the database did not apply."""
        return self.tier in (None, ticket.tier) and self.priority in (None, ticket.priority)


class Tickets(NamedTuple):
    """``everything``: before the filters by tier and priority, which for a backlog hold at its moment."""

    everything: list[Case]
    cases: list[Case]
    kept: list[Kept]
    customers: tuple[str, ...]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Tickets that anything happened to in the period, or that were open at its end."""
    t, period = tickets.c, wanted.period
    return [
        *replace(wanted, tier=None, priority=None).of_ticket(),
        t.created < from_us(period.until),
        or_(t.updated >= from_us(period.since), t.state.in_(_OPEN)),
    ]


def load_tickets(conn: Connection, wanted: Wanted, promises: Promises | None, budget: Budget) -> Tickets:
    """Args:
    promises: for their clocks; None: no report of them is wanted.

    Raises:
        RelevoError: as ``Budget.spend``.
    """
    found = Tickets([], [], [], ())
    period, customers = wanted.period, set()
    for ticket, events in _histories(conn, _conditions(wanted), budget):
        case = derive(ticket, events)
        found.everything.append(case)
        if not wanted.passes(ticket):
            continue
        found.cases.append(case)
        customers.add(ticket.customer)
        if promises is None:
            continue
        hours = promises.hours(ticket.customer)
        targets = promises.targets(ticket.customer, ticket.priority)
        if hours is not None and targets != sla.Targets():
            marks = [event.mark for event in events if event.mark.at < period.until]
            clocks = sla.clocks(marks, hours, targets, period.until)
            found.kept.extend(counted(clocks, ticket.priority, period))
    return found._replace(customers=tuple(sorted(customers)))


def _histories(
    conn: Connection, conditions: list[ColumnElement[bool]], budget: Budget
) -> Iterator[tuple[Ticket, list[Event]]]:
    t, e = tickets.c, ticket_events.c
    heads = select(
        t.number, t.customer, t.category, t.agent, t.state, t.tier, t.priority,
        type_coerce(t.created, BigInteger), t.resolved_by_tier, t.article,
    ).where(*conditions)  # fmt: skip
    known: dict[int, Ticket] = {}
    for block in blocks(conn, heads):
        budget.spend(len(block))
        for number, customer, category, agent, state, tier, priority, created, by_tier, article in block:
            known[number] = Ticket(
                number, customer, category, agent, _STATES[state], tier, priority, created, by_tier, article
            )
    happened = (
        select(
            e.ticket, type_coerce(e.at, BigInteger), e.kind, e.public, e.to_state, e.party, e.reason,
            e.tier, e.priority,
        )
        .join_from(tickets, ticket_events, e.ticket == t.number)
        .where(*conditions, e.kind != Action.TICKET_NOTICE.value)
        .order_by(e.ticket, e.log_index)
    )  # fmt: skip
    for number, group in groupby(_rows(conn, happened, budget), itemgetter(0)):
        events: list[Event] = []
        pending = None
        for _, at, kind, public, to_state, party, reason, tier, priority in group:
            mark = mark_of(pending, at, kind, public, to_state, party, reason, tier)
            pending = mark.pending
            events.append(Event(mark, kind, party, reason, priority))
        yield known[number], events


def _rows(conn: Connection, wanted: Query, budget: Budget) -> Iterator[Row[*tuple[Any, ...]]]:
    for block in blocks(conn, wanted):
        budget.spend(0)
        yield from block


def blocks(conn: Connection, wanted: Query) -> Iterator[Sequence[Row[*tuple[Any, ...]]]]:
    with conn.execute(wanted.execution_options(yield_per=_BLOCK)) as result:
        yield from result.partitions(_BLOCK)


def everything(conn: Connection, wanted: Query, budget: Budget) -> Iterator[Row[*tuple[Any, ...]]]:
    """The rows of ``wanted``. Raises RelevoError: as ``Budget.spend``."""
    for block in blocks(conn, wanted):
        budget.spend(len(block))
        yield from block


def load_ratings(conn: Connection, wanted: Wanted, budget: Budget) -> list[Rating]:
    """The questions put in the period."""
    t, r, period = tickets.c, ratings.c, wanted.period
    asked = (
        select(type_coerce(r.asked, BigInteger), r.score, t.customer, t.resolved_by_tier)
        .join_from(ratings, tickets, r.ticket == t.number)
        .where(*wanted.of_ticket(), r.asked >= from_us(period.since), r.asked < from_us(period.until))
    )
    rows = everything(conn, asked, budget)
    return [Rating(at, score, customer, tier or 0) for at, score, customer, tier in rows]
