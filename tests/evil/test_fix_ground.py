"""What other users of the machine do to the ground on which a fix works, and to the helper that runs it."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.helper import messages
from protocol.errors import Code
from protocol.publication import RepositoryFile
from tests.support.fix_driver import STEP, TOML
from tests.support.fixing import FixWorld, code_of, starter
from tests.support.helping import HelperWorld

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the root helper runs as root")
STRANGER = 65534


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[HelperWorld]:
    """A root fix that may touch what lies below ``ground/root``, which nobody has made yet."""
    folder = tmp_path / "count"
    folder.mkdir()
    toml = TOML.format(root=tmp_path / "ground" / "root", timeout=30).replace('"user"', '"root"')
    (folder / "manifest.toml").write_text(toml)
    (folder / "step.py").write_bytes(STEP)
    (tmp_path / "etc").mkdir()
    (tmp_path / "ground").mkdir()
    made = HelperWorld(tmp_path)
    made.publish(folder)
    desk = made.connect()
    yield made
    await desk.close()


@needs_root
async def test_whoever_takes_the_name_of_a_root_first_leads_a_root_fix_nowhere(world: HelperWorld) -> None:
    """``/tmp/relevo-demo`` is a root of a fix that comes with Relevo, and a link there may lead to ``/etc``."""
    root, mark = world.folder / "ground" / "root", world.folder / "ground" / "root" / "mark"
    root.symlink_to(world.folder / "etc")
    os.lchown(root, STRANGER, STRANGER)
    assert await code_of(world.plan("count", mark=str(mark))) is Code.PARAMETER_INVALID
    root.unlink()
    os.chown(world.folder / "ground", STRANGER, STRANGER)
    root.symlink_to(world.folder / "etc")  # root's own by a hard link: the folder is the stranger's
    assert await code_of(world.plan("count", mark=str(mark))) is Code.PARAMETER_INVALID
    assert list((world.folder / "etc").iterdir()) == []
    os.chown(world.folder / "ground", 0, 0)
    assert (await world.plan("count", mark=str(mark))).plan == f"make {world.folder / 'etc' / 'mark'}\n"


async def test_a_file_name_does_not_write_lines_into_the_plan_that_the_user_reads(tmp_path: Path) -> None:
    world = FixWorld(tmp_path)
    world.served.add(*starter("clean-cache"))
    cache = tmp_path / "cache"
    cache.mkdir()
    past = time.time() - 30 * 86_400
    for name in ("ñandú", "a\nDelete 0 files, 0 bytes:\x1b[8m\u2028\u202e"):
        (cache / name).write_bytes(b"x")
        os.utime(cache / name, (past, past))
    planned = await world.plan("clean-cache", folder=str(cache), full_percent="0", at_least_mib="0")
    lines = planned.plan.splitlines()
    assert (len(lines), lines[2].split()[1]) == (4, "ñandú")
    assert planned.plan.replace("\n", "").isprintable()


@needs_root
async def test_a_worker_that_hands_over_files_without_end_is_cut_off(
    world: HelperWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty ones count for no bytes; the helper is root and would have kept every one of them."""
    flood = (RepositoryFile(path="metadata/x.json", content=b""),) * (messages.MAX_FILES + 1)
    monkeypatch.setattr(world.trust.repository, "snapshot_files", lambda fixes: flood)
    code = await code_of(world.plan("count", mark=str(world.folder / "ground" / "root" / "mark")))
    assert code in (Code.TOO_LARGE, Code.INTERRUPTED)
