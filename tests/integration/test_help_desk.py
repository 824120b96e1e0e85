"""The help desk end to end through the documented command lines: tiers, an expert from outside, the user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import Machine, Person, World, wait_until, world_in

DESK = """
[[customers]]
customer = "acme"
priorities = [1, 1, 2, 2, 3, 3, 4, 4, 5]

[[categories]]
id = "printing"
name_en = "Printing"
name_es = "Impresión"

[[queues]]
id = "first"

[[queues]]
id = "second"
tier = 2
members = ["ben"]

[[rules]]
queue = "first"
category = "printing"
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("desk")) as world:
        world.found()
        yield world


@pytest.fixture(scope="module")
def ana(world: World) -> Person:
    return world.technician("ana", tier=1)


@pytest.fixture(scope="module")
def ben(world: World) -> Person:
    return world.technician("ben", tier=2)


@pytest.fixture(scope="module")
def vera(world: World) -> Person:
    """An expert from outside: in the roster, with no tier."""
    person = world.person_without_login("vera")
    world.admin("org", "technician", "add", "vera", "--name", "Vera Test", "--role", "expert",
                "--key", f"{person.key}.pub")  # fmt: skip
    world.admin("org", "publish")
    person("login", world.url, "--key", str(person.key), "--root", world.root_sha256)
    return person


@pytest.fixture(scope="module")
def machine(world: World) -> Machine:
    return world.machine()


def test_a_ticket_goes_from_l1_to_l2_and_the_user_is_asked_again_by_name(
    world: World, machine: Machine, ana: Person, ben: Person
) -> None:
    settings = world.folder / "desk.toml"
    settings.write_text(DESK)
    world.admin("org", "desk", "set", str(settings))
    world.admin("org", "publish")
    ticket = machine.ask("The printer does not print")
    repeated = machine("ask", "Printer still not printing", "--json").json()
    assert repeated["similar"] == [ticket]
    machine("cancel", repeated["ticket"], "It is the same")
    ana("ticket", "take", ticket)
    ana("ticket", "triage", ticket, "--impact", "1", "--category", "printing")
    assert ana("ticket", "show", ticket, "--json").json()["ticket"]["priority"] == 1
    ana("ticket", "triage", ticket, "--category", "gardening", status=3)
    world.open_session(ana, machine, ticket, "diagnose")
    ana("diagnose", ticket, "--only", "uptime")
    why = ("--reason-code", "no_kb_match", "--question", "Why does the spooler stop?")
    refused = ana("ticket", "escalate", ticket, "--to", "2", *why, status=9)
    assert "knowledge" in refused.err
    assert ana("kb", "search", "spooler stops", "--ticket", ticket, "--json").json() == []
    ana("ticket", "escalate", ticket, "--to", "2", *why)
    wait_until("ana's session to end", lambda: not machine("status", "--json").json()["sessions"])
    ana("session", "open", ticket, "--scope", "diagnose", "--reason", "still me", status=9)
    ben("ticket", "accept", ticket)
    shown = ben("ticket", "show", ticket).out
    assert "Why does the spooler stop?" in shown and "art-" in shown
    asking = ben.begin(
        "session", "open", ticket, "--scope", "diagnose", "--reason", "my turn", "--wait", "30"
    )
    request = machine.request()
    assert (request["technician"], request["ticket"]) == ("ben", ticket)
    machine("deny", request["id"])
    assert asking.communicate(timeout=60) and asking.returncode == 5
    ben("ticket", "return", ticket, "--reason", "Please check the cable")
    assert ana("ticket", "show", ticket, "--json").json()["ticket"]["assignee"] == "ana"


def test_the_user_says_it_is_solved_reopens_rates_and_closes(machine: Machine, ana: Person) -> None:
    ticket = machine.ask("Sound is missing")
    ana("ticket", "take", ticket)
    ana("ticket", "pend", ticket, "awaiting_vendor", status=2)
    ana("ticket", "pend", ticket, "awaiting_user", "--text", "Is it muted?")
    machine("reply", ticket, "It was, thank you")
    ana("ticket", "resolve", ticket, "It was muted", "--cause", "user_question", status=9)
    ana("ticket", "resolve", ticket, "It was muted", "--cause", "user_question", "--no-article", "once")
    assert "relevo-agent rate" in machine("tickets").err
    machine("reopen", ticket, "Muted again by itself")
    machine("solved", ticket, "Now it stays")
    machine("rate", ticket, "4", "Fine")
    assert ticket in machine("rate", ticket, "1", status=9).err
    assert "T-999" in machine("reply", "T-999", "hello", status=3).err
    ana("ticket", "close", ticket, status=9)
    machine("close", ticket)
    machine("reopen", ticket, "no", status=9)
    detail = ana("ticket", "show", ticket, "--json").json()
    assert (detail["ticket"]["state"], detail["ticket"]["reopen_count"]) == ("closed", 1)
    assert (detail["rating"]["score"], detail["ticket"]["resolved_by_tier"]) == (4, 0)
    follow = machine("ask", "Muted once more", "--follow-up-of", ticket).out.strip()
    assert ana("ticket", "show", follow, "--json").json()["ticket"]["follow_up_of"] == ticket


def test_an_expert_looks_at_one_ticket_for_as_long_as_the_invitation_lasts(
    world: World, machine: Machine, ana: Person, vera: Person
) -> None:
    ticket, other = machine.ask("The scanner is slow"), machine.ask("Nothing to do with it")
    ana("ticket", "take", ticket)
    vera("ticket", "show", ticket, status=3)
    invite = ("ticket", "invite", ticket, "--expert", "vera", "--until", "2h", "--reason", "vendor driver")
    ana(*invite, "--scope", "fix", status=4)
    made = ana(*invite, "--scope", "diagnose", "--json").json()
    vera("ticket", "show", other, status=3)
    vera("session", "open", ticket, "--scope", "logs", "--reason", "more", status=4)
    asking = vera.begin("session", "open", ticket, "--scope", "diagnose", "--reason", "driver", "--wait", "60",
                        "--minutes", "10")  # fmt: skip
    request = machine.request()
    assert (request["technician"], request["invited_by"]) == ("vera", "Ana Test")
    assert "Ana Test" in machine("requests").out
    machine("allow", request["id"])
    out, err = asking.communicate(timeout=60)
    assert asking.returncode == 0, (out, err)
    bundle = vera("diagnose", ticket, "--only", "uptime", "--json").json()
    assert '"R1"' in str(bundle).replace("'", '"')
    vera("logs", ticket, status=4)
    ana("ticket", "uninvite", ticket, made["invitation"])
    wait_until("vera's session to end", lambda: not machine("status", "--json").json()["sessions"])
    vera("ticket", "show", ticket, status=3)
    world.admin("audit", "verify")


def test_watching_shows_who_else_looks(machine: Machine, ana: Person, ben: Person) -> None:
    ticket = machine.ask("Look at this")
    ben("ticket", "watch", ticket, "--seconds", "1")
    ana("ticket", "show", ticket)
    assert "Ana Test" in ben("ticket", "show", ticket).err


def test_a_broken_desk_file_is_told_and_changes_nothing(world: World, tmp_path: Path) -> None:
    before = world.admin("org", "desk", "show", "--json").out
    for text in (
        "[[queues",
        "queues = 1",
        '[[rules]]\nqueue = "nowhere"',
        "[[customers]]\npriorities = [9]",
        "x = 1",
    ):
        broken = tmp_path / "desk.toml"
        broken.write_text(text)
        world.admin("org", "desk", "set", str(broken), status=2)
    assert world.admin("org", "desk", "show", "--json").out == before
