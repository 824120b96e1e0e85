"""Figures of tickets that were opened or resolved in a period: pure functions of cases (docs/reports.md).

A ticket counts as resolved in the period in which it was resolved *for the first time*, so that it counts
once and in the same period for ever. Cancelled and merged tickets are not among the cases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def mtta(cases: Sequence[Case], period: Period, hours_of: HoursOf, group: Group = ()) -> list[Figure]:
    """From the opening of the tickets opened in the period until a technician took each up."""
    spans = [
        (case.ticket.customer, ((case.ticket.created, case.acknowledged),))
        for case in cases
        if period.holds(case.ticket.created) and case.acknowledged is not None
    ]
    return _lasted(Metric.MTTA, spans, hours_of, group)


def mttr(cases: Sequence[Case], period: Period, hours_of: HoursOf, group: Group = ()) -> list[Figure]:
    """From the opening to the latest resolution of the tickets resolved in the period that are not open
    again, without the time that they rested as resolved."""
    spans = [
        (case.ticket.customer, _worked(case, case.settled))
        for case in resolved_in(cases, period)
        if case.settled is not None
    ]
    return _lasted(Metric.MTTR, spans, hours_of, group)


Spans = tuple[tuple[int, int], ...]


def _worked(case: Case, settled: int) -> Spans:
    found, since = [], case.ticket.created
    for rest, again in case.rested:
        found.append((since, rest))
        since = again
    return (*found, (since, settled))


def _lasted(
    metric: Metric, spans: Sequence[tuple[str, Spans]], hours_of: HoursOf, group: Group
) -> list[Figure]:
    wall = [sum(max(0, end - start) for start, end in parts) / MINUTE_US for _, parts in spans]
    business = []
    for customer, parts in spans:
        hours = hours_of(customer)
        if hours is not None:
            business.append(sum(hours.open_us(start, end) for start, end in parts) / MINUTE_US)
    return [
        *times(metric, Unit.MINUTES, wall, group),
        *times(metric, Unit.BUSINESS_MINUTES, business, group),
    ]
