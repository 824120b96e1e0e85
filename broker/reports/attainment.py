"""How many promises were kept: clocks stopped within their target, of those stopped and those overdue.

A pure function of clocks as ``protocol.sla`` gives them for the end of the period. A stopped clock counts in
the period in which it stopped; one that still goes counts where more than its target is used by the end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from broker.reports.figures import Group, Period, label, share, split
from protocol.calendars import MINUTE_US, Hours, from_us
from protocol.reports import Dimension, Figure, Metric, Point, Series, Unit
from protocol.sla import Clock, ClockName, ClockState, Course, Why, lay


class Kept(NamedTuple):
    """One clock that counts. ``at``: when it stopped, or was used up."""

    clock: ClockName
    tier: int
    """Of an OLA clock; else 0."""
    priority: int
    met: bool
    at: int


def counted(clocks: Iterable[Clock], priority: int, period: Period) -> list[Kept]:
    """Those clocks of one ticket that count in the period."""
    found = []
    for clock in clocks:
        tier = clock.cycle if clock.name is ClockName.OLA else 0
        if clock.stopped is not None:
            if period.holds(clock.stopped):
                met = clock.state is ClockState.MET
                found.append(Kept(clock.name, tier, priority, met, clock.stopped))
        elif clock.state is ClockState.BREACHED:
            found.append(Kept(clock.name, tier, priority, False, clock.due or clock.started))
    return found


class Promised(NamedTuple):
    """A course whose times are places in some list of times, and what is promised of it.

    ``counts``: from which place to which the clock ran; ``target`` in microseconds.
    """

    course: Course
    minutes: int
    target: int
    tier: int
    """Of an OLA clock; else 0."""
    counts: tuple[tuple[int, int], ...]


def promise(course: Course, minutes: int) -> Promised:
    counts = tuple([(since, until) for since, until, why, _ in course.stretches if why is Why.COUNTED])
    tier = course.cycle if course.name is ClockName.OLA else 0
    return Promised(course, minutes, minutes * MINUTE_US, tier, counts)


def kept(
    promised: Iterable[Promised], times: Sequence[int], period: Period, hours: Hours, priority: int
) -> list[Kept]:
    """As ``counted``.

    Args:
        promised: with places in ``times``.
        times: of the events, ascending, and the end of the period.
    """
    found: list[Kept] = []
    begin, end, _ = period
    opened: Sequence[int] = ()
    for course, minutes, target, tier, counts in promised:
        stopped = None if course.stopped is None else times[course.stopped]
        # Most clocks stopped, many of them in another period.
        if stopped is not None and not begin <= stopped < end:
            continue
        opened = opened or hours.open_at(times)
        spent = 0
        for since, until in counts:
            spent += opened[until] - opened[since]
        if stopped is not None:
            found.append(Kept(course.name, tier, priority, spent <= target, stopped))
        elif spent > target:
            clock = lay(course.at(times), minutes, hours)
            found.append(Kept(course.name, tier, priority, False, clock.due or clock.started))
    return found


Tally = Mapping[Kept, int]
"""How often each: clocks that are alike are one."""


def tally(found: Iterable[Kept], weeks: Sequence[int]) -> Counter[Kept]:
    """Clocks of one week have its beginning as their time; those from before the first week have 0."""
    begins = (0, *weeks)
    return Counter(
        [
            Kept(clock, tier, priority, met, begins[bisect_right(weeks, at)])
            for clock, tier, priority, met, at in found
        ]
    )


def sla_attainment(kept: Tally) -> list[Figure]:
    """For each clock but OLA, overall and by priority. Nothing promised: one figure without data."""
    mine = [(one, times) for one, times in kept.items() if one.clock is not ClockName.OLA]
    if not mine:
        return [share(Metric.SLA_ATTAINMENT, 0, 0)]
    found = [_share(Metric.SLA_ATTAINMENT, mine)]
    for name, ones in split(mine, lambda held: held[0].clock.value).items():
        group = label(Dimension.CLOCK, name)
        found.append(_share(Metric.SLA_ATTAINMENT, ones, group))
        found += _by_priority(Metric.SLA_ATTAINMENT, ones, group)
    return found


def ola_attainment(kept: Tally) -> list[Figure]:
    """For each tier, overall and by priority."""
    mine = [(one, times) for one, times in kept.items() if one.clock is ClockName.OLA]
    if not mine:
        return [share(Metric.OLA_ATTAINMENT, 0, 0)]
    found = []
    for tier, ones in split(mine, lambda held: held[0].tier).items():
        group = label(Dimension.TIER, tier)
        found.append(_share(Metric.OLA_ATTAINMENT, ones, group))
        found += _by_priority(Metric.OLA_ATTAINMENT, ones, group)
    return found


def by_week(kept: Tally, weeks: Sequence[int]) -> list[Series]:
    """For each clock but OLA the attainment of each week. An overdue clock counts in the week in which its
    target was used up.

    Args:
        weeks: where each week begins, and after the last one its end.
    """
    found = []
    mine = [(one, times) for one, times in kept.items() if one.clock is not ClockName.OLA]
    for name, ones in split(mine, lambda held: held[0].clock.value).items():
        points = []
        for i in range(len(weeks) - 1):
            met, all_ = _count([held for held in ones if weeks[i] <= held[0].at < weeks[i + 1]])
            points.append(Point(at=from_us(weeks[i]), value=met / all_ if all_ else None, n=all_))
        found.append(
            Series(
                metric=Metric.SLA_ATTAINMENT,
                unit=Unit.SHARE,
                points=tuple(points),
                group=label(Dimension.CLOCK, name),
            )
        )
    return found


def _by_priority(metric: Metric, kept: Sequence[tuple[Kept, int]], group: Group) -> list[Figure]:
    return [
        _share(metric, ones, (*group, *label(Dimension.PRIORITY, priority)))
        for priority, ones in split(kept, lambda held: held[0].priority).items()
    ]


def _share(metric: Metric, kept: Sequence[tuple[Kept, int]], group: Group = ()) -> Figure:
    return share(metric, *_count(kept), group)


def _count(kept: Sequence[tuple[Kept, int]]) -> tuple[int, int]:
    """Those that were met, and all."""
    return sum(times for one, times in kept if one.met), sum(times for _, times in kept)
