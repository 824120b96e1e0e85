"""Figures of histories that are worked out once a shape are those of each history by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.reports import ticket_metrics
from broker.reports.attainment import by_week, counted, kept, sla_attainment, tally
from broker.reports.backlog import Only, backlog, figures, open_at
from broker.reports.cases import Event, Ticket, derive
from broker.reports.figures import Period, Sums
from broker.reports.shapes import Shapes, shape
from broker.sla.clocks import mark_of
from protocol import sla
from protocol.calendars import Calendar, Hours
from protocol.sla import Targets
from protocol.tickets import PendingReason, State
from tests.unit.broker.histories import MINUTE, WEEK, history, steps, us

OFFICE = Hours(Calendar(id="office", zone="Europe/Madrid", hours=("mon-fri 09:00-17:00",)))
TARGETS = Targets(first_response=30, resolution=480, next_response=20, ola={1: 60, 2: 120, 3: 500})
TICKET = Ticket(1, "acme", None, None, State.NEW, 1, 3, us(0), None, None)
_PARTY = {"says": "user", "create": "user", "solved": "user", "route": "rule", "resume": "rule"}
_STATE = {
    "create": "new", "monitor": "new", "route": "assigned", "take": "assigned", "start": "in-progress",
    "pend": "pending", "resume": "in-progress", "escalate": "assigned", "return": "assigned",
    "resolve": "resolved", "solved": "resolved", "reopen": "in-progress", "close": "closed",
}  # fmt: skip
_KIND = {"says": "reply", "solved": "resolve", "monitor": "create", "route": "assign"}


@st.composite
def lookings(draw: st.DrawFn) -> tuple[tuple[str, ...], list[int]]:
    """A history as the database tells it: looks and times, of which some are the same or set back."""
    looks, times, state, tier, moved = [], [], "new", 1, 0
    for minutes, said in draw(steps()):
        word, _, more = said.partition(":")
        state = _STATE.get(word, state)
        tier = int(more) if word in ("escalate", "return") else tier
        reason = "" if word in ("escalate", "return") else more
        party, public = (
            _PARTY.get(word, "technician"),
            word in ("create", "reply", "says", "resolve", "solved"),
        )
        looks.append(f"ticket.{_KIND.get(word, word)}|{int(public)}|{state}|{party}|{reason}|{tier}|3")
        moved += draw(st.sampled_from([0, 0, 0, -60, -3_000]))
        times.append(us(minutes + moved))
        if len(times) > 1 and draw(st.booleans()):
            times[-1] = times[-2]
    return tuple(looks), times


def events_of(looks: Sequence[str], times: Sequence[int]) -> list[Event]:
    found: list[Event] = []
    pending: PendingReason | None = None
    for said, at in zip(looks, times, strict=True):
        kind, public, state, party, reason, tier, priority = said.split("|")
        mark = mark_of(pending, at, kind, public == "1", state, party, reason, int(tier))
        pending = mark.pending
        found.append(Event(mark, kind, party, reason or None, int(priority)))
    return found


@settings(max_examples=200, deadline=None)
@given(lookings(), st.lists(st.integers(-3_000, 30_000), min_size=1, max_size=3))
def test_a_case_of_a_known_shape_is_the_case_of_its_events(
    told: tuple[tuple[str, ...], list[int]], gaps: list[int]
) -> None:
    looks, times = told
    shapes = Shapes(Targets())
    for gap in (0, *gaps):
        moved = [at + i * gap * MINUTE for i, at in enumerate(times)]
        assert shapes.case(TICKET, *shape(looks, moved)) == derive(TICKET, events_of(looks, moved))


@settings(max_examples=200, deadline=None)
@given(
    lookings(),
    st.integers(0, 20_000),
    st.sampled_from([TARGETS, Targets(resolution=60), Targets(ola={2: 9})]),
)
def test_clocks_of_a_known_shape_count_as_those_of_its_events(
    told: tuple[tuple[str, ...], list[int]], end: int, targets: Targets
) -> None:
    looks, raw = told
    form, times = shape(looks, raw)
    period = Period(us(0), max(us(end), times[-1] + 1), us(40_000))
    marks = [event.mark for event in events_of(looks, raw)]
    shapes = Shapes(targets)
    found = kept(shapes.promised(form, targets, 1), (*times, period.until), period, OFFICE, 3)
    assert found == counted(sla.clocks(marks, OFFICE, targets, period.until), 3, period)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps(), max_size=9), st.integers(1, 4))
def test_sums_over_blocks_are_the_figures_of_all_at_once(found: list[object], size: int) -> None:
    cases = [history(*said, number=i) for i, said in enumerate(found)]  # type: ignore[misc]
    blocks = [[], *(cases[i : i + size] for i in range(0, len(cases), size))]
    for measure in (ticket_metrics.fcr, ticket_metrics.flr, ticket_metrics.reopen_rate):
        sums = Sums()
        for block in blocks:
            sums.add([measure(block, WEEK)])
        assert sums.figures() == [measure(cases, WEEK)]
    for of_groups in (ticket_metrics.bounce_rate, ticket_metrics.resolved_by_tier):
        sums = Sums()
        for block in blocks:
            sums.add(of_groups(block, WEEK))
        assert sums.figures() == of_groups(cases, WEEK)
    lying = Counter(one for block in blocks for one in open_at(block, us(600), Only()))
    assert figures(lying) == backlog(cases, us(600), Only())


def test_an_overdue_clock_counts_in_the_week_in_which_its_target_was_used_up_or_in_none() -> None:
    weeks = [us(0), us(7 * 1440), us(14 * 1440)]
    marks = [mark_of(None, us(-9_000), "ticket.create", True, "new", "user", None, 1)]
    period = Period(weeks[0], weeks[-1], weeks[-1])
    overdue = counted(sla.clocks(marks, OFFICE, Targets(resolution=60), period.until), 3, period)
    held = tally(overdue, weeks)
    assert [(one.numerator, one.n) for one in sla_attainment(held)] == [(0, 1)] * 3
    assert [point.n for point in by_week(held, weeks)[0].points] == [0, 0]
