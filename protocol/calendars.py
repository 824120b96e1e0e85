"""Business hours as a pure function: when a calendar is open, how long, and when so much time has passed.

An instant is open when the wall clock of the calendar's zone, at that instant, lies in one of the hours of
its local day. Days of the clock change follow from that: an hour that is skipped has no minutes, an hour
that comes twice counts twice. All arithmetic is on whole microseconds since 1970 UTC.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Meta

from protocol.errors import Code, RelevoError
from protocol.wire import Name, Wire

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON_YEARS = 20
"""How far ahead ``add`` looks. What is due later than that is due never."""
MINUTE_US = 60_000_000

_FIRST_YEAR, _LAST_YEAR = 1971, 2200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WALL_EPOCH = datetime(1970, 1, 1)
_US = timedelta(microseconds=1)
_YEAR_US = timedelta(days=366) // _US
_HOURS = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))? )?(\d\d):(\d\d)-(\d\d):(\d\d)")
_DAY_MINUTES = 24 * 60

WeekHours = Annotated[str, Meta(pattern=r"^[a-z]{3}(-[a-z]{3})? \d\d:\d\d-\d\d:\d\d$(?!\n)")]
"""``mon-fri 09:00-17:00`` or ``sat 10:00-24:00``: half open, within one local day."""
DayHours = Annotated[str, Meta(pattern=r"^\d\d:\d\d-\d\d:\d\d$(?!\n)")]


class Holiday(Wire, frozen=True):
    """A local date on which the calendar is closed."""

    date: date
    name: Annotated[str, Meta(max_length=200)] = ""


class ExceptionDay(Wire, frozen=True):
    """A local date with hours of its own, holiday or not; no hours: closed."""

    date: date
    hours: Annotated[tuple[DayHours, ...], Meta(max_length=24)] = ()
    name: Annotated[str, Meta(max_length=200)] = ""


class Calendar(Wire, frozen=True):
    """When work is done. Holidays are explicit dates, so that everybody computes the same."""

    id: Name
    zone: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}$(?!\n)")]
    """IANA name: ``Europe/Madrid``."""
    hours: Annotated[tuple[WeekHours, ...], Meta(max_length=200)]
    holidays: Annotated[tuple[Holiday, ...], Meta(max_length=5_000)] = ()
    exceptions: Annotated[tuple[ExceptionDay, ...], Meta(max_length=2_000)] = ()


ALWAYS = Calendar(id="24x7", zone="UTC", hours=("mon-sun 00:00-24:00",))


class _Span(NamedTuple):
    """Minutes of a local day, half open."""

    opens: int
    closes: int


class _Table(NamedTuple):
    """Open intervals of some years: ``before[i]`` is the open time of all intervals before ``i``.

    ``low`` and ``high`` are the instants between which it is complete, whatever the zone.
    """

    first_year: int
    last_year: int
    low: int
    high: int
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    before: tuple[int, ...]

    def open_until(self, at: int) -> int:
        """Open microseconds from the table's beginning to ``at``."""
        i = bisect_right(self.starts, at) - 1
        return 0 if i < 0 else self.before[i] + min(at, self.ends[i]) - self.starts[i]

    @property
    def total(self) -> int:
        return self.before[-1] + self.ends[-1] - self.starts[-1] if self.starts else 0


_LAST_US = (datetime(_LAST_YEAR, 1, 1, tzinfo=UTC) - _EPOCH) // _US


