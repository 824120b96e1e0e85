"""What other users of the machine do to the ground on which a root fix works."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol.errors import Code
from tests.support.fix_driver import STEP, TOML
from tests.support.fixing import code_of
from tests.support.helping import HelperWorld

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the root helper runs as root")
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
