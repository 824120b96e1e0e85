"""Known errors through the documented commands: from a directory to the fix that a technician plans."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.known_errors import STARTERS
from tests.support.world import Machine, Person, World, wait_until, world_in

ADDED = ("full-disk", "stale-lock")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("known")) as world:
        world.found()
        for name in ADDED:
            world.admin("org", "known-error", "add", str(STARTERS / name))
        world.admin("org", "publish")
        yield world


@pytest.fixture
def stale_lock() -> Iterator[Path]:
    ended = subprocess.Popen(["/bin/true"])
    ended.wait(30)
    path = Path(f"/tmp/relevo-known-{os.getpid()}.lock")
    path.write_text(f"{ended.pid}\n")
    yield path
    path.unlink(missing_ok=True)


def test_a_diagnosis_names_the_known_error_and_the_fix_to_plan(world: World, stale_lock: Path) -> None:
    tried = world.admin("org", "known-error", "test", str(STARTERS / "stale-lock"), "--json").json()
    assert all(row["passed"] for row in tried["bundles"])
    rows = world.admin("org", "known-error", "list", "--json").json()
    assert [(row["known_error"]["id"], row["state"]) for row in rows] == [(id_, "published") for id_ in ADDED]
    world.admin("org", "known-error", "add", str(STARTERS / "stale-lock"), status=9)
    ana = world.technician("ana", tier=2)
    machine = world.machine()
    ticket = machine.ask("The backup does not start")
    ana("ticket", "take", ticket)
    world.open_session(ana, machine, ticket, "diagnose,fix")
    report = ana("diagnose", ticket, "--only", "locks").out
    assert "stale-lock 1:" in report
    assert report.index("stale-lock 1:") < report.index("What was looked at")
    plans = [line.strip() for line in report.splitlines() if line.strip().startswith("relevo fix plan")]
    wanted = next(line for line in plans if str(stale_lock) in line)
    planned = ana(*shlex.split(wanted)[1:])
    assert str(stale_lock) in planned.out
    _matches_are_on_the_ticket(ana, ticket, stale_lock)
    _judged(ana, world, machine, ticket)


def _matches_are_on_the_ticket(ana: Person, ticket: str, stale_lock: Path) -> None:
    def judged() -> bool:
        rows = ana("kb", "matches", ticket, "--all", "--json").json()
        return len(rows) == len(ADDED)

    wait_until("the broker to compare the bundle", judged)
    (row,) = ana("kb", "matches", ticket, "--json").json()
    assert row["match"]["known_error"] == "stale-lock" and row["match"]["by"] is None
    assert {"fix": "stale-lock", "params": {"path": str(stale_lock)}, "missing": []} in row["fixes"]
    shown = ana("--lang", "es", "kb", "matches", ticket).out
    assert "relevo fix plan" in shown and "coincide" in shown


def _judged(ana: Person, world: World, machine: Machine, ticket: str) -> None:
    assert ana("kb", "wrong", ticket, "stale-lock", "--json").json()["feedback"] == "wrong"
    assert "stale-lock" in ana("kb", "confirm", ticket, "stale-lock").out
    ana("kb", "confirm", ticket, "full-disk", status=3)
    rows = json.loads(ana("kb", "signatures", "--json").out)["rows"]
    assert [(row["confirmed"], row["wrong"]) for row in rows if row["known_error"] == "stale-lock"] == [
        (1, 0)
    ]
    _a_second_look_verifies_nothing_anew(ana, ticket)
    world.admin("org", "known-error", "retire", "stale-lock")
    world.admin("org", "publish")
    assert "stale-lock 1:" not in ana("diagnose", ticket, "--only", "locks").out
    machine("stop", "--all")


def _a_second_look_verifies_nothing_anew(ana: Person, ticket: str) -> None:
    kept = ana.home / "known-errors.json"
    assert not kept.exists(), "a verdict may put a signature under review"
    assert "stale-lock 1:" in ana("diagnose", ticket, "--only", "locks").out
    before = kept.stat().st_ino
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "stale-lock 1:" in ana("diagnose", ticket, "--only", "locks").out
    assert kept.stat().st_ino == before, "nothing was published in between"
