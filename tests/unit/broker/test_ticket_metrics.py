"""Figures of tickets: against examples worked out by hand, and against counting the plain way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.reports.attainment import by_week, counted, ola_attainment, sla_attainment, tally
from broker.reports.backlog import AGE_NAMES, Levels, Only, age_name, backlog, open_at
from broker.reports.cases import Case, at
from broker.reports.figures import Period, percentile, share, split, times
from broker.reports.ticket_metrics import (
    bounce_rate,
    escalation_rate,
    fcr,
    flr,
    mtta,
    mttr,
    reopen_rate,
    resolved_by_tier,
    resolved_in,
)
from protocol import sla
from protocol.calendars import ALWAYS, Calendar, Hours, to_us
from protocol.reports import Figure, Metric, Note, Statistic, Unit
from protocol.sla import Mark, Targets
from protocol.tickets import State
from tests.unit.broker.histories import MINUTE, WEEK, Step, history, steps, us

OFFICE = Hours(Calendar(id="office", zone="UTC", hours=("mon-fri 09:00-17:00",)))
ROUND_THE_CLOCK = Hours(ALWAYS)
DAY = 24 * 60

SIMPLE = history((0, "create"), (10, "take"), (10, "start"), (30, "reply"), (60, "resolve"))


def of(figure: Figure) -> tuple[int | None, int | None]:
    return figure.numerator, figure.denominator


def hours_of(_customer: str) -> Hours:
    return OFFICE


# --- first contact, first level ---------------------------------------------------------------------

NOT_AT_FIRST_CONTACT: dict[str, Sequence[Step]] = {
    "the user had to write again": [
        (0, "create"), (5, "reply"), (9, "says"), (10, "take"), (11, "start"), (20, "resolve"),
    ],
    "it was escalated": [
        (0, "create"), (1, "take"), (2, "escalate:2"), (3, "take"), (4, "start"), (20, "resolve"),
    ],
    "it was escalated and came back": [
        (0, "create"), (1, "take"), (2, "escalate:2"), (3, "return:1"), (4, "start"), (20, "resolve"),
    ],
    "it was reopened": [
        (0, "create"), (1, "take"), (2, "start"), (20, "resolve"), (DAY, "reopen"), (DAY + 5, "resolve"),
    ],
}  # fmt: skip
OUT_OF_REACH: dict[str, Sequence[Step]] = {
    "a vendor had to act": [
        (0, "create"), (1, "take"), (2, "start"), (3, "pend:awaiting_vendor"), (9, "resume"), (20, "resolve"),
    ],
    "it was set for another day": [
        (0, "create"), (1, "take"), (2, "start"), (3, "pend:scheduled"), (9, "resume"), (20, "resolve"),
    ],
    "the hardware was broken": [(0, "create"), (1, "take"), (2, "start"), (20, "resolve:hardware")],
    "it came from outside": [(0, "create"), (1, "take"), (2, "start"), (20, "resolve:external")],
    "a monitor opened it": [(0, "monitor"), (1, "take"), (2, "start"), (20, "resolve")],
    "the user solved it alone": [(0, "create"), (1, "take"), (2, "start"), (20, "solved")],
    "it is not resolved": [(0, "create"), (1, "take"), (2, "start")],
    "it was resolved in another week": [(0, "create"), (1, "take"), (2, "start"), (8 * DAY, "resolve")],
}  # fmt: skip


@pytest.mark.parametrize("why", NOT_AT_FIRST_CONTACT)
def test_resolved_but_not_at_first_contact_because(why: str) -> None:
    assert of(fcr([SIMPLE, history(*NOT_AT_FIRST_CONTACT[why])], WEEK)) == (1, 2)


@pytest.mark.parametrize("why", OUT_OF_REACH)
def test_left_out_of_first_contact_resolution_because(why: str) -> None:
    assert of(fcr([SIMPLE, history(*OUT_OF_REACH[why])], WEEK)) == (1, 1)


def test_what_the_user_adds_before_any_answer_is_the_same_contact() -> None:
    case = history((0, "create"), (1, "says"), (2, "says"), (3, "take"), (4, "start"), (9, "resolve"))
    assert (case.contacts, of(fcr([case], WEEK))) == (1, (1, 1))


def test_waiting_for_the_user_does_not_put_a_ticket_out_of_reach() -> None:
    case = history(
        (0, "create"), (1, "take"), (2, "start"), (3, "pend:awaiting_user"), (9, "resume"), (20, "resolve")
    )
    assert of(fcr([case], WEEK)) == (1, 1)


def test_first_level_resolution_is_of_all_that_were_resolved() -> None:
    cases = [
        SIMPLE,
        history((0, "create"), (1, "take"), (2, "start"), (20, "solved")),
        history((0, "create"), (1, "take"), (2, "escalate:2"), (3, "take"), (4, "start"), (20, "resolve")),
        history(
            (0, "create"), (1, "take"), (2, "escalate:2"), (3, "return:1"), (4, "start"), (20, "resolve")
        ),
    ]
    assert of(flr(cases, WEEK)) == (1, 4)
    assert of(escalation_rate(cases, WEEK)) == (2, 4)
    assert [(f.group[0].value, f.value) for f in resolved_by_tier(cases, WEEK)] == [
        ("0", 1),
        ("1", 2),
        ("2", 1),
    ]


def test_a_reopened_ticket_counts_in_the_week_of_its_first_resolution_only() -> None:
    case = history(
        (0, "create"),
        (1, "take"),
        (2, "start"),
        (20, "resolve"),
        (8 * DAY, "reopen"),
        (8 * DAY + 9, "resolve"),
    )
    later = Period(us(7 * DAY), us(14 * DAY), us(30 * DAY))
    assert of(reopen_rate([case], WEEK)) == (1, 1)
    assert of(reopen_rate([case], later)) == (0, 0)


def test_bounces_are_told_apart_by_the_tiers_between_which_they_went() -> None:
    bounced = history((0, "create"), (1, "take"), (2, "escalate:2"), (3, "escalate:3"), (4, "return:2"))
    kept = history((0, "create"), (1, "take"), (2, "escalate:2"))
    figures = bounce_rate([bounced, kept], WEEK)
    assert of(figures[0]) == (1, 3)
    by_pair = {tuple(label.value for label in f.group): of(f) for f in figures[1:]}
    assert by_pair == {("1", "2"): (0, 2), ("2", "3"): (1, 1)}


# --- times ------------------------------------------------------------------------------------------


def values(figures: Sequence[Figure], unit: Unit) -> dict[Statistic, float | None]:
    return {f.statistic: f.value for f in figures if f.unit is unit and not f.group}


def test_times_to_acknowledge_and_to_resolve_by_hand() -> None:
    """Resolved after 60, 120, 180 and 6,000 minutes; the last over four nights: Monday 9 to Friday 13."""
    cases = [
        history((0, "create"), (minutes / 4, "take"), (minutes / 2, "start"), (minutes, "resolve"))
        for minutes in (60, 120, 180, 6_000)
    ]
    wall = values(mttr(cases, WEEK, hours_of), Unit.MINUTES)
    assert wall == {Statistic.MEAN: 1_590.0, Statistic.MEDIAN: 150.0, Statistic.P90: 6_000.0}
    business = values(mttr(cases, WEEK, hours_of), Unit.BUSINESS_MINUTES)
    assert business == {
        Statistic.MEAN: (60 + 120 + 180 + 2_160) / 4,
        Statistic.MEDIAN: 150.0,
        Statistic.P90: 2_160.0,
    }
    assert values(mtta(cases, WEEK, hours_of), Unit.MINUTES)[Statistic.MEDIAN] == 37.5


def test_the_time_that_a_ticket_rested_as_resolved_is_nobodys() -> None:
    case = history(
        (0, "create"), (1, "take"), (2, "start"), (60, "resolve"), (3_000, "reopen"), (3_030, "resolve")
    )
    assert values(mttr([case], WEEK, hours_of), Unit.MINUTES)[Statistic.MEAN] == 90.0


def test_a_ticket_that_is_open_again_has_no_time_to_resolve_yet() -> None:
    case = history((0, "create"), (1, "take"), (2, "start"), (60, "resolve"), (70, "reopen"))
    figures = mttr([case], WEEK, hours_of)
    assert {(f.value, f.n, f.note) for f in figures} == {(None, 0, Note.NO_DATA)}
    assert of(reopen_rate([case], WEEK)) == (1, 1)


def test_sorting_and_notes_are_no_acknowledgement() -> None:
    case = history((0, "create"), (3, "route"), (5, "note"), (9, "reply"))
    assert case.acknowledged == us(9)


def test_over_the_clock_change_minutes_are_those_that_passed() -> None:
    """The night to 2026-10-25 has 25 hours in Madrid, of which an office that opens then has one more."""
    night = Hours(Calendar(id="night", zone="Europe/Madrid", hours=("mon-sun 00:00-24:00",)))
    start, end = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)
    minutes = (to_us(end) - to_us(start)) / MINUTE
    offset = (to_us(start) - us(0)) / MINUTE
    case = history((offset, "create"), (offset, "take"), (offset, "start"), (offset + minutes, "resolve"))
    period = Period(to_us(start), to_us(end) + 1, to_us(end) + 1)
    figures = mttr([case], period, lambda _customer: night)
    assert values(figures, Unit.MINUTES)[Statistic.MEAN] == 25 * 60
    assert values(figures, Unit.BUSINESS_MINUTES)[Statistic.MEAN] == 25 * 60


def test_where_a_calendar_is_broken_there_are_no_business_minutes() -> None:
    figures = mttr([SIMPLE], WEEK, lambda _customer: None)
    assert values(figures, Unit.MINUTES)[Statistic.MEAN] == 60
    assert values(figures, Unit.BUSINESS_MINUTES)[Statistic.MEAN] is None


def test_a_clock_that_was_set_back_makes_no_negative_times() -> None:
    case = history((0, "create"), (-50, "take"), (-49, "start"), (-40, "resolve"))
    assert values(mttr([case], WEEK, hours_of), Unit.MINUTES)[Statistic.MEAN] == 0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.integers(1, 99))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    found: list[float], percent: int
) -> None:
    value = percentile(found, percent)
    assert value in found
    assert sum(one <= value for one in found) * 100 >= percent * len(found)
    smaller = [one for one in found if one < value]
    assert all(sum(one <= low for one in found) * 100 < percent * len(found) for low in smaller)


def test_nothing_is_divided_by_nothing() -> None:
    figures = [
        fcr([], WEEK), flr([], WEEK), reopen_rate([], WEEK), escalation_rate([], WEEK), *bounce_rate([], WEEK),
        *mtta([], WEEK, hours_of), *mttr([], WEEK, hours_of), *sla_attainment({}), *ola_attainment({}),
    ]  # fmt: skip
    assert {(f.value, f.note) for f in figures} == {(None, Note.NO_DATA)}
    assert share(Metric.CSAT, 9, 9, least=10).note is Note.TOO_FEW
    assert {f.value for f in times(Metric.MTTA, Unit.MINUTES, [0.0])} == {0.0}


# --- backlog ----------------------------------------------------------------------------------------


def test_the_backlog_at_a_moment_by_age_tier_and_priority() -> None:
    cases = [
        history((0, "create")),
        history((-2 * DAY, "create"), (-DAY, "take"), (-DAY, "escalate:2"), number=2, priority=1),
        history((-40 * DAY, "create"), (5, "take"), (5, "start"), (10, "resolve"), number=3),
        history((20, "create"), number=4),
    ]
    figures = backlog(cases, us(7), Only())
    found = {(f.group[0].by.value, f.group[0].value) if f.group else "all": f.value for f in figures}
    assert found["all"] == 3
    assert [found["age", name] for name in AGE_NAMES] == [1, 1, 0, 0, 1]
    assert (found["tier", "1"], found["tier", "2"], found["priority", "1"]) == (2, 1, 1)
    assert len(open_at(cases, us(15), Only())) == 2
    assert len(open_at(cases, us(15), Only(tier=2))) == 1


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(0, "0-1d"), (0.999, "0-1d"), (1, "1-3d"), (2.99, "1-3d"), (3, "3-7d"), (7, "7-30d"), (30, "30d+")],
)
def test_each_age_lies_in_one_bucket(days: float, bucket: str) -> None:
    assert age_name(int(days * DAY * MINUTE)) == bucket


# --- promises ---------------------------------------------------------------------------------------


def kept_of(marks: list[Mark], targets: Targets, period: Period = WEEK) -> list[tuple[str, int, bool]]:
    clocks = sla.clocks(marks, ROUND_THE_CLOCK, targets, period.until)
    return [(one.clock.value, one.tier, one.met) for one in counted(clocks, 3, period)]


def test_a_promise_counts_when_it_stopped_or_was_overdue_at_the_end() -> None:
    new = Mark(us(0), State.NEW)
    answered = Mark(us(30), State.ASSIGNED, answered=True)
    resolved = Mark(us(300), State.RESOLVED)
    targets = Targets(first_response=60, resolution=200)
    assert kept_of([new, answered, resolved], targets) == [
        ("first_response", 0, True),
        ("resolution", 0, False),
    ]
    assert kept_of([new, answered], targets) == [("first_response", 0, True), ("resolution", 0, False)]
    running = Targets(first_response=60, resolution=60 * 24 * 60)
    assert kept_of([new, answered], running) == [("first_response", 0, True)]
    later = Period(us(7 * DAY), us(8 * DAY), us(9 * DAY))
    assert kept_of([new, answered, resolved], targets, later) == [], "stopped in an earlier period"
    assert kept_of([new, answered], targets, later) == [("resolution", 0, False)], "and still overdue"


def test_attainment_is_kept_of_kept_and_overdue_by_clock_and_priority() -> None:
    marks = [
        Mark(us(0), State.NEW),
        Mark(us(30), State.ASSIGNED, answered=True),
        Mark(us(90), State.RESOLVED),
    ]
    targets = Targets(first_response=60, resolution=60, ola={1: 60})
    told = []
    for priority in (1, 1, 2):
        told += counted(sla.clocks(marks, ROUND_THE_CLOCK, targets, WEEK.until), priority, WEEK)
    weeks = [us(0), us(60), us(7 * DAY)]
    kept = tally(told, weeks)
    figures = {tuple(label.value for label in f.group): of(f) for f in sla_attainment(kept)}
    assert figures[()] == (3, 6)
    assert figures["first_response",] == (3, 3)
    assert figures["resolution", "1"] == (0, 2)
    assert of(ola_attainment(kept)[0]) == (0, 3)
    series = by_week(kept, weeks)
    assert [[(p.value, p.n) for p in one.points] for one in series] == [
        [(1.0, 3), (None, 0)],
        [(None, 0), (0.0, 3)],
    ]


# --- against the plain way --------------------------------------------------------------------------


def plain(found: list[Sequence[Step]], period: Period) -> dict[str, tuple[int, int]]:
    """Counts from the steps themselves, by the words of the definitions and nothing else."""
    r = {"fcr": [0, 0], "flr": [0, 0], "esc": [0, 0], "reopen": [0, 0], "bounce": [0, 0]}
    for said in found:
        words = [(us(minutes), *word.partition(":")[::2]) for minutes, word in said]
        open_escalations = []
        for moment, word, _more in words:
            if word == "escalate":
                open_escalations.append([period.since <= moment < period.until, False])
            elif word == "return":
                next(one for one in reversed(open_escalations) if not one[1])[1] = True
        r["bounce"][1] += sum(one[0] for one in open_escalations)
        r["bounce"][0] += sum(one[0] and one[1] for one in open_escalations)
        ends = [i for i, (_, word, _) in enumerate(words) if word in ("resolve", "solved")]
        if not ends or not period.since <= words[ends[0]][0] < period.until:
            continue
        before, last = words[: ends[0]], words[ends[-1]]
        escalated = any(word == "escalate" for _, word, _ in words)
        reopened = any(word == "reopen" for _, word, _ in words)
        tier = 1
        for _, word, more in words[: ends[-1]]:
            tier = int(more) if word in ("escalate", "return") else tier
        by = 0 if last[1] == "solved" else tier
        talk = "".join({"reply": "a", "says": "u"}.get(word, "") for _, word, _ in before)
        rounds = 1 + sum(
            talk[: i + 1].endswith("u") and "a" in talk[talk.rfind("u", 0, i) + 1 : i]
            for i in range(len(talk))
        )
        for name, good in (("flr", by == 1 and not escalated), ("esc", escalated), ("reopen", reopened)):
            r[name][0] += good
            r[name][1] += 1
        others = {"awaiting_vendor", "awaiting_change", "awaiting_approval", "scheduled"}
        waited = any(word == "pend" and more in others for _, word, more in before)
        if waited or last[2] in ("hardware", "external") or words[0][1] == "monitor" or by == 0:
            continue
        r["fcr"][0] += rounds == 1 and not escalated and not reopened
        r["fcr"][1] += 1
    return {name: (good, all_) for name, (good, all_) in r.items()}


@settings(max_examples=120, deadline=None)
@given(st.lists(steps(), max_size=8))
def test_rates_are_what_counting_by_the_words_of_the_definitions_gives(found: list[Sequence[Step]]) -> None:
    cases = [history(*said, number=i) for i, said in enumerate(found)]
    ours = {
        "fcr": of(fcr(cases, WEEK)),
        "flr": of(flr(cases, WEEK)),
        "esc": of(escalation_rate(cases, WEEK)),
        "reopen": of(reopen_rate(cases, WEEK)),
        "bounce": of(bounce_rate(cases, WEEK)[0]),
    }
    assert ours == plain(found, WEEK)


def levels(cases: Sequence[Case], moments: Sequence[int], only: Only) -> list[int]:
    found = Levels(moments, only)
    found.add(cases)
    return [point.n for point in found.series().points]


def _open_plainly(said: Sequence[Step], moment: int) -> bool:
    states = {"resolve": False, "solved": False, "close": False, "reopen": True}
    is_open = us(said[0][0]) <= moment
    for minutes, word in said:
        if us(minutes) <= moment:
            is_open = states.get(word.partition(":")[0], is_open)
    return is_open


@settings(max_examples=120, deadline=None)
@given(st.lists(steps(), max_size=8), st.lists(st.integers(-8 * DAY, 20 * DAY), min_size=1, max_size=6))
def test_the_backlog_is_what_looking_at_each_ticket_at_each_moment_gives(
    found: list[Sequence[Step]], when: list[int]
) -> None:
    cases = [history(*said, number=i) for i, said in enumerate(found)]
    moments = sorted({us(minutes) for minutes in when})
    expected = [sum(_open_plainly(said, moment) for said in found) for moment in moments]
    assert [len(open_at(cases, moment, Only())) for moment in moments] == expected
    assert levels(cases, moments, Only()) == expected
    second = [len(open_at(cases, moment, Only(tier=2))) for moment in moments]
    assert levels(cases, moments, Only(tier=2)) == second


@settings(max_examples=40, deadline=None)
@given(st.lists(steps(), max_size=6))
def test_times_to_resolve_are_what_counting_minutes_gives(found: list[Sequence[Step]]) -> None:
    cases = [history(*said, number=i) for i, said in enumerate(found)]
    wall, business = [], []
    for case, said in zip(cases, found, strict=True):
        if case not in resolved_in(cases, WEEK) or case.settled is None:
            continue
        worked = 0
        open_minutes = 0
        for minute in range(int(said[0][0]), int((case.settled - us(0)) / MINUTE)):
            if _open_plainly(said, us(minute)):
                worked += 1
                open_minutes += OFFICE.open_us(us(minute), us(minute + 1)) // MINUTE
        wall.append(worked)
        business.append(open_minutes)
    figures = mttr(cases, WEEK, hours_of)
    for unit, expected in ((Unit.MINUTES, wall), (Unit.BUSINESS_MINUTES, business)):
        mean = values(figures, unit)[Statistic.MEAN]
        if not expected:
            assert mean is None
        else:
            assert mean is not None and math.isclose(mean, sum(expected) / len(expected), abs_tol=1e-9)


def test_groups_are_told_in_order() -> None:
    assert list(split([3, 1, 2, 1], lambda n: n)) == [1, 2, 3]
    assert at(SIMPLE, us(-1)) is None
