"""Which plots a report has, and their values: one literal table. Drawing is ``technician.reports.plot``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from protocol.drivers.shown import local_stamp
from protocol.drivers.terminal import words
from protocol.errors import Code, RelevoError
from protocol.reports import Dimension, Figure, Metric, Report, ReportName, Series, Statistic, Unit
from technician.reports.figures import filters_of, label_of, value_of
from technician.reports.plot import Axis, Bar, Chart, Line, Tick, nice_axis

MAX_BARS = 16
MAX_LINES = 8
_MOST_TICKS = 9
_ROOMY = 6
_HEADROOM = 1.08
"""Above the highest bar there is room for its value."""


class Bars(NamedTuple):
    """Figures of one metric that are narrowed by exactly this dimension; None: not narrowed at all."""

    metrics: tuple[Metric, ...]
    by: Dimension | None


class Lines(NamedTuple):
    """The report's series of this metric."""

    metric: Metric


_QUALITY = (
    Metric.FCR, Metric.FLR, Metric.REOPEN_RATE, Metric.FIX_SUCCESS, Metric.VERIFY_CAUGHT,
    Metric.UNDO_SUCCESS, Metric.SIGNATURE_COVERAGE, Metric.SIGNATURE_PRECISION, Metric.WARNING_PRECISION,
)  # fmt: skip
CHARTS: dict[ReportName, dict[str, Bars | Lines | None]] = {
    ReportName.SLA: {
        "time": Lines(Metric.SLA_ATTAINMENT),
        "clock": Bars((Metric.SLA_ATTAINMENT,), Dimension.CLOCK),
    },
    ReportName.TIERS: {
        "tier": Bars((Metric.RESOLVED,), Dimension.TIER),
        "ola": Bars((Metric.OLA_ATTAINMENT,), Dimension.TIER),
    },
    ReportName.QUALITY: {"overall": Bars(_QUALITY, None)},
    ReportName.RECURRING: {"tickets": None},
    ReportName.BACKLOG: {
        "time": Lines(Metric.BACKLOG),
        "age": Bars((Metric.BACKLOG,), Dimension.AGE),
        "tier": Bars((Metric.BACKLOG,), Dimension.TIER),
        "priority": Bars((Metric.BACKLOG,), Dimension.PRIORITY),
        "customer": Bars((Metric.BACKLOG,), Dimension.CUSTOMER),
        "category": Bars((Metric.BACKLOG,), Dimension.CATEGORY),
    },
    ReportName.CSAT: {
        "overall": Bars((Metric.CSAT, Metric.CSAT_RESPONSE), None),
        "tier": Bars((Metric.CSAT,), Dimension.TIER),
        "customer": Bars((Metric.CSAT,), Dimension.CUSTOMER),
    },
    ReportName.SELF_SERVICE: {
        "outcome": Bars((Metric.SELF_SERVICE_RUNS,), Dimension.OUTCOME),
        "category": Bars((Metric.DEFLECTION,), Dimension.CATEGORY),
    },
}
"""The first of each report is drawn where none is named. None: the problems of the report."""


def chart_of(report: Report, name: str | None) -> Chart:
    """Raises RelevoError: as ``require_chart``."""
    kind = CHARTS[report.name][require_chart(report.name, name)]
    if kind is None:
        return _problems(report)
    return _lines(report, kind.metric) if isinstance(kind, Lines) else _bars(report, kind)


def require_chart(report: ReportName, name: str | None) -> str:
    """The chart's name, the first one for None.

    Raises:
        RelevoError: ``usage`` for a chart that the report does not have.
    """
    mine = CHARTS[report]
    chosen = name or next(iter(mine))
    if chosen not in mine:
        raise RelevoError(Code.USAGE, f"--chart {chosen}: {report} has {', '.join(mine)}")
    return chosen


def _bars(report: Report, kind: Bars) -> Chart:
    w = words()
    figures = [figure for figure in report.figures if _drawn(figure, kind)]
    left = len(figures) - MAX_BARS
    figures = figures[:MAX_BARS]
    share = any(figure.unit is Unit.SHARE for figure in figures)
    bars = [
        Bar(_name(figure, kind), figure.value, _said(figure, alone=len(figures) > _ROOMY))
        for figure in figures
    ]
    most = max((figure.value or 0.0 for figure in figures), default=0.0)
    title = w(f"metric.{kind.metrics[0]}") if kind.by else w(f"reports.title.{report.name}")
    unit = w("reports.axis.share") if share else w(f"reports.axis.{_unit(figures)}")
    label = w(f"reports.axis.by.{kind.by}") if kind.by else w("reports.axis.metric")
    if left > 0:
        label = w("reports.axis.more", label=label, count=left)
    return Chart(
        title=_titled(title, report),
        description=_described(report, [f"{bar.name}: {bar.text}" for bar in bars]),
        x=Axis(label, 0, 1, ()),
        y=nice_axis(unit, most * _HEADROOM, percent=share, whole=not share),
        bars=bars,
        language=w.language,
        nothing=w("reports.note.no-data"),
    )


