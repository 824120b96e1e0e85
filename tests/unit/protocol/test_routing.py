"""Rules, queues and duplicates: where a ticket goes, and whether it was there before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.desk import (
    FALLBACK_QUEUE,
    Ability,
    AssignmentRule,
    Category,
    CustomerDesk,
    Desk,
    Queue,
    problems,
)
from protocol.duplicates import THRESHOLD, Described, candidates, likeness, stems
from protocol.errors import Code, RelevoError
from protocol.organisation import CustomerTier, Technician
from protocol.routing import Route, Subject, members, queue_for_tier, route, staffed
from protocol.scopes import Role
from protocol.tickets import State

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = "ssh-ed25519 AAAA"


def person(id_: str, *roles: Role, **tiers: int) -> Technician:
    listed = tuple(CustomerTier(customer="*" if c == "all" else c, tier=t) for c, t in tiers.items())
    return Technician(id=id_, name=id_, keys=(KEY,), roles=roles or (Role.TECHNICIAN,), tiers=listed)


ANA, BEN = person("ana", acme=1), person("ben", acme=2)
CARLA, OLGA = person("carla", all=3), person("olga", Role.AUDITOR)
PEOPLE = (ANA, BEN, CARLA, OLGA)
DESK = Desk(
    queues=(
        Queue(id="first", tier=1),
        Queue(id="network", tier=2, members=("ben", "carla"), fallback="first"),
        Queue(id="night", tier=1, members=("gone",), fallback="network"),
        Queue(id="loop-a", tier=1, members=("gone",), fallback="loop-b"),
        Queue(id="loop-b", tier=1, members=("gone",), fallback="loop-a"),
    ),
    rules=(
        AssignmentRule(queue="network", priority_at_most=1),
        AssignmentRule(queue="first", category="printing", language="es", skill="cups", to_person=True),
        AssignmentRule(queue="night", customer="acme", category="night"),
        AssignmentRule(queue="loop-a", category="loop"),
    ),
    abilities=(
        Ability(technician="ana", skills=("cups",), languages=("en",)),
        Ability(technician="ben", skills=("cups",), languages=("es",), max_open=2),
        Ability(technician="carla", skills=("cups",)),
    ),
)


def to(loads: dict[str, int] | None = None, **changes: object) -> Route:
    subject = Subject("acme", "printing", "es", 3)._replace(**changes)
    return route(subject, DESK, PEOPLE, loads or {})


def test_the_first_rule_that_holds_decides() -> None:
    assert to(priority=1) == Route("network", 2, None, 1)
    assert to(category="night") == Route("network", 2, None, 3)
    assert to(category="other") == Route(FALLBACK_QUEUE, 1, None, None)
    assert to(category="night", customer="globex").rule is None


def test_a_person_needs_the_skill_the_language_and_room_and_the_least_loaded_gets_it() -> None:
    assert to().assignee == "ben"
    assert to({"ben": 1}).assignee == "carla"
    assert to({"ben": 2, "carla": 9}).assignee == "carla"
    assert to({"ben": 2, "carla": 20}) == Route("first", 1, None, 2)
    assert to(language="en") == Route(FALLBACK_QUEUE, 1, None, None)


def test_a_queue_without_people_falls_back_and_a_circle_of_them_ends_at_the_desk() -> None:
    assert to(category="loop") == Route(FALLBACK_QUEUE, 1, None, 4)
    assert staffed(DESK, "night", "acme", PEOPLE).id == "network"
    assert staffed(DESK, "network", "acme", (ANA,)).id == "first"
    assert staffed(DESK, "nothing", "acme", PEOPLE).id == FALLBACK_QUEUE
    assert staffed(DESK, "first", "acme", ()).id == FALLBACK_QUEUE


def test_only_technicians_whose_tier_reaches_it_are_of_a_queue() -> None:
    assert members(DESK.queue("first"), "acme", PEOPLE) == ("ana", "ben", "carla")
    assert members(DESK.queue("first"), "globex", PEOPLE) == ("carla",)
    assert members(Queue(id="x", members=("olga",)), "acme", PEOPLE) == ()
    assert queue_for_tier(DESK, 2, "acme", PEOPLE) == "network"
    assert queue_for_tier(DESK, 3, "acme", PEOPLE) == FALLBACK_QUEUE


names = st.sampled_from(["first", "network", "night", "loop-a", "loop-b", "desk", "nowhere"])


@given(
    st.lists(st.builds(AssignmentRule, queue=names, to_person=st.booleans()), max_size=4),
    st.lists(st.sampled_from(PEOPLE), unique_by=lambda p: p.id),
    st.dictionaries(st.sampled_from(["ana", "ben", "carla"]), st.integers(0, 30)),
)
def test_every_ticket_gets_a_queue_that_exists_and_nobody_who_may_not_have_it(
    rules: list[AssignmentRule], people: list[Technician], loads: dict[str, int]
) -> None:
    desk = msgspec.structs.replace(DESK, rules=tuple(rules))
    found = route(Subject("acme", None, "es", 2), desk, people, loads)
    assert found.queue in {queue.id for queue in desk.queues} | {FALLBACK_QUEUE}
    if found.assignee is not None:
        assert found.assignee in members(desk.queue(found.queue), "acme", people)


# --- settings ----------------------------------------------------------------------------------


def test_priority_is_the_customers_matrix() -> None:
    own = CustomerDesk(customer="acme", priorities=(1, 1, 1, 2, 2, 2, 3, 3, 5))
    desk = Desk(customers=(own, CustomerDesk(customer="*", reopen_days=2)))
    assert [desk.of_customer("acme").priority_of(i, u) for i in (1, 2, 3) for u in (1, 2, 3)] == list(
        own.priorities
    )
    assert [desk.of_customer("x").priority_of(i, u) for i in (1, 2, 3) for u in (1, 2, 3)] == [
        i + u - 1 for i in (1, 2, 3) for u in (1, 2, 3)
    ]
    assert desk.of_customer("x").reopen_days == 2
    with pytest.raises(RelevoError) as caught:
        own.priority_of(0, 1)
    assert caught.value.code is Code.USAGE


def test_names_that_lead_nowhere_are_told_before_they_are_signed() -> None:
    sound = msgspec.structs.replace(DESK, queues=DESK.queues[:2], rules=DESK.rules[:2])
    everyone = frozenset(p.id for p in PEOPLE)
    assert problems(sound, frozenset({"acme"}), everyone) == ()
    broken = Desk(
        customers=(CustomerDesk(customer="nobody"), CustomerDesk(), CustomerDesk()),
        categories=(Category(id="printing", name_en="x", name_es="x"),),
        queues=(Queue(id="a", members=("gone",), fallback="b"), Queue(id="a")),
        rules=(AssignmentRule(queue="c", customer="nobody", category="mail"),),
        abilities=(Ability(technician="gone"),),
    )
    assert len(problems(broken, frozenset({"acme"}), everyone)) == 9


def test_a_category_must_be_listed_once_any_is() -> None:
    Desk().require_category("whatever")
    listed = Desk(categories=(Category(id="mail", name_en="Mail", name_es="Correo"),))
    listed.require_category("mail")
    listed.require_category(None)
    with pytest.raises(RelevoError) as caught:
        listed.require_category("whatever")
    assert caught.value.code is Code.NOT_FOUND


# --- duplicates --------------------------------------------------------------------------------


def said(text: str, number: int = 1, **changes: object) -> Described:
    first = Described(f"T-{number}", "ag-1", "desk-1", text, State.IN_PROGRESS, NOW - timedelta(days=1))
    return first._replace(**changes)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("La impresora no imprime", "Hola, la impresora sigue sin imprimir"),
        ("The printer does not print", "Printer is not printing again!"),
        ("Outlook no abre los adjuntos", "No puedo abrir adjuntos en Outlook"),
        ("VPN drops every hour", "The VPN connection drops"),
    ],
)
def test_the_same_complaint_in_other_words_is_found(one: str, other: str) -> None:
    assert likeness(said(one), said(other, 2)).percent >= THRESHOLD


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("La impresora no imprime", "El correo no llega"),
        ("Printer out of toner in room 3", "Printer driver crashes Word on start"),
        ("No puedo entrar en la red", "No puedo abrir el archivo"),
        ("", "La impresora no imprime"),
    ],
)
def test_another_complaint_is_not(one: str, other: str) -> None:
    assert likeness(said(one), said(other, 2)).percent < THRESHOLD


def test_only_the_same_machine_or_person_and_only_what_is_open_or_recent_counts() -> None:
    new, text = said("La impresora no imprime", 9), "La impresora no imprime"
    old = NOW - timedelta(days=60)
    known = [
        said(text, 1, state=State.CLOSED, created=old),
        said(text, 2, created=old),
        said(text, 3, state=State.CLOSED),
        said(text, 4, agent="ag-2"),
        said(text, 5, agent=None),
        said(text, 6, state=State.CANCELLED),
        said(text, 7, agent=None, requester="other"),
        new,
    ]
    assert {row.ticket for row in candidates(new, known, NOW)} == {"T-2", "T-3", "T-5"}
    assert candidates(new, known, NOW)[0].words == ("impresora", "imprime")


@given(st.text(max_size=300), st.text(max_size=300))
def test_likeness_is_a_percentage_and_the_same_in_both_directions(one: str, other: str) -> None:
    there, back = likeness(said(one), said(other, 2)), likeness(said(other), said(one, 2))
    assert 0 <= there.percent <= 100
    assert there.percent == back.percent
    if stems(one):
        assert likeness(said(one), said(one, 2)).percent == 100
