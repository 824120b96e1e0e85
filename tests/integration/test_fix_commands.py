"""`relevo fix` on a whole Relevo: list, show, plan, run, the user's answer, undo, and what is refused."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.world import Machine, Person, World, wait_until

PAST = time.time() - 30 * 86_400


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("fix"))
    try:
        made.found()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def machine(world: World) -> Machine:
    return world.machine()


@pytest.fixture(scope="module")
def ana(world: World) -> Person:
    return world.technician("ana", tier=1)


@pytest.fixture(scope="module")
def ticket(world: World, machine: Machine, ana: Person) -> str:
    ticket = machine.ask("The disk is full")
    ana("ticket", "take", ticket)
    world.open_session(ana, machine, ticket, "fix,diagnose")
    return ticket


@pytest.fixture
def cache(world: World) -> Path:
    folder = world.folder / f"cache-{time.monotonic_ns()}"
    folder.mkdir()
    for name, size in (("big", 2 << 20), ("small", 10)):
        (folder / name).write_bytes(b"x" * size)
        os.utime(folder / name, (PAST, PAST))
    return folder


def answer(machine: Machine, word: str) -> dict[str, Any]:
    """Wait for the question about a fix and answer it."""

    def asked() -> Any:
        return [row for row in machine("requests", "--json").json() if row["kind"] == "fix"]

    (question,) = wait_until("the question about the fix", asked)
    machine(word, question["id"])
    assert isinstance(question, dict)
    return question


def test_the_catalogue_is_listed_and_shown_in_both_languages(ana: Person) -> None:
    listed = ana("fix", "list", "--json").json()
    assert [row["fix"] for row in listed["fixes"]] == [
        "clean-cache",
        "hosts-entry",
        "stale-lock",
        "start-service",
    ]
    assert "Liberar disco" in ana("fix", "show", "clean-cache", "--lang", "es").out
    assert ana("fix", "show", "clean-cache", "--json").json()["params"][0]["name"] == "folder"
    ana("fix", "show", "no-such-fix", status=3)


def test_a_full_cache_is_cleaned_after_the_user_saw_the_plan(
    machine: Machine, ana: Person, ticket: str, cache: Path
) -> None:
    given = ("--param", f"folder={cache}", "--param", "full_percent=0")
    planned = ana("fix", "plan", ticket, "clean-cache", *given, "--json").json()
    assert (planned["check"], planned["asks_user"]) == ("present", True)
    assert len(list(cache.iterdir())) == 2
    running = ana.begin("fix", "run", ticket, "clean-cache", *given, "--yes", "--json")
    question = answer(machine, "allow")
    assert str(cache) in question["question"]
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert '"state":"succeeded"' in out
    assert not list(cache.iterdir())
    undoing = ana.begin("fix", "undo", ticket, "clean-cache", "--yes")
    answer(machine, "allow")
    out, err = undoing.communicate(timeout=60)
    assert undoing.returncode == 0, err
    assert [path.name for path in cache.iterdir()] == ["small"]
    runs = ana("fix", "list", ticket, "--json").json()["runs"]
    assert runs[-1]["state"] == "undone"


def test_the_users_no_ends_it_with_its_own_status(
    machine: Machine, ana: Person, ticket: str, cache: Path
) -> None:
    given = ("--param", f"folder={cache}", "--param", "full_percent=0")
    running = ana.begin("fix", "run", ticket, "clean-cache", *given, "--yes")
    answer(machine, "deny")
    running.communicate(timeout=60)
    assert running.returncode == 5
    assert len(list(cache.iterdir())) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="the root helper runs as root")
def test_a_broken_hosts_entry_goes_through_the_root_helper(
    machine: Machine, ana: Person, ticket: str
) -> None:
    folder = Path("/tmp/relevo-demo") / str(time.monotonic_ns())
    folder.mkdir(parents=True)
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n10.9.9.9 intranet.example\n")
    before = hosts.read_bytes()
    given = ("--param", "host=intranet.example", "--param", "address=10.9.9.9", "--param", f"path={hosts}")
    try:
        running = ana.begin("fix", "run", ticket, "hosts-entry", *given, "--yes")
        answer(machine, "allow")
        _, err = running.communicate(timeout=60)
        assert running.returncode == 0, err
        assert "\n10.9.9.9" not in hosts.read_text()
        undoing = ana.begin("fix", "undo", ticket, "hosts-entry", "--yes")
        answer(machine, "allow")
        _, err = undoing.communicate(timeout=60)
        assert undoing.returncode == 0, err
        assert hosts.read_bytes() == before
    finally:
        hosts.unlink()
        folder.rmdir()


def test_nothing_runs_unasked_without_a_terminal(ana: Person, ticket: str, cache: Path) -> None:
    refused = ana("fix", "run", ticket, "clean-cache", "--param", f"folder={cache}", status=2)
    assert "--yes" in refused.err


@pytest.mark.parametrize(
    ("fix", "param", "status"),
    [
        ("clean-cache", "folder=/etc", 2),
        ("clean-cache", "folder=/tmp/cache/../../etc", 2),
        ("clean-cache", "nothing", 2),
        ("clean-cache", "other=1", 2),
        ("hosts-entry", "host=a;b", 2),
        ("start-service", "service=-x", 2),
        ("start-service", "service=no-such-daemon-here", 9),
        ("no-such-fix", "a=b", 3),
    ],
)
def test_wrong_input_has_its_status_and_changes_nothing(
    ana: Person, ticket: str, fix: str, param: str, status: int
) -> None:
    if "daemon" in param and os.geteuid() != 0:
        pytest.skip("the root helper runs as root")
    ana("fix", "plan", ticket, fix, "--param", param, status=status)


def test_a_revoked_fix_is_gone_at_once(world: World, ana: Person, ticket: str) -> None:
    world.admin("org", "fix", "revoke", "stale-lock")
    world.admin("org", "publish")
    ana("fix", "plan", ticket, "stale-lock", "--param", "path=/tmp/x.lock", status=3)
