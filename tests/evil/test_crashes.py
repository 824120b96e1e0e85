"""Everything is killed at the worst moment: nothing acknowledged is lost, nobody is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from protocol.audit import Action
from tests.evil.broker import agent_of, require_clean, taken_ticket
from tests.support.world import Machine, Person, World, wait_until


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("crashes"))
    try:
        made.found()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def ana(world: World) -> Person:
    return world.technician("ana")


@pytest.fixture
def machine(world: World) -> Iterator[Machine]:
    made = world.machine()
    yield made
    if made.running is not None:
        made.running.kill()


def worker_of(machine: Machine) -> psutil.Process:
    """The one session worker of this machine."""
    mark = next(iter((machine.data / "run").glob("worker-*.json")))
    return psutil.Process(json.loads(mark.read_text())["pid"])


def holder_of(person: Person, ticket: str) -> psutil.Process:
    records = [json.loads(path.read_text()) for path in person.home.glob("run/*.json")]
    return psutil.Process(next(record["pid"] for record in records if record["ticket"] == ticket))


def family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def session_state(person: Person, ticket: str) -> str:
    rows = person("session", "list", "--json").json()
    newest = [row for row in rows if row["ticket"] == ticket]
    return str(newest[0]["state"]) if newest else ""


def journal_size(machine: Machine) -> int:
    import contextlib
    import sqlite3

    with contextlib.closing(sqlite3.connect(machine.data / "journal.db", timeout=30)) as db:
        return int(db.execute("SELECT count(*) FROM entry").fetchone()[0])


def verified(world: World) -> None:
    world.admin("audit", "verify")


def audited(person: Person, ticket: str, action: Action) -> None:
    def there() -> bool:
        return action.value in person("audit", "show", ticket, "--json").out

    wait_until(f"{action} in the log", there)


def test_a_killed_agent_takes_its_session_with_it_and_starts_again_at_once(
    world: World, ana: Person, machine: Machine
) -> None:
    ticket = taken_ticket(ana, machine)
    world.open_session(ana, machine, ticket, "diagnose")
    assert machine.running is not None
    everybody = family(psutil.Process(machine.running.process.pid))
    written = journal_size(machine)

    machine.running.kill()

    wait_until("every process of the agent to be gone", lambda: gone(everybody))
    assert journal_size(machine) >= written
    machine.start()
    wait_until("the broker to know", lambda: session_state(ana, ticket) == "ended")
    result = ana("diagnose", ticket, "--only", "uptime", status=9)
    require_clean(result)
    wait_until("the journal to arrive", lambda: machine("status", "--json").json()["running"])
    audited(ana, ticket, Action.AGENT_SESSION_OPENED)
    verified(world)
    world.open_session(ana, machine, ticket, "diagnose")


def test_a_killed_worker_ends_its_session_alone(world: World, ana: Person, machine: Machine) -> None:
    other = world.machine()
    kept = taken_ticket(ana, other)
    world.open_session(ana, other, kept, "diagnose")
    ticket = taken_ticket(ana, machine)
    world.open_session(ana, machine, ticket, "diagnose,logs")
    following = ana.begin("logs", ticket, "--follow")
    worker = worker_of(machine)
    wait_until("the log reader", lambda: len(worker.children(recursive=True)) > 0)
    everybody = family(worker)

    worker.kill()

    _, err = following.communicate(timeout=60)
    assert following.returncode in (7, 9), err
    assert "Traceback" not in err
    wait_until("its children to be gone", lambda: gone(everybody))
    wait_until("the broker to know", lambda: session_state(ana, ticket) == "ended")
    assert machine.online()
    ana("diagnose", kept, "--only", "uptime", "--json")
    world.open_session(ana, machine, ticket, "diagnose")
    verified(world)


def test_a_killed_holder_leaves_a_session_that_ends_and_can_be_opened_again(
    world: World, ana: Person, machine: Machine
) -> None:
    ticket = taken_ticket(ana, machine)
    world.open_session(ana, machine, ticket, "diagnose")

    holder_of(ana, ticket).kill()

    result = ana("diagnose", ticket, "--only", "uptime", status=9)
    require_clean(result)
    ana("session", "end", ticket)
    wait_until("the broker to know", lambda: session_state(ana, ticket) == "ended")
    wait_until("the worker to be gone", lambda: not machine("status", "--json").json()["sessions"])
    world.open_session(ana, machine, ticket, "diagnose")
    verified(world)


def test_a_killed_broker_loses_nothing_and_the_session_goes_on(
    world: World, ana: Person, machine: Machine
) -> None:
    ticket = taken_ticket(ana, machine)
    world.open_session(ana, machine, ticket, "diagnose,logs")
    before = len(ana("audit", "show", ticket, "--json").out)
    holder, worker = holder_of(ana, ticket), worker_of(machine)
    assert world.broker is not None

    world.broker.kill()
    world.start_broker()

    result = ana("diagnose", ticket, "--only", "uptime", "--json", seconds=90)
    assert result.json()["manifest"]["ticket"] == ticket
    assert (holder.is_running(), worker.is_running()) == (True, True)
    wait_until("the agent to be back", machine.online)
    audited(ana, ticket, Action.DIAGNOSE_DONE)
    assert len(ana("audit", "show", ticket, "--json").out) > before
    verified(world)


def test_a_broker_killed_while_tickets_pour_in_keeps_every_one_it_acknowledged(
    world: World, ana: Person
) -> None:
    made: list[str] = []
    asking = [ana.begin("ticket", "new", f"storm {n}", "--customer", "acme") for n in range(8)]
    assert world.broker is not None
    wait_until("the first answer", lambda: any(one.poll() is not None for one in asking))
    world.broker.kill()
    for one in asking:
        out, err = one.communicate(timeout=60)
        assert "Traceback" not in err
        if one.returncode == 0:
            made.append(out.split()[0])
    world.start_broker()

    assert made
    listed = ana("ticket", "list", "--json").out
    assert all(f'"{ticket}"' in listed for ticket in made)
    for ticket in made:
        assert Action.TICKET_CREATED.value in ana("audit", "show", ticket, "--json").out
    verified(world)


@pytest.mark.parametrize("when", ["broker gone", "agent hung", "both", "worker hung too"])
def test_stop_works_at_once_whatever_has_failed(
    world: World, ana: Person, machine: Machine, when: str
) -> None:
    ticket = taken_ticket(ana, machine)
    world.open_session(ana, machine, ticket, "diagnose")
    worker = worker_of(machine)
    everybody = family(worker)
    assert machine.running is not None
    assert world.broker is not None
    agent = machine.running.process.pid
    # An agent that hangs inside a transaction keeps the journal's lock, and then stop cannot write down why.
    wait_until("the journal to rest", lambda: machine("status", "--json").json()["journal_waiting"] == 0)
    if when in ("broker gone", "both"):
        world.broker.kill()
    if when in ("agent hung", "both", "worker hung too"):
        os.kill(agent, signal.SIGSTOP)
    if when == "worker hung too":
        os.kill(worker.pid, signal.SIGSTOP)
    try:
        stopping = subprocess.Popen(
            [str(Path(os.sys.executable).parent / "relevo-agent"), "stop", "--data", str(machine.data)],  # type: ignore[attr-defined]
            env=world.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        wait_until("the worker to be gone", lambda: gone([worker]), seconds=40)
        out, err = stopping.communicate(timeout=60)
        assert (stopping.returncode, "Traceback" in err) == (0, False), err
        wait_until("its children to be gone", lambda: gone(everybody))
        assert "1" in out
    finally:
        os.kill(agent, signal.SIGCONT)
        if not world.broker.alive:
            world.start_broker()
    wait_until("the agent to be back", machine.online)
    wait_until("the broker to know", lambda: session_state(ana, ticket) == "ended")
    audited(ana, ticket, Action.AGENT_SESSION_ENDED if when == "broker gone" else Action.CONSENT_WITHDRAWN)
    verified(world)


def test_an_agent_killed_while_the_user_reads_forgets_the_request_and_shows_it_again(
    world: World, ana: Person, machine: Machine
) -> None:
    """Either way is right, but never a consent that nobody gave."""
    ticket = taken_ticket(ana, machine)
    asking = ana.begin("session", "open", ticket, "--scope", "diagnose", "--reason", "x", "--wait", "30")
    machine.request()
    assert machine.running is not None
    machine.running.kill()
    machine.start()

    rows = ana("session", "list", "--json").json()
    assert all(row["state"] not in ("consented", "open") for row in rows if row["ticket"] == ticket)
    out, err = asking.communicate(timeout=60)
    assert asking.returncode in (4, 5, 6, 7, 8, 9), (asking.returncode, out, err)
    assert "Traceback" not in err
    assert Action.CONSENT_GIVEN.value not in ana("audit", "show", ticket, "--json").out
    assert agent_of(machine) == machine.id
    verified(world)
