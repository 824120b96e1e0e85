"""Rows for reports: tickets of the customers that the caller may see, with their events; ratings.

Read-only and in small blocks, on a reader's connection. What a report may cost is bounded by ``Budget``.
"""

from __future__ import annotations

import asyncio
import enum
import json
import time
from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    or_,
    select,
    type_coerce,
)

from broker.reports.attainment import Kept, kept
from broker.reports.cases import Case, Ticket
from broker.reports.figures import Period
from broker.reports.satisfaction import Rating
from broker.reports.shapes import Shapes, look, shape
from broker.sla.promises import TIERS, Promises
from broker.store.desk_tables import ratings
from broker.store.engine import Store
from broker.store.ticket_tables import ticket_events, tickets
from protocol import sla
from protocol.audit import Action
from protocol.calendars import Hours, from_us
from protocol.errors import Code, RelevoError
from protocol.tickets import OPEN_STATES, State

MAX_ROWS = 500_000
"""Of all kinds in one report, events not counted."""
MAX_SECONDS = 60.0
BLOCK = 2_000
TICKETS_AT_ONCE = 500
"""In one read, with their events: some 20 ms."""
_OPEN = [state.value for state in OPEN_STATES]
_NOTHING = sla.Targets()
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


class Block(NamedTuple):
    """Some tickets of a report. ``everything``: before the filters by tier and priority, which for a backlog
    hold at its moment; ``kept``: their clocks."""

    everything: list[Case]
    cases: list[Case]
    kept: list[Kept]


class Seen(NamedTuple):
    """Of all blocks together."""

    tickets: int
    customers: frozenset[str]


def _conditions(wanted: Wanted, whatever: bool) -> list[ColumnElement[bool]]:
    """Tickets that anything happened to in the period, or that were open at its end."""
    t, period = tickets.c, wanted.period
    return [
        *(replace(wanted, tier=None, priority=None) if whatever else wanted).of_ticket(),
        t.created < from_us(period.until),
        or_(t.updated >= from_us(period.since), t.state.in_(_OPEN)),
    ]


class Clocks(enum.Enum):
    """Which clocks a report is about."""

    SLA = "sla"
    OLA = "ola"


_ANY_TARGET = {
    Clocks.SLA: sla.Targets(first_response=1, resolution=1, next_response=1),
    Clocks.OLA: sla.Targets(ola=dict.fromkeys(TIERS, 1)),
}


async def load_tickets(
    reader: Reader,
    wanted: Wanted,
    promises: Promises,
    clocks: Clocks | None,
    take: Callable[[Block], object],
    *,
    whatever: bool = False,
) -> Seen:
    """Hand the tickets of a report to ``take``, block by block and never two at a time.

    Args:
        clocks: which clocks are wanted too.
        take: called in a thread; it is to keep little of what it gets.
        whatever: tickets of every tier and priority are among ``Block.everything``, with their stays, which
            other cases do not have.

    Raises:
        RelevoError: as ``Reader.rows``.
    """
    touched = select(tickets.c.number).where(*_conditions(wanted, whatever))
    numbers = await reader.store.read(lambda conn: array("q", conn.execute(touched).scalars()))
    reader.budget.spend(len(numbers))
    ordered = await asyncio.to_thread(lambda: array("q", sorted(numbers)))
    making = _Making(wanted, promises, clocks, take, stays=whatever)
    making.block((), ())  # where there is no ticket at all, figures are to say so
    for first in range(0, len(ordered), TICKETS_AT_ONCE):
        some = ordered[first : first + TICKETS_AT_ONCE].tolist()
        heads, events = await reader.store.read(lambda conn, some=some: _histories(conn, some))  # type: ignore[misc]
        reader.budget.spend(0)
        # The pure part is long work for the processor: other requests go on beside it.
        await asyncio.to_thread(making.block, heads, events)
    return Seen(making.tickets, frozenset(making.customers))


