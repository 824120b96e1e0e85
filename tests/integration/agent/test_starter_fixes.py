"""The starter fixes against real faults in a throw-away place: check, plan, fix, verify, undo."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.errors import Code
from tests.support.fixing import FixWorld, code_of, starter

PAST = time.time() - 30 * 86_400


@pytest.fixture
def world(tmp_path: Path) -> FixWorld:
    return FixWorld(tmp_path)


@pytest.fixture
def dead() -> int:
    """A process id that belonged to somebody who is gone."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    return gone.pid


@pytest.fixture
def living() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def old(path: Path, content: bytes | str, when: float = PAST) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (when, when))
    return path


# --- stale-lock --------------------------------------------------------------------------------


async def test_a_lock_of_a_dead_process_is_removed_and_comes_back_exactly(world: FixWorld, dead: int) -> None:
    world.served.add(*starter("stale-lock"))
    lock = old(world.folder / "app.lock", f"{dead}\n")
    lock.chmod(0o640)
    before = lock.stat()
    planned = await world.plan("stale-lock", path=str(lock))
    assert planned.check == "present"
    assert f"Remove {lock}" in planned.plan
    assert lock.exists()
    run = await world.run("stale-lock", path=str(lock))
    assert (run.state, lock.exists()) == ("succeeded", False)
    assert world.watcher.states == ["prechecked", "planned", "running", "verifying", "succeeded"]
    run = await world.undo("stale-lock")
    after = lock.stat()
    assert (run.state, lock.read_text()) == ("undone", f"{dead}\n")
    assert (after.st_mode, after.st_uid, after.st_mtime_ns) == (
        before.st_mode,
        before.st_uid,
        before.st_mtime_ns,
    )


async def test_a_lock_whose_number_was_given_to_a_younger_process_is_stale(
    world: FixWorld, living: subprocess.Popen[bytes]
) -> None:
    world.served.add(*starter("stale-lock"))
    lock = old(world.folder / "app.lock", f"{living.pid}\n")
    assert (await world.run("stale-lock", path=str(lock))).state == "succeeded"
    assert not lock.exists()


async def test_a_lock_of_a_living_process_is_left_alone(
    world: FixWorld, living: subprocess.Popen[bytes]
) -> None:
    world.served.add(*starter("stale-lock"))
    lock = old(world.folder / "app.lock", f"{living.pid}\n", time.time() + 5)
    assert (await world.plan("stale-lock", path=str(lock))).check == "absent"
    run = await world.run("stale-lock", path=str(lock))
    assert (run.state, lock.exists()) == ("no_op", True)


