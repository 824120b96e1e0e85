"""From a report's name to its figures: one literal table, one function each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from broker.artifact_files import ArtifactFiles
from broker.reports.counting import Counted
from broker.reports.figures import Period
from broker.reports.loading import Reader, Wanted, load_ratings, load_tickets
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
from protocol.calendars import from_us
from protocol.desk import Desk
from protocol.reports import (
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


class Parts(NamedTuple):
    """What a builder makes. ``tickets``: how many were looked at."""

    figures: Sequence[Figure]
    series: Sequence[Series] = ()
    problems: Sequence[RecurringProblem] = ()
    tickets: int = 0
    customers: Sequence[str] = ()


@dataclass(frozen=True)
class Sources:
    """Where a builder takes its rows from.

    What is long work for the processor is done in a thread everywhere below: other requests go on beside it.
    """

    reader: Reader
    wanted: Wanted
    desk: Desk
    promises: Promises
    files: ArtifactFiles

    @property
    def period(self) -> Period:
        return self.wanted.period

    async def tickets(self, name: ReportName) -> Counted:
        return await load_tickets(self.reader, self.wanted, self.desk, self.promises, name)


async def _counted(name: ReportName, sources: Sources) -> Parts:
    """Of reports that tickets alone tell."""
    found = await sources.tickets(name)
    return Parts(found.figures, found.series, (), found.tickets, found.customers)


async def _quality(sources: Sources) -> Parts:
    period, reader, wanted = sources.period, sources.reader, sources.wanted
    found = await sources.tickets(ReportName.QUALITY)
    figures = [
        *found.figures,
        *await asyncio.to_thread(fixes, await load_fixes(reader, wanted), period),
        *await asyncio.to_thread(signatures, await load_results(reader, wanted), found.resolved, period),
        *await asyncio.to_thread(warnings, await load_warnings(reader, wanted), period),
    ]
    return Parts(figures, tickets=found.tickets, customers=found.customers)


async def _recurring(sources: Sources) -> Parts:
    period, reader, wanted = sources.period, sources.reader, sources.wanted
    counted = await sources.tickets(ReportName.RECURRING)
    known = await load_known(reader, wanted, counted.earliest)
    results = await load_results(reader, wanted)
    found = await asyncio.to_thread(problems, results, period)
    figures = [await asyncio.to_thread(recurrence, counted.resolved, known), candidates(found)]
    told = await with_details(reader, sources.files, found[:MAX_PROBLEMS], results, period)
    return Parts(figures, (), told, counted.tickets, counted.customers)


async def _csat(sources: Sources) -> Parts:
    rated = await load_ratings(sources.reader, sources.wanted)
    return Parts(await asyncio.to_thread(csat, rated, sources.period))


async def _self_service(sources: Sources) -> Parts:
    reader, wanted = sources.reader, sources.wanted
    runs, opened = await load_self_service(reader, wanted), await load_opened(reader, wanted)
    return Parts(await asyncio.to_thread(self_service, runs, opened, sources.period))


BUILDERS: dict[ReportName, Callable[[Sources], Awaitable[Parts]]] = {
    ReportName.SLA: partial(_counted, ReportName.SLA),
    ReportName.TIERS: partial(_counted, ReportName.TIERS),
    ReportName.QUALITY: _quality,
    ReportName.RECURRING: _recurring,
    ReportName.BACKLOG: partial(_counted, ReportName.BACKLOG),
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
        tickets=parts.tickets,
        customers=tuple(sorted(parts.customers)),
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
