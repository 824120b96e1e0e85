"""What a technician sees of trends: a table that escapes what machines say, and a plot that is well formed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest

from protocol.drivers import terminal
from protocol.forecast import Point, Severity, judge
from protocol.scopes import Mode
from protocol.trend_api import SeriesView, TrendPoint, TrendsView, forecast_view
from protocol.trends import Kind
from protocol.wording import Words
from protocol.wording import trends as wording
from technician.cli import trends as command
from technician.reports.plot import svg
from technician.reports.trends import chart_of

T0 = datetime(2026, 11, 10, 12, tzinfo=UTC).timestamp()
HOUR = 3_600.0


@pytest.fixture(params=["en", "es"], autouse=True)
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    words = Words(request.param, wording.TABLE)
    for module in (command, terminal):
        monkeypatch.setattr(module, "words", lambda: words)
    monkeypatch.setattr("technician.reports.trends.words", lambda: words)
    return str(request.param)


def series(kind: Kind, subject: str, values: list[float], limit: float) -> SeriesView:
    points = [Point(T0 + i * HOUR, value, limit) for i, value in enumerate(values)]
    found = judge(kind, points, points[-1].at) if points else None
    return SeriesView(
        kind=kind,
        subject=subject,
        points=tuple(TrendPoint(at=p.at, value=p.value, limit=p.limit) for p in points),
        forecast=forecast_view(found) if found else None,
    )


def view(*rows: SeriesView) -> TrendsView:
    now = datetime.fromtimestamp(T0, UTC)
    return TrendsView(
        agent="ag-" + "a" * 32,
        mode=Mode.STANDING,
        received=now,
        last_at=now,
        missing=0,
        refused=0,
        series=rows,
    )


def test_the_plot_has_each_line_and_where_it_leads() -> None:
    filling = series(Kind.DISK, "/var", [1e9 * (50 + i * 0.5) for i in range(60)], 1e11)
    quiet = series(Kind.DISK, "/", [1e9 * 30] * 60, 1e11)
    assert filling.forecast is not None and filling.forecast.severity is Severity.CRITICAL
    chart = chart_of(view(quiet, filling), Kind.DISK)
    assert [line.name for line in chart.lines[:2]] == ["/var", "/"]
    (ahead,) = [line for line in chart.lines if line.guide]
    assert ahead.points[-1][1] == pytest.approx(1.0)
    assert ahead.points[-1][0] == pytest.approx(filling.points[-1].at + (filling.forecast.eta_s or 0))
    assert ET.fromstring(svg(chart)).tag.endswith("svg")


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_every_kind_is_drawn_whatever_there_is(kind: Kind, count: int) -> None:
    drawn = view(*([series(kind, "x", [T0 + 9e5] * count, 1e12)] if count else []))
    assert ET.fromstring(svg(chart_of(drawn, kind))).tag.endswith("svg")


def test_the_table_says_what_a_forecast_means(language: str) -> None:
    row = command._row(series(Kind.DISK, "/var", [1e9 * (50 + i * 0.5) for i in range(60)], 1e11))
    assert row[0] == "disk" and "R² 1.00" in str(row[-1])
    assert ("crítico" if language == "es" else "critical") in str(row[-1])
    absurd = command._row(series(Kind.CERTIFICATE, "cert-1", [1e18], 0.0))
    assert absurd[3] == "?"
