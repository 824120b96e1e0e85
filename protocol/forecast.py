"""What a series of readings says about the near future. Functions of values, the time included.

The rule for what fills up is 4-domain.md's: least squares over at least 24 points; warn when it is full in
less than seven days and R² is over 0.8. A fall starts the series anew, because what was cleaned up says
nothing about what comes. Of 24 hourly points R² of a daily up and down stays below 0.61 (6/pi²), so that
a working day is no trend.
"""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from protocol.trends import Kind

DAY_S = 86_400.0
MIN_POINTS = 24
MIN_SPAN_S = 20 * 3_600.0
"""Points that follow each other faster than hourly must still cover most of a day."""
MIN_R2 = 0.8
STALE_S = 2 * DAY_S
"""A machine that said nothing for so long is not judged by what it said last."""
RESET_SHARE = 0.05
"""A fall by this share of the limit, or a limit that changed by it, starts the series anew."""
WINDOWS = (MIN_POINTS, 3 * MIN_POINTS, 7 * MIN_POINTS)
"""Besides the whole series, its newest points: what began yesterday drowns in two quiet weeks."""


class Severity(enum.IntEnum):
    NOTICE = 1
    WARNING = 2
    CRITICAL = 3


class Point(NamedTuple):
    """``at``: Unix seconds."""

    at: float
    value: float
    limit: float = 0.0


class Fit(NamedTuple):
    """A straight line through points."""

    slope: float
    """Units a second."""
    level: float
    """The line at the last point."""
    r2: float
    """Share of the variance that the line explains; 0 where there is none to explain."""
    points: int
    since: float
    until: float


class Forecast(NamedTuple):
    """Something is going to happen, and why that is believed."""

    kind: Kind
    severity: Severity
    eta_s: float | None
    """Seconds from now; 0: it is so already; None: it has no time, it happens now and again."""
    r2: float | None
    slope_per_day: float | None
    """Units of the reading a day."""
    value: float
    """The newest reading, or how many restarts."""
    limit: float
    used: tuple[Point, ...]
    """The points that it was computed from."""


def judge(kind: Kind, points: Sequence[Point], now: float) -> Forecast | None:
    """The forecast for one series, oldest point first, or None when there is nothing to warn of.

    Points that are not finite or not later than the one before are passed over.
    """
    usable = _usable(points)
    if not usable or not -STALE_S < now - usable[-1].at < STALE_S:
        return None
    match kind:
        case Kind.DISK | Kind.MEMORY:
            return _filling(kind, usable, now)
        case Kind.BATTERY:
            return _wearing(usable, now)
        case Kind.CRASH:
            return _crashing(usable, now)
        case Kind.CERTIFICATE:
            return _ending(usable, now)


def _usable(points: Sequence[Point]) -> tuple[Point, ...]:
    found: list[Point] = []
    for point in points:
        if all(map(math.isfinite, point)) and (not found or point.at > found[-1].at):
            found.append(point)
    return tuple(found)


# --- a line through points ---------------------------------------------------------------------


def fit(points: Sequence[Point]) -> Fit | None:
    """Least squares; None for fewer than two points or numbers that floats cannot hold.

    Both axes are brought to the size of 1 before anything is squared, so that neither huge values nor
    long times overflow, and scaling the readings changes nothing but the slope's unit.
    """
    if len(points) < 2:
        return None
    since, until = points[0].at, points[-1].at
    span, top = until - since, max(abs(point.value) for point in points)
    if not (span > 0 and math.isfinite(span) and math.isfinite(top)):
        return None
    size = top or 1.0
    xs = [(point.at - since) / span for point in points]
    ys = [point.value / size for point in points]
    mean_x, mean_y = math.fsum(xs) / len(xs), math.fsum(ys) / len(ys)
    sxx = math.fsum((x - mean_x) ** 2 for x in xs)
    sxy = math.fsum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    syy = math.fsum((y - mean_y) ** 2 for y in ys)
    if sxx <= 0:
        return None
    rise = sxy / sxx
    slope, level = rise * size / span, (mean_y + rise * (1.0 - mean_x)) * size
    if not (math.isfinite(slope) and math.isfinite(level)):
        return None
    r2 = min(1.0, sxy * sxy / (sxx * syy)) if syy > _NOTHING else 0.0
    return Fit(slope, level, r2, len(points), since, until)


_NOTHING = 1e-18
"""Variance of values of size 1 that is only rounding."""


def since_reset(points: Sequence[Point]) -> tuple[Point, ...]:
    """The newest points between which nothing fell by ``RESET_SHARE`` of the limit, and no limit changed so."""
    start = 0
    peak = points[0].value if points else 0.0
    for index in range(1, len(points)):
        point, before = points[index], points[index - 1]
        resized = abs(point.limit - before.limit) > RESET_SHARE * max(point.limit, before.limit)
        if resized or point.value < peak - RESET_SHARE * point.limit:
            start, peak = index, point.value
        peak = max(peak, point.value)
    return tuple(points[start:])


