"""From lists of facts to figures: shares, times, counts. Nothing here divides by zero or rounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import NamedTuple, TypeVar

from protocol.reports import Dimension, Figure, Label, Metric, Note, Statistic, Unit

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
Group = tuple[Label, ...]
MINUTE_US = 60_000_000


class Period(NamedTuple):
    """``[since, until)`` in microseconds since 1970 UTC. ``until`` is not later than ``now``."""

    since: int
    until: int
    now: int

    def holds(self, at: int | None) -> bool:
        return at is not None and self.since <= at < self.until


def label(by: Dimension, value: object) -> Group:
    return (Label(by=by, value=str(value)),)


def share(metric: Metric, numerator: int, denominator: int, group: Group = (), *, least: int = 1) -> Figure:
    """``numerator`` of ``denominator``; no value below ``least`` of them."""
    note = None
    if denominator == 0:
        note = Note.NO_DATA
    elif denominator < least:
        note = Note.TOO_FEW
    return Figure(
        metric=metric,
        statistic=Statistic.SHARE,
        unit=Unit.SHARE,
        value=None if note else numerator / denominator,
        n=denominator,
        numerator=numerator,
        denominator=denominator,
        group=group,
        note=note,
    )


def count(metric: Metric, unit: Unit, number: int, group: Group = ()) -> Figure:
    return Figure(
        metric=metric, statistic=Statistic.COUNT, unit=unit, value=float(number), n=number, group=group
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """Nearest rank: the smallest of ``values`` that ``percent`` of them do not exceed. Not empty."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent * len(ordered) / 100) - 1)]


def times(metric: Metric, unit: Unit, minutes: Sequence[float], group: Group = ()) -> tuple[Figure, ...]:
    """Mean, median and ninth decile of ``minutes``."""
    empty, minutes = not minutes, sorted(minutes)
    values = (
        (Statistic.MEAN, None if empty else fmean(minutes)),
        (Statistic.MEDIAN, None if empty else float(median(minutes))),
        (Statistic.P90, None if empty else percentile(minutes, 90)),
    )
    return tuple(
        Figure(
            metric=metric,
            statistic=statistic,
            unit=unit,
            value=value,
            n=len(minutes),
            group=group,
            note=Note.NO_DATA if empty else None,
        )
        for statistic, value in values
    )


class Sums:
    """Shares and counts of one metric, added up over blocks of tickets."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, ...], Figure] = {}

    def add(self, figures: Iterable[Figure]) -> None:
        for figure in figures:
            group = tuple(one.value for one in figure.group)
            known = self._held.get(group)
            self._held[group] = figure if known is None else _sum(known, figure)

    def figures(self) -> list[Figure]:
        """In the order of their groups, the figure of all first."""
        return [figure for _, figure in sorted(self._held.items())]


def _sum(one: Figure, other: Figure) -> Figure:
    if one.numerator is None or other.numerator is None:
        return count(one.metric, one.unit, one.n + other.n, one.group)
    return share(one.metric, one.numerator + other.numerator, one.n + other.n, one.group)


def split(rows: Iterable[T], key: Callable[[T], K]) -> Mapping[K, list[T]]:
    """``rows`` by ``key``, in the order of the keys."""
    found: dict[K, list[T]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return dict(sorted(found.items(), key=lambda item: str(item[0])))
