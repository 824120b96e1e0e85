"""SLA clocks: the eight vectors of 4-domain.md to the letter, every clock's rules, and a minute counter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import sla
from protocol.calendars import ALWAYS, MINUTE_US, Calendar, Holiday, Hours, from_us, to_us
from protocol.sla import Clock, ClockName, ClockState, Mark, Targets, Why, clocks, next_notice
from protocol.tickets import PendingReason, State

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Hours(
    Calendar(
        id="office",
        zone="Europe/Berlin",
        hours=("mon-fri 09:00-17:00",),
        holidays=(Holiday(date=date(2026, 12, 25), name="Weihnachten"),),
    )
)
NIGHT_AND_DAY = Hours(Calendar(id="24x7", zone="Europe/Berlin", hours=("mon-sun 00:00-24:00",)))


SLA_PAUSING = frozenset(
    {PendingReason.AWAITING_USER, PendingReason.AWAITING_CONSENT, PendingReason.SCHEDULED}
)
"""As 4-domain.md names them."""


def at(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> int:
    """Wall clock in Berlin as microseconds."""
    return to_us(datetime(year, month, day, hour, minute, tzinfo=BERLIN))


def new(when: int, **more: object) -> Mark:
    return Mark(when, State.NEW, **more)  # type: ignore[arg-type]


def works(when: int, **more: object) -> Mark:
    return Mark(when, State.IN_PROGRESS, **more)  # type: ignore[arg-type]


def waits(when: int, why: PendingReason = PendingReason.AWAITING_USER, **more: object) -> Mark:
    return Mark(when, State.PENDING, why, **more)  # type: ignore[arg-type]


def resolved(when: int, **more: object) -> Mark:
    return Mark(when, State.RESOLVED, **more)  # type: ignore[arg-type]


def resolution(marks: Sequence[Mark], minutes: int, now: int, hours: Hours = OFFICE) -> Clock:
    (found,) = clocks(marks, hours, Targets(resolution=minutes), now)
    return found


def wall(moment: int | None) -> str:
    assert moment is not None
    return from_us(moment).astimezone(BERLIN).strftime("%a %m-%d %H:%M %Z")


# --- the vectors ------------------------------------------------------------------------------------


def test_vector_1_created_friday_16_00_with_4_hours() -> None:
    created = at(11, 20, 16)
    assert wall(resolution([new(created)], 240, created).due) == "Mon 11-23 12:00 CET"


def test_vector_2_created_saturday_with_30_minutes() -> None:
    created = at(11, 21, 10)
    assert wall(resolution([new(created)], 30, created).due) == "Mon 11-23 09:30 CET"


def test_vector_3_an_hour_over_a_holiday_and_a_week_end() -> None:
    created = at(12, 24, 16, 30)
    assert wall(resolution([new(created)], 60, created).due) == "Mon 12-28 09:30 CET"


def test_vector_4_paused_from_monday_10_00_to_tuesday_15_00() -> None:
    marks = [new(at(11, 23, 9)), waits(at(11, 23, 10)), works(at(11, 24, 15))]
    assert wall(resolution(marks, 240, at(11, 24, 15)).due) == "Wed 11-25 10:00 CET"
    while_paused = resolution(marks[:2], 240, at(11, 24, 12))
    assert (while_paused.state, while_paused.due) == (ClockState.PAUSED, None)
    assert while_paused.remaining == 180 * MINUTE_US


def test_vector_5_a_pause_outside_the_hours_changes_nothing() -> None:
    marks = [new(at(11, 20, 16)), waits(at(11, 20, 17, 30)), works(at(11, 21, 12))]
    assert wall(resolution(marks, 240, at(11, 21, 12)).due) == "Mon 11-23 12:00 CET"


def test_vector_6_a_target_made_shorter_is_no_false_breach() -> None:
    marks = [new(at(11, 23, 9)), waits(at(11, 23, 10)), works(at(11, 25, 10))]
    now = at(11, 25, 11)
    before, after = resolution(marks, 16 * 60, now), resolution(marks, 240, now)
    assert before.used == after.used == 120 * MINUTE_US
    assert after.state is ClockState.RUNNING
    assert wall(after.due) == "Wed 11-25 13:00 CET"


def test_vector_7_round_the_clock_over_the_clock_change() -> None:
    created = at(3, 28, 0, 30, year=2027)
    assert wall(resolution([new(created)], 240, created, NIGHT_AND_DAY).due) == "Sun 03-28 05:30 CEST"


def test_vector_8_created_exactly_at_close() -> None:
    created = at(11, 20, 17)
    assert wall(resolution([new(created)], 60, created).due) == "Mon 11-23 10:00 CET"


# --- each clock -------------------------------------------------------------------------------------


def test_the_pausing_reasons_are_those_of_the_design() -> None:
    assert frozenset(sla.PAUSING) == SLA_PAUSING


def test_the_first_response_ends_with_the_first_reply_and_never_pauses() -> None:
    marks = [
        new(at(11, 23, 9)),
        works(at(11, 23, 10)),
        waits(at(11, 23, 10)),
        waits(at(11, 23, 13), answered=True),
    ]
    (running,) = clocks(marks[:3], OFFICE, Targets(first_response=300), at(11, 23, 12))
    assert (running.state, running.used) == (ClockState.RUNNING, 180 * MINUTE_US)
    (met,) = clocks(marks, OFFICE, Targets(first_response=300), at(11, 30, 9))
    assert (met.state, met.used, met.stopped, met.due) == (
        ClockState.MET,
        240 * MINUTE_US,
        at(11, 23, 13),
        None,
    )
    (missed,) = clocks(marks, OFFICE, Targets(first_response=239), at(11, 30, 9))
    assert (missed.state, wall(missed.due)) == (ClockState.MISSED, "Mon 11-23 12:59 CET")


def test_what_a_user_says_is_no_first_response() -> None:
    marks = [new(at(11, 23, 9), user_said=True), new(at(11, 23, 10), user_said=True)]
    (clock,) = clocks(marks, OFFICE, Targets(first_response=30), at(11, 23, 11))
    assert clock.state is ClockState.BREACHED
    assert wall(clock.due) == "Mon 11-23 09:30 CET"


def test_a_reply_in_the_minute_of_creation_is_met_with_nothing_used() -> None:
    when = at(11, 23, 9)
    (clock,) = clocks([new(when), works(when, answered=True)], OFFICE, Targets(first_response=1), when)
    assert (clock.state, clock.used, clock.started) == (ClockState.MET, 0, when)


def test_a_reopened_ticket_goes_on_and_the_time_resolved_does_not_count() -> None:
    marks = [new(at(11, 23, 9)), resolved(at(11, 23, 11)), works(at(11, 24, 9))]
    met = resolution(marks[:2], 180, at(11, 23, 16))
    assert (met.state, met.stopped) == (ClockState.MET, at(11, 23, 11))
    again = resolution(marks, 180, at(11, 24, 9, 30))
    assert (again.state, again.used, again.stopped) == (ClockState.RUNNING, 150 * MINUTE_US, None)
    assert wall(again.due) == "Tue 11-24 10:00 CET"
    assert [stretch.why for stretch in again.stretches] == [Why.COUNTED, Why.RESOLVED, Why.COUNTED]


def test_closing_later_does_not_move_the_stop() -> None:
    marks = [new(at(11, 23, 9)), resolved(at(11, 23, 10)), Mark(at(11, 27, 10), State.CLOSED)]
    assert resolution(marks, 60, at(11, 30, 9)).stopped == at(11, 23, 10)


@pytest.mark.parametrize("reason", list(PendingReason))
def test_waiting_counts_unless_it_is_the_user_s_or_planned(reason: PendingReason) -> None:
    marks = [new(at(11, 23, 9)), waits(at(11, 23, 10), reason)]
    clock = resolution(marks, 480, at(11, 23, 12))
    paused = reason in SLA_PAUSING
    assert clock.used == (60 if paused else 180) * MINUTE_US
    assert clock.state is (ClockState.PAUSED if paused else ClockState.RUNNING)


def test_a_breached_clock_stays_breached_while_it_is_paused() -> None:
    marks = [new(at(11, 23, 9)), waits(at(11, 23, 12))]
    clock = resolution(marks, 60, at(11, 23, 15))
    assert (clock.state, wall(clock.due)) == (ClockState.BREACHED, "Mon 11-23 10:00 CET")


def test_exactly_the_target_is_met() -> None:
    marks = [new(at(11, 23, 9)), resolved(at(11, 23, 10))]
    assert resolution(marks, 60, at(11, 23, 10)).state is ClockState.MET
    assert resolution(marks[:1], 60, at(11, 23, 10)).state is ClockState.RUNNING
    assert resolution(marks[:1], 60, at(11, 23, 10) + 1).state is ClockState.BREACHED


def test_a_message_after_the_first_reply_starts_the_next_response_and_the_reply_stops_it() -> None:
    marks = [
        new(at(11, 23, 9), user_said=True),
        works(at(11, 23, 9, 10), user_said=True),
        works(at(11, 23, 10), answered=True),
        works(at(11, 23, 11), user_said=True),
        works(at(11, 23, 12), user_said=True),
        works(at(11, 23, 13), answered=True),
        works(at(11, 24, 9), user_said=True),
    ]
    first, second = clocks(marks, OFFICE, Targets(next_response=90), at(11, 24, 10))
    assert (first.cycle, first.state, first.started) == (1, ClockState.MISSED, at(11, 23, 11))
    assert (second.cycle, second.state, second.used) == (2, ClockState.RUNNING, 60 * MINUTE_US)
    assert wall(second.due) == "Tue 11-24 10:30 CET"


def test_resolving_answers_what_was_open_and_thanks_start_nothing() -> None:
    marks = [
        new(at(11, 23, 9)),
        works(at(11, 23, 10), answered=True),
        works(at(11, 23, 11), user_said=True),
        resolved(at(11, 23, 12)),
        resolved(at(11, 23, 13), user_said=True),
    ]
    (only,) = clocks(marks, OFFICE, Targets(next_response=90), at(11, 24, 10))
    assert (only.state, only.stopped) == (ClockState.MET, at(11, 23, 12))


def test_each_tier_has_a_clock_for_all_its_stays_together() -> None:
    marks = [
        new(at(11, 23, 9)),
        Mark(at(11, 23, 10), State.ASSIGNED, tier=2),
        Mark(at(11, 23, 12), State.ASSIGNED, tier=1),
        resolved(at(11, 23, 13), tier=1),
    ]
    one, two = clocks(marks, OFFICE, Targets(ola={1: 60, 2: 120, 3: 60}), at(11, 23, 16))
    assert (one.cycle, one.state, one.used) == (1, ClockState.MISSED, 120 * MINUTE_US)
    assert (two.cycle, two.state, two.used) == (2, ClockState.MET, 120 * MINUTE_US)
    assert two.stopped == at(11, 23, 12)
    (stopped, _) = clocks(marks[:2], OFFICE, Targets(ola={1: 90, 2: 120}), at(11, 23, 11))
    assert (stopped.state, stopped.stopped) == (ClockState.MET, at(11, 23, 10))
    (again, _) = clocks(marks[:3], OFFICE, Targets(ola={1: 90, 2: 120}), at(11, 23, 12, 10))
    assert (again.state, wall(again.due)) == (ClockState.RUNNING, "Mon 11-23 12:30 CET")


def test_what_is_not_promised_has_no_clock() -> None:
    assert clocks([new(at(11, 23, 9))], OFFICE, Targets(), at(11, 23, 10)) == []
    assert clocks([], OFFICE, Targets(resolution=60), at(11, 23, 10)) == []


# --- time that misbehaves ---------------------------------------------------------------------------


def test_events_of_a_clock_set_back_take_no_negative_time() -> None:
    marks = [new(at(11, 23, 12)), waits(at(11, 23, 10)), works(at(11, 23, 13))]
    clock = resolution(marks, 60, at(11, 23, 9))
    assert clock.used == 0
    assert wall(clock.due) == "Mon 11-23 14:00 CET"


def test_a_clock_set_forward_and_back_shows_in_nothing_once_it_is_right_again() -> None:
    marks = [new(at(11, 23, 9))]
    assert resolution(marks, 60, at(11, 27, 9)).state is ClockState.BREACHED
    assert resolution(marks, 60, at(11, 23, 9, 30)).state is ClockState.RUNNING


# --- notices ----------------------------------------------------------------------------------------


def test_the_next_notice_is_the_next_share_not_reached() -> None:
    marks = [new(at(11, 20, 16))]
    found = [
        next_notice(resolution(marks, 240, now), OFFICE, now)
        for now in (at(11, 20, 16), at(11, 23, 10), at(11, 23, 11), at(11, 23, 11, 36), at(11, 23, 12))
    ]
    assert [wall(moment) for moment in found[:4]] == [
        "Mon 11-23 10:00 CET",
        "Mon 11-23 11:00 CET",
        "Mon 11-23 11:36 CET",
        "Mon 11-23 12:00 CET",
    ]
    assert found[4] is None


def test_a_paused_or_stopped_clock_has_no_next_notice() -> None:
    marks = [new(at(11, 23, 9)), waits(at(11, 23, 10)), resolved(at(11, 23, 11))]
    for some in (marks[:2], marks):
        assert next_notice(resolution(some, 600, at(11, 23, 12)), OFFICE, at(11, 23, 12)) is None
    overdue = resolution(marks[:2], 30, at(11, 23, 12))
    assert next_notice(overdue, OFFICE, at(11, 23, 12), (200, 300)) is None


# --- beside a minute counter ------------------------------------------------------------------------

STATES = st.sampled_from(
    [
        (State.NEW, None),
        (State.IN_PROGRESS, None),
        (State.RESOLVED, None),
        *((State.PENDING, reason) for reason in PendingReason),
    ]
)


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Mark], int]:
    """Whole minutes, over a week end and the clock change of October 2027."""
    when = to_us(datetime(2027, 10, 29, 4, 0, tzinfo=UTC)) + draw(st.integers(0, 600)) * MINUTE_US
    marks = [Mark(when, State.NEW, tier=1)]
    for _ in range(draw(st.integers(0, 6))):
        when += draw(st.integers(0, 900)) * MINUTE_US
        state, pending = draw(STATES)
        marks.append(
            Mark(when, state, pending, draw(st.integers(1, 3)), draw(st.booleans()), draw(st.booleans()))
        )
    return marks, when + draw(st.integers(0, 900)) * MINUTE_US


def counted(marks: Sequence[Mark], start: int, end: int, counts: object) -> int:
    """Open minutes of [start, end) at which ``counts`` holds for the mark in force, one by one."""
    total, zone = 0, ZoneInfo("Europe/Berlin")
    for minute in range(start, end, MINUTE_US):
        mark = [mark for mark in marks if mark.at <= minute][-1]
        local = from_us(minute).astimezone(zone)
        is_open = local.weekday() < 5 and 9 <= local.hour < 17
        total += is_open and counts(mark)  # type: ignore[operator]
    return total


def _counts(mark: Mark) -> bool:
    return mark.state not in sla.ENDED and mark.pending not in SLA_PAUSING


@settings(max_examples=60, deadline=None)
@given(lives(), st.integers(1, 1_500))
def test_what_is_used_is_what_a_minute_counter_counts(life: tuple[list[Mark], int], target: int) -> None:
    marks, now = life
    found = {
        (c.name, c.cycle): c
        for c in clocks(marks, OFFICE, Targets(target, target, target, dict.fromkeys((1, 2, 3), target)), now)
    }
    clock = found[ClockName.RESOLUTION, 0]
    assert clock.used == counted(marks, marks[0].at, now, _counts) * MINUTE_US
    for tier in (1, 2, 3):
        if (stay := found.get((ClockName.OLA, tier))) is not None:
            here = counted(marks, marks[0].at, now, lambda m, t=tier: _counts(m) and m.tier == t)
            assert stay.used == here * MINUTE_US
    first = found[ClockName.FIRST_RESPONSE, 0]
    until = next((mark.at for mark in marks if mark.answered), now)
    assert first.used == counted(marks, marks[0].at, until, lambda m: m.state not in sla.ENDED) * MINUTE_US


@settings(max_examples=100, deadline=None)
@given(lives(), st.integers(1, 1_500))
def test_invariants_of_every_clock(life: tuple[list[Mark], int], target: int) -> None:
    marks, now = life
    for clock in clocks(
        marks, OFFICE, Targets(target, target, target, dict.fromkeys((1, 2, 3), target)), now
    ):
        assert clock.used == sum(s.open_us for s in clock.stretches if s.why is Why.COUNTED)
        assert (clock.stopped is None) == (clock.state not in (ClockState.MET, ClockState.MISSED))
        assert all(a.until == b.since for a, b in zip(clock.stretches, clock.stretches[1:], strict=False))
        if clock.state in (ClockState.MISSED, ClockState.BREACHED):
            assert clock.used > clock.target
            assert clock.due is not None and clock.due <= now
        if clock.state is ClockState.RUNNING:
            # What was used up to the minute at a closing is not late before the next opening.
            assert clock.due is not None and (clock.due >= now or clock.used == clock.target)
            due = clock.due
            # Left alone, it breaches right after its due time and not before: due is no estimate.
            same = next(
                c for c in _again(marks, target, due) if (c.name, c.cycle) == (clock.name, clock.cycle)
            )
            assert same.state is ClockState.RUNNING and same.remaining == 0
            after = next(
                c
                for c in _again(marks, target, due + 86_400_000_000 * 4)
                if (c.name, c.cycle) == (clock.name, clock.cycle)
            )
            assert after.state is ClockState.BREACHED and after.due == due
        if clock.state is ClockState.PAUSED:
            assert clock.used <= clock.target


def _again(marks: Sequence[Mark], target: int, now: int) -> list[Clock]:
    return clocks(marks, OFFICE, Targets(target, target, target, dict.fromkeys((1, 2, 3), target)), now)


def test_a_clock_that_is_never_due_has_no_due_time() -> None:
    rare = Hours(Calendar(id="rare", zone="UTC", hours=("mon 00:00-00:01",)))
    clock = resolution([new(at(11, 23, 9))], 100_000, at(11, 23, 10), rare)
    assert (clock.state, clock.due) == (ClockState.RUNNING, None)
    assert next_notice(clock, rare, at(11, 23, 10)) is None


def test_round_the_clock_is_plain_time() -> None:
    start = at(11, 23, 9)
    assert resolution([new(start)], 60, start, Hours(ALWAYS)).due == start + timedelta(hours=1) // timedelta(
        microseconds=1
    )
