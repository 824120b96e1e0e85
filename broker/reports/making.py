"""From a report's name to its figures: one literal table, one function each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from broker.artifact_files import ArtifactFiles
from broker.reports.backlog import Only
from broker.reports.figures import Period
from broker.reports.loading import Block, Clocks, Reader, Seen, Wanted, load_ratings, load_tickets
from broker.reports.loading_runs import (
    load_fixes,
    load_known,
    load_opened,
    load_results,
    load_self_service,
    load_warnings,
)
from broker.reports.problem_details import with_details
from broker.reports.recurring import candidates, problems, recurrence
from broker.reports.run_metrics import fixes, self_service, signatures, warnings
from broker.reports.satisfaction import csat
from broker.reports.tallies import BacklogTally, QualityTally, RecurringTally, SlaTally, TiersTally
from broker.sla.promises import Promises
from protocol.calendars import from_us, to_us
from protocol.reports import (
    MAX_POINTS,
    MAX_PROBLEMS,
    Definition,
    Figure,
    RecurringProblem,
    Report,
    ReportName,
    Scope,
    Series,
)
from protocol.wording.reports import TABLE

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
DAILY_UP_TO = 100 * DAY
"""Longer periods have a point a week."""


class Parts(NamedTuple):
    """What a builder makes."""

    seen: Seen
    figures: Sequence[Figure]
    series: Sequence[Series] = ()
    problems: Sequence[RecurringProblem] = ()


_NO_TICKETS = Seen(0, frozenset())


@dataclass(frozen=True)
class Sources:
    """Where a builder takes its rows from.

    What is long work for the processor is done in a thread everywhere below: other requests go on beside it.
    """

    reader: Reader
    wanted: Wanted
    promises: Promises
    files: ArtifactFiles

    @property
    def period(self) -> Period:
        return self.wanted.period

    async def tickets(self, take: Callable[[Block], object], clocks: Clocks | None = None) -> Seen:
        return await load_tickets(self.reader, self.wanted, self.promises, clocks, take)

    async def tickets_of_every_kind(self, take: Callable[[Block], object]) -> Seen:
        return await load_tickets(self.reader, self.wanted, self.promises, None, take, whatever=True)


async def _sla(sources: Sources) -> Parts:
    tally = SlaTally(sources.period, weeks(sources.period), sources.promises.hours)
    seen = await sources.tickets(tally.add, Clocks.SLA)
    return Parts(seen, *await asyncio.to_thread(tally.told))


async def _tiers(sources: Sources) -> Parts:
    tally = TiersTally(sources.period)
    seen = await sources.tickets(tally.add, Clocks.OLA)
    return Parts(seen, await asyncio.to_thread(tally.figures))


async def _quality(sources: Sources) -> Parts:
    period, reader, wanted = sources.period, sources.reader, sources.wanted
    tally = QualityTally(period)
    seen = await sources.tickets(tally.add)
    figures = [
        *tally.figures(),
        *await asyncio.to_thread(fixes, await load_fixes(reader, wanted), period),
        *await asyncio.to_thread(signatures, await load_results(reader, wanted), tally.resolved, period),
        *await asyncio.to_thread(warnings, await load_warnings(reader, wanted), period),
    ]
    return Parts(seen, figures)


async def _recurring(sources: Sources) -> Parts:
    period, reader, wanted = sources.period, sources.reader, sources.wanted
    tally = RecurringTally(period)
    seen = await sources.tickets(tally.add)
    known = await load_known(reader, wanted, tally.earliest)
    results = await load_results(reader, wanted)
    found = await asyncio.to_thread(problems, results, period)
    figures = [await asyncio.to_thread(recurrence, tally.resolved, known), candidates(found)]
    told = await with_details(reader, sources.files, found[:MAX_PROBLEMS], results, period)
    return Parts(seen, figures, problems=told)


async def _backlog(sources: Sources) -> Parts:
    only = Only(sources.wanted.tier, sources.wanted.priority)
    tally = BacklogTally(sources.period.until, moments(sources.period), only)
    seen = await sources.tickets_of_every_kind(tally.add)
    return Parts(seen, tally.figures(), [tally.series()])


async def _csat(sources: Sources) -> Parts:
    rated = await load_ratings(sources.reader, sources.wanted)
    return Parts(_NO_TICKETS, await asyncio.to_thread(csat, rated, sources.period))


async def _self_service(sources: Sources) -> Parts:
    reader, wanted = sources.reader, sources.wanted
    runs, opened = await load_self_service(reader, wanted), await load_opened(reader, wanted)
    return Parts(_NO_TICKETS, await asyncio.to_thread(self_service, runs, opened, sources.period))


BUILDERS: dict[ReportName, Callable[[Sources], Awaitable[Parts]]] = {
    ReportName.SLA: _sla,
    ReportName.TIERS: _tiers,
    ReportName.QUALITY: _quality,
    ReportName.RECURRING: _recurring,
    ReportName.BACKLOG: _backlog,
    ReportName.CSAT: _csat,
    ReportName.SELF_SERVICE: _self_service,
}


async def make(name: ReportName, sources: Sources) -> Report:
    """Raises RelevoError: as ``Reader.rows``."""
    parts = await BUILDERS[name](sources)
    wanted, period = sources.wanted, sources.period
    return Report(
        name=name,
        made=from_us(period.now),
        scope=Scope(
            since=from_us(period.since),
            until=from_us(period.until),
            customer=wanted.customer,
            tier=wanted.tier,
            priority=wanted.priority,
            category=wanted.category,
        ),
        tickets=parts.seen.tickets,
        customers=tuple(sorted(parts.seen.customers)),
        figures=tuple(parts.figures),
        series=tuple(parts.series),
        problems=tuple(parts.problems),
        definitions=definitions(parts.figures),
    )


def definitions(figures: Sequence[Figure]) -> tuple[Definition, ...]:
    """Of each metric, in the order of the figures, once."""
    metrics = dict.fromkeys(figure.metric for figure in figures)
    said = [(metric, TABLE[f"metric.{metric}.definition"]) for metric in metrics]
    return tuple(Definition(metric=metric, en=en, es=es) for metric, (en, es) in said)


# --- points in time ---------------------------------------------------------------------------------


def weeks(period: Period) -> list[int]:
    """Where the weeks of the period begin (Monday 00:00 UTC, the first where the period begins), and its
    end. Less than half a week at the beginning belongs to the week after it."""
    since, until = from_us(period.since), from_us(period.until)
    monday = _midnight(since - since.weekday() * DAY) + WEEK
    return _cut(since, monday + WEEK if monday - since < WEEK / 2 else monday, until, WEEK)


def moments(period: Period) -> list[int]:
    """At which the backlog is counted: midnights in UTC, or Mondays', and the end of the period."""
    since, until = from_us(period.since), from_us(period.until)
    if until - since > DAILY_UP_TO:
        return weeks(period)
    return _cut(since, _midnight(since) + DAY, until, DAY)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), datetime.min.time(), UTC)


def _cut(since: datetime, first: datetime, until: datetime, step: timedelta) -> list[int]:
    found, at = [since], first
    while at < until and len(found) < MAX_POINTS - 1:
        found.append(at)
        at += step
    return [to_us(moment) for moment in (*found, until)]
