"""A machine's series in the store: read, judged, and thinned out as they grow old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update

from broker.store.trend_tables import trend_points
from protocol.forecast import Forecast, Point, judge
from protocol.trends import Kind

RAW = timedelta(days=14)
"""So long every reading is kept."""
DAILY = timedelta(days=400)
"""So long one reading a day is, of what wears out slowly."""
_SLOW = frozenset({Kind.DISK, Kind.MEMORY, Kind.BATTERY})
_BY_DAYS = frozenset({Kind.BATTERY})
"""Judged by a year of days; the others by two weeks of hours."""


class Series(NamedTuple):
    kind: Kind
    subject: str
    points: tuple[Point, ...]
    """Oldest first."""


def keys(conn: Connection, agent: str) -> set[tuple[str, str]]:
    """Kind and subject of every series that has points."""
    wanted = select(trend_points.c.kind, trend_points.c.subject).where(trend_points.c.agent == agent)
    return {(row.kind, row.subject) for row in conn.execute(wanted.distinct())}


def load(conn: Connection, agent: str, kind: Kind | None = None) -> list[Series]:
    """Every series of the machine, by kind and subject."""
    c = trend_points.c
    wanted = select(c.kind, c.subject, c.at, c.value, c.limit).where(c.agent == agent)
    if kind is not None:
        wanted = wanted.where(c.kind == kind.value)
    found: dict[tuple[str, str], list[Point]] = {}
    for row in conn.execute(wanted.order_by(c.kind, c.subject, c.at)):
        found.setdefault((row.kind, row.subject), []).append(Point(row.at.timestamp(), row.value, row.limit))
    return [Series(Kind(kind), subject, tuple(points)) for (kind, subject), points in found.items()]


def forecast(one: Series, now: datetime) -> Forecast | None:
    """What the series says now."""
    since = (now - RAW).timestamp()
    points = one.points if one.kind in _BY_DAYS else [p for p in one.points if p.at >= since]
    return judge(one.kind, points, now.timestamp())


def thin(conn: Connection, agent: str, now: datetime) -> None:
    """Of days over two weeks back keep the last reading, of what wears out slowly; nothing over a year."""
    c = trend_points.c
    midnight = (now - RAW).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    old = (c.agent == agent) & c.daily.is_(False) & (c.at < midnight)
    rows = conn.execute(select(c.kind, c.subject, c.at).where(old).order_by(c.at)).all()
    if rows:
        last = {(row.kind, row.subject, row.at.date()): row for row in rows if Kind(row.kind) in _SLOW}
        for row in last.values():
            same = (c.agent == agent) & (c.kind == row.kind) & (c.subject == row.subject) & (c.at == row.at)
            conn.execute(update(trend_points).where(same).values(daily=True))
        conn.execute(delete(trend_points).where(old))
    conn.execute(delete(trend_points).where(c.agent == agent, c.daily.is_(True), c.at < now - DAILY))
