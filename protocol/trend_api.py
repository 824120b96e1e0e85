"""Bodies of the HTTP API about trend facts and early warnings. Times of points are Unix seconds."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.forecast import Forecast, Severity
from protocol.ids import AgentId, TicketId
from protocol.scopes import Mode
from protocol.tickets import State
from protocol.trends import KEPT, Kind, Subject
from protocol.wire import Count, Moment, Name, Wire

MAX_POINTS = 2 * KEPT
"""Points of a series in one answer."""
MAX_SERIES = 64


class TrendPoint(Wire, frozen=True):
    at: float
    value: float
    limit: float = 0.0


class ForecastView(Wire, frozen=True):
    """``protocol.forecast.Forecast`` without its points. ``eta_s`` is from the moment of the answer."""

    severity: Severity
    eta_s: float | None
    r2: float | None
    slope_per_day: float | None
    value: float
    points: Count


class SeriesView(Wire, frozen=True):
    kind: Kind
    subject: Subject
    points: Annotated[tuple[TrendPoint, ...], Meta(max_length=MAX_POINTS)]
    forecast: ForecastView | None


class TrendsView(Wire, frozen=True):
    """``GET /v1/agents/{agent}/trends``. A machine that never sent any has no series and no ``received``."""

    agent: AgentId
    mode: Mode
    received: Moment | None
    """When the broker heard of its trends last."""
    last_at: Moment | None
    """When the newest sample was taken, by the machine's clock."""
    missing: Count
    """Samples that never came: their numbers were skipped."""
    refused: Count
    """Samples that could not be: from the future, out of order, too many."""
    series: Annotated[tuple[SeriesView, ...], Meta(max_length=MAX_SERIES)]


class Evidence(Wire, frozen=True):
    """Why a warning was given, with every point that it was computed from. Hashed in the audit log."""

    kind: Kind
    subject: Subject
    severity: Severity
    eta_s: float | None
    r2: float | None
    slope_per_day: float | None
    value: float
    limit: float
    points: Annotated[tuple[TrendPoint, ...], Meta(max_length=2_000)]


class WarningView(Wire, frozen=True):
    id: Count
    agent: AgentId
    hostname: str
    customer: Name
    kind: Kind
    subject: Subject
    severity: Severity
    opened: Moment
    ticket: TicketId | None
    """None: so many warnings were open that this one has no ticket."""
    state: State | None
    eta_s: float | None
    """When it was opened."""
    r2: float | None
    outcome: bool | None = None
    """Was it right? None: nobody has said."""
    judged_by: str | None = None
    judged_at: Moment | None = None


class KindPrecision(Wire, frozen=True):
    """How often warnings of a kind were right, of those that somebody judged."""

    kind: Kind
    opened: Count
    judged: Count
    right: Count
    precision: float | None
    """None: nothing was judged."""
    review: bool
    """Enough were judged, and too few were right: the rule needs to be looked at."""


class Warnings(Wire, frozen=True):
    rows: tuple[WarningView, ...]
    precision: tuple[KindPrecision, ...]
    """Of the customers that the caller may see."""


class WarningDetail(Wire, frozen=True):
    warning: WarningView
    evidence: Evidence


class WarningJudged(Wire, frozen=True):
    """``POST /v1/tickets/{ticket}/warning``."""

    right: bool


def evidence_of(subject: str, forecast: Forecast) -> Evidence:
    return Evidence(
        kind=forecast.kind,
        subject=subject,
        severity=forecast.severity,
        eta_s=forecast.eta_s,
        r2=forecast.r2,
        slope_per_day=forecast.slope_per_day,
        value=forecast.value,
        limit=forecast.limit,
        points=tuple(
            TrendPoint(at=point.at, value=point.value, limit=point.limit) for point in forecast.used
        ),
    )


def forecast_view(forecast: Forecast) -> ForecastView:
    return ForecastView(
        severity=forecast.severity,
        eta_s=forecast.eta_s,
        r2=forecast.r2,
        slope_per_day=forecast.slope_per_day,
        value=forecast.value,
        points=len(forecast.used),
    )
