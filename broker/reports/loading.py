"""Rows for reports: tickets of the customers that the caller may see, with their events; ratings.

Read-only and in small blocks, on a reader's connection. What a report may cost is bounded by ``Budget``.
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, or_, select, type_coerce

from broker.reports.attainment import Kept, counted
from broker.reports.cases import Case, Event, Ticket, derive
from broker.reports.figures import Period
from broker.reports.satisfaction import Rating
from broker.sla.clocks import mark_of
from broker.sla.promises import Promises
from broker.store.desk_tables import ratings
from broker.store.engine import Store
from broker.store.ticket_tables import ticket_events, tickets
from protocol import sla
from protocol.audit import Action
from protocol.calendars import from_us
from protocol.errors import Code, RelevoError
from protocol.tickets import OPEN_STATES, State

MAX_ROWS = 500_000
"""Of all kinds in one report, events not counted: about 2 GB of memory here."""
MAX_SECONDS = 60.0
BLOCK = 2_000
TICKETS_AT_ONCE = 500
"""In one read, with their events: some 20 ms."""
_OPEN = [state.value for state in OPEN_STATES]
_STATES = {state.value: state for state in State}
Query = Select[*tuple[Any, ...]]


class Budget:
    """What one report may cost."""

    def __init__(self, seconds: float = MAX_SECONDS, rows: int = MAX_ROWS) -> None:
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
class Reader:
    """Many short reads instead of a long one: on a rollback journal a writer waits for every reader.

    A report is therefore no snapshot. Each ticket is seen whole at one moment, and what happens while the
    report is made lies after its period's end or was cut off by it.
    """

    store: Store
    budget: Budget

    async def rows(self, wanted: Query, key: ColumnElement[Any]) -> list[Any]:
        """All rows of ``wanted`` in the order of ``key``, a unique column that no row changes.

        Raises:
            RelevoError: as ``Budget.spend`` and ``Store.read``.
        """
        found: list[Any] = []
        keyed = wanted.add_columns(key.label("page_key")).order_by(key).limit(BLOCK)
        page = keyed
        while True:
            rows = await self.store.read(lambda conn, page=page: conn.execute(page).all())  # type: ignore[misc]
            self.budget.spend(len(rows))
            found += rows
            if len(rows) < BLOCK:
                return found
            page = keyed.where(key > rows[-1].page_key)


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
    customers: set[str]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Tickets that anything happened to in the period, or that were open at its end."""
    t, period = tickets.c, wanted.period
    return [
        *replace(wanted, tier=None, priority=None).of_ticket(),
        t.created < from_us(period.until),
        or_(t.updated >= from_us(period.since), t.state.in_(_OPEN)),
    ]


async def load_tickets(reader: Reader, wanted: Wanted, promises: Promises | None, clocks: Clocks) -> Tickets:
    """Args:
    promises: for their clocks; None: no report of them is wanted.
    clocks: which of them.

    Raises:
        RelevoError: as ``Reader.rows``.
    """
    touched = select(tickets.c.number).where(*_conditions(wanted))
    numbers = sorted(await reader.store.read(lambda conn: conn.execute(touched).scalars().all()))
    reader.budget.spend(len(numbers))
    found = Tickets([], [], [], set())
    for first in range(0, len(numbers), TICKETS_AT_ONCE):
        some = numbers[first : first + TICKETS_AT_ONCE]
        heads, events = await reader.store.read(lambda conn, some=some: _histories(conn, some))  # type: ignore[misc]
        reader.budget.spend(0)
        # The pure part is long work for the processor: other requests go on beside it.
        await asyncio.to_thread(_take, found, wanted, heads, events, promises, clocks)
    return found


class Clocks(enum.Enum):
    """Which clocks a report is about."""

    SLA = "sla"
    OLA = "ola"


def _histories(conn: Connection, numbers: Sequence[int]) -> tuple[Sequence[Any], Sequence[Any]]:
    t, e = tickets.c, ticket_events.c
    heads = select(
        t.number, t.customer, t.category, t.agent, t.state, t.tier, t.priority,
        type_coerce(t.created, BigInteger), t.resolved_by_tier, t.article,
    ).where(t.number.in_(numbers))  # fmt: skip
    happened = (
        select(
            e.ticket, type_coerce(e.at, BigInteger), e.kind, e.public, e.to_state, e.party, e.reason,
            e.tier, e.priority,
        )
        .where(e.ticket.in_(numbers), e.kind != Action.TICKET_NOTICE.value)
        .order_by(e.ticket, e.log_index)
    )  # fmt: skip
    return conn.execute(heads).all(), conn.execute(happened).all()


def _take(
    found: Tickets,
    wanted: Wanted,
    heads: Sequence[Any],
    rows: Sequence[Any],
    promises: Promises | None,
    clocks: Clocks,
) -> None:
    known = {
        number: Ticket(
            number, customer, category, agent, _STATES[state], tier, priority, created, by, article
        )
        for number, customer, category, agent, state, tier, priority, created, by, article in heads
    }
    for number, group in groupby(rows, itemgetter(0)):
        ticket, events, pending = known[number], [], None
        for _, at, kind, public, to_state, party, reason, tier, priority in group:
            mark = mark_of(pending, at, kind, public, to_state, party, reason, tier)
            pending = mark.pending
            events.append(Event(mark, kind, party, reason, priority))
        case = derive(ticket, events)
        found.everything.append(case)
        if not wanted.passes(ticket):
            continue
        found.cases.append(case)
        found.customers.add(ticket.customer)
        if promises is not None:
            found.kept.extend(_kept(ticket, events, wanted.period, promises, clocks))


def _kept(
    ticket: Ticket, events: Sequence[Event], period: Period, promises: Promises, clocks: Clocks
) -> list[Kept]:
    hours = promises.hours(ticket.customer)
    targets = promises.targets(ticket.customer, ticket.priority)
    targets = targets._replace(ola={}) if clocks is Clocks.SLA else sla.Targets(ola=targets.ola)
    marks = [event.mark for event in events if event.mark.at < period.until]
    if hours is None or targets == sla.Targets() or not marks:
        return []
    return counted(sla.clocks(marks, hours, targets, period.until), ticket.priority, period)


async def load_ratings(reader: Reader, wanted: Wanted) -> list[Rating]:
    """The questions put in the period."""
    t, r, period = tickets.c, ratings.c, wanted.period
    asked = (
        select(type_coerce(r.asked, BigInteger), r.score, t.customer, t.resolved_by_tier)
        .join_from(ratings, tickets, r.ticket == t.number)
        .where(*wanted.of_ticket(), r.asked >= from_us(period.since), r.asked < from_us(period.until))
    )
    rows = await reader.rows(asked, r.ticket)
    return [Rating(at, score, customer, tier or 0) for at, score, customer, tier, _ in rows]