def _drawn(figure: Figure, kind: Bars) -> bool:
    by = tuple(label.by for label in figure.group)
    return (
        figure.metric in kind.metrics
        and figure.statistic in (Statistic.SHARE, Statistic.COUNT)
        and by == (() if kind.by is None else (kind.by,))
    )


def _name(figure: Figure, kind: Bars) -> str:
    if kind.by is None:
        return words()(f"reports.short.{figure.metric}")
    label = figure.group[0]
    # What the name is of stands below the axis already.
    return label.value if label.by in (Dimension.CUSTOMER, Dimension.CATEGORY) else label_of(label)


def _said(figure: Figure, *, alone: bool) -> str:
    """``alone``: there is no room for of how many."""
    value = value_of(figure)
    return (
        value if alone or figure.value is None or figure.unit is not Unit.SHARE else f"{value} ({figure.n})"
    )


def _unit(figures: Sequence[Figure]) -> Unit:
    return figures[0].unit if figures else Unit.TICKETS


def _problems(report: Report) -> Chart:
    w = words()
    shown = report.problems[:MAX_BARS]
    bars = [Bar(problem.known_error, float(problem.tickets), str(problem.tickets)) for problem in shown]
    most = max((problem.tickets for problem in shown), default=0)
    return Chart(
        title=_titled(w(f"reports.title.{report.name}"), report),
        description=_described(report, [f"{bar.name}: {bar.text}" for bar in bars]),
        x=Axis(w("reports.column.known-error"), 0, 1, ()),
        y=nice_axis(w("reports.axis.tickets"), most * _HEADROOM, whole=True),
        bars=bars,
        language=w.language,
        nothing=w("reports.note.no-data"),
    )


# --- over time --------------------------------------------------------------------------------------


def _lines(report: Report, metric: Metric) -> Chart:
    w = words()
    series = [one for one in report.series if one.metric is metric][:MAX_LINES]
    share = any(one.unit is Unit.SHARE for one in series) or metric is Metric.SLA_ATTAINMENT
    most = max((point.value or 0.0 for one in series for point in one.points), default=0.0)
    since, until = report.scope.since, report.scope.until
    label = w("reports.axis.week") if share else w("reports.axis.day")
    lines = [
        Line(
            ", ".join(label_of(label) for label in one.group),
            [(point.at.timestamp(), point.value) for point in one.points],
        )
        for one in series
    ]
    return Chart(
        title=_titled(w(f"metric.{metric}"), report),
        description=_described(report, [_told(one) for one in series]),
        x=Axis(label, since.timestamp(), until.timestamp(), days(since, until)),
        y=nice_axis(
            w("reports.axis.share" if share else "reports.axis.tickets"), most, percent=share, whole=True
        ),
        lines=lines,
        language=w.language,
        nothing=w("reports.note.no-data"),
    )


def days(since: datetime, until: datetime) -> list[Tick]:
    """Midnights in UTC, so many that their dates do not touch; with the year where it changes."""
    first = datetime.combine(since.astimezone(UTC).date(), datetime.min.time(), UTC)
    if first < since:
        first += timedelta(days=1)
    whole = max(1, (until - first).days + 1)
    step = next(n for n in (1, 2, 7, 14, 28, 56, 91, 182, 365, 730, 3_650) if whole / n <= _MOST_TICKS)
    found, at, year = [], first, None
    while at <= until:
        found.append(Tick(at.timestamp(), f"{at:%Y-%m-%d}" if at.year != year else f"{at:%m-%d}"))
        year, at = at.year, at + timedelta(days=step)
    return found


def _told(series: Series) -> str:
    """A line for those who cannot see it: its first, last, lowest and highest value."""
    w = words()
    values = [point.value for point in series.points if point.value is not None]
    name = ", ".join(label_of(label) for label in series.group) or w(f"metric.{series.metric}")
    if not values:
        return f"{name}: {w('reports.note.no-data')}"
    share = series.unit is Unit.SHARE
    first, last, low, high = (
        f"{100 * value:.1f} %" if share else f"{value:.0f}"
        for value in (values[0], values[-1], min(values), max(values))
    )
    return w("reports.line", name=name, first=first, last=last, low=low, high=high)


def _titled(title: str, report: Report) -> str:
    filters = filters_of(report)
    return f"{title} ({filters})" if filters else title


def _described(report: Report, lines: Sequence[str]) -> str:
    w = words()
    period = w("reports.period", since=local_stamp(report.scope.since), until=local_stamp(report.scope.until))
    return ". ".join([period, *(lines or [w("reports.note.no-data")])]) + "."