_t, _e = tickets.c, ticket_events.c
_NUMBERS = select(func.json_each(bindparam("numbers")).table_valued("value").c.value)
_HEADS = select(
    _t.number, _t.customer, _t.category, _t.agent, _t.state, _t.tier, _t.priority,
    type_coerce(_t.created, BigInteger), _t.resolved_by_tier, _t.article,
).where(_t.number.in_(_NUMBERS)).order_by(_t.number)  # fmt: skip
_HAPPENED = (
    select(_e.ticket, type_coerce(_e.at, BigInteger), look())
    .where(_e.ticket.in_(_NUMBERS), _e.kind != Action.TICKET_NOTICE.value)
    .order_by(_e.ticket, _e.log_index)
)


def _histories(conn: Connection, numbers: Sequence[int]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Both in the order of the tickets' numbers."""
    return _plain(conn, _HEADS, numbers), _plain(conn, _HAPPENED, numbers)


def _plain(conn: Connection, query: Query, numbers: Sequence[int]) -> Sequence[Any]:
    """Rows as the driver makes them: what SQLAlchemy makes of nearly a million costs as much as to look at."""
    cursor = conn.execute(query, {"numbers": json.dumps(numbers)}).cursor
    assert cursor is not None  # noqa: S101 - a SELECT has one
    return cursor.fetchall()


class _Terms(NamedTuple):
    """What is promised to a customer at a priority. ``same``: one number for equal targets."""

    hours: Hours
    targets: sla.Targets
    same: int


class _Making:
    """From rows to blocks."""

    def __init__(
        self,
        wanted: Wanted,
        promises: Promises,
        clocks: Clocks | None,
        take: Callable[[Block], object],
        *,
        stays: bool,
    ) -> None:
        self._wanted, self._promises, self._clocks, self._take = wanted, promises, clocks, take
        self._shapes = Shapes(sla.Targets() if clocks is None else _ANY_TARGET[clocks], stays=stays)
        self._terms: dict[tuple[str, int], _Terms | None] = {}
        self._same: dict[Hashable, int] = {}
        self.tickets = 0
        self.customers: set[str] = set()

    def block(self, heads: Sequence[Any], rows: Sequence[Any]) -> None:
        """As ``_histories`` gives them."""
        found = Block([], [], [])
        numbers, every_time, looks = zip(*rows, strict=True) if rows else ((), (), ())
        how_many, first = Counter(numbers), 0
        for number, customer, category, agent, state, tier, priority, created, by, article in heads:
            last = first + how_many[number]
            if first < last:
                ticket = Ticket(
                    number, customer, category, agent, _STATES[state], tier, priority, created, by, article
                )
                self._add(found, ticket, looks[first:last], every_time[first:last])
            first = last
        self._take(found)

    def _add(self, found: Block, ticket: Ticket, looks: tuple[str, ...], at: Sequence[int]) -> None:
        told, times = shape(looks, at)
        case = self._shapes.case(ticket, told, times)
        found.everything.append(case)
        if not self._wanted.passes(ticket):
            return
        found.cases.append(case)
        self.tickets += 1
        self.customers.add(ticket.customer)
        if self._clocks is None:
            return
        if times[-1] >= self._wanted.period.until:
            before = [place for place, moment in enumerate(at) if moment < self._wanted.period.until]
            told, times = shape(tuple([looks[i] for i in before]), [at[i] for i in before])
        terms = self._terms_of(ticket.customer, ticket.priority)
        if times and terms is not None:
            period, promised = self._wanted.period, self._shapes.promised(told, terms.targets, terms.same)
            found.kept.extend(kept(promised, (*times, period.until), period, terms.hours, ticket.priority))

    def _terms_of(self, customer: str, priority: int) -> _Terms | None:
        """None where nothing is promised."""
        if (customer, priority) in self._terms:
            return self._terms[customer, priority]
        hours, targets = self._promises.hours(customer), self._promises.targets(customer, priority)
        found = None
        if hours is not None and targets != _NOTHING:
            said = (*targets[:3], *sorted(targets.ola.items()))
            found = _Terms(hours, targets, self._same.setdefault(said, len(self._same)))
        self._terms[customer, priority] = found
        return found


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
