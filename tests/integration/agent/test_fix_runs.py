"""Runs of fixes that go wrong: what fails is undone, what hangs is killed, what dies is never done twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.fixes import leftovers, sandbox
from protocol.errors import Code, RelevoError
from tests.support.fix_driver import STEP, TOML, make_world
from tests.support.fixing import ROOT, FixWorld, Watcher, code_of

RUN_STATES = ["prechecked", "planned", "awaiting_consent", "running"]


@pytest.fixture
def world(tmp_path: Path) -> FixWorld:
    return make_world(tmp_path)


@pytest.fixture
def mark(world: FixWorld) -> Path:
    return world.folder / "ground" / "mark"


def steps(mark: Path) -> list[str]:
    return Path(f"{mark}.log").read_text().split()


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_for(condition: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


async def test_every_state_is_told_before_it_happens(world: FixWorld, mark: Path) -> None:
    seen: list[bool] = []
    world.watcher.hooks["running"] = lambda: seen.append(mark.exists())
    world.watcher.hooks["verifying"] = lambda: seen.append(mark.exists())
    run = await world.run("count", mark=str(mark))
    assert world.watcher.states == [*RUN_STATES, "verifying", "succeeded"]
    assert seen == [False, True]
    assert (run.state, world.watcher.plans) == ("succeeded", [f"make {mark}\n"])


async def test_what_does_not_verify_is_undone(world: FixWorld, mark: Path) -> None:
    run = await world.run("count", mark=str(mark), how="blind")
    assert (run.state, mark.exists()) == ("undone", False)
    assert "verify: present" in run.message
    assert steps(mark).count("check") == 4  # plan, before, and one retry after
    assert world.watcher.states[-3:] == ["verifying", "undoing", "undone"]


async def test_what_fails_is_undone(world: FixWorld, mark: Path) -> None:
    run = await world.run("count", mark=str(mark), how="fails")
    assert (run.state, mark.exists()) == ("undone", False)
    assert "exit status 7" in run.message


async def test_an_undo_that_fails_says_so(world: FixWorld, mark: Path) -> None:
    step = STEP.replace(b'how == "blind" and', b'how.startswith("blind") and')
    world.served.held.clear()
    world.served.add(TOML.format(root=mark.parent, timeout=30).encode(), {"step.py": step})
    run = await world.run("count", mark=str(mark), how="blind-broken")
    assert run.state == "undo_failed"


@pytest.mark.parametrize("how", ["hangs", "hangs-hard"])
async def test_a_step_that_hangs_is_killed_with_all_its_children(tmp_path: Path, how: str) -> None:
    world = make_world(tmp_path, timeout=6)
    mark = tmp_path / "ground" / "mark"
    run = await world.run("count", mark=str(mark), how=how)
    assert (run.state, mark.exists()) == ("undone", False)
    assert "too long" in run.message
    pids = [int(word) for word in Path(f"{mark}.child").read_text().split()]
    wait_for(lambda: all(gone(pid) for pid in pids))


async def test_head_and_tail_of_a_flood_are_kept(world: FixWorld, mark: Path) -> None:
    run = await world.run("count", mark=str(mark), how="floods")
    assert run.state == "succeeded"
    assert run.output.startswith("begin\n")
    assert run.output.endswith("end\n")
    assert "bytes …]" in run.output
    assert len(run.output) < 3_000


async def test_a_user_who_says_no_stops_it_before_anything_changes(world: FixWorld, mark: Path) -> None:
    for answer, state in ((Code.CONSENT_DENIED, "denied"), (Code.CONSENT_TIMEOUT, "expired")):
        world.watcher.answer = answer
        assert await code_of(world.run("count", mark=str(mark))) is answer
        assert world.watcher.states[-1] == state
    assert "apply" not in steps(mark)


@pytest.mark.parametrize("state", RUN_STATES)
async def test_what_cannot_be_recorded_does_not_happen(world: FixWorld, mark: Path, state: str) -> None:
    world.watcher.fail_at = state
    assert await code_of(world.run("count", mark=str(mark))) is Code.CANNOT_RECORD
    assert not mark.exists()
    (run,) = await world.desk.states(world.credentials, world.watcher)
    assert run.state == "cancelled"


async def test_a_full_disk_under_the_store_of_runs_starts_nothing(world: FixWorld, mark: Path) -> None:
    planned = await world.plan("count", mark=str(mark))
    world.desk._runs._db.rows("PRAGMA query_only=1")
    assert await code_of(world.run_request(world.request(planned), mark=str(mark))) is Code.CANNOT_RECORD
    assert not mark.exists()


async def test_one_fix_at_a_time(world: FixWorld, mark: Path) -> None:
    other = make_world(world.folder)
    codes: list[Code] = []
    second = other.request(await other.plan("count", mark=str(mark)))

    class Nosy(Watcher):
        async def ask(self, run: object, plan: str) -> None:
            codes.append(await code_of(other.run_request(second, mark=str(mark))))

    world.watcher = Nosy()
    assert (await world.run("count", mark=str(mark))).state == "succeeded"
    assert codes == [Code.CONFLICT]


async def test_only_this_tickets_runs_can_be_undone(world: FixWorld, mark: Path) -> None:
    await world.run("count", mark=str(mark))
    world.credentials = world.papers(ticket="T-8")
    assert await code_of(world.plan_undo("count")) is Code.NOT_FOUND
    assert await world.desk.states(world.credentials, world.watcher) == ()


async def test_an_undone_run_is_not_undone_again(world: FixWorld, mark: Path) -> None:
    await world.run("count", mark=str(mark))
    first, second = await world.plan_undo("count"), await world.plan_undo("count")
    assert (await world.run_request(world.request(first, mode="undo"))).state == "undone"
    refused = await code_of(world.run_request(world.request(second, mode="undo")))
    assert refused in (Code.REPLAYED, Code.CONFLICT)
    assert await code_of(world.plan_undo("count")) is Code.NOT_FOUND


async def test_cancelling_kills_the_step_and_leaves_the_run_interrupted(world: FixWorld, mark: Path) -> None:
    running = asyncio.create_task(world.run("count", mark=str(mark), how="hangs"))
    child = Path(f"{mark}.child")
    while not (child.exists() and child.read_text()):
        await asyncio.sleep(0.01)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    wait_for(lambda: all(gone(int(pid)) for pid in child.read_text().split()))
    (run,) = await world.desk.states(world.credentials, world.watcher)
    assert run.state == "interrupted"
    assert (await world.undo("count")).state == "undone"
    assert not mark.exists()


# --- bytes that run ----------------------------------------------------------------------------


async def test_a_copy_that_was_changed_on_disk_does_not_run(
    world: FixWorld, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = sandbox.write_private

    def write_then_alter(path: Path, content: bytes) -> None:
        write(path, content)
        path.write_bytes(content.replace(b"make", b"fake", 1))

    monkeypatch.setattr(sandbox, "write_private", write_then_alter)
    assert await code_of(world.plan("count", mark=str(mark))) is Code.HASH_MISMATCH


async def test_a_copy_that_others_may_write_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "step.py"
    path.write_bytes(b"x")
    path.chmod(0o666)
    with pytest.raises(RelevoError) as caught:
        sandbox.read_own(path)
    assert caught.value.code is Code.HASH_MISMATCH
    path.chmod(0o600)
    (tmp_path / "link.py").symlink_to(path)
    with pytest.raises(OSError, match="symbolic link"):
        sandbox.read_own(tmp_path / "link.py")


def test_what_runs_cannot_be_changed_any_more() -> None:
    descriptor = sandbox.seal("step.py", b"print()")
    try:
        with pytest.raises(PermissionError):
            os.pwrite(descriptor, b"x", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 0)
        with pytest.raises((PermissionError, OSError)), open(f"/proc/self/fd/{descriptor}", "wb"):
            pass
    finally:
        os.close(descriptor)


NETWORK = b"""
import json, os, socket, sys
json.load(sys.stdin)
word = sys.argv[1]
if word == "plan":
    print(sorted(name for _, name in socket.if_nameindex()))
    for port in (%d,):
        with socket.socket() as s:
            s.settimeout(20)
            try:
                s.connect(("127.0.0.1", port))
                print("connected")
            except OSError as error:
                print("refused", error.errno)
    try:
        import ctypes
        fd = os.open("/proc/1/ns/net", os.O_RDONLY)
        print("setns", ctypes.CDLL(None).setns(fd, 0))
    except OSError:
        print("setns -1")
    print(os.getuid(), open("/proc/self/status").read().split("NoNewPrivs:")[1].split()[0])
