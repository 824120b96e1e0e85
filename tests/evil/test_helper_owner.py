"""The root helper for an agent of another user: that user owns the folder it is told to serve."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.helper import pin
from tests.support.fixing import ROOT
from tests.support.helping import HelperWorld

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the root helper runs as root")
OWNER = 65534

THIEF = """
import os, sys
name, victim, count = sys.argv[1], sys.argv[2], 0
while True:
    try:
        os.rename(name, f"{name}.{count}")
        os.symlink(victim, name)
        count += 1
        os.write(1, b"x")
    except OSError:
        pass
"""


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[Path]:
    """The data folder of an agent that runs as somebody else, pinned for the helper."""
    world = HelperWorld(tmp_path)
    world.publish()
    desk = world.connect()
    await desk.close()
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    os.chown(world.data, OWNER, OWNER)
    pin.write_pin(world.data, world.membership)
    yield world.data
    shutil.rmtree(pin.helper_folder(world.data))


def start(data: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "agent.helper", "--data", str(data)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def helper(data: Path) -> subprocess.Popen[bytes]:
    process = start(data)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def as_owner(*words: str) -> list[str]:
    return ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", sys.executable, *words]


def test_what_the_helper_keeps_is_not_where_the_agents_user_could_swap_it(data: Path) -> None:
    kept = pin.helper_folder(data)
    assert data not in kept.parents
    for folder in (kept, *kept.parents):
        assert folder.stat().st_uid == 0
    with helper(data) as process:
        process.terminate()
    assert (kept / "runs.db").exists()
    assert list(data.iterdir()) == []


def test_the_agents_user_can_reach_the_helper(data: Path) -> None:
    script = (
        f"import socket;s=socket.socket(socket.AF_UNIX);s.connect({str(data / 'helper.sock')!r});print('in')"
    )
    with helper(data) as process:
        status = (data / "helper.sock").stat()
        assert (status.st_uid, status.st_mode & 0o777) == (OWNER, 0o600)
        done = subprocess.run(as_owner("-c", script), capture_output=True, text=True, check=False, timeout=20)
        assert done.stdout == "in\n", done.stderr
        process.terminate()


def test_a_name_swapped_under_the_helpers_hands_gives_nothing_away(data: Path, tmp_path: Path) -> None:
    """A ``chown`` of the socket by root would have handed over whatever the user put in its place."""
    victim = tmp_path / "shadow"
    victim.write_text("root's own")
    victim.chmod(0o640)
    thief = subprocess.Popen(
        as_owner("-c", THIEF, str(data / "helper.sock"), str(victim)), stdout=subprocess.PIPE
    )
    try:
        for _ in range(3):
            with start(data) as process:
                assert thief.stdout is not None
                assert process.stdout is not None
                if process.stdout.readline():  # or it gave up: its own user does not let it serve
                    assert thief.stdout.read(1) == b"x"
                    process.terminate()
    finally:
        thief.kill()
        thief.communicate()
    status = victim.stat()
    assert (status.st_uid, status.st_mode & 0o777, victim.read_text()) == (0, 0o640, "root's own")


def test_a_planted_link_is_not_followed(data: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (data / "helper.sock").symlink_to(tmp_path / "elsewhere" / "made-by-root")
    with helper(data) as process:
        assert not (data / "helper.sock").is_symlink()
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(data / "helper.sock"))
        process.terminate()
    assert list((tmp_path / "elsewhere").iterdir()) == []