def reaches(points: Sequence[Point], limit: float, now: float) -> tuple[Fit, float] | None:
    """The line, and in how many seconds from ``now`` it comes to ``limit``; None while it does not rise.

    Raises nothing: a line so flat that it takes longer than a float can say never gets there.
    """
    if len(points) < MIN_POINTS or points[-1].at - points[0].at < MIN_SPAN_S:
        return None
    line = fit(points)
    if line is None or line.slope <= 0 or line.r2 <= MIN_R2:
        return None
    eta = line.until + (limit - line.level) / line.slope - now
    return (line, max(0.0, eta)) if math.isfinite(eta) else None


class _Reached(NamedTuple):
    line: Fit
    eta: float
    used: tuple[Point, ...]


def _soonest(points: Sequence[Point], limit: float, now: float, within_s: float) -> _Reached | None:
    """The longest stretch of points whose line comes to ``limit`` in time."""
    lengths = [len(points), *(size for size in sorted(WINDOWS, reverse=True) if size < len(points))]
    for length in lengths:
        stretch = tuple(points[-length:])
        found = reaches(stretch, limit, now)
        if found is not None and found[1] < within_s:
            return _Reached(found[0], found[1], stretch)
    return None


# --- what each kind warns of -------------------------------------------------------------------

_WITHIN_S = {Kind.DISK: 7 * DAY_S, Kind.MEMORY: 3 * DAY_S}
_CRITICAL_S = {Kind.DISK: 2 * DAY_S, Kind.MEMORY: DAY_S / 2}


def _filling(kind: Kind, points: tuple[Point, ...], now: float) -> Forecast | None:
    limit = points[-1].limit
    if limit <= 0:
        return None
    found = _soonest(since_reset(points), limit, now, _WITHIN_S[kind])
    if found is None:
        return None
    severity = Severity.CRITICAL if found.eta < _CRITICAL_S[kind] else Severity.WARNING
    per_day = found.line.slope * DAY_S
    return Forecast(kind, severity, found.eta, found.line.r2, per_day, points[-1].value, limit, found.used)


WORN_PERCENT = 50.0
_SPENT_PERCENT = 30.0
_WORN_WITHIN_S = 30 * DAY_S


def _wearing(points: tuple[Point, ...], now: float) -> Forecast | None:
    """Worn: half of the newest day's readings are under 50 % of the design; or will be within 30 days."""
    newest = points[-MIN_POINTS:]
    middle = sorted(point.value for point in newest)[len(newest) // 2]
    if len(newest) == MIN_POINTS and middle < WORN_PERCENT:
        severity = Severity.WARNING if middle < _SPENT_PERCENT else Severity.NOTICE
        return Forecast(Kind.BATTERY, severity, 0.0, None, None, points[-1].value, 100.0, newest)
    # Upside down, so that a falling charge comes to a limit as everything else does.
    worn = tuple(Point(point.at, 200.0 - point.value, 200.0) for point in points)
    found = _soonest(since_reset(worn), 200.0 - WORN_PERCENT, now, _WORN_WITHIN_S)
    if found is None:
        return None
    used, per_day = points[-len(found.used) :], -found.line.slope * DAY_S
    return Forecast(
        Kind.BATTERY, Severity.NOTICE, found.eta, found.line.r2, per_day, points[-1].value, 100.0, used
    )


CRASHES = 5
"""Restarts within ``CRASH_WINDOW_S`` that make a loop."""
CRASH_WINDOW_S = DAY_S
_MANY_CRASHES = 20


def restarts(points: Sequence[Point]) -> float:
    """Restarts between the first point and the last. A counter that fell began again from nothing."""
    total = 0.0
    for before, point in itertools.pairwise(points):
        total += point.value - before.value if point.value >= before.value else point.value
    return total


def _crashing(points: tuple[Point, ...], now: float) -> Forecast | None:
    recent = tuple(point for point in points if point.at > now - CRASH_WINDOW_S)
    count = restarts(recent)
    if count < CRASHES:
        return None
    severity = Severity.CRITICAL if count >= _MANY_CRASHES else Severity.WARNING
    return Forecast(Kind.CRASH, severity, None, None, None, count, 0.0, recent)


CERTIFICATE_STEPS = ((3, Severity.CRITICAL), (14, Severity.WARNING), (30, Severity.NOTICE))
"""Days left, from the narrowest."""


def _ending(points: tuple[Point, ...], now: float) -> Forecast | None:
    left = points[-1].value - now
    for days, severity in CERTIFICATE_STEPS:
        if left <= days * DAY_S:
            end = points[-1]
            return Forecast(Kind.CERTIFICATE, severity, max(0.0, left), None, None, end.value, 0.0, (end,))
    return None
