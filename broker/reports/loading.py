"""Rows for reports: tickets of the customers that the caller may see, with their events; ratings.

Read-only and in small blocks, on a reader's connection. What a report may cost is bounded by ``Budget``.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, or_, select, type_coerce

from broker.reports.counting import HOW, About, Counted, Counting, Order
from broker.reports.figures import Period
from broker.reports.histories import TICKETS_AT_ONCE, histories
from broker.reports.process import counted_apart
from broker.reports.satisfaction import Rating
from broker.sla.promises import Promises
from broker.store.desk_tables import ratings
from broker.store.engine import Store
from broker.store.ticket_tables import tickets
from protocol.calendars import from_us
from protocol.desk import Desk
from protocol.errors import Code, RelevoError
from protocol.reports import ReportName
from protocol.tickets import OPEN_STATES, State

MAX_ROWS = 500_000
"""Of all kinds in one report, events not counted."""
MAX_SECONDS = 60.0
BLOCK = 2_000
APART_FROM = 2_000
"""So many tickets are counted in a process of their own. Fewer take less time than it takes to start."""
_OPEN = [state.value for state in OPEN_STATES]
Query = Select[*tuple[Any, ...]]


class Budget:
    """What one report may cost."""

    def __init__(self, seconds: float = MAX_SECONDS, rows: int = MAX_ROWS) -> None:
        self._ends = time.monotonic() + seconds
        self._rows = rows

    @property
    def left(self) -> float:
        """Seconds."""
        return self._ends - time.monotonic()

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
    apart_from: int = APART_FROM

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


def _conditions(wanted: Wanted, whatever: bool) -> list[ColumnElement[bool]]:
    """Tickets that anything happened to in the period, or that were open at its end."""
    t, period = tickets.c, wanted.period
    return [
        *(replace(wanted, tier=None, priority=None) if whatever else wanted).of_ticket(),
        t.created < from_us(period.until),
        or_(t.updated >= from_us(period.since), t.state.in_(_OPEN)),
    ]


async def load_tickets(
    reader: Reader, wanted: Wanted, desk: Desk, promises: Promises, name: ReportName
) -> Counted:
    """What there is to say of the tickets of the report ``name``.

    Args:
        promises: of ``desk``.

    Raises:
        RelevoError: as ``Reader.rows`` and ``process.counted_apart``.
    """
    touched = select(tickets.c.number).where(*_conditions(wanted, HOW[name].whatever))
    numbers = await reader.store.read(lambda conn: array("q", conn.execute(touched).scalars()))
    reader.budget.spend(len(numbers))
    ordered = await asyncio.to_thread(sorted, numbers)
    about = About(name=name, period=wanted.period, tier=wanted.tier, priority=wanted.priority)
    if len(ordered) >= reader.apart_from:
        order = Order(about=about, desk=desk, url=reader.store.url, numbers=tuple(ordered))
        return await counted_apart(order, reader.budget.left)
    counting = Counting(about, promises)
    for first in range(0, len(ordered), TICKETS_AT_ONCE):
        some = ordered[first : first + TICKETS_AT_ONCE]
        heads, events = await reader.store.read(lambda conn, some=some: histories(conn, some))  # type: ignore[misc]
        reader.budget.spend(0)
        # The pure part is long work for the processor: other requests go on beside it.
        await asyncio.to_thread(counting.block, heads, events)
    return await asyncio.to_thread(counting.counted)


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
