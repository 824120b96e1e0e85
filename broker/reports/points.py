"""Points in time at which something is counted: weeks and days of a period, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from broker.reports.figures import Period
from protocol.calendars import from_us, to_us
from protocol.reports import MAX_POINTS

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
DAILY_UP_TO = 100 * DAY
"""Longer periods have a point a week."""


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
