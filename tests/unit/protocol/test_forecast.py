"""Forecasts: the line is the least-squares line, and nothing that is not a trend is taken for one."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocol.forecast import (
    DAY_S,
    MIN_POINTS,
    STALE_S,
    Fit,
    Point,
    Severity,
    fit,
    judge,
    restarts,
    since_reset,
)
from protocol.trends import Kind

HOUR_S = 3_600.0
T0 = 1_790_000_000.0
GIB = float(1 << 30)
LIMIT = 100 * GIB


def hourly(values: Sequence[float], limit: float = LIMIT, start: float = T0) -> list[Point]:
    return [Point(start + i * HOUR_S, value, limit) for i, value in enumerate(values)]


def line(n: int, first: float, per_hour: float, limit: float = LIMIT) -> list[Point]:
    return hourly([first + i * per_hour for i in range(n)], limit)


def exact(points: Sequence[Point]) -> tuple[Fraction, Fraction, Fraction]:
    """Slope, level at the end and R² in exact arithmetic, by the textbook's sums."""
    xs = [Fraction(p.at) for p in points]
    ys = [Fraction(p.value) for p in points]
    n = len(points)
    sx, sy = sum(xs), sum(ys)
    sxx = sum(x * x for x in xs) - sx * sx / n
    sxy = sum(x * y for x, y in zip(xs, ys, strict=True)) - sx * sy / n
    syy = sum(y * y for y in ys) - sy * sy / n
    slope = sxy / sxx
    level = sy / n + slope * (xs[-1] - sx / n)
    return slope, level, sxy * sxy / (sxx * syy) if syy else Fraction(0)


values_ = st.floats(min_value=0, max_value=1e15, allow_nan=False)


@given(st.lists(values_, min_size=2, max_size=60))
def test_the_line_is_the_one_of_exact_arithmetic(values: list[float]) -> None:
    points = hourly(values)
    found = fit(points)
    assert found is not None
    slope, level, r2 = exact(points)
    top = max(values) or 1.0
    assert found.slope == pytest.approx(float(slope), rel=1e-6, abs=1e-9 * top / HOUR_S)
    assert found.level == pytest.approx(float(level), rel=1e-9, abs=1e-9 * top)
    if float(max(values) - min(values)) > 1e-6 * top:
        assert found.r2 == pytest.approx(float(r2), abs=1e-6)
    assert 0.0 <= found.r2 <= 1.0


@given(
    st.lists(st.floats(min_value=0, max_value=1e9), min_size=MIN_POINTS, max_size=80),
    st.floats(min_value=1e-6, max_value=1e6),
    st.floats(min_value=-1e9, max_value=1e9),
)
def test_scaling_the_readings_and_shifting_time_change_neither_r2_nor_the_slope_of_shape(
    values: list[float], factor: float, shift: float
) -> None:
    assume(max(values) > 1e-3 and max(values) - min(values) > 1e-3 * max(values))
    plain = fit(hourly(values))
    changed = fit(hourly([v * factor for v in values], start=T0 + shift))
    assert plain is not None and changed is not None
    assert changed.r2 == pytest.approx(plain.r2, abs=1e-5)
    assert changed.slope == pytest.approx(plain.slope * factor, rel=1e-4, abs=1e-9 * max(values) * factor)


@given(
    first=st.floats(min_value=0.1, max_value=0.6),
    days=st.floats(min_value=0.5, max_value=6.0),
    noise=st.floats(min_value=0.0, max_value=0.02),
    seed=st.integers(0, 1 << 30),
    scale=st.sampled_from([1.0, 1e3, GIB, 1e15]),
)
def test_a_line_with_noise_is_recovered_and_warned_of(
    first: float, days: float, noise: float, seed: int, scale: float
) -> None:
    """``noise`` is a share of the rise over the 48 points."""
    n, rng = 48, random.Random(seed)
    end = T0 + (n - 1) * HOUR_S
    per_s = (1.0 - first) / ((n - 1) * HOUR_S + days * DAY_S)
    rise = per_s * (n - 1) * HOUR_S
    points = [
        Point(
            T0 + i * HOUR_S, scale * (first + per_s * i * HOUR_S + rng.uniform(-noise, noise) * rise), scale
        )
        for i in range(n)
    ]
    found = judge(Kind.DISK, points, end)
    assert found is not None and found.r2 is not None and found.eta_s is not None
    assert found.r2 > 0.95
    assert found.slope_per_day == pytest.approx(per_s * DAY_S * scale, rel=0.1)
    assert found.eta_s == pytest.approx(days * DAY_S, rel=0.1, abs=6 * HOUR_S)
    assert found.severity is (Severity.CRITICAL if found.eta_s < 2 * DAY_S else Severity.WARNING)


