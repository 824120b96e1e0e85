"""Business days for the windows of a ticket: Monday to Friday in UTC.

The one place that counts them. A customer's calendar (zone, hours, holidays) takes its place here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

_SATURDAY = 5


def add_business_days(start: datetime, days: int) -> datetime:
    """The same time of day, ``days`` business days later; the day of ``start`` does not count.

    ``days`` 0 is ``start`` itself. Friday 10:00 and one day is Monday 10:00; so is Saturday 10:00.
    """
    moment = start
    while days > 0:
        moment += timedelta(days=1)
        if moment.weekday() < _SATURDAY:
            days -= 1
    return moment
