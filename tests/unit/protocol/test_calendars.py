"""Business hours: beside a counter that looks at every minute, over clock changes, with hostile calendars."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.calendars import (
    ALWAYS,
    DAYS,
    HORIZON_YEARS,
    Calendar,
    ExceptionDay,
    Holiday,
    Hours,
    check,
    to_us,
)
from protocol.errors import Code, RelevoError
from protocol.wire import from_json, to_json

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Calendar(
    id="office",
    zone="Europe/Berlin",
    hours=("mon-fri 09:00-17:00",),
    holidays=(Holiday(date=date(2026, 12, 25), name="Weihnachten"),),
)
MINUTE = timedelta(minutes=1)


def open_by_looking(calendar: Calendar, at: datetime) -> bool:
    """The definition, read off the wall clock of one instant."""
    local = at.astimezone(ZoneInfo(calendar.zone))
    minute = local.hour * 60 + local.minute
    special = [day for day in calendar.exceptions if day.date == local.date()]
    if special:
        hours = [("", text) for text in special[0].hours]
    elif any(day.date == local.date() for day in calendar.holidays):
        hours = []
    else:
        hours = [tuple(text.split(" ")) for text in calendar.hours]  # type: ignore[misc]
    for days, text in hours:
        if days:
            first, _, last = days.partition("-")
            if not DAYS.index(first) <= local.weekday() <= DAYS.index(last or first):
                continue
        begin, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
        if begin <= minute < end:
            return True
    return False


def count_minutes(calendar: Calendar, start: datetime, end: datetime) -> int:
    total, at = 0, start
    while at < end:
        total += open_by_looking(calendar, at)
        at += MINUTE
    return total


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def day_hours(draw: st.DrawFn) -> list[str]:
    """Disjoint hours of one day, 24:00 and touching ones among them."""
    marks = draw(st.lists(st.integers(0, 96), min_size=0, max_size=6, unique=True))
    marks = sorted(15 * mark for mark in marks)[: len(marks) // 2 * 2]
    return [f"{_clock(a)}-{_clock(b)}" for a, b in zip(marks[::2], marks[1::2], strict=True)]


ZONES = (
    "Europe/Berlin",
    "Atlantic/Canary",
    "America/New_York",
    "America/Santiago",  # changes at midnight
    "Australia/Lord_Howe",  # by half an hour
    "Asia/Kathmandu",
    "America/Havana",
    "UTC",
)
CHANGES_2027 = ((3, 13), (3, 27), (4, 3), (9, 4), (10, 2), (10, 30), (11, 6), (6, 15), (12, 30))


@st.composite
def calendars(draw: st.DrawFn, month: int, day: int) -> Calendar:
    hours = [f"{name} {text}" for name in DAYS for text in draw(day_hours())]
    days = [date(2027, month, day) + timedelta(days=n) for n in range(3)]
    holidays = draw(st.lists(st.sampled_from(days), unique=True, max_size=2))
    exceptions = draw(st.lists(st.sampled_from(days), unique=True, max_size=2))
    return Calendar(
        id="any",
        zone=draw(st.sampled_from(ZONES)),
        hours=tuple(hours) or ("wed 12:00-12:15",),
        holidays=tuple(Holiday(date=d) for d in holidays),
        exceptions=tuple(ExceptionDay(date=d, hours=tuple(draw(day_hours()))) for d in exceptions),
    )


@st.composite
def questions(draw: st.DrawFn) -> tuple[Calendar, datetime, datetime]:
    month, day = draw(st.sampled_from(CHANGES_2027))
    calendar = draw(calendars(month, day))
    start = datetime(2027, month, day, tzinfo=UTC) + MINUTE * draw(st.integers(0, 2 * 1440))
    return calendar, start, start + MINUTE * draw(st.integers(0, 2 * 1440))


@settings(max_examples=60, deadline=None)
@given(questions())
def test_business_minutes_are_what_a_look_at_every_minute_counts(
    asked: tuple[Calendar, datetime, datetime],
) -> None:
    calendar, start, end = asked
    assert Hours(calendar).business_minutes(start, end) == count_minutes(calendar, start, end)


@settings(max_examples=60, deadline=None)
@given(questions(), st.integers(1, 3_000))
def test_adding_minutes_ends_at_the_first_instant_at_which_they_have_passed(
    asked: tuple[Calendar, datetime, datetime], minutes: int
) -> None:
    hours, start = Hours(asked[0]), asked[1]
    due = hours.add(start, minutes)
    if due is None:
        return
    assert hours.business_minutes(start, due) == minutes
    assert hours.open_us(to_us(start), to_us(due) - 1) < minutes * 60_000_000
    assert open_by_looking(asked[0], due - MINUTE)


@settings(max_examples=60, deadline=None)
@given(questions(), st.integers(0, 2 * 1440 * 60_000_000))
def test_parts_sum_up_to_the_whole_to_the_microsecond(
    asked: tuple[Calendar, datetime, datetime], cut: int
) -> None:
    hours, start, end = Hours(asked[0]), to_us(asked[1]), to_us(asked[2])
    middle = min(start + cut, end)
    assert hours.open_us(start, middle) + hours.open_us(middle, end) == hours.open_us(start, end)
    opened = hours.open_at((start, middle, end))
    assert [opened[i + 1] - opened[i] for i in (0, 1)] == [
        hours.open_us(start, middle),
        hours.open_us(middle, end),
    ]
    assert hours.open_at(()) == []


@settings(max_examples=15, deadline=None)  # each makes five tables, of up to 32 years
@given(questions())
def test_an_answer_does_not_depend_on_what_was_asked_before(
    asked: tuple[Calendar, datetime, datetime],
) -> None:
    used, fresh, start = Hours(asked[0]), Hours(asked[0]), asked[1]
    used.business_minutes(start - timedelta(days=1_500), start + timedelta(days=9_000))
    for minutes in (1, 500, 100_000, 5_000_000):
        assert used.add(start, minutes) == fresh.add(start, minutes)


def test_the_hour_that_is_skipped_has_no_minutes_and_the_one_that_comes_twice_has_120() -> None:
    night = Hours(Calendar(id="night", zone="Europe/Berlin", hours=("sun 01:00-04:00",)))
    spring = datetime(2027, 3, 28, 0, 0, tzinfo=BERLIN)
    autumn = datetime(2027, 10, 31, 0, 0, tzinfo=BERLIN)
    assert night.business_minutes(spring, spring + timedelta(hours=12)) == 120
    assert night.business_minutes(autumn, autumn + timedelta(hours=12)) == 240
    assert night.add(autumn, 240) == datetime(2027, 10, 31, 3, 0, tzinfo=UTC)


def test_a_day_that_a_zone_left_out_has_no_minutes() -> None:
    apia = Hours(Calendar(id="apia", zone="Pacific/Apia", hours=("mon-sun 09:00-17:00",)))
    start = datetime(2011, 12, 29, 0, 0, tzinfo=ZoneInfo("Pacific/Apia"))
    assert apia.business_minutes(start, start + timedelta(days=4)) == 3 * 480


def test_24_hours_touch_the_next_day_without_a_seam() -> None:
    always = Hours(ALWAYS)
    start = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
    assert always.add(start, 2) == start + timedelta(minutes=2)
    assert always.business_minutes(start, start + timedelta(days=400)) == 400 * 1440


def test_an_exception_opens_a_holiday_and_closes_a_working_day() -> None:
    calendar = Calendar(
        id="shop",
        zone="Europe/Berlin",
        hours=OFFICE.hours,
        holidays=OFFICE.holidays,
        exceptions=(
            ExceptionDay(date=date(2026, 12, 25), hours=("10:00-12:00",)),
            ExceptionDay(date=date(2026, 12, 28)),
        ),
    )
    hours = Hours(calendar)
    day = datetime(2026, 12, 25, 0, 0, tzinfo=BERLIN)
    assert hours.business_minutes(day, day + timedelta(days=1)) == 120
    assert hours.next_open(day + timedelta(hours=12)) == datetime(2026, 12, 29, 9, 0, tzinfo=BERLIN)


def test_open_is_half_open() -> None:
    hours = Hours(OFFICE)
    assert hours.is_open(datetime(2026, 11, 20, 9, 0, tzinfo=BERLIN))
    assert not hours.is_open(datetime(2026, 11, 20, 17, 0, tzinfo=BERLIN))
    inside = datetime(2026, 11, 20, 10, 0, tzinfo=BERLIN)
    assert hours.next_open(inside) == inside


def test_time_that_runs_backwards_is_no_time() -> None:
    at = datetime(2026, 11, 20, 12, 0, tzinfo=BERLIN)
    assert Hours(OFFICE).business_minutes(at, at - timedelta(days=3)) == 0
    assert Hours(OFFICE).add(at, 0) == at
    assert Hours(OFFICE).add(at, -5) == at


def test_what_would_take_longer_than_the_horizon_is_never_due() -> None:
    rare = Hours(Calendar(id="rare", zone="UTC", hours=("mon 00:00-00:01",)))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert rare.add(start, 52 * HORIZON_YEARS - 60) is not None
    assert rare.add(start, 53 * HORIZON_YEARS) is None
    assert rare.add(datetime(9_000, 1, 1, tzinfo=UTC), 1) is None
    assert rare.business_minutes(datetime(1, 1, 1, tzinfo=UTC), datetime(9_999, 1, 1, tzinfo=UTC)) > 0


def test_a_calendar_closed_by_holidays_for_years_has_a_defined_answer() -> None:
    first = date(2026, 1, 1)
    closed = tuple(Holiday(date=first + timedelta(days=n)) for n in range(5_000))
    hours = Hours(Calendar(id="closed", zone="UTC", hours=("mon-sun 00:00-24:00",), holidays=closed))
    reopens = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=5_000)
    assert hours.add(datetime(2026, 1, 1, tzinfo=UTC), 1) == reopens + MINUTE


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"hours": ()}, "never open"),
        ({"zone": "Mars/Olympus"}, "time zone"),
        ({"zone": "Europe"}, "time zone"),
        ({"hours": ("mon 09:00-12:00", "mon-tue 11:59-13:00")}, "overlap on mon"),
        ({"hours": ("mon 12:00-09:00",)}, "begin before they end"),
        ({"hours": ("mon 09:00-09:00",)}, "begin before they end"),
        ({"hours": ("mon 09:00-24:01",)}, "begin before they end"),
        ({"hours": ("mon 09:60-12:00",)}, "begin before they end"),
        ({"hours": ("fri-mon 09:00-12:00",)}, "mon to sun"),
        ({"hours": ("lun 09:00-12:00",)}, "not hours"),
        ({"holidays": (Holiday(date=date(2026, 1, 1)), Holiday(date=date(2026, 1, 1)))}, "twice"),
        ({"exceptions": (ExceptionDay(date=date(2026, 1, 1)), ExceptionDay(date=date(2026, 1, 1)))}, "twice"),
        ({"exceptions": (ExceptionDay(date=date(2026, 1, 1), hours=("9-12",)),)}, "not hours"),
    ],
)
def test_a_hostile_calendar_is_one_clear_error(change: dict[str, object], word: str) -> None:
    wrong = Calendar(**{"id": "bad", "zone": "Europe/Madrid", "hours": ("mon 09:00-12:00",), **change})  # type: ignore[arg-type]
    with pytest.raises(RelevoError) as caught:
        check(wrong)
    assert caught.value.code is Code.PARAMETER_INVALID
    assert word in caught.value.detail
    assert "bad" in caught.value.detail


def test_a_calendar_travels_as_json() -> None:
    assert from_json(to_json(OFFICE), Calendar) == OFFICE
    with pytest.raises(RelevoError) as caught:
        from_json(to_json(OFFICE).replace(b"2026-12-25", b"2026-02-30"), Calendar)
    assert caught.value.code is Code.MALFORMED


def test_workdays_are_local_days_with_open_hours_at_the_same_time_on_the_clock() -> None:
    hours = Hours(OFFICE)
    thursday = datetime(2026, 12, 24, 23, 30, tzinfo=BERLIN)
    assert hours.add_workdays(thursday, 0) == thursday
    assert hours.add_workdays(thursday, 1) == datetime(2026, 12, 28, 23, 30, tzinfo=BERLIN)
    before_change = datetime(2027, 3, 26, 10, 0, tzinfo=BERLIN)
    assert hours.add_workdays(before_change, 5) == datetime(2027, 4, 2, 10, 0, tzinfo=BERLIN)
    in_the_fold = datetime(2027, 10, 31, 2, 30, tzinfo=BERLIN, fold=1)
    assert hours.add_workdays(in_the_fold, 1) == datetime(2027, 11, 1, 2, 30, tzinfo=BERLIN)