@given(st.lists(st.floats(min_value=0, max_value=1), min_size=0, max_size=100), st.sampled_from(list(Kind)))
def test_whatever_comes_it_is_judged_without_error(values: list[float], kind: Kind) -> None:
    points = hourly([v * LIMIT for v in values])
    found = judge(kind, points, T0 + len(values) * HOUR_S)
    if found is not None:
        assert found.used and all(math.isfinite(x) for x in (found.value, found.limit))


@given(st.lists(st.floats(), min_size=0, max_size=60), st.sampled_from(list(Kind)))
def test_numbers_that_are_none_are_passed_over(values: list[float], kind: Kind) -> None:
    judge(kind, hourly(values), T0 + len(values) * HOUR_S)
    judge(kind, [Point(v, LIMIT / 2, LIMIT) for v in values], T0)


@given(
    st.floats(min_value=0, max_value=1),
    st.floats(min_value=0, max_value=0.01),
    st.integers(MIN_POINTS, 336),
    st.integers(0, 1 << 30),
)
def test_a_flat_or_falling_series_warns_of_nothing(level: float, fall: float, n: int, seed: int) -> None:
    rng = random.Random(seed)
    flat = hourly([LIMIT * level for _ in range(n)])
    noisy = hourly([LIMIT * min(1.0, max(0.0, level + rng.uniform(-0.01, 0.01))) for _ in range(n)])
    falling = hourly([LIMIT * max(0.0, level - i * fall) for i in range(n)])
    now = T0 + (n - 1) * HOUR_S
    for points in (flat, noisy, falling):
        for kind in (Kind.DISK, Kind.MEMORY):
            assert judge(kind, points, now) is None


def test_a_working_day_is_no_trend() -> None:
    """R² of a day's up and down stays under 6/pi²; two weeks of them, judged at every hour of one day."""
    n = 14 * 24
    points = hourly([LIMIT * (0.6 + 0.3 * math.sin(2 * math.pi * i / 24)) for i in range(n)])
    for end in range(n - 24, n):
        assert judge(Kind.MEMORY, points[: end + 1], points[end].at) is None


def test_twenty_three_points_or_half_a_day_are_not_enough() -> None:
    almost = line(23, LIMIT * 0.5, GIB)
    assert judge(Kind.DISK, almost, almost[-1].at) is None
    quick = [Point(T0 + i * HOUR_S / 2, LIMIT * 0.5 + i * GIB, LIMIT) for i in range(30)]
    assert judge(Kind.DISK, quick, quick[-1].at) is None
    enough = line(24, LIMIT * 0.5, GIB)
    found = judge(Kind.DISK, enough, enough[-1].at)
    assert found is not None and found.eta_s == pytest.approx(27 * HOUR_S, rel=1e-6)


def test_a_line_that_fills_the_disk_in_a_week_is_too_slow() -> None:
    slow = line(48, LIMIT * 0.5, (LIMIT * 0.5 / 24) / 10)  # nine days and more
    assert judge(Kind.DISK, slow, slow[-1].at) is None
    at_the_edge = line(24, 0.0, LIMIT / (7 * 24 + 23 - 1e-6))
    assert judge(Kind.DISK, at_the_edge, at_the_edge[-1].at) is not None


def test_after_a_cleaning_the_series_starts_anew() -> None:
    rising = [0.5 * LIMIT + i * GIB for i in range(40)]
    cleaned = [0.2 * LIMIT + i * 0.1 * GIB for i in range(10)]
    points = hourly(rising + cleaned)
    assert since_reset(points) == tuple(points[40:])
    assert judge(Kind.DISK, points, points[-1].at) is None
    full_again = hourly(rising + [0.2 * LIMIT + i * GIB for i in range(30)])
    found = judge(Kind.DISK, full_again, full_again[-1].at)
    assert found is not None and len(found.used) == 30


def test_a_resized_file_system_starts_the_series_anew() -> None:
    before = line(40, LIMIT * 0.5, GIB)
    after = [
        Point(before[-1].at + (i + 1) * HOUR_S, before[-1].value + i * GIB, 2 * LIMIT) for i in range(10)
    ]
    assert since_reset([*before, *after]) == tuple(after)