@pytest.mark.parametrize("how", [fcntl.lockf, fcntl.flock])
async def test_a_lock_that_somebody_holds_is_live_whatever_it_says(
    world: FixWorld, dead: int, how: object
) -> None:
    world.served.add(*starter("stale-lock"))
    lock = old(world.folder / "app.lock", f"{dead}\n")
    code = (
        "import fcntl,sys\n"
        f"f=open({str(lock)!r},'r+')\nfcntl.{how.__name__}(f,fcntl.LOCK_EX)\n"  # type: ignore[attr-defined]
        "print('held',flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        run = await world.run("stale-lock", path=str(lock))
        assert (run.state, lock.exists()) == ("no_op", True)
        holder.communicate(b"")


async def test_a_file_that_is_no_lock_is_not_one_for_starting_with_a_number(
    world: FixWorld, dead: int
) -> None:
    world.served.add(*starter("stale-lock"))
    notes = old(world.folder / "block-notes", f"{dead} things to do\n")
    assert await code_of(world.plan("stale-lock", path=str(notes))) is Code.NOT_APPLICABLE
    other = old(world.folder / "notes.txt", f"{dead}\n")
    assert await code_of(world.plan("stale-lock", path=str(other))) is Code.PARAMETER_INVALID


# --- clean-cache -------------------------------------------------------------------------------


def full_cache(folder: Path) -> Path:
    cache = folder / "cache"
    old(cache / "big.bin", b"x" * (2 << 20))
    old(cache / "deep" / "small.txt", "small")
    old(cache / "fresh.bin", b"y" * 4096, time.time())
    outside = old(folder / "precious.txt", "precious")
    (cache / "link").symlink_to(outside)
    (cache / "folderlink").symlink_to(folder / "documents")
    old(folder / "documents" / "letter.txt", b"z" * (1 << 20))
    os.link(old(folder / "linked.bin", b"w" * (1 << 20)), cache / "second-name.bin")
    os.utime(folder / "linked.bin", (PAST, PAST))
    return cache


async def test_a_full_cache_is_cleaned_by_exactly_the_list_that_was_shown(world: FixWorld) -> None:
    world.served.add(*starter("clean-cache"))
    cache = full_cache(world.folder)
    given = {"folder": str(cache), "full_percent": "0"}
    planned = await world.plan("clean-cache", **given)
    assert planned.check == "present"
    assert f"Delete 2 files of {cache}, {(2 << 20) + 5} bytes" in planned.plan
    assert "1 of them are too large" in planned.plan
    run = await world.run("clean-cache", **given)
    assert run.state == "succeeded"
    assert world.watcher.plans == [planned.plan]
    assert {p.name for p in cache.rglob("*")} == {
        "deep",
        "fresh.bin",
        "link",
        "folderlink",
        "second-name.bin",
    }
    assert (world.folder / "precious.txt").exists()
    assert (world.folder / "documents" / "letter.txt").exists()
    undone = await world.undo("clean-cache")
    assert undone.state == "undone"
    assert (cache / "deep" / "small.txt").read_text() == "small"
    assert (cache / "deep" / "small.txt").stat().st_mtime == pytest.approx(PAST, abs=1)
    assert not (cache / "big.bin").exists()


async def test_what_cannot_come_back_is_said_before_an_undo(world: FixWorld) -> None:
    world.served.add(*starter("clean-cache"))
    given = {"folder": str(full_cache(world.folder)), "full_percent": "0"}
    await world.run("clean-cache", **given)
    assert "does not come back" in (await world.plan_undo("clean-cache")).plan


async def test_a_cache_on_a_disk_that_is_not_full_is_left_alone(world: FixWorld) -> None:
    world.served.add(*starter("clean-cache"))
    given = {"folder": str(full_cache(world.folder)), "full_percent": "100"}
    assert (await world.plan("clean-cache", **given)).check == "absent"


async def test_a_plan_that_no_longer_holds_is_refused_and_nothing_changes(world: FixWorld) -> None:
    world.served.add(*starter("clean-cache"))
    cache = full_cache(world.folder)
    given = {"folder": str(cache), "full_percent": "0"}
    planned = await world.plan("clean-cache", **given)
    old(cache / "thesis.odt", "the only copy")
    assert await code_of(world.run_request(world.request(planned), **given)) is Code.STALE_VERSION
    assert (cache / "thesis.odt").exists()
    assert (cache / "big.bin").exists()


# --- hosts-entry -------------------------------------------------------------------------------

HOSTS = b"127.0.0.1\tlocalhost\n# kept\r\n10.9.9.9  fileserver files.acme.test # old\n10.9.9.9 other\n\n::1 localhost"


@pytest.fixture
def hosts(world: FixWorld) -> Path:
    path = world.folder / "hosts"
    path.write_bytes(HOSTS)
    path.chmod(0o644)
    world.served.add(*starter("hosts-entry", **{"/tmp/relevo-demo": str(world.folder), '"root"': '"user"'}))
    return path


async def test_a_wrong_hosts_entry_is_commented_out_and_comes_back_byte_for_byte(
    world: FixWorld, hosts: Path
) -> None:
    given = {"host": "fileserver", "address": "10.9.9.9", "path": str(hosts)}
    planned = await world.plan("hosts-entry", **given)
    assert planned.check == "present"
    assert "line 3" in planned.plan
    assert hosts.read_bytes() == HOSTS
    run = await world.run("hosts-entry", **given)
    assert run.state == "succeeded"
    assert hosts.read_bytes() == HOSTS.replace(
        b"10.9.9.9  fileserver files.acme.test # old",
        b"# relevo: 10.9.9.9  fileserver files.acme.test # old\n10.9.9.9 files.acme.test",
    )
    assert (await world.undo("hosts-entry")).state == "undone"
    assert hosts.read_bytes() == HOSTS


async def test_an_undo_says_that_later_changes_will_be_lost(world: FixWorld, hosts: Path) -> None:
    given = {"host": "fileserver", "address": "10.9.9.9", "path": str(hosts)}
    await world.run("hosts-entry", **given)
    assert "changed again" not in (await world.plan_undo("hosts-entry")).plan
    hosts.write_bytes(hosts.read_bytes() + b"\n10.1.1.1 new\n")
    assert "changed again" in (await world.plan_undo("hosts-entry")).plan


async def test_the_machine_keeps_its_own_names(world: FixWorld, hosts: Path) -> None:
    given = {"host": "localhost", "address": "127.0.0.1", "path": str(hosts)}
    assert await code_of(world.plan("hosts-entry", **given)) is Code.NOT_APPLICABLE


async def test_plans_are_in_the_language_of_the_user(tmp_path: Path, dead: int) -> None:
    world = FixWorld(tmp_path, language="es")
    world.served.add(*starter("stale-lock"))
    lock = old(tmp_path / "app.lock", f"{dead}\n")
    assert f"Quitar {lock}" in (await world.plan("stale-lock", path=str(lock))).plan