def to_us(moment: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (moment - _EPOCH) // _US


def from_us(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


class Hours:
    """A checked calendar, ready to compute with. Safe to share between threads.

    Tables of open intervals are made for the years that are asked about and kept; after that a question
    costs two binary searches, however far apart its two instants are.
    """

    def __init__(self, calendar: Calendar) -> None:
        """Raises RelevoError: ``parameter-invalid`` for what is no calendar (see ``check``)."""
        self.calendar = calendar
        self._zone = _zone(calendar)
        self._week = _week(calendar)
        self._days = _special_days(calendar)
        self._table = _Table(0, -1, 1, 0, (), (), ())

    def open_us(self, start: int, end: int) -> int:
        """Open microseconds in ``[start, end)``; 0 if ``end`` is not after ``start``."""
        if end <= start:
            return 0
        table = self._table
        if not (table.low <= start and end <= table.high):
            table = self._covering(start, end)
        starts, ends, before = table.starts, table.ends, table.before
        i, j = bisect_right(starts, start) - 1, bisect_right(starts, end) - 1
        first = before[i] + min(start, ends[i]) - starts[i] if i >= 0 else 0
        last = before[j] + min(end, ends[j]) - starts[j] if j >= 0 else 0
        return last - first

    def open_at(self, times: Sequence[int]) -> list[int]:
        """Of each of ``times`` (ascending) the open microseconds since one beginning that all have in common:
        the difference of two is what ``open_us`` says of them."""
        if not times:
            return []
        table = self._covering(times[0], times[-1])
        starts, ends, before = table.starts, table.ends, table.before
        found = []
        for at in times:
            i = bisect_right(starts, at) - 1
            if i < 0:
                found.append(0)
            else:
                end = ends[i]
                found.append(before[i] + (at if at < end else end) - starts[i])
        return found

    def add_us(self, start: int, amount: int) -> int | None:
        """The earliest instant at which ``amount`` open microseconds have passed since ``start``.

        None when that does not happen within ``HORIZON_YEARS``. ``start`` itself for an amount of 0.
        """
        if amount <= 0:
            return start
        for years in (1, 5, HORIZON_YEARS + 1):
            table = self._covering(start, min(start + years * _YEAR_US, _LAST_US))
            wanted = table.open_until(start) + amount
            if wanted <= table.total:
                i = bisect_right(table.before, wanted) - 1
                # The amount is complete at the close of an interval, not at the opening of the next.
                if table.before[i] == wanted:
                    i -= 1
                found = table.starts[i] + wanted - table.before[i]
                return found if found <= start + HORIZON_YEARS * _YEAR_US else None
        return None

    def business_minutes(self, start: datetime, end: datetime) -> int:
        """Whole open minutes in ``[start, end)``."""
        return self.open_us(to_us(start), to_us(end)) // MINUTE_US

    def add(self, start: datetime, minutes: int) -> datetime | None:
        """As ``add_us``, in minutes."""
        found = self.add_us(to_us(start), minutes * MINUTE_US)
        return None if found is None else from_us(found)

    def is_open(self, at: datetime) -> bool:
        moment = to_us(at)
        return self.open_us(moment, moment + 1) > 0

    def next_open(self, at: datetime) -> datetime | None:
        """``at`` itself when open, else the next opening; None when there is none within the horizon."""
        found = self.add_us(to_us(at), 1)
        return None if found is None else from_us(found - 1)

    def add_workdays(self, start: datetime, days: int) -> datetime:
        """The same time on the clock, ``days`` local days with open hours later; the first one not counted."""
        local = start.astimezone(self._zone).replace(fold=0)
        day, left = local.date(), days
        while left > 0:
            day += timedelta(days=1)
            left -= bool(self._spans(day.toordinal()))
        return start if days <= 0 else datetime.combine(day, local.timetz()).astimezone(UTC)

    def _covering(self, start: int, end: int) -> _Table:
        table = self._table
        if table.low <= start and end <= table.high:
            return table
        return self._years(from_us(start).year - 1, from_us(end).year + 1)

    def _years(self, first: int, last: int) -> _Table:
        """The kept table, widened; replaced in one step, so that a reader never sees half of one."""
        table = self._table
        if table.starts:
            first, last = min(first, table.first_year), max(last, table.last_year)
        first, last = max(first, _FIRST_YEAR), min(last, _LAST_YEAR)
        if (first, last) != (table.first_year, table.last_year):
            table = self._build(first, last)
            self._table = table
        return table

    def _build(self, first: int, last: int) -> _Table:
        found: list[tuple[int, int]] = []
        for ordinal in range(date(first, 1, 1).toordinal(), date(last, 12, 31).toordinal() + 1):
            for span in self._spans(ordinal):
                found += _instants(self._zone, ordinal, span)
        found.sort()
        starts: list[int] = []
        ends: list[int] = []
        before: list[int] = []
        total = 0
        for start, end in found:
            if ends and start <= ends[-1]:
                total += end - ends[-1]
                ends[-1] = end
                continue
            starts.append(start)
            ends.append(end)
            before.append(total)
            total += end - start
        # A local year begins and ends within a day and a half of the year in UTC.
        low, high = to_us(datetime(first, 1, 3, tzinfo=UTC)), to_us(datetime(last, 12, 30, tzinfo=UTC))
        return _Table(first, last, low, high, tuple(starts), tuple(ends), tuple(before))

    def _spans(self, ordinal: int) -> tuple[_Span, ...]:
        """Exceptions before holidays before the week."""
        found = self._days.get(ordinal)
        return self._week[(ordinal - 1) % 7] if found is None else found


def check(calendar: Calendar) -> None:
    """Raises RelevoError: ``parameter-invalid`` for an unknown zone, hours that overlap, end before they
    begin or leave the day, a date that is there twice, and a week without any open minute."""
    Hours(calendar)


def _zone(calendar: Calendar) -> ZoneInfo:
    try:
        return ZoneInfo(calendar.zone)
    except (KeyError, OSError, ValueError) as error:
        raise _wrong(calendar, f"no such time zone: {calendar.zone}") from error


def _week(calendar: Calendar) -> tuple[tuple[_Span, ...], ...]:
    week: list[list[_Span]] = [[] for _ in DAYS]
    for text in calendar.hours:
        found = _HOURS.fullmatch(text)
        first, last = (found[1], found[2] or found[1]) if found else ("", "")
        if not found or first not in DAYS or last not in DAYS:
            raise _wrong(calendar, f"not hours: {text[:40]!r}")
        begin, end = DAYS.index(first), DAYS.index(last)
        if end < begin:
            raise _wrong(calendar, f"days run from mon to sun: {text}")
        for day in range(begin, end + 1):
            week[day].append(_span(calendar, text))
    if not any(week):
        raise _wrong(calendar, "it is never open")
    return tuple(_in_order(calendar, spans, day) for spans, day in zip(week, DAYS, strict=True))


def _special_days(calendar: Calendar) -> dict[int, tuple[_Span, ...]]:
    days: dict[int, tuple[_Span, ...]] = {}
    for holiday in calendar.holidays:
        ordinal = holiday.date.toordinal()
        if ordinal in days:
            raise _wrong(calendar, f"holiday {holiday.date} is there twice")
        days[ordinal] = ()
    seen: set[date] = set()
    for special in calendar.exceptions:
        if special.date in seen:
            raise _wrong(calendar, f"exception {special.date} is there twice")
        seen.add(special.date)
        spans = [_span(calendar, text) for text in special.hours]
        days[special.date.toordinal()] = _in_order(calendar, spans, str(special.date))
    return days


def _span(calendar: Calendar, text: str) -> _Span:
    found = _HOURS.fullmatch(text)
    if not found:
        raise _wrong(calendar, f"not hours: {text[:40]!r}")
    h1, m1, h2, m2 = (int(found[i]) for i in (3, 4, 5, 6))
    opens, closes = h1 * 60 + m1, h2 * 60 + m2
    if m1 > 59 or m2 > 59 or not 0 <= opens < closes <= _DAY_MINUTES:
        raise _wrong(calendar, f"hours must begin before they end, within one day (24:00 ends it): {text}")
    return _Span(opens, closes)


def _in_order(calendar: Calendar, spans: list[_Span], day: str) -> tuple[_Span, ...]:
    ordered = sorted(spans)
    for before, after in itertools.pairwise(ordered):
        if after.opens < before.closes:
            raise _wrong(calendar, f"hours overlap on {day}")
    return tuple(ordered)


def _wrong(calendar: Calendar, why: str) -> RelevoError:
    return RelevoError(Code.PARAMETER_INVALID, f"calendar {calendar.id}: {why}")


# --- wall clock to instants ------------------------------------------------------------------------


def _instants(zone: ZoneInfo, ordinal: int, span: _Span) -> list[tuple[int, int]]:
    """The instants of a span of one local day: one interval, or two around a clock change."""
    midnight = datetime.fromordinal(ordinal)
    opens, closes = midnight + timedelta(minutes=span.opens), midnight + timedelta(minutes=span.closes)
    before, after = _offset(opens, zone, fold=0), _offset(closes, zone, fold=1)
    wall_opens, wall_closes = (opens - _WALL_EPOCH) // _US, (closes - _WALL_EPOCH) // _US
    if before == after:
        return [(wall_opens - before, wall_closes - before)]
    change = _change(zone, wall_opens - max(before, after), wall_closes - min(before, after), before)
    parts = (
        (wall_opens - before, min(wall_closes - before, change)),
        (max(wall_opens - after, change), wall_closes - after),
    )
    return [(start, end) for start, end in parts if start < end]


def _offset(wall: datetime, zone: ZoneInfo, *, fold: int) -> int:
    """Local minus UTC in microseconds; in a gap or a fold, before the change (0) or after it (1)."""
    offset = wall.replace(tzinfo=zone, fold=fold).utcoffset()
    return 0 if offset is None else offset // _US


def _change(zone: ZoneInfo, low: int, high: int, before: int) -> int:
    """The instant between ``low`` and ``high`` from which the offset is no longer ``before``."""
    low, high = low // 1_000_000 - 1, high // 1_000_000 + 1
    while high - low > 1:
        middle = (low + high) // 2
        local = from_us(middle * 1_000_000).astimezone(zone)
        offset = local.utcoffset()
        if offset is not None and offset // _US == before:
            low = middle
        else:
            high = middle
    return high * 1_000_000
