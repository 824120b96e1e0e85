"""The root helper as a real process: without network, verifying everything again, killed at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.fixes import leftovers
from agent.fixes.gate import Credentials
from agent.helper import messages, pin
from agent.helper.client import HelperDesk
from protocol.errors import Code, RelevoError
from tests.support.fix_driver import STEP, TOML
from tests.support.fixing import ROOT, Watcher, code_of, key
from tests.support.helping import HelperWorld

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the root helper runs as root")


def fix_folder(world: HelperWorld, **changes: str) -> Path:
    folder = world.folder / "count"
    folder.mkdir(exist_ok=True)
    toml = TOML.format(root=world.folder / "ground", timeout=30).replace('"user"', '"root"')
    for old, new in changes.items():
        toml = toml.replace(old, new)
    (folder / "manifest.toml").write_text(toml)
    (folder / "step.py").write_bytes(STEP)
    (world.folder / "ground").mkdir(exist_ok=True)
    return folder


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[HelperWorld]:
    made = HelperWorld(tmp_path)
    made.publish(fix_folder(made))
    desk = made.connect()
    yield made
    await desk.close()


def mark(world: HelperWorld) -> Path:
    return world.folder / "ground" / "mark"


def steps(world: HelperWorld) -> list[str]:
    return Path(f"{mark(world)}.log").read_text().split()


def helper_pid(world: HelperWorld) -> int:
    process = world.desk._process  # type: ignore[attr-defined]
    assert process is not None
    return int(process.pid)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def until(condition: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.02)


async def test_a_root_fix_is_planned_run_and_undone_by_the_helper(world: HelperWorld) -> None:
    planned = await world.plan("count", mark=str(mark(world)))
    assert (planned.check, planned.plan) == ("present", f"make {mark(world)}\n")
    run = await world.run_request(world.request(planned), mark=str(mark(world)))
    assert (run.state, run.run_as, mark(world).exists()) == ("succeeded", "root", True)
    assert world.watcher.states == [
        "prechecked", "planned", "awaiting_consent", "running", "verifying", "succeeded",
    ]  # fmt: skip
    assert world.watcher.plans == [f"make {mark(world)}\n"]
    assert (await world.undo("count")).state == "undone"
    assert not mark(world).exists()
    (seen,) = await world.desk.states(world.credentials, world.watcher)
    assert seen.state == "undone"


async def test_the_helper_has_no_network_and_few_capabilities(world: HelperWorld) -> None:
    await world.plan("count", mark=str(mark(world)))
    pid = helper_pid(world)
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    devices = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]
    status = Path(f"/proc/{pid}/status").read_text()
    assert "CapEff:\t000000000000000f" in status
    folder = world.data / "helper"
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*"))  # tuf keeps a link


async def test_the_helper_asks_and_records_before_it_acts(world: HelperWorld) -> None:
    world.watcher.answer = Code.CONSENT_DENIED
    assert await code_of(world.run("count", mark=str(mark(world)))) is Code.CONSENT_DENIED
    world.watcher.answer = None
    world.watcher.fail_at = "running"
    assert await code_of(world.run("count", mark=str(mark(world)))) is Code.CANNOT_RECORD
    assert "apply" not in steps(world)
    world.watcher.fail_at = ""
    runs = await world.desk.states(world.credentials, world.watcher)
    assert [run.state for run in runs] == ["denied", "cancelled"]


async def test_what_does_not_verify_is_undone_as_root_too(world: HelperWorld) -> None:
    run = await world.run("count", mark=str(mark(world)), how="blind")
    assert (run.state, mark(world).exists()) == ("undone", False)


# --- a worker that lies ------------------------------------------------------------------------


class LyingDesk(HelperDesk):
    """A turned worker: checks nothing itself, and hands over what it likes."""

    async def hand(
        self, credentials: Credentials, operation: messages.Operation, observer: Watcher, files: bool = True
    ) -> messages.FromHelper:
        refs = self._trusted.repository.fixes() if files else ()  # type: ignore[attr-defined]
        return await self._do(credentials, refs, operation, observer)


@pytest.fixture
async def liar(world: HelperWorld) -> AsyncIterator[LyingDesk]:
    desk = LyingDesk(world.data, world.membership, world.trust, world.machine, lambda: world.now)
    yield desk
    await desk.close()


async def test_the_helper_believes_no_papers_of_a_turned_worker(world: HelperWorld, liar: LyingDesk) -> None:
    from protocol.assist import FixPlan
    from tests.support.fixing import parameters

    plan = messages.DoPlan(wanted=FixPlan(fix="count", params=parameters(mark=str(mark(world)))))
    wrong = [
        (world.papers(signers=(key("ana"),)), Code.SIGNATURE_INVALID),
        (world.papers(signers=(key("bea"), world.issuer)), Code.SIGNATURE_INVALID),
        (world.papers(consent_signer=key("worker")), Code.IDENTITY_MISMATCH),
        (world.papers(agent="ag-" + "b" * 32), Code.IDENTITY_MISMATCH),
        (world.papers(org="org-" + "b" * 32), Code.IDENTITY_MISMATCH),
        (world.papers(customer="other"), Code.IDENTITY_MISMATCH),
        (world.papers(technician="mallory"), Code.NOT_IN_ROSTER),
    ]
    for credentials, code in wrong:
        assert await code_of(liar.hand(credentials, plan, world.watcher)) is code
    outside = FixPlan(fix="count", params=parameters(mark="/etc/shadow"))
    refused = await code_of(liar.hand(world.credentials, messages.DoPlan(wanted=outside), world.watcher))
    assert refused is Code.PARAMETER_INVALID
    assert not Path(f"{mark(world)}.log").exists()


async def test_the_helper_runs_no_request_twice_and_none_that_it_did_not_plan(
    world: HelperWorld, liar: LyingDesk
) -> None:
    from protocol.assist import FixPlan, FixRun
    from tests.support.fixing import parameters

    params = parameters(mark=str(mark(world)))
    answer = await liar.hand(
        world.credentials, messages.DoPlan(wanted=FixPlan(fix="count", params=params)), world.watcher
    )
    assert isinstance(answer, messages.IsPlanned)
    for change, code in (
        ({"challenge": "0" * 64}, Code.REPLAYED),
        ({"plan_sha256": "0" * 64}, Code.HASH_MISMATCH),
        ({"signers": (key("worker"),)}, Code.SIGNATURE_INVALID),
    ):
        request = world.request(answer.planned, **change)  # type: ignore[arg-type]
        run = messages.DoRun(wanted=FixRun(request=request, params=params))
        assert await code_of(liar.hand(world.credentials, run, world.watcher)) is code
    good = messages.DoRun(wanted=FixRun(request=world.request(answer.planned), params=params))
    assert isinstance(await liar.hand(world.credentials, good, world.watcher), messages.Ended)
    assert await code_of(liar.hand(world.credentials, good, world.watcher)) is Code.REPLAYED
    assert steps(world).count("apply") == 1


async def test_the_helper_runs_only_bytes_that_its_own_root_signed(
    world: HelperWorld, liar: LyingDesk
) -> None:
    """One byte of the payload, then a whole repository of another organisation."""
    from protocol.assist import FixPlan
    from protocol.publication import RepositoryFile
    from tests.support.fixing import parameters

    plan = messages.DoPlan(wanted=FixPlan(fix="count", params=parameters(mark=str(mark(world)))))
    real = world.trust.repository.snapshot_files

    def altered(fixes: object = ()) -> tuple[RepositoryFile, ...]:
        return tuple(
            RepositoryFile(path=f.path, content=f.content.replace(b"import json", b"import jsom"))
            for f in real(fixes)  # type: ignore[arg-type]
        )

    world.trust.repository.snapshot_files = altered  # type: ignore[method-assign, assignment]
    assert await code_of(liar.hand(world.credentials, plan, world.watcher)) is Code.HASH_MISMATCH
    other = HelperWorld(world.folder / "mallory")
    other.publish(fix_folder(other))
    other.connect()
    world.trust.repository = other.trust.repository
    refused = await code_of(liar.hand(world.credentials, plan, world.watcher))
    assert refused in (Code.HASH_MISMATCH, Code.SIGNATURE_INVALID)
    assert not Path(f"{mark(world)}.log").exists()


async def test_the_helper_does_not_go_back_to_an_older_repository(world: HelperWorld) -> None:
    old = world.broker.copy()
    await world.plan("count", mark=str(mark(world)))
    from technician.org import fixes

    fixes.revoke_fix(world.home, "count", None)
    world.publish()
    world.trust.refresh()
    assert await code_of(world.plan("count", mark=str(mark(world)))) is Code.NOT_FOUND
    # A worker that held on to what was true before the revocation.
    from protocol.drivers.repository import Repository
    from protocol.drivers.sources import from_folder

    kept = Repository(world.folder / "kept", world.root, from_folder(old))
    kept.refresh(world.now)
    await world.desk._do(  # type: ignore[attr-defined]
        world.credentials, (), messages.DoStates(), world.watcher
    )
    world.trust.repository = kept
    refused = await code_of(world.plan("count", mark=str(mark(world))))
    assert refused in (Code.ROLLBACK, Code.SIGNATURE_INVALID)


async def test_a_helper_without_its_own_pin_or_with_a_foreign_one_does_not_start(world: HelperWorld) -> None:
    folder = world.data / "helper"
    await world.desk.close()  # type: ignore[attr-defined]
    pin.write_pin(world.data, world.membership)
    command = [sys.executable, "-m", "agent.helper", "--data", str(world.data), "--inherited"]

    def status() -> int:
        return subprocess.run(command, cwd=ROOT, input=b"", capture_output=True, check=False).returncode

    assert status() == 0
    os.chown(folder / "pin.json", 65534, 65534)
    assert status() == 4
    shutil.rmtree(folder)
    (world.folder / "fake").mkdir(mode=0o700)
    folder.symlink_to(world.folder / "fake")
    assert status() == 4
    folder.unlink()
    assert status() == 9


# --- crashes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["planned", "running", "verifying"])
async def test_a_helper_killed_at_any_state_does_nothing_twice(world: HelperWorld, at: str) -> None:
    world.watcher.hooks[at] = lambda: os.kill(helper_pid(world), signal.SIGKILL)
    assert await code_of(world.run("count", mark=str(mark(world)))) is Code.INTERRUPTED
    applied = 1 if at == "verifying" else 0
    world.watcher = Watcher()
    (run,) = await world.desk.states(world.credentials, world.watcher)
    assert run.state == ("interrupted" if applied else "cancelled")
    assert world.watcher.states == [run.state]
    assert steps(world).count("apply") == applied
    assert mark(world).exists() == bool(applied)


async def test_a_helper_killed_while_a_step_runs_leaves_no_step_behind(world: HelperWorld) -> None:
    running = asyncio.create_task(world.run("count", mark=str(mark(world)), how="hangs-hard"))
    child = Path(f"{mark(world)}.child")
    await until(lambda: child.exists() and child.read_text())
    os.kill(helper_pid(world), signal.SIGKILL)
    assert await code_of(running) is Code.INTERRUPTED
    (run,) = await world.desk.states(world.credentials, world.watcher)
    assert run.state == "interrupted"
    await until(lambda: all(gone(int(pid)) for pid in child.read_text().split()))
    assert leftovers.find(run.id) == []
    assert (await world.undo("count")).state == "undone"
    assert steps(world).count("apply") == 1


async def test_a_worker_that_dies_in_the_middle_leaves_a_run_that_ends_well(world: HelperWorld) -> None:
    """Half a change is worse than a whole one: the helper finishes what it has begun."""
    running = asyncio.create_task(world.run("count", mark=str(mark(world))))
    world.watcher.hooks["verifying"] = running.cancel
    with contextlib.suppress(asyncio.CancelledError):
        await running
    again = world.new_helper_desk()
    try:
        states: list[str] = []
        async with asyncio.timeout(30):
            while not states or states[-1] not in ("succeeded", "interrupted"):
                states = [str(run.state) for run in await again.states(world.credentials, Watcher())]
    finally:
        await again.close()
    assert states == ["succeeded"]
    assert steps(world).count("apply") == 1


# --- the socket --------------------------------------------------------------------------------


async def test_a_listening_helper_serves_the_agents_user_and_nobody_else(world: HelperWorld) -> None:
    pin.write_pin(world.data, world.membership)
    log = (world.folder / "helper.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.helper", "--data", str(world.data)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=log,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        path = world.data / "helper.sock"
        assert path.stat().st_mode & 0o777 == 0o600
        run = await world.run("count", mark=str(mark(world)))
        assert (run.state, world.desk._process) == ("succeeded", None)  # type: ignore[attr-defined]
        # Another user who can reach the socket's name, and then even its permission bits.
        for folder in (world.data, *world.data.parents[:3]):
            folder.chmod(0o755)
        path.chmod(0o666)
        script = f"import socket;s=socket.socket(socket.AF_UNIX);s.connect({str(path)!r});print(s.recv(1))"
        other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", script]
        done = subprocess.run(other, capture_output=True, text=True, check=False, timeout=20)
        assert "b''" in done.stdout or "Permission" in done.stderr
        with socket.socket(socket.AF_UNIX) as rude:
            rude.connect(str(path))
            rude.sendall(b"\xff\xff\xff\xff nonsense")
            rude.settimeout(30)
            with contextlib.suppress(ConnectionError):  # it need not read all of that before it hangs up
                while rude.recv(4096):
                    pass
        (seen,) = await world.desk.states(world.credentials, world.watcher)
        assert seen.id == run.id
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.communicate()
        log.close()
    assert not path.exists()


async def test_without_root_and_without_a_helper_a_root_fix_is_not_applicable(
    world: HelperWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RelevoError) as caught:
        await world.plan("count", mark=str(mark(world)))
    assert caught.value.code is Code.NOT_APPLICABLE
