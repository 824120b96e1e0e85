"""From a report's name to its figures: one literal table, one function each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from broker.artifact_files import ArtifactFiles
from broker.reports import attainment, ticket_metrics
from broker.reports.backlog import Only, backlog, over_time
from broker.reports.figures import Period, label, split
from broker.reports.loading import Clocks, Reader, Tickets, Wanted, load_ratings, load_tickets
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
from broker.sla.promises import Promises
from protocol.calendars import from_us, to_us
from protocol.reports import (
    MAX_POINTS,
    MAX_PROBLEMS,
    Definition,
    Dimension,
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

    tickets: Tickets | None
    figures: list[Figure]
    series: Sequence[Series] = ()
    problems: Sequence[RecurringProblem] = ()


@dataclass(frozen=True)
class Sources:
    """Where a builder takes its rows from."""

    reader: Reader
    wanted: Wanted
    promises: Promises
    files: ArtifactFiles

    @property
    def period(self) -> Period:
        return self.wanted.period

    async def tickets(self, clocks: Clocks | None = None) -> Tickets:
        promises = None if clocks is None else self.promises
        return await load_tickets(self.reader, self.wanted, promises, clocks or Clocks.SLA)


async def _sla(sources: Sources) -> Parts:
    found = await sources.tickets(Clocks.SLA)
    period, hours_of = sources.period, sources.promises.hours
    figures = attainment.sla_attainment(found.kept)
    for metric in (ticket_metrics.mtta, ticket_metrics.mttr):
        figures += metric(found.cases, period, hours_of)
        for priority, ones in split(found.cases, lambda case: case.ticket.priority).items():
            figures += metric(ones, period, hours_of, label(Dimension.PRIORITY, priority))
    return Parts(found, figures, attainment.by_week(found.kept, weeks(period)))


async def _tiers(sources: Sources) -> Parts:
    found, period = await sources.tickets(Clocks.OLA), sources.period
    figures = [
        *ticket_metrics.resolved_by_tier(found.cases, period),
        ticket_metrics.flr(found.cases, period),
        ticket_metrics.escalation_rate(found.cases, period),
        *ticket_metrics.bounce_rate(found.cases, period),
        *attainment.ola_attainment(found.kept),
    ]
    return Parts(found, figures)


async def _quality(sources: Sources) -> Parts:
    found, period = await sources.tickets(), sources.period
    reader, wanted = sources.reader, sources.wanted
    done = ticket_metrics.resolved_in(found.cases, period)
    figures = [
        ticket_metrics.fcr(found.cases, period),
        ticket_metrics.flr(found.cases, period),
        ticket_metrics.reopen_rate(found.cases, period),
        *fixes(await load_fixes(reader, wanted), period),
        *signatures(await load_results(reader, wanted), [case.ticket.number for case in done], period),
        *warnings(await load_warnings(reader, wanted), period),
    ]
    return Parts(found, figures)


async def _recurring(sources: Sources) -> Parts:
    found, period = await sources.tickets(), sources.period
    reader, wanted = sources.reader, sources.wanted
    earliest = min((case.ticket.created for case in found.cases), default=period.since)
    known = await load_known(reader, wanted, earliest)
    results = await load_results(reader, wanted)
    seen = problems(results, period)
    figures = [recurrence(found.cases, known, period), candidates(seen)]
    told = await with_details(reader, sources.files, seen[:MAX_PROBLEMS], results, period)
    return Parts(found, figures, problems=told)


async def _backlog(sources: Sources) -> Parts:
    found, period = await sources.tickets(), sources.period
    only = Only(sources.wanted.tier, sources.wanted.priority)
    series = over_time(found.everything, moments(period), only)
    return Parts(found, backlog(found.everything, period.until, only), [series])


async def _csat(sources: Sources) -> Parts:
    return Parts(None, csat(await load_ratings(sources.reader, sources.wanted), sources.period))


async def _self_service(sources: Sources) -> Parts:
    reader, wanted = sources.reader, sources.wanted
    runs, opened = await load_self_service(reader, wanted), await load_opened(reader, wanted)
    return Parts(None, self_service(runs, opened, sources.period))


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
        tickets=len(parts.tickets.cases) if parts.tickets else 0,
        customers=tuple(sorted(parts.tickets.customers)) if parts.tickets else (),
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
