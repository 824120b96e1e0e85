"""How sessions end, with a broker that hangs, a clock that is turned and papers that go stale."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from protocol import link
from protocol.audit import Action
from protocol.link import EndReason
from tests.evil.broker import EvilWorld, Offered, agent_of, in_time, journal_of, signer_of, taken_ticket
from tests.evil.front import Asked
from tests.evil.test_crashes import family, gone, worker_of
from tests.support.world import Machine, Person, wait_until


@pytest.fixture
def machine(world: EvilWorld) -> Iterator[Machine]:
    made = world.machine()
    yield made
    if made.running is not None:
        made.running.kill()


@contextlib.contextmanager
def hanging(world: EvilWorld) -> Iterator[None]:
    """The broker's HTTP answers nothing; what the front says for it on links still arrives."""
    assert world.broker is not None
    os.kill(world.broker.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(world.broker.process.pid, signal.SIGCONT)


def no_end(agent: str, message: link.FromBroker) -> tuple[link.FromBroker, ...]:
    return () if isinstance(message, link.End) else (message,)


def open_session(world: EvilWorld, person: Person, machine: Machine) -> str:
    """A session for diagnosis; its grant."""
    world.open_session(person, machine, taken_ticket(person, machine), "diagnose")
    return str(machine("status", "--json").json()["sessions"][0]["grant"])


def ended(world: EvilWorld, machine: Machine, grant: str) -> EndReason | None:
    for message in list(world.evil.link(agent_of(machine)).heard):
        if isinstance(message, link.SessionEnded) and message.grant == grant:
            return message.why
    return None


def test_a_stop_is_on_record_although_the_broker_keeps_the_worker_waiting(
    world: EvilWorld, ana: Person, machine: Machine
) -> None:
    grant = open_session(world, ana, machine)
    with hanging(world):
        world.evil.link(agent_of(machine)).send(*[link.RepositoryChanged()] * 50)
        machine("stop")
        wait_until("the worker's last words", lambda: Action.AGENT_SESSION_ENDED in {
            entry.action for entry in journal_of(machine, grant)})  # fmt: skip


def test_a_session_without_its_agent_is_over_although_the_broker_keeps_the_worker_waiting(
    world: EvilWorld, ana: Person, machine: Machine
) -> None:
    grant = open_session(world, ana, machine)
    everybody = family(worker_of(machine))
    assert machine.running is not None
    with hanging(world):
        world.evil.link(agent_of(machine)).send(*[link.RepositoryChanged()] * 50)
        machine.running.kill()
        wait_until("worker and children to be gone", lambda: gone(everybody))
    assert Action.AGENT_SESSION_ENDED in {entry.action for entry in journal_of(machine, grant)}
    machine.start()


def test_a_second_agent_for_the_same_folder_disturbs_nothing(
    world: EvilWorld, ana: Person, machine: Machine
) -> None:
    grant = open_session(world, ana, machine)
    machine("run", status=9)
    assert [row["grant"] for row in machine("status", "--json").json()["sessions"]] == [grant]
    assert not gone([worker_of(machine)])


def test_a_session_that_nobody_joins_in_time_is_over(world: EvilWorld, ana: Person, machine: Machine) -> None:
    """Consent is not a ticket for later: who steals the key afterwards comes too late."""
    ticket = taken_ticket(ana, machine)

    def allowed(life: timedelta) -> Offered:
        grant = world.grant(ana, machine, ticket, establish_by=datetime.now(UTC) + life)
        offered = world.offer(machine, world.sealed(grant, signer_of(ana)))
        machine("allow", offered.grant)
        return offered

    with world.evil.lying(to_agent=no_end):
        offered = in_time(allowed)
        wait_until("the end", lambda: ended(world, machine, offered.grant) is EndReason.LINK_LOST)
    assert machine("status", "--json").json()["sessions"] == []


def test_a_broker_that_cries_change_without_end_keeps_no_worker_busy(
    world: EvilWorld, ana: Person, machine: Machine
) -> None:
    open_session(world, ana, machine)
    control = world.evil.link(agent_of(machine))
    looks: list[float] = []

    def noted(asked: Asked) -> None:
        if asked.path.endswith("/timestamp.json"):
            looks.append(time.monotonic())

    with world.evil.lying(ask=noted):
        began = time.monotonic()
        wait_until("some looks", lambda: control.send(*[link.RepositoryChanged()] * 50) or len(looks) >= 4)
        took = time.monotonic() - began
    assert len(looks) <= took + 2


def test_a_technician_removed_while_the_user_reads_gets_no_consent(
    world: EvilWorld, machine: Machine
) -> None:
    eva = world.technician("eva", tier=2)
    ticket = taken_ticket(eva, machine)
    asking = eva.begin("session", "open", ticket, "--scope", "diagnose", "--reason", "x", "--wait", "60")
    request = machine.request()
    with world.evil.lying(to_agent=no_end):  # a broker that tells of the change and hushes up its consequence
        world.admin("org", "technician", "remove", "eva")
        world.admin("org", "publish")
        refused = machine("allow", request["id"], status=4)
    assert "Traceback" not in refused.err
    assert Action.CONSENT_GIVEN not in {entry.action for entry in journal_of(machine, request["grant"])}
    asking.communicate(timeout=60)


def test_a_journal_that_was_lost_is_noticed(world: EvilWorld, machine: Machine, tmp_path: Path) -> None:
    """Under its old numbers nothing new would ever reach the log: no session without a record."""
    machine.ask("the printer does not print")
    world.audited(Action.HELP_ASKED, agent=agent_of(machine))
    assert machine.running is not None
    machine.running.kill()
    (machine.data / "journal.db").rename(tmp_path / "lost.db")
    machine.running = world.start("relevo-agent", "run", "--verbose", "--data", str(machine.data))
    wait_until("the refusal", lambda: "rollback" in machine.running.text())  # type: ignore[union-attr]
    assert not machine("status", "--json").json()["online"]
    machine.running.kill()
    (tmp_path / "lost.db").rename(machine.data / "journal.db")
    machine.start()


@pytest.mark.parametrize("broken", ["journal", "membership"])
def test_stop_needs_neither_agent_nor_journal_nor_a_good_disk(
    world: EvilWorld, ana: Person, machine: Machine, broken: str
) -> None:
    open_session(world, ana, machine)
    worker = worker_of(machine)
    assert machine.running is not None
    # An agent that hangs inside a transaction keeps the journal's lock, and then stop cannot write down why.
    wait_until("the journal to rest", lambda: machine("status", "--json").json()["journal_waiting"] == 0)
    os.kill(machine.running.process.pid, signal.SIGSTOP)
    if broken == "journal":
        (machine.data / "journal.db").write_bytes(b"not a database")
    else:
        (machine.data / "membership.json").write_bytes(b"{}")
    stopped = machine("stop")
    assert "1" in stopped.out
    assert ("could not write that down" in stopped.err) is (broken == "journal")
    wait_until("the killed worker to be gone", lambda: gone([worker]))
