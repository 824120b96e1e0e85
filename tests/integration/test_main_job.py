"""The main job end to end, through the documented command lines and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import BIN, Machine, Person, World, wait_until, world_in


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("world")) as world:
        world.found(customers=("acme", "other"))
        yield world


@pytest.fixture(scope="module")
def ana(world: World) -> Person:
    return world.technician("ana", tier=2)


@pytest.fixture(scope="module")
def machine(world: World) -> Machine:
    return world.machine()


@pytest.fixture
def ticket(machine: Machine, ana: Person) -> str:
    id_ = machine.ask("It does not work")
    ana("ticket", "take", id_)
    return id_


@pytest.fixture
def session(world: World, machine: Machine, ana: Person, ticket: str) -> Iterator[str]:
    world.open_session(ana, machine, ticket, "diagnose,logs,fix")
    yield ticket
    machine("stop", "--all")


def test_nobody_gets_in_without_a_ticket_that_is_theirs(world: World, machine: Machine, ana: Person) -> None:
    untaken = machine.ask("Another problem")
    reason = ("--reason", "r")
    ana("session", "open", untaken, "--scope", "diagnose", *reason, status=9)
    ana("session", "open", "T-999", "--scope", "diagnose", *reason, status=3)
    ana("diagnose", untaken, status=9)


def test_the_users_no_is_final_and_typed(machine: Machine, ana: Person, ticket: str) -> None:
    asking = ana.begin("session", "open", ticket, "--scope", "diagnose", "--reason", "please")
    machine("deny", machine.request()["id"])
    assert asking.communicate(timeout=60) and asking.returncode == 5
    ana("diagnose", ticket, status=9)


def test_silence_is_no(machine: Machine, ana: Person, ticket: str) -> None:
    ana("session", "open", ticket, "--scope", "diagnose", "--reason", "please", "--wait", "2", status=5)
    assert "no-answer" in {row["why_ended"] for row in ana("session", "show", ticket, "--json").json()}
    wait_until("the request to go", lambda: not machine("requests", "--json").json())


def test_consent_for_less_is_what_counts(world: World, machine: Machine, ana: Person, ticket: str) -> None:
    world.open_session(ana, machine, ticket, "diagnose,logs", allow=("--scope", "diagnose", "--minutes", "1"))
    row = ana("session", "show", ticket, "--json").json()[0]
    assert row["scopes"] == ["diagnose"]
    ana("diagnose", ticket, "--only", "uptime")
    ana("logs", ticket, status=4)
    ana("screenshot", ticket, "-o", str(world.folder / "no.png"), status=4)
    machine("stop")


def test_a_scope_that_the_machine_never_allows_is_not_even_askable(
    machine: Machine, ana: Person, ticket: str
) -> None:
    machine("consent", "set", "screenshot", "never")
    try:
        ana("session", "open", ticket, "--scope", "screenshot", "--reason", "please", status=4)
    finally:
        machine("consent", "set", "screenshot", "ask")


def test_stop_ends_a_session_at_once(machine: Machine, ana: Person, session: str) -> None:
    ana("diagnose", session, "--only", "uptime")
    assert machine("stop", "--json").json()["ended"] == 1
    wait_until("the technician to notice", lambda: _status(ana, "diagnose", session, "--only", "uptime") == 9)

    def ended() -> str | None:
        view = ana("session", "show", session, "--json").json()[0]
        return view["why_ended"] if view["state"] == "ended" else None

    assert wait_until("the broker to know", ended) == "user-stop"


def test_closing_the_ticket_kills_its_grants(machine: Machine, ana: Person, session: str) -> None:
    ana("ticket", "resolve", session, "done", "--cause", "software", "--no-article", "happened once")
    ana("ticket", "close", session, "--reason", "they say it works")
    wait_until("the session to end", lambda: not machine("status", "--json").json()["sessions"])
    ana("session", "open", session, "--scope", "diagnose", "--reason", "again", status=9)


def test_diagnosis_is_signed_json_and_on_the_ticket(ana: Person, session: str) -> None:
    bundle = ana("diagnose", session, "--json").json()
    text = json.dumps(bundle)
    for collector in (
        "system",
        "cpu",
        "memory",
        "disks",
        "processes",
        "network",
        "dns",
        "services",
        "packages",
        "time",
        "agent",
    ):
        assert f'"{collector}"' in text, collector
    artifacts = ana("artifact", "list", session, "--json").json()
    assert {row["clearance"] for row in artifacts if row["kind"] == "bundle"} == {"R1", "R2"}
    sealed = next(row for row in artifacts if row["sealed"])
    output = ana.home / "bundle.json"
    ana("artifact", "get", sealed["artifact"], "-o", str(output))
    assert json.loads(output.read_bytes())
    assert output.stat().st_mode & 0o777 == 0o600


def test_logs_are_searched_and_secrets_stay_on_the_machine(ana: Person, session: str) -> None:
    log = Path(f"/var/log/relevo-test-{os.getpid()}.log")
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    log.write_text(f"{stamp} job: needle failed password=hunter2\n{stamp} job: \x1b[2Jneedle again\n")
    try:
        found = ana("logs", session, "--since", "1h", "--grep", "needle", "--source", log.name)
    finally:
        log.unlink()
    assert found.out.count("needle") == 2
    assert "hunter2" not in found.out
    assert "\x1b" not in found.out


def test_a_fix_repairs_verifies_and_can_be_undone(ana: Person, session: str, tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    lock = Path(f"/tmp/relevo-test-{os.getpid()}.lock")
    lock.write_text(f"{gone.pid}\n")
    param = ("--param", f"path={lock}")
    try:
        plan = ana("fix", "plan", session, "stale-lock", *param)
        assert str(lock) in plan.out + plan.err
        assert lock.exists()
        ana("fix", "run", session, "stale-lock", *param, "--yes")
        assert not lock.exists()
        ana("fix", "undo", session, "stale-lock", "--yes")
        assert lock.read_text() == f"{gone.pid}\n"
    finally:
        lock.unlink(missing_ok=True)


def test_a_technician_of_another_customer_sees_nothing(world: World, machine: Machine, ticket: str) -> None:
    bob = world.technician("bob", tier=3, customer="other")
    assert bob("ticket", "list", "--json").json() == []
    assert bob("agent", "list", "--json").json() == []
    for command in (("ticket", "show", ticket), ("ticket", "take", ticket), ("agent", "show", machine.id)):
        assert _status(bob, *command) in (3, 4)


def test_a_removed_technician_loses_a_running_session(world: World, machine: Machine) -> None:
    eve = world.technician("eve", tier=2)
    ticket = machine.ask("For Eve")
    eve("ticket", "take", ticket)
    world.open_session(eve, machine, ticket, "diagnose")
    world.admin("org", "technician", "remove", "eve")
    world.admin("org", "publish")
    wait_until("the session to die", lambda: not machine("status", "--json").json()["sessions"])
    assert _status(eve, "ticket", "list") == 4


def test_everything_is_in_the_log_and_on_the_receipt(
    world: World, machine: Machine, ana: Person, session: str
) -> None:
    ana("diagnose", session, "--only", "uptime")
    grant = ana("session", "show", session, "--json").json()[0]["grant"]
    ana("session", "end", session)
    wait_until("the session to end", lambda: not machine("status", "--json").json()["sessions"])
    receipt = machine("receipts", grant).out
    assert "Ana Test" in receipt
    assert session in receipt
    spanish = machine("receipts", grant, "--lang", "es").out
    assert "Ana Test" in spanish and spanish != receipt
    told = (
        "consent.given",
        "session.consented",
        "diagnose.started",
        "diagnose.done",
        "agent.session-ended",
    )

    def arrived() -> bool:
        shown = ana("audit", "show", session, "--json").out
        return all(action in shown for action in told)

    wait_until("the journal to arrive", arrived)
    wait_until("its acknowledgement", lambda: machine("status", "--json").json()["journal_waiting"] == 0)
    world.admin("audit", "verify")


def test_stock_openssh_reaches_the_session_and_nothing_else(ana: Person, session: str) -> None:
    config = ana.home / "relevo.conf"
    config.write_text(ana("ssh-config", session).out)
    ssh = ["ssh", "-F", str(config)]
    env = ana.world.environment({"RELEVO_HOME": str(ana.home)})

    def attempt(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*ssh, *arguments],
            capture_output=True,
            env=env,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    host = f"relevo-{session}"
    spoken = subprocess.run(
        [*ssh, "-s", host, "assist"],
        input=_frame({"type": "about"}),
        capture_output=True,
        env=env,
        timeout=60,
        check=False,
    )
    assert b"about-agent" in spoken.stdout, spoken.stderr
    assert attempt(host, "id").returncode != 0
    assert attempt("-tt", host).returncode != 0
    assert attempt("-s", host, "sftp").returncode != 0


def test_help_and_errors_speak_spanish_too(world: World) -> None:
    for program, word in (("relevo", "técnic"), ("relevo-agent", "permi"), ("relevo-broker", "broker")):
        assert word in world.command(program, "--help", "--lang", "es").out.lower()
    error = world.command(
        "relevo-agent", "status", "--data", str(world.folder / "none"), "--lang", "es", status=9
    ).err
    assert "(referencia " in error and "Traceback" not in error


def test_the_programs_answer_version_quickly(world: World) -> None:
    for program in ("relevo", "relevo-agent", "relevo-broker"):
        assert world.command(str(BIN / program), "--version").out.startswith(program)


def _status(person: Person, *arguments: str) -> int:
    return subprocess.run(
        [str(BIN / "relevo"), *arguments],
        env=person.world.environment({"RELEVO_HOME": str(person.home)}),
        capture_output=True,
        timeout=60,
        check=False,
    ).returncode


def _frame(value: object) -> bytes:
    import msgspec

    body = msgspec.msgpack.encode(value)
    return len(body).to_bytes(4, "big") + body
