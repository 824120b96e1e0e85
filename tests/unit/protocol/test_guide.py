"""Guides: whatever is answered, a walk ends; and a guide that would not is found out before it is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.drivers.guides import shipped
from protocol.errors import Code, RelevoError
from protocol.findings import RULES
from protocol.guide import (
    ENDS,
    MAX_PATH,
    TICKET,
    Guide,
    Seen,
    State,
    advance,
    begin,
    branches,
    judge,
    parse_guide,
    step_of,
    suggest,
)
from protocol.guide_lint import problems

GUIDES = {guide.id: guide for guide in shipped()}
SOUND = """
id = "sample"
version = 1
category = "software"
start = "first"
title = { en = "A sample", es = "Una muestra" }
keywords = { en = ["sample"], es = ["muestra"] }

[steps.first]
ask = { en = "Does it work at all?", es = "¿Funciona algo?" }
yes = "look"
no = "ticket"

[steps.look]
check = { collector = "disks", findings = ["disk-full"], yes = "last", no = "last", unknown = "last" }

[steps.last]
ask = { en = "Does it work now?", es = "¿Funciona ahora?" }
yes = "solved"
no = "ticket"
"""


LOOKUP = 'articles = { words = { en = "some words here", es = "unas palabras" }, more = "ticket" }'


@pytest.mark.parametrize("name", GUIDES)
def test_a_shipped_guide_has_nothing_wrong_with_it(name: str) -> None:
    assert problems(GUIDES[name]) == ()


def test_the_sample_is_sound() -> None:
    assert problems(parse_guide(SOUND.encode())) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.replace('no = "ticket"', 'no = "first"').replace('"solved"', '"first"'), "no way out"),
        (lambda s: s.replace('no = "ticket"', 'no = "solved"'), "no way to a person"),
        (lambda s: s.replace('yes = "look"', 'yes = "nowhere"'), "there is no step nowhere"),
        (lambda s: s.replace('yes = "look"', 'yes = "last"'), "nothing leads here"),
        (lambda s: s.replace('start = "first"', 'start = "gone"'), "there is no step gone"),
        (lambda s: s.replace("¿Funciona ahora?", "Does it work now?"), "both languages say the same"),
        (lambda s: s.replace("¿Funciona ahora?", " "), "a language is missing"),
        (lambda s: s.replace('yes = "solved"\nno = "ticket"', 'yes = "solved"'), "two answers at least"),
        (
            lambda s: s.replace('no = "last", unknown = "last"', 'no = "look", unknown = "last"'),
            "nobody is asked",
        ),
        (lambda s: s.replace('collector = "disks"', 'collector = "discs"'), "of a collector discs"),
        (lambda s: s.replace('["disk-full"]', '["disk-ful"]'), "there is no finding disk-ful"),
        (lambda s: s.replace("[steps.last]", f"[steps.last]\n{LOOKUP}"), "exactly one of"),
    ],
)
def test_what_is_wrong_with_a_guide_is_said(change: Callable[[str], str], said: str) -> None:
    assert any(said in problem for problem in problems(parse_guide(change(SOUND).encode())))


@pytest.mark.parametrize("toml", ["", "id = 3", SOUND + "[more]\n", "\xff", "a = [" * 4_000])
def test_what_is_no_guide_is_refused_in_one_way(toml: str) -> None:
    with pytest.raises(RelevoError) as caught:
        parse_guide(toml.encode("latin-1") if toml == "\xff" else toml.encode())
    assert caught.value.code is Code.USAGE


seen = st.builds(
    Seen,
    st.frozensets(st.sampled_from(["disk-full", "memory-low", "network-down", "dns-dead", "queue-disabled"])),
    st.frozensets(st.sampled_from(sorted(RULES))),
)


@given(st.sampled_from(sorted(GUIDES)), seen, st.randoms(use_true_random=False))
def test_every_walk_ends_and_every_step_of_it_is_in_the_guide(name: str, known: Seen, random: object) -> None:
    guide = GUIDES[name]
    state = begin(guide, known)
    while not state.ended:
        step = step_of(guide, state)
        assert step.check is None, "checks answer themselves"
        state = advance(guide, state, random.choice(sorted(branches(step))), known)  # type: ignore[attr-defined]
    assert state.at in ENDS
    assert len(state.path) <= MAX_PATH
    at = guide.start
    for visit in state.path:
        assert visit.step == at
        at = branches(guide.steps[at])[visit.outcome]


@given(st.text(max_size=60))
def test_an_answer_that_a_step_does_not_have_moves_nothing(answer: str) -> None:
    guide = GUIDES["printer"]
    state = begin(guide, Seen())
    if answer in branches(step_of(guide, state)):
        return
    with pytest.raises(RelevoError) as caught:
        advance(guide, state, answer, Seen())
    assert caught.value.code is Code.PARAMETER_INVALID


def test_a_guide_that_goes_round_hands_over_to_a_person() -> None:
    around = SOUND.replace('yes = "solved"\nno = "ticket"', 'yes = "solved"\nno = "first"\nunsure = "ticket"')
    guide = parse_guide(around.encode())
    assert problems(guide) == ()
    state, steps = begin(guide, Seen()), 0
    while not state.ended:
        state = advance(guide, state, "yes" if state.at == "first" else "no", Seen())
        steps += 1
    assert state.at == TICKET
    assert len(state.path) == MAX_PATH
    with pytest.raises(RelevoError):
        advance(guide, state, "yes", Seen())


def test_a_check_without_an_answer_is_unknown_never_healthy() -> None:
    check = GUIDES["disk-full"].steps["disk"].check
    assert check is not None
    assert judge(check, Seen()) == "unknown"
    assert judge(check, Seen(frozenset(), frozenset({"disks"}))) == "no"
    assert judge(check, Seen(frozenset({"disk-full"}), frozenset())) == "yes"


@pytest.mark.parametrize(
    ("text", "guide"),
    [
        ("La IMPRESORA no imprime", "printer"),
        ("printing does not work", "printer"),
        ("no hay conexión a internet", "no-network"),
        ("mi equipo va muy lento", "slow-computer"),
        ("disk full, cannot save", "disk-full"),
        ("olvidé la contraseña", "login"),
        ("no se oye nada por los altavoces", "screen-sound"),
        ("my mailbox is empty", "email"),
        ("the program crashes", "application"),
    ],
)
def test_a_complaint_finds_its_guide_in_both_languages(text: str, guide: str) -> None:
    assert suggest(shipped(), text)[0].id == guide


@given(st.text(max_size=300))
def test_no_complaint_breaks_the_search_for_a_guide(text: str) -> None:
    found: tuple[Guide, ...] = suggest(shipped(), text)
    assert len({guide.id for guide in found}) == len(found)


def test_an_end_has_no_step() -> None:
    with pytest.raises(RelevoError) as caught:
        step_of(GUIDES["printer"], State(TICKET))
    assert caught.value.code is Code.CONFLICT
