"""Business days for the windows of a ticket, by the customer's calendar; without one Monday to Friday in UTC."""

from __future__ import annotations

from datetime import datetime, timedelta

from protocol.calendars import Hours

_SATURDAY = 5


def add_business_days(start: datetime, days: int, hours: Hours | None = None) -> datetime:
    """The same time of day, ``days`` business days later; the day of ``start`` does not count.

    ``days`` 0 is ``start`` itself. Friday 10:00 and one day is Monday 10:00; so is Saturday 10:00.
    """
    if hours is not None:
        return hours.add_workdays(start, days)
    moment = start
    while days > 0:
        moment += timedelta(days=1)
        if moment.weekday() < _SATURDAY:
            days -= 1
    return moment
