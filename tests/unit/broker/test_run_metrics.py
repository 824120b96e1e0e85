"""Figures of fix runs, signatures, self-service, warnings, satisfaction and what recurs: worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.reports.figures import Period
from broker.reports.recurring import AGAIN_WITHIN, Known, candidates, most_in_window, problems, recurrence
from broker.reports.run_metrics import (
    HOUR_US,
    Evaluated,
    FixHistory,
    Opened,
    SelfService,
    Warned,
    fixes,
    self_service,
    signatures,
    warnings,
)
from broker.reports.satisfaction import Rating, csat
from protocol.fix_states import NEXT, RunState
from protocol.reports import Figure, Metric, Note
from tests.unit.broker.histories import WEEK, us

DAY = 24 * 60
S = RunState
_HEAD = (S.PROPOSED, S.PRECHECKED, S.PLANNED, S.AWAITING_CONSENT)


def of(figure: Figure) -> tuple[int | None, int | None]:
    return figure.numerator, figure.denominator


def overall(figures: Sequence[Figure]) -> dict[Metric, tuple[int | None, int | None]]:
    return {figure.metric: of(figure) for figure in figures if not figure.group}


# --- fixes ------------------------------------------------------------------------------------------

RUNS: dict[str, tuple[tuple[RunState, ...], tuple[int, int, int, int, int, int]]] = {
    # states: success, applied, caught, verified, undone, undoings
    "it worked": ((*_HEAD, S.RUNNING, S.VERIFYING, S.SUCCEEDED), (1, 1, 0, 1, 0, 0)),
    "it did not help and was undone": (
        (*_HEAD, S.RUNNING, S.VERIFYING, S.UNDOING, S.UNDONE), (0, 1, 1, 1, 1, 1)),
    "it did not help and could not be undone": (
        (*_HEAD, S.RUNNING, S.VERIFYING, S.UNDOING, S.UNDO_FAILED), (0, 1, 1, 1, 0, 1)),
    "it did not help and there is no undo": (
        (*_HEAD, S.RUNNING, S.VERIFYING, S.FAILED), (0, 1, 1, 1, 0, 0)),
    "it failed while it ran": ((*_HEAD, S.RUNNING, S.UNDOING, S.UNDONE), (0, 1, 0, 0, 1, 1)),
    "it worked and was undone on request": (
        (*_HEAD, S.RUNNING, S.VERIFYING, S.SUCCEEDED, S.UNDOING, S.UNDONE), (1, 1, 0, 1, 1, 1)),
    "the second undo worked": (
        (*_HEAD, S.RUNNING, S.VERIFYING, S.UNDOING, S.UNDO_FAILED, S.UNDOING, S.UNDONE), (0, 1, 1, 1, 1, 1)),
    "it was interrupted": ((*_HEAD, S.RUNNING, S.INTERRUPTED), (0, 1, 0, 0, 0, 0)),
    "there was nothing to fix": ((S.PROPOSED, S.NO_OP), (0, 0, 0, 0, 0, 0)),
    "the user said no": ((*_HEAD, S.DENIED), (0, 0, 0, 0, 0, 0)),
    "only its end arrived": ((S.SUCCEEDED,), (1, 1, 0, 1, 0, 0)),
}  # fmt: skip


@pytest.mark.parametrize("what", RUNS)
def test_a_fix_run_counts_as(what: str) -> None:
    states, (good, applied, caught, verified, undone, undoings) = RUNS[what]
    found = overall(fixes([FixHistory("r", us(0), states)], WEEK))
    assert found == {
        Metric.FIX_SUCCESS: (good, applied),
        Metric.VERIFY_CAUGHT: (caught, verified),
        Metric.UNDO_SUCCESS: (undone, undoings),
    }


def test_fix_runs_of_another_week_do_not_count() -> None:
    states = RUNS["it worked"][0]
    assert overall(fixes([FixHistory("r", us(-1), states)], WEEK))[Metric.FIX_SUCCESS] == (0, 0)


@given(st.data())
def test_shares_of_any_runs_lie_between_nothing_and_all(data: st.DataObject) -> None:
    runs = []
    for number in range(data.draw(st.integers(0, 5))):
        states, state = [RunState.PROPOSED], RunState.PROPOSED
        while NEXT[state] and len(states) < 14 and data.draw(st.booleans()):
            state = data.draw(st.sampled_from(sorted(NEXT[state])))
            states.append(state)
        runs.append(FixHistory(str(number), us(0), tuple(states)))
    for figure in fixes(runs, WEEK):
        assert 0 <= (figure.numerator or 0) <= (figure.denominator or 0) <= len(runs)
        assert (figure.value is None) == (figure.denominator == 0)


# --- signatures -------------------------------------------------------------------------------------


def result(verdict: str, ticket: int = 1, minutes: float = 0, **more: object) -> Evaluated:
    fields = {"agent": f"a{ticket}", "customer": "acme", "known_error": "ke-cups", "feedback": None, **more}
    return Evaluated(ticket=ticket, verdict=verdict, at=us(minutes), **fields)  # type: ignore[arg-type]


def test_coverage_precision_and_unknown_rate_by_hand() -> None:
    results = [
        result("match", 1, feedback="confirmed"),
        result("match", 2, feedback="wrong"),
        result("no_match", 2),
        result("unknown", 3),
        result("match", 4, known_error="ke-disk", feedback="confirmed"),
        result("match", 9, minutes=-8 * DAY),
    ]
    found = signatures(results, [1, 2, 3, 5], WEEK)
    assert overall(found) == {
        Metric.SIGNATURE_COVERAGE: (1, 3),
        Metric.SIGNATURE_PRECISION: (2, 3),
        Metric.SIGNATURE_UNKNOWN: (1, 5),
    }
    by_error = {f.group[0].value: of(f) for f in found if f.group}
    assert by_error == {"ke-cups": (1, 2), "ke-disk": (1, 1)}


# --- self-service -----------------------------------------------------------------------------------


def run(outcome: str = "solved", minutes: float = 0, category: str | None = "printing") -> SelfService:
    return SelfService("a1", "acme", category, us(minutes), outcome)


FOLLOWED: dict[str, tuple[SelfService, Opened, bool]] = {
    "a ticket of the category within 72 hours": (run(), Opened("a1", "printing", us(3 * DAY)), False),
    "a ticket just after 72 hours": (run(), Opened("a1", "printing", us(3 * DAY) + 1), True),
    "a ticket of another category": (run(), Opened("a1", "mail", us(60)), True),
    "a ticket of no category": (run(), Opened("a1", None, us(60)), False),
    "any ticket where the run has no category": (run(category=None), Opened("a1", "mail", us(60)), False),
    "a ticket of another machine": (run(), Opened("a2", "printing", us(60)), True),
    "a ticket before it": (run(), Opened("a1", "printing", us(-1)), True),
    "nothing, but it was given up": (run("abandoned"), Opened("a2", None, us(0)), False),
}


@pytest.mark.parametrize("by", FOLLOWED)
def test_self_service_followed_by(by: str) -> None:
    one, ticket, deflected = FOLLOWED[by]
    found = overall(self_service([one], [ticket], WEEK))
    assert found[Metric.DEFLECTION] == (int(deflected), 1)


def test_what_is_not_known_yet_is_neither_deflected_nor_not() -> None:
    now = us(3 * DAY)
    period = Period(us(0), now, now)
    runs = [run(), run(minutes=1)]
    found = overall(self_service(runs, [], period))
    assert found[Metric.DEFLECTION] == (1, 1)
    counts = {f.group[0].value if f.group else "all": f.n for f in self_service(runs, [], period)
              if f.metric is Metric.SELF_SERVICE_RUNS}  # fmt: skip
    assert counts == {"all": 2, "solved": 2}


_RUNS = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from(["x", "y"]),
    st.integers(0, 200),
    st.sampled_from(["solved", "ticket"]),
)
_OPENED = st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", None]), st.integers(0, 300))


@settings(max_examples=100)
@given(st.lists(_RUNS, max_size=8), st.lists(_OPENED, max_size=8))
def test_deflection_is_what_comparing_each_run_with_each_ticket_gives(
    runs: list[tuple[str, str, int, str]], opened: list[tuple[str, str | None, int]]
) -> None:
    at = us(0)
    mine = [SelfService(a, "acme", c, at + h * HOUR_US, o) for a, c, h, o in runs]
    theirs = [Opened(a, c, at + h * HOUR_US) for a, c, h in opened]
    period = Period(at, at + 150 * HOUR_US, at + 170 * HOUR_US)
    known = [r for r in runs if r[2] < 150 and r[2] + 72 <= 170]
    good = sum(
        o == "solved" and not any(a == b and k in (c, None) and h <= g <= h + 72 for b, k, g in opened)
        for a, c, h, o in known
    )
    assert overall(self_service(mine, theirs, period))[Metric.DEFLECTION] == (good, len(known))


# --- warnings and satisfaction ----------------------------------------------------------------------


def test_warnings_that_nobody_judged_do_not_count() -> None:
    warned = [Warned(us(0), "disk", True), Warned(us(1), "disk", False), Warned(us(2), "memory", None)]
    assert overall(warnings(warned, WEEK)) == {Metric.WARNING_PRECISION: (1, 2)}


def rating(score: int | None, tier: int = 1, customer: str = "acme", minutes: float = 0) -> Rating:
    return Rating(us(minutes), score, customer, tier)


def test_satisfaction_is_answers_of_four_or_five() -> None:
    scores = [5, 5, 4, 4, 4, 3, 2, 1, 5, 4, None, None, None, None, None]
    found = csat([rating(score) for score in scores], WEEK)
    assert overall(found) == {Metric.CSAT: (7, 10), Metric.CSAT_RESPONSE: (10, 15)}
    assert found[0].value == 0.7


def test_with_fewer_than_ten_answers_no_satisfaction_is_stated() -> None:
    found = csat([rating(5) for _ in range(9)], WEEK)
    score = next(figure for figure in found if figure.metric is Metric.CSAT)
    assert (score.value, score.note, score.n) == (None, Note.TOO_FEW, 9)
    response = next(figure for figure in found if figure.metric is Metric.CSAT_RESPONSE)
    assert response.value == 1.0
    assert csat([], WEEK)[0].note is Note.NO_DATA


# --- what recurs ------------------------------------------------------------------------------------


def test_a_ticket_recurs_when_the_customer_had_the_known_error_in_the_thirty_days_before() -> None:
    done = [1, 2, 3, 4]
    month = AGAIN_WITHIN // 60_000_000
    known = [
        Known(1, "acme", us(0), "ke-cups"),
        Known(9, "acme", us(-month), "ke-cups"),
        Known(2, "acme", us(0), "ke-disk"),
        Known(8, "acme", us(-month) - 1, "ke-disk"),
        Known(3, "globex", us(0), "ke-cups"),
    ]
    assert of(recurrence(done, known)) == (1, 4)
    again = [*known, Known(3, "globex", us(0), "ke-cups"), Known(7, "globex", us(-5), "ke-cups")]
    assert of(recurrence(done, again)) == (2, 4)
    assert of(recurrence([], [])) == (0, 0)


def test_three_tickets_or_three_machines_in_seven_days_make_a_candidate() -> None:
    three_tickets = [result("match", n, minutes=n * DAY, agent="one", version=2) for n in (1, 2, 6)]
    three_machines = [result("match", 5, agent=f"m{n}", known_error="ke-disk") for n in range(3)]
    two = [result("match", n, known_error="ke-dns") for n in (1, 2)]
    wrong = [result("match", n, known_error="ke-bad", feedback="wrong") for n in (1, 2, 3)]
    found = problems([*three_tickets, *three_machines, *two, *wrong], WEEK)
    assert [(p.known_error, p.candidate, p.tickets, p.machines) for p in found] == [
        ("ke-cups", True, 3, 1), ("ke-disk", True, 1, 3), ("ke-dns", False, 2, 2),
    ]  # fmt: skip
    assert found[0].versions == (2,)
    assert candidates(found).value == 2


def test_spread_over_more_than_seven_days_it_is_no_candidate() -> None:
    period = Period(us(-30 * DAY), us(0), us(0))
    matches = [result("match", n, minutes=-30 * DAY + n * 3.5 * DAY) for n in range(6)]
    assert [(p.tickets, p.tickets_7d, p.candidate) for p in problems(matches, period)] == [(6, 2, False)]


@settings(max_examples=120)
@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abcd")), max_size=14), st.integers(1, 12))
def test_the_fullest_window_is_what_trying_each_gives(events: list[tuple[int, str]], length: int) -> None:
    plain = max(
        (len({name for at, name in events if start - length < at <= start}) for start, _ in events), default=0
    )
    assert most_in_window(events, length) == plain