sys.exit(0)
"""


@pytest.mark.parametrize("network", ["none", "loopback"])
async def test_a_fix_without_network_has_none(tmp_path: Path, network: str) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        world = FixWorld(tmp_path)
        toml = TOML.format(root=tmp_path, timeout=30).replace(
            'run_as = "user"', f'run_as = "user"\nnetwork = "{network}"'
        )
        world.served.add(toml.encode(), {"step.py": NETWORK % port})
        planned = await world.plan("count", mark=str(tmp_path / "m"))
    assert "connected" not in planned.plan
    assert planned.plan.splitlines()[0] == "['lo']"
    if network == "none":
        assert "setns -1" in planned.plan
    assert planned.plan.splitlines()[-1] == f"{os.getuid()} 1"


# --- crashes -----------------------------------------------------------------------------------


def start_driver(folder: Path, stop_at: str, how: str = "well") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.fix_driver", str(folder), stop_at, how],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("stop_at", "settled", "applied"),
    [
        ("prechecked", "cancelled", 0),
        ("planned", "cancelled", 0),
        ("awaiting_consent", "cancelled", 0),
        ("running", "cancelled", 0),
        ("verifying", "interrupted", 1),
        ("succeeded", "interrupted", 1),
    ],
)
async def test_a_killed_process_leaves_no_run_that_is_done_twice(
    tmp_path: Path, stop_at: str, settled: str, applied: int
) -> None:
    """The state is told before it is entered, so a kill at ``running`` has changed nothing."""
    driver = start_driver(tmp_path, stop_at)
    assert driver.stdout is not None
    for line in driver.stdout:
        if line.strip() == stop_at:
            break
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    driver.stdout.close()
    world = make_world(tmp_path)
    (run,) = await world.desk.states(world.credentials, world.watcher)
    mark = tmp_path / "ground" / "mark"
    assert (run.state, steps(mark).count("apply"), mark.exists()) == (settled, applied, bool(applied))
    assert world.watcher.states == [settled]
    if applied:
        assert "the fault is gone" in run.message
        assert (await world.undo("count")).state == "undone"
        assert not mark.exists()
    assert await world.desk.recover(world.watcher) == ()


async def test_a_step_that_outlives_its_killed_worker_is_killed_before_anybody_looks(tmp_path: Path) -> None:
    driver = start_driver(tmp_path, "none", "hangs-hard")
    child = tmp_path / "ground" / "mark.child"
    wait_for(lambda: child.exists() and child.read_text())
    pids = [int(pid) for pid in child.read_text().split()]
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert driver.stdout is not None
    driver.stdout.close()
    world = make_world(tmp_path)
    (run,) = await world.desk.states(world.credentials, world.watcher)
    assert run.state == "interrupted"
    assert leftovers.find(run.id) == []
    wait_for(lambda: all(gone(pid) for pid in pids))
    assert steps(tmp_path / "ground" / "mark").count("apply") == 1


async def test_a_run_in_progress_is_not_taken_for_a_crashed_one(world: FixWorld, mark: Path) -> None:
    other = make_world(world.folder)
    found: list[object] = []

    class Nosy(Watcher):
        async def ask(self, run: object, plan: str) -> None:
            found.extend(await other.desk.recover(other.watcher))

    world.watcher = Nosy()
    assert (await world.run("count", mark=str(mark))).state == "succeeded"
    assert found == []
