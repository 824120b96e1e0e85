"""What each report keeps of the tickets that pass by, so that none has to be held until the end."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from broker.reports import attainment, backlog, ticket_metrics
from broker.reports.attainment import Kept
from broker.reports.cases import Case
from broker.reports.figures import Period, Sums
from broker.reports.histories import Block
from broker.reports.ticket_metrics import HoursOf, Lasting
from protocol.reports import Figure, Metric, Series


class Told(NamedTuple):
    """What a tally says at the end. ``resolved``: numbers of the tickets resolved in the period, for reports
    that ask more of those; ``earliest``: when the first of the tickets was opened."""

    figures: Sequence[Figure] = ()
    series: Sequence[Series] = ()
    resolved: array[int] = array("q")
    earliest: int = 0


class Tally(Protocol):
    def add(self, block: Block) -> None:
        """Take in what a block tells."""

    def told(self) -> Told:
        """Of all blocks."""


Measure = Callable[[Sequence[Case], Period], Figure]


class SlaTally:
    def __init__(self, period: Period, weeks: Sequence[int], hours_of: HoursOf) -> None:
        """``weeks``: see ``attainment.by_week``."""
        self._weeks = weeks
        self._kept: Counter[Kept] = Counter()
        self._lasting = (
            Lasting(Metric.MTTA, ticket_metrics.taken_up, period, hours_of),
            Lasting(Metric.MTTR, ticket_metrics.restored, period, hours_of),
        )

    def add(self, block: Block) -> None:
        self._kept.update(attainment.tally(block.kept, self._weeks))
        for lasting in self._lasting:
            lasting.add(block.cases)

    def told(self) -> Told:
        figures = attainment.sla_attainment(self._kept)
        for lasting in self._lasting:
            figures += lasting.figures()
        return Told(figures, attainment.by_week(self._kept, self._weeks))


class TiersTally:
    def __init__(self, period: Period) -> None:
        self._period = period
        self._resolved, self._first_level, self._escalated, self._bounced = Sums(), Sums(), Sums(), Sums()
        self._kept: Counter[Kept] = Counter()

    def add(self, block: Block) -> None:
        cases, period = block.cases, self._period
        self._resolved.add(ticket_metrics.resolved_by_tier(cases, period))
        self._first_level.add([ticket_metrics.flr(cases, period)])
        self._escalated.add([ticket_metrics.escalation_rate(cases, period)])
        self._bounced.add(ticket_metrics.bounce_rate(cases, period))
        self._kept.update(attainment.tally(block.kept, ()))

    def told(self) -> Told:
        sums = (self._resolved, self._first_level, self._escalated, self._bounced)
        figures = [one for each in sums for one in each.figures()]
        return Told([*figures, *attainment.ola_attainment(self._kept)])


class QualityTally:
    _MEASURES: tuple[Measure, ...] = (ticket_metrics.fcr, ticket_metrics.flr, ticket_metrics.reopen_rate)

    def __init__(self, period: Period) -> None:
        self._period = period
        self._sums = [(measure, Sums()) for measure in self._MEASURES]
        self._resolved = array("q")

    def add(self, block: Block) -> None:
        for measure, sums in self._sums:
            sums.add([measure(block.cases, self._period)])
        done = ticket_metrics.resolved_in(block.cases, self._period)
        self._resolved.extend([case.ticket.number for case in done])

    def told(self) -> Told:
        return Told([figure for _, sums in self._sums for figure in sums.figures()], (), self._resolved)


class RecurringTally:
    def __init__(self, period: Period) -> None:
        self._period = period
        self._earliest: int | None = None
        self._resolved = array("q")

    def add(self, block: Block) -> None:
        opened = [case.ticket.created for case in block.cases]
        if self._earliest is not None:
            opened.append(self._earliest)
        self._earliest = min(opened, default=None)
        done = ticket_metrics.resolved_in(block.cases, self._period)
        self._resolved.extend([case.ticket.number for case in done])

    def told(self) -> Told:
        earliest = self._period.since if self._earliest is None else self._earliest
        return Told((), (), self._resolved, earliest)


class BacklogTally:
    def __init__(self, moment: int, moments: Sequence[int], only: backlog.Only) -> None:
        """``moment``: when what lies open is counted; ``moments``: see ``backlog.Levels``."""
        self._moment, self._only = moment, only
        self._lying: Counter[backlog.Lying] = Counter()
        self._levels = backlog.Levels(moments, only)

    def add(self, block: Block) -> None:
        self._lying.update(backlog.open_at(block.everything, self._moment, self._only))
        self._levels.add(block.everything)

    def told(self) -> Told:
        return Told(backlog.figures(self._lying), [self._levels.series()])
