"""Open tickets at a moment: how many, how old, where they lie. A pure function of cases."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from broker.reports.cases import Case, Stay, at
from broker.reports.figures import Group, count, label, split
from protocol.calendars import from_us
from protocol.reports import Dimension, Figure, Metric, Point, Series, Unit

DAY_US = 86_400_000_000
AGES = (1, 3, 7, 30)
"""Upper bounds of the age buckets in days, not included; the last bucket has none."""
AGE_NAMES = ("0-1d", "1-3d", "3-7d", "7-30d", "30d+")


class Lying(NamedTuple):
    """How a ticket lies open at the moment."""

    customer: str
    category: str
    tier: int
    priority: int
    age: str


class Only(NamedTuple):
    """The filters that follow a ticket as it was at the moment."""

    tier: int | None = None
    priority: int | None = None

    def passes(self, stay: Stay) -> bool:
        return self.tier in (None, stay.tier) and self.priority in (None, stay.priority)


def open_at(cases: Sequence[Case], moment: int, only: Only) -> list[Lying]:
    found = []
    for case in cases:
        stay = at(case, moment)
        if stay is not None and stay.open and only.passes(stay):
            ticket = case.ticket
            age = age_name(moment - ticket.created)
            found.append(Lying(ticket.customer, ticket.category or "-", stay.tier, stay.priority, age))
    return found


def age_name(age: int) -> str:
    """The bucket of an age in microseconds."""
    return AGE_NAMES[bisect_right(AGES, age / DAY_US)]


def backlog(cases: Sequence[Case], moment: int, only: Only) -> list[Figure]:
    """As ``figures`` of what is open at the moment."""
    return figures(Counter(open_at(cases, moment, only)))


def figures(lying: Mapping[Lying, int]) -> list[Figure]:
    """All, then by age (every bucket, empty ones too), tier, priority, customer and category.

    Args:
        lying: how many tickets lie like that.
    """
    ages = split(lying, lambda one: one.age)
    found = [_count(lying, lying)]
    found += [_count(lying, ages.get(name, ()), label(Dimension.AGE, name)) for name in AGE_NAMES]
    for dimension, rows in (
        (Dimension.TIER, split(lying, lambda one: str(one.tier))),
        (Dimension.PRIORITY, split(lying, lambda one: str(one.priority))),
        (Dimension.CUSTOMER, split(lying, lambda one: one.customer)),
        (Dimension.CATEGORY, split(lying, lambda one: one.category)),
    ):
        found += [_count(lying, ones, label(dimension, key)) for key, ones in rows.items()]
    return found


def _count(lying: Mapping[Lying, int], ones: Iterable[Lying], group: Group = ()) -> Figure:
    return count(Metric.BACKLOG, Unit.TICKETS, sum(lying[one] for one in ones), group)


class Levels:
    """The backlog at each of ``moments`` (ascending), counted in one pass over what changed."""

    def __init__(self, moments: Sequence[int], only: Only) -> None:
        self._moments, self._only = moments, only
        self._steps = [0] * (len(moments) + 1)

    def add(self, cases: Iterable[Case]) -> None:
        moments, steps, passes = self._moments, self._steps, self._only.passes
        for case in cases:
            stays = case.stays
            for i, stay in enumerate(stays):
                if not stay.open or not passes(stay):
                    continue
                first = bisect_right(moments, stay.since - 1)
                last = bisect_right(moments, stays[i + 1].since - 1) if i + 1 < len(stays) else len(moments)
                steps[first] += 1
                steps[last] -= 1

    def series(self) -> Series:
        points, level = [], 0
        for i, moment in enumerate(self._moments):
            level += self._steps[i]
            points.append(Point(at=from_us(moment), value=float(level), n=level))
        return Series(metric=Metric.BACKLOG, unit=Unit.TICKETS, points=tuple(points))
