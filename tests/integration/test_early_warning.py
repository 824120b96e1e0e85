"""Early warning end to end: a real file system fills, a real agent tells it, a real broker opens the ticket."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from protocol.times import rfc3339
from tests.support.world import ROOT, Machine, Person, World, wait_until, world_in

HOURS = 26


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("early")) as made:
        made.found(fixes=False)
        yield made


@pytest.fixture(scope="module")
def toni(world: World) -> Person:
    return world.technician("toni")


@pytest.fixture(scope="module")
def machine(world: World) -> Machine:
    """Enrolled with standing consent; not running yet."""
    made = Machine(world, world.folder / "standing")
    enrolled = made("enrol", str(world.token(mode="standing")))
    assert "consent set trends notify" in enrolled.err
    return made


def fill(machine: Machine, hours: int) -> subprocess.CompletedProcess[str]:
    argv = ["unshare", "-Urm", sys.executable, "-m", "tests.support.filling", str(machine.data), str(hours)]
    done = subprocess.run(
        [*argv, rfc3339(datetime.now(UTC))], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    if "unshare failed" in done.stderr:
        pytest.skip("no user name spaces here")
    return done


def test_a_disk_that_fills_becomes_one_ticket_that_a_technician_judges(
    machine: Machine, toni: Person, tmp_path: Path
) -> None:
    refused = fill(machine, 1)
    assert "this machine tells no trends" in refused.stderr, "nothing is sampled before the owner says so"
    machine("consent", "set", "trends", "notify")
    assert "quarter of an hour" in machine("trends").err
    assert machine("status", "--json").json()["trends"] == "sent"
    done = fill(machine, HOURS)
    assert done.returncode == 0, done.stderr
    kept = machine("trends", "--json").json()
    assert (len(kept["samples"]), kept["sent_upto"]) == (HOURS, 0)

    assert " / 40.0 MiB" in machine("trends").out
    machine.start()  # what waited for six hours goes as soon as the link is up

    def warned() -> Any:
        return toni("agent", "warnings", "--open", "--json").json()["rows"]

    (warning,) = wait_until("the warning", warned)
    assert (warning["kind"], warning["subject"], warning["agent"]) == ("disk", "/srv", machine.id)
    assert warning["r2"] > 0.99
    assert 0 < warning["eta_s"] <= (40 - HOURS + 1) * 3_600
    ticket = warning["ticket"]
    shown = toni("ticket", "show", ticket).out
    assert "/srv will be full in" in shown and "monitor" not in machine("tickets").err
    assert ticket in machine("tickets").out, "the user of the machine sees that it was opened"
    assert len(toni("ticket", "list", "--json").json()) == 1

    plot = tmp_path / "disk.svg"
    table = toni("agent", "trends", machine.id, "--kind", "disk", "--plot", str(plot))
    assert "/srv" in table.out and "critical" in table.out
    assert ET.parse(plot).getroot().tag.endswith("svg")
    why = toni("agent", "warning", ticket, "--json").json()["evidence"]
    assert [point["limit"] for point in why["points"]] == [float(40 << 20)] * HOURS

    toni("ticket", "take", ticket)
    toni("ticket", "resolve", ticket, "Logs rotated", "--cause", "capacity", "--no-article", "one machine")
    toni("agent", "warning", ticket, "true")
    precision = toni("agent", "warnings", "--json").json()["precision"][0]
    assert (precision["kind"], precision["judged"], precision["precision"]) == ("disk", 1, 1.0)


def test_after_the_owner_says_no_nothing_more_goes_and_both_stand_in_the_log(
    world: World, machine: Machine, toni: Person
) -> None:
    machine("consent", "set", "trends", "never")
    assert machine("trends", "--json").json() == {"telling": "off", "sent_upto": HOURS, "samples": []}
    assert "this machine tells no trends" in fill(machine, 1).stderr
    assert machine.running is not None
    machine.running.terminate()
    machine.start()
    assert toni("agent", "trends", machine.id, "--json").json()["missing"] == 0

    def journalled() -> bool:
        return machine("status", "--json").json()["journal_waiting"] == 0

    wait_until("the journal to be in the log", journalled)
    world.admin("login", world.url, "--key", str(world.admin.key), "--root", world.root_sha256)
    assert world.admin("audit", "verify").status == 0


def test_an_attended_machine_cannot_turn_it_on(world: World) -> None:
    attended = world.machine(start=False)
    told = attended("consent", "set", "trends", "notify", status=9)
    assert "attended" in told.err or told.err
    assert attended("status", "--json").json()["trends"] == "attended"
