"""What a report counts of its tickets: the same code in a thread of the broker and in a process of its own."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from broker.reports.backlog import Only
from broker.reports.figures import Period
from broker.reports.histories import Clocks, Making
from broker.reports.points import moments, weeks
from broker.reports.tallies import BacklogTally, QualityTally, RecurringTally, SlaTally, Tally, TiersTally
from broker.sla.promises import Promises
from protocol.desk import Desk
from protocol.reports import Figure, ReportName, Series
from protocol.wire import Count, Wire


class About(Wire, frozen=True):
    """A report as far as its tickets go; which tickets these are was decided before."""

    name: ReportName
    period: Period
    tier: int | None = None
    priority: int | None = None

    @property
    def only(self) -> Only:
        return Only(self.tier, self.priority)


class Order(Wire, frozen=True):
    """To a process. ``url``: of the database; ``numbers``: of the tickets, ascending."""

    about: About
    desk: Desk
    url: Annotated[str, Meta(max_length=5_000)]
    numbers: tuple[int, ...]


class Counted(Wire, frozen=True):
    """``tickets``: how many passed the filters; ``resolved`` and ``earliest``: see ``tallies.Told``."""

    tickets: Count
    customers: tuple[str, ...]
    figures: tuple[Figure, ...]
    series: tuple[Series, ...]
    resolved_bytes: bytes
    earliest: int

    @property
    def resolved(self) -> Sequence[int]:
        return array("q", self.resolved_bytes)


class How(NamedTuple):
    """``whatever``: tickets of every tier and priority are looked at, as they were at the time."""

    tally: Callable[[About, Promises], Tally]
    clocks: Clocks | None = None
    whatever: bool = False


HOW: dict[ReportName, How] = {
    ReportName.SLA: How(
        lambda about, promises: SlaTally(about.period, weeks(about.period), promises.hours), Clocks.SLA
    ),
    ReportName.TIERS: How(lambda about, _: TiersTally(about.period), Clocks.OLA),
    ReportName.QUALITY: How(lambda about, _: QualityTally(about.period)),
    ReportName.RECURRING: How(lambda about, _: RecurringTally(about.period)),
    ReportName.BACKLOG: How(
        lambda about, _: BacklogTally(about.period.until, moments(about.period), about.only), whatever=True
    ),
}
"""Reports that speak of tickets."""


class Counting:
    """Tickets pass by block by block, never two at a time."""

    def __init__(self, about: About, promises: Promises) -> None:
        how = HOW[about.name]
        self._tally = how.tally(about, promises)
        self._making = Making(
            about.period, about.only, promises, how.clocks, self._tally.add, stays=how.whatever
        )
        self.block((), ())  # where there is no ticket at all, figures are to say so

    def block(self, heads: Sequence[Any], events: Sequence[Any]) -> None:
        """As ``histories`` gives them."""
        self._making.block(heads, events)

    def counted(self) -> Counted:
        told = self._tally.told()
        return Counted(
            tickets=self._making.tickets,
            customers=tuple(sorted(self._making.customers)),
            figures=tuple(told.figures),
            series=tuple(told.series),
            resolved_bytes=told.resolved.tobytes(),
            earliest=told.earliest,
        )
