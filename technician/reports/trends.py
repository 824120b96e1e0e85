"""The plot of a machine's trend facts: readings over time, and the line on to where it leads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from protocol.drivers.terminal import words
from protocol.trend_api import SeriesView, TrendPoint, TrendsView
from protocol.trends import Kind
from technician.reports.charts import days
from technician.reports.plot import Axis, Chart, Line, Tick, nice_axis

MAX_LINES = 8
_HOUR_S, _DAY_S = 3_600.0, 86_400.0
_LONGEST_S = 8 * _DAY_S
"""So far ahead a forecast is drawn."""


class _Scale(NamedTuple):
    """How readings of a kind are drawn: of their limit, or as they are."""

    share: bool
    goal: float | None
    """A line across: what a forecast leads to."""


_SCALES = {
    Kind.DISK: _Scale(share=True, goal=1.0),
    Kind.MEMORY: _Scale(share=True, goal=1.0),
    Kind.BATTERY: _Scale(share=True, goal=0.5),
    Kind.CRASH: _Scale(share=False, goal=None),
    Kind.CERTIFICATE: _Scale(share=False, goal=None),
}


def chart_of(view: TrendsView, kind: Kind) -> Chart:
    """Series of one kind, the fullest first, at most ``MAX_LINES``."""
    w, scale = words(), _SCALES[kind]
    chosen = sorted(
        (one for one in view.series if one.kind is kind and one.points),
        key=lambda one: (one.forecast is None, -_drawn(scale, kind, one.points[-1])),
    )[:MAX_LINES]
    lines = [Line(one.subject, [(p.at, _drawn(scale, kind, p)) for p in one.points]) for one in chosen]
    lines += [guide for one in chosen if (guide := _ahead(scale, kind, one)) is not None]
    values = [y for line in lines for _, y in line.points if y is not None]
    title = w(f"trends.plot.{kind}")
    label = w(f"trends.axis.{kind}")
    return Chart(
        title=f"{title}, {view.agent}",
        description=_told(chosen, scale, kind),
        x=_time_axis([at for line in lines for at, _ in line.points]),
        y=nice_axis(label, max(values, default=1.0), percent=scale.share, whole=not scale.share),
        lines=lines,
        language=w.language,
        nothing=w("agent.trends.none"),
    )


def _drawn(scale: _Scale, kind: Kind, point: TrendPoint) -> float:
    if kind is Kind.CERTIFICATE:
        return max(0.0, (point.value - point.at) / _DAY_S)
    if scale.share:
        return min(1.0, point.value / point.limit) if point.limit else 0.0
    return point.value


def _ahead(scale: _Scale, kind: Kind, one: SeriesView) -> Line | None:
    """From the newest reading on to where the forecast says it leads."""
    found, last = one.forecast, one.points[-1]
    if scale.goal is None or found is None or not found.eta_s or not found.slope_per_day:
        return None
    ahead = min(found.eta_s, _LONGEST_S)
    start = _drawn(scale, kind, last)
    end = start + (scale.goal - start) * ahead / found.eta_s
    return Line(
        words()("trends.plot.ahead", subject=one.subject), [(last.at, start), (last.at + ahead, end)], True
    )


def _time_axis(times: list[float]) -> Axis:
    label = words()("trends.axis.time")
    if not times:
        return Axis(label, 0, 1, [])
    low = min(times)
    high = max(*times, low + _HOUR_S)
    since, until = (datetime.fromtimestamp(at, UTC) for at in (low, high))
    ticks = [tick for tick in days(since, until) if low <= tick.at <= high]
    if len(ticks) < 2:
        ticks = [Tick(low, f"{since:%m-%d %H:%M}"), Tick(high, f"{until:%m-%d %H:%M}")]
    return Axis(label, low, high, ticks)


def _told(chosen: list[SeriesView], scale: _Scale, kind: Kind) -> str:
    """For those who cannot see the plot: first and last value of each line."""
    said = []
    for one in chosen:
        first, last = (_drawn(scale, kind, point) for point in (one.points[0], one.points[-1]))
        shown = f"{first:.0%} - {last:.0%}" if scale.share else f"{first:.0f} - {last:.0f}"
        said.append(f"{one.subject}: {shown}")
    return "; ".join(said) or words()("agent.trends.none")
