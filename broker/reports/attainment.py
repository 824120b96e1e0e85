"""How many promises were kept: clocks stopped within their target, of those stopped and those overdue.

A pure function of clocks as ``protocol.sla`` gives them for the end of the period. A stopped clock counts in
the period in which it stopped; one that still goes counts where more than its target is used by the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from broker.reports.figures import Group, Period, label, share, split
from protocol.calendars import from_us
from protocol.reports import Dimension, Figure, Metric, Point, Series, Unit
from protocol.sla import Clock, ClockName, ClockState


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


def sla_attainment(kept: Sequence[Kept]) -> list[Figure]:
    """For each clock but OLA, overall and by priority. Nothing promised: one figure without data."""
    mine = [one for one in kept if one.clock is not ClockName.OLA]
    if not mine:
        return [share(Metric.SLA_ATTAINMENT, 0, 0)]
    found = [_share(Metric.SLA_ATTAINMENT, mine)]
    for name, ones in split(mine, lambda one: one.clock.value).items():
        group = label(Dimension.CLOCK, name)
        found.append(_share(Metric.SLA_ATTAINMENT, ones, group))
        for priority, of_one in split(ones, lambda one: one.priority).items():
            found.append(
                _share(Metric.SLA_ATTAINMENT, of_one, (*group, *label(Dimension.PRIORITY, priority)))
            )
    return found


def ola_attainment(kept: Sequence[Kept]) -> list[Figure]:
    """For each tier, overall and by priority."""
    mine = [one for one in kept if one.clock is ClockName.OLA]
    if not mine:
        return [share(Metric.OLA_ATTAINMENT, 0, 0)]
    found = []
    for tier, ones in split(mine, lambda one: one.tier).items():
        group = label(Dimension.TIER, tier)
        found.append(_share(Metric.OLA_ATTAINMENT, ones, group))
        for priority, of_one in split(ones, lambda one: one.priority).items():
            found.append(
                _share(Metric.OLA_ATTAINMENT, of_one, (*group, *label(Dimension.PRIORITY, priority)))
            )
    return found


def by_week(kept: Sequence[Kept], weeks: Sequence[int]) -> list[Series]:
    """For each clock but OLA the attainment of each week. An overdue clock counts in the week in which its
    target was used up.

    Args:
        weeks: where each week begins, and after the last one its end.
    """
    found = []
    mine = [one for one in kept if one.clock is not ClockName.OLA]
    for name, ones in split(mine, lambda one: one.clock.value).items():
        points = []
        for i in range(len(weeks) - 1):
            held = [one for one in ones if weeks[i] <= one.at < weeks[i + 1]]
            met = sum(one.met for one in held)
            value = met / len(held) if held else None
            points.append(Point(at=from_us(weeks[i]), value=value, n=len(held)))
        found.append(
            Series(
                metric=Metric.SLA_ATTAINMENT,
                unit=Unit.SHARE,
                points=tuple(points),
                group=label(Dimension.CLOCK, name),
            )
        )
    return found


def _share(metric: Metric, kept: Sequence[Kept], group: Group = ()) -> Figure:
    return share(metric, sum(one.met for one in kept), len(kept), group)