def test_what_began_yesterday_is_seen_behind_two_quiet_weeks() -> None:
    quiet = [0.3 * LIMIT + (i % 3) * 1e6 for i in range(300)]
    points = hourly(quiet + [0.3 * LIMIT + (i + 1) * GIB for i in range(24)])
    found = judge(Kind.DISK, points, points[-1].at)
    assert found is not None and len(found.used) == 24


def test_a_clock_that_was_set_back_leaves_a_line_of_the_rest() -> None:
    points = line(40, LIMIT * 0.5, GIB)
    disordered = [*points[:20], *[p._replace(at=p.at - 30 * DAY_S) for p in points[20:25]], *points[20:]]
    assert judge(Kind.DISK, disordered, points[-1].at) == judge(Kind.DISK, points, points[-1].at)


def test_a_machine_that_fell_silent_is_not_judged() -> None:
    points = line(48, LIMIT * 0.5, GIB)
    assert judge(Kind.DISK, points, points[-1].at + STALE_S + 1) is None
    assert judge(Kind.DISK, points, points[-1].at - STALE_S - 1) is None


def test_huge_values_do_not_overflow() -> None:
    huge = hourly([1e307 + i * 1e305 for i in range(48)], limit=1.7e308)
    found = fit(huge)
    assert found is None or math.isfinite(found.slope)
    assert isinstance(fit(hourly([1e18] * 30)), Fit)
    assert fit([Point(0.0, 1.0), Point(1e308, 2.0), Point(1.7e308, 3.0)]) is not None
    judge(Kind.DISK, huge, huge[-1].at)


def test_a_tiny_rise_that_never_gets_there_has_no_end() -> None:
    points = hourly([1e18 + i * 256 for i in range(30)], limit=1e18 + 1e6)
    judge(Kind.DISK, points, points[-1].at)
    assert judge(Kind.DISK, hourly([5e-324 * i for i in range(30)], 1e18), T0 + 29 * HOUR_S) is None


@pytest.mark.parametrize(
    ("days", "severity"),
    [
        (31, None),
        (29.9, Severity.NOTICE),
        (14, Severity.WARNING),
        (3, Severity.CRITICAL),
        (-2, Severity.CRITICAL),
    ],
)
def test_certificates_warn_at_30_14_and_3_days(days: float, severity: Severity | None) -> None:
    found = judge(Kind.CERTIFICATE, [Point(T0, T0 + days * DAY_S)], T0)
    assert (found.severity if found else None) is severity
    if found is not None:
        assert found.eta_s == max(0.0, days * DAY_S)


def test_restarts_are_counted_over_a_reboot_and_only_within_a_day() -> None:
    counts = [0, 1, 2, 40, 0, 1, 3, 3]
    points = hourly([float(c) for c in counts])
    assert restarts(points) == 40 + 3
    assert judge(Kind.CRASH, points, points[-1].at).severity is Severity.CRITICAL  # type: ignore[union-attr]
    assert judge(Kind.CRASH, points, points[-1].at + DAY_S) is None
    few = hourly([7.0, 8.0, 9.0, 11.0])
    assert judge(Kind.CRASH, few, few[-1].at) is None
    assert judge(Kind.CRASH, hourly([7.0, 8.0, 9.0, 12.0]), few[-1].at) is not None


def test_a_battery_warns_when_it_is_worn_or_soon_will_be() -> None:
    worn = hourly([48.0] * 24, limit=100.0)
    found = judge(Kind.BATTERY, worn, worn[-1].at)
    assert found is not None and (found.eta_s, found.severity) == (0.0, Severity.NOTICE)
    fine = hourly([92.0] * 200, limit=100.0)
    assert judge(Kind.BATTERY, fine, fine[-1].at) is None
    wearing = [Point(T0 + i * DAY_S, 90.0 - i, 100.0) for i in range(30)]  # 61 % now, one a day
    found = judge(Kind.BATTERY, wearing, wearing[-1].at)
    assert found is not None and found.eta_s == pytest.approx(11 * DAY_S, rel=1e-6)
    assert found.slope_per_day == pytest.approx(-1.0)
    assert judge(Kind.BATTERY, hourly([40.0] * 3, 100.0), T0 + 2 * HOUR_S) is None, (
        "three readings are no day"
    )
