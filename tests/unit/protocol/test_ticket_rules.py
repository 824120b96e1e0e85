"""Every transition by every party from every state, and each guard on its own, as tables of values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import Code, RelevoError
from protocol.escalation import (
    Evidence,
    HandBack,
    HandBackKind,
    Handover,
    check_escalation,
    check_hand_back,
)
from protocol.fix_states import RunState
from protocol.lifecycle import (
    FixRun,
    check_close,
    check_pend,
    check_rating,
    check_reopen,
    check_resolve,
    resumes,
    unsettled,
    window_end,
)
from protocol.tickets import RESUMED_BY, RULES, Happening, Move, Party, PendingReason, State, next_state
from protocol.workdays import add_business_days

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
"""A Friday."""

U, T, R, C = Party.USER, Party.TECHNICIAN, Party.RULE, Party.TIMER
X = Party.CONNECTOR

# Written by hand from 4-domain.md, "Ticket": (from, move, to, who).
TABLE = [
    ("new assigned in-progress", Move.ASSIGN, State.ASSIGNED, {T, R}),
    ("new assigned in-progress", Move.TAKE, State.ASSIGNED, {T}),
    ("assigned", Move.START, State.IN_PROGRESS, {T}),
    ("assigned", Move.ACCEPT, State.IN_PROGRESS, {T}),
    ("in-progress", Move.PEND, State.PENDING, {T, X}),
    ("pending", Move.RESUME, State.IN_PROGRESS, {U, T, R, C, X}),
    ("in-progress assigned", Move.ESCALATE, State.ASSIGNED, {T}),
    ("in-progress assigned", Move.RETURN, State.ASSIGNED, {T}),
    ("in-progress pending", Move.RESOLVE, State.RESOLVED, {T, U, X}),
    ("resolved", Move.REOPEN, State.IN_PROGRESS, {U, T, X}),
    ("resolved", Move.CLOSE, State.CLOSED, {C, U, T}),
    ("new assigned in-progress pending", Move.CANCEL, State.CANCELLED, {U, T, X}),
]
ALLOWED = {
    (State(source), move, party): target
    for sources, move, target, parties in TABLE
    for source in sources.split()
    for party in parties
}


def refused(call: object, code: Code) -> None:
    with pytest.raises(RelevoError) as caught:
        call()  # type: ignore[operator]
    assert caught.value.code is code


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", Move)
@pytest.mark.parametrize("party", Party)
def test_each_party_may_make_exactly_the_moves_of_the_table(state: State, move: Move, party: Party) -> None:
    target = ALLOWED.get((state, move, party))
    if target is not None:
        assert next_state(state, move, party) is target
        return
    possible = any((state, move, other) in ALLOWED for other in Party)
    refused(lambda: next_state(state, move, party), Code.REFUSED if possible else Code.INVALID_TRANSITION)


def test_every_move_but_creation_has_a_rule_and_nothing_leaves_what_is_final() -> None:
    assert set(RULES) == set(Move) - {Move.CREATE}
    for rule in RULES.values():
        assert not rule.sources & {State.CLOSED, State.CANCELLED}


@given(st.lists(st.tuples(st.sampled_from(Move), st.sampled_from(Party)), max_size=60))
def test_no_conversation_leaves_a_final_state_or_the_set_of_states(steps: list[tuple[Move, Party]]) -> None:
    state = State.NEW
    for move, party in steps:
        before = state
        try:
            state = next_state(state, move, party)
        except RelevoError:
            continue
        assert before not in (State.CLOSED, State.CANCELLED)
        assert (before, move, party) in ALLOWED


# --- waiting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", PendingReason)
def test_what_waits_has_an_event_or_a_time_that_wakes_it(reason: PendingReason) -> None:
    check_pend(reason, NOW + timedelta(hours=1), NOW)
    if reason in RESUMED_BY:
        check_pend(reason, None, NOW)
    else:
        refused(lambda: check_pend(reason, None, NOW), Code.PARAMETER_INVALID)
    for wrong in (NOW, NOW - timedelta(1), NOW + timedelta(400)):
        refused(lambda wrong=wrong: check_pend(reason, wrong, NOW), Code.PARAMETER_INVALID)


@pytest.mark.parametrize("reason", [None, *PendingReason])
@pytest.mark.parametrize("event", Happening)
def test_an_event_wakes_only_what_waits_for_it(reason: PendingReason | None, event: Happening) -> None:
    meant = {
        (PendingReason.AWAITING_USER, Happening.USER_REPLY),
        (PendingReason.AWAITING_CONSENT, Happening.CONSENT),
        (PendingReason.AWAITING_APPROVAL, Happening.APPROVAL),
    }
    assert resumes(reason, event) == ((reason, event) in meant)


# --- resolving ---------------------------------------------------------------------------------


def resolve(**changes: object) -> None:
    given_: dict[str, object] = {
        "resolution": "cable",
        "party": T,
        "article": None,
        "no_article_reason": "happened once",
        "runs": (),
    }
    check_resolve(**(given_ | changes))  # type: ignore[arg-type]


def test_a_resolution_needs_words_and_an_article_or_the_reason_for_none() -> None:
    resolve()
    resolve(article="cables", no_article_reason=None)
    refused(lambda: resolve(resolution=" "), Code.PARAMETER_INVALID)
    refused(lambda: resolve(no_article_reason=None), Code.ARTICLE_MISSING)
    refused(lambda: resolve(no_article_reason="  ", article=""), Code.ARTICLE_MISSING)
    resolve(party=U, no_article_reason=None)


@pytest.mark.parametrize("state", RunState)
def test_a_fix_that_ran_must_have_been_verified_or_undone(state: RunState) -> None:
    runs = (FixRun("a", RunState.SUCCEEDED), FixRun("b", state))
    if state in (RunState.RUNNING, RunState.VERIFYING, RunState.UNDOING):
        assert unsettled(runs) == ("b",)
        refused(lambda: resolve(runs=runs), Code.VERIFICATION_MISSING)
        refused(lambda: resolve(runs=runs, party=U), Code.VERIFICATION_MISSING)
    else:
        resolve(runs=runs)


@pytest.mark.parametrize(
    ("tier", "back", "fits"),
    [
        (0, None, True),
        (2, None, True),
        (3, None, False),
        (3, HandBack(kind=HandBackKind.NOT_REPEATABLE), True),
        (3, HandBack(kind=HandBackKind.KNOWN_ERROR, known_error="ke-1"), False),
        (3, HandBack(kind=HandBackKind.KNOWN_ERROR, known_error="ke-1", for_l1="restart it"), True),
        (3, HandBack(kind=HandBackKind.ARTICLE_AND_FIX, article="a", for_l1="x"), False),
        (3, HandBack(kind=HandBackKind.ARTICLE_AND_FIX, article="a", fix="f", for_l1="x"), True),
        (1, HandBack(kind=HandBackKind.KNOWN_ERROR), False),
    ],
)
def test_what_l3_resolves_comes_back(tier: int, back: HandBack | None, fits: bool) -> None:
    if fits:
        check_hand_back(tier, back)
    else:
        refused(lambda: check_hand_back(tier, back), Code.HAND_BACK_MISSING)


# --- reopening, closing, rating ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-11-20T16:00", 0, "2026-11-20T16:00"),
        ("2026-11-20T16:00", 1, "2026-11-23T16:00"),
        ("2026-11-20T16:00", 5, "2026-11-27T16:00"),
        ("2026-11-21T10:00", 1, "2026-11-23T10:00"),
        ("2026-11-22T10:00", 5, "2026-11-27T10:00"),
        ("2026-11-23T09:00", 5, "2026-11-30T09:00"),
    ],
)
def test_business_days_leave_out_the_weekend(start: str, days: int, end: str) -> None:
    def at(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert add_business_days(at(start), days) == at(end)


def test_the_window_to_reopen_ends_to_the_microsecond() -> None:
    end = window_end(NOW, 5)
    check_reopen(NOW, 5, end)
    refused(lambda: check_reopen(NOW, 5, end + timedelta(microseconds=1)), Code.WINDOW_OVER)
    refused(lambda: check_reopen(None, 5, NOW), Code.WINDOW_OVER)


@pytest.mark.parametrize("party", [U, T, C])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("reason", ["", "she says it works"])
def test_a_technician_closes_a_strangers_ticket_only_on_somebodys_word(
    party: Party, own: bool, reason: str
) -> None:
    if party is T and not own and not reason:
        refused(lambda: check_close(party, is_requester=own, reason=reason), Code.REASON_MISSING)
    else:
        check_close(party, is_requester=own, reason=reason)


def test_csat_is_answered_once_in_time_and_from_one_to_five() -> None:
    check_rating(5, NOW, None, NOW)
    for score in (0, 6, -1):
        refused(lambda score=score: check_rating(score, NOW, None, NOW), Code.PARAMETER_INVALID)
    refused(lambda: check_rating(5, None, None, NOW), Code.CONFLICT)
    refused(lambda: check_rating(5, NOW, NOW, NOW), Code.ALREADY_EXISTS)
    refused(lambda: check_rating(5, NOW, None, NOW + timedelta(days=61)), Code.WINDOW_OVER)


# --- escalating --------------------------------------------------------------------------------


def escalate(**changes: object) -> None:
    given_: dict[str, object] = {
        "from_tier": 1,
        "to_tier": 2,
        "priority": 3,
        "handover": Handover(symptom="no prints", question="why"),
        "no_diagnostics_reason": "",
        "skip_reason": "",
        "done": Evidence(1, 1),
    }
    check_escalation(**(given_ | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"to_tier": 1}, Code.PARAMETER_INVALID),
        ({"to_tier": 4}, Code.PARAMETER_INVALID),
        ({"from_tier": 3, "to_tier": 2}, Code.PARAMETER_INVALID),
        ({"handover": Handover(symptom="x")}, Code.PARAMETER_INVALID),
        ({"handover": Handover(question="x")}, Code.PARAMETER_INVALID),
        ({"done": Evidence(0, 1)}, Code.DIAGNOSIS_MISSING),
        ({"done": Evidence(0, 1), "no_diagnostics_reason": "machine is off"}, None),
        ({"done": Evidence(1, 0)}, Code.KNOWLEDGE_NOT_SEARCHED),
        ({"done": Evidence(0, 0), "no_diagnostics_reason": "off"}, Code.KNOWLEDGE_NOT_SEARCHED),
        ({"to_tier": 3}, Code.TIER_SKIPPED),
        ({"to_tier": 3, "priority": 1}, None),
        ({"to_tier": 3, "skip_reason": "L2 is the vendor"}, None),
        ({"from_tier": 2, "to_tier": 3}, None),
    ],
)
def test_each_guard_of_an_escalation(changes: dict[str, object], code: Code | None) -> None:
    if code is None:
        escalate(**changes)
    else:
        refused(lambda: escalate(**changes), code)
