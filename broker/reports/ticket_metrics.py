"""Figures of tickets that were opened or resolved in a period: pure functions of cases (docs/reports.md).

A ticket counts as resolved in the period in which it was resolved *for the first time*, so that it counts
once and in the same period for ever. Cancelled and merged tickets are not among the cases.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from broker.reports.cases import Case
from broker.reports.figures import MINUTE_US, Group, Period, count, label, share, split, times
from protocol.calendars import Hours
from protocol.reports import Dimension, Figure, Metric, Unit

FIRST_TIER = 1
HoursOf = Callable[[str], Hours | None]
"""A customer's business hours; None where its calendar is broken: no business minutes then."""


def resolved_in(cases: Sequence[Case], period: Period) -> list[Case]:
    return [case for case in cases if period.holds(case.resolved)]


def fcr(cases: Sequence[Case], period: Period, group: Group = ()) -> Figure:
    """First contact resolution."""
    able = [case for case in resolved_in(cases, period) if case.resolvable_at_first]
    good = [case for case in able if case.contacts == 1 and not case.passed and not case.reopened]
    return share(Metric.FCR, len(good), len(able), group)


def flr(cases: Sequence[Case], period: Period, group: Group = ()) -> Figure:
    """First level resolution."""
    done = resolved_in(cases, period)
    good = [case for case in done if case.ticket.resolved_by_tier == FIRST_TIER and not case.passed]
    return share(Metric.FLR, len(good), len(done), group)


def escalation_rate(cases: Sequence[Case], period: Period, group: Group = ()) -> Figure:
    done = resolved_in(cases, period)
    return share(Metric.ESCALATION_RATE, sum(bool(case.passed) for case in done), len(done), group)


def reopen_rate(cases: Sequence[Case], period: Period, group: Group = ()) -> Figure:
    done = resolved_in(cases, period)
    return share(Metric.REOPEN_RATE, sum(case.reopened > 0 for case in done), len(done), group)


def bounce_rate(cases: Sequence[Case], period: Period) -> list[Figure]:
    """Overall, then for each pair of tiers."""
    passed = [one for case in cases for one in case.passed if period.holds(one.at)]
    found = [share(Metric.BOUNCE_RATE, sum(one.returned for one in passed), len(passed))]
    for (low, high), ones in split(passed, lambda one: (one.from_tier, one.to_tier)).items():
        group = (*label(Dimension.TIER, low), *label(Dimension.TO_TIER, high))
        found.append(share(Metric.BOUNCE_RATE, sum(one.returned for one in ones), len(ones), group))
    return found


def resolved_by_tier(cases: Sequence[Case], period: Period) -> list[Figure]:
    done = split(resolved_in(cases, period), lambda case: case.ticket.resolved_by_tier or 0)
    return [
        count(Metric.RESOLVED, Unit.TICKETS, len(ones), label(Dimension.TIER, tier))
        for tier, ones in done.items()
    ]


Spans = tuple[tuple[int, int], ...]


def taken_up(case: Case, period: Period) -> Spans | None:
    """From the opening in the period until a technician took the ticket up."""
    if case.acknowledged is None or not period.holds(case.ticket.created):
        return None
    return ((case.ticket.created, case.acknowledged),)


def restored(case: Case, period: Period) -> Spans | None:
    """From the opening to the latest resolution of a ticket resolved in the period that is not open again,
    without the time that it rested as resolved."""
    if case.settled is None or not period.holds(case.resolved):
        return None
    found, since = [], case.ticket.created
    for rest, again in case.rested:
        found.append((since, rest))
        since = again
    return (*found, (since, case.settled))


class Lasting:
    """How long something lasted, in minutes that passed and in business minutes, by priority."""

    def __init__(
        self,
        metric: Metric,
        lasted: Callable[[Case, Period], Spans | None],
        period: Period,
        hours_of: HoursOf,
    ) -> None:
        self._metric, self._lasted, self._period, self._hours_of = metric, lasted, period, hours_of
        # Numbers without an object each: a report may hold half a million of each kind.
        self._wall: dict[int, array[float]] = {}
        self._business: dict[int, array[float]] = {}

    def add(self, cases: Iterable[Case]) -> None:
        period, lasted, hours_of, held = self._period, self._lasted, self._hours_of, self._wall
        for case in cases:
            priority = case.ticket.priority
            if priority not in held:
                held[priority], self._business[priority] = array("d"), array("d")
            spans = lasted(case, period)
            if spans is None:
                continue
            wall = business = 0
            hours = hours_of(case.ticket.customer)
            for start, end in spans:
                if start < end:
                    wall += end - start
                    if hours is not None:
                        business += hours.open_us(start, end)
            held[priority].append(wall / MINUTE_US)
            if hours is not None:
                self._business[priority].append(business / MINUTE_US)

    def overall(self) -> list[Figure]:
        every = [list(chain.from_iterable(held.values())) for held in (self._wall, self._business)]
        return self._figures(every[0], every[1], ())

    def figures(self) -> list[Figure]:
        """Of all, then by the priorities of all tickets."""
        found = self.overall()
        for priority in sorted(self._wall, key=str):
            group = label(Dimension.PRIORITY, priority)
            found += self._figures(self._wall[priority], self._business[priority], group)
        return found

    def _figures(self, wall: Sequence[float], business: Sequence[float], group: Group) -> list[Figure]:
        return [
            *times(self._metric, Unit.MINUTES, wall, group),
            *times(self._metric, Unit.BUSINESS_MINUTES, business, group),
        ]


def mtta(cases: Iterable[Case], period: Period, hours_of: HoursOf) -> list[Figure]:
    """As ``taken_up``, over all."""
    lasting = Lasting(Metric.MTTA, taken_up, period, hours_of)
    lasting.add(cases)
    return lasting.overall()


def mttr(cases: Iterable[Case], period: Period, hours_of: HoursOf) -> list[Figure]:
    """As ``restored``, over all."""
    lasting = Lasting(Metric.MTTR, restored, period, hours_of)
    lasting.add(cases)
    return lasting.overall()
