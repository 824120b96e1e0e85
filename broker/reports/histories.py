"""Histories of tickets from the database, and what is made of them, block by block: see ``shapes``."""

from __future__ import annotations

import enum
import json
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Select, bindparam, func, select, type_coerce

from broker.reports.attainment import Kept, kept
from broker.reports.backlog import Only
from broker.reports.cases import Case, Ticket
from broker.reports.figures import Period
from broker.reports.shapes import Shapes, look, shape
from broker.sla.promises import TIERS, Promises
from broker.store.ticket_tables import ticket_events, tickets
from protocol import sla
from protocol.audit import Action
from protocol.calendars import Hours
from protocol.tickets import State

TICKETS_AT_ONCE = 500
"""In one read, with their events: some 10 ms."""
_NOTHING = sla.Targets()
_STATES = {state.value: state for state in State}
Query = Select[*tuple[Any, ...]]


class Block(NamedTuple):
    """Some tickets of a report. ``everything``: before the filters by tier and priority, which for a backlog
    hold at its moment; ``kept``: their clocks."""

    everything: list[Case]
    cases: list[Case]
    kept: list[Kept]


class Clocks(enum.Enum):
    """Which clocks a report is about."""

    SLA = "sla"
    OLA = "ola"


_ANY_TARGET = {
    Clocks.SLA: sla.Targets(first_response=1, resolution=1, next_response=1),
    Clocks.OLA: sla.Targets(ola=dict.fromkeys(TIERS, 1)),
}


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


def histories(conn: Connection, numbers: Sequence[int]) -> tuple[Sequence[Any], Sequence[Any]]:
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


class Making:
    """From rows to blocks."""

    def __init__(
        self,
        period: Period,
        only: Only,
        promises: Promises,
        clocks: Clocks | None,
        take: Callable[[Block], object],
        *,
        stays: bool,
    ) -> None:
        """Args:
        only: the filters by which ``Block.cases`` are picked from ``Block.everything``.
        clocks: which clocks are wanted too.
        take: is to keep little of what it gets.
        stays: whether cases have them.
        """
        self._period, self._only, self._promises = period, only, promises
        self._clocks, self._take = clocks, take
        self._shapes = Shapes(sla.Targets() if clocks is None else _ANY_TARGET[clocks], stays=stays)
        self._terms: dict[tuple[str, int], _Terms | None] = {}
        self._same: dict[Hashable, int] = {}
        self.tickets = 0
        self.customers: set[str] = set()

    def block(self, heads: Sequence[Any], rows: Sequence[Any]) -> None:
        """As ``histories`` gives them."""
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
        if self._only.tier not in (None, ticket.tier) or self._only.priority not in (None, ticket.priority):
            return
        found.cases.append(case)
        self.tickets += 1
        self.customers.add(ticket.customer)
        if self._clocks is None:
            return
        if times[-1] >= self._period.until:
            before = [place for place, moment in enumerate(at) if moment < self._period.until]
            told, times = shape(tuple([looks[i] for i in before]), [at[i] for i in before])
        terms = self._terms_of(ticket.customer, ticket.priority)
        if times and terms is not None:
            period, promised = self._period, self._shapes.promised(told, terms.targets, terms.same)
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
