"""How a fix ended reaches the journal, and with it the user's receipt and the log, whatever failed meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol.errors import Code, RelevoError
from tests.support.fix_driver import STEP, TOML, make_world
from tests.support.fixing import Watcher, code_of
from tests.support.helping import HelperWorld


@pytest.fixture
async def helped(tmp_path: Path) -> AsyncIterator[HelperWorld]:
    """A fix that runs in the root helper, a process of its own."""
    folder = tmp_path / "count"
    folder.mkdir()
    (tmp_path / "ground").mkdir()
    toml = TOML.format(root=tmp_path / "ground", timeout=30).replace('"user"', '"root"')
    (folder / "manifest.toml").write_text(toml)
    (folder / "step.py").write_bytes(STEP)
    made = HelperWorld(tmp_path)
    made.publish(folder)
    desk = made.connect()
    yield made
    await desk.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="the root helper runs as root")
async def test_how_a_root_fix_ended_is_journalled_although_its_worker_was_gone(helped: HelperWorld) -> None:
    """The user stopped the session, or the worker was killed: the helper ends alone what it has begun."""
    mark = str(helped.folder / "ground" / "mark")
    running = asyncio.create_task(helped.run("count", mark=mark))
    helped.watcher.hooks["verifying"] = lambda: _cancel(running)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    deaf, heard, later = Watcher(fail_at="succeeded"), Watcher(), Watcher()
    again = helped.new_helper_desk()
    try:
        # A journal that is full when it is told is told again.
        with pytest.raises(RelevoError, match="full"):
            async with asyncio.timeout(30):
                while True:
                    await again.states(helped.credentials, deaf)
        await again.states(helped.credentials, heard)
        await again.states(helped.credentials, later)
    finally:
        await again.close()
    assert (deaf.states, heard.states, later.states) == ([], ["succeeded"], [])


async def test_a_fix_cut_short_by_a_full_journal_is_journalled_once_there_is_room(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    mark = str(tmp_path / "ground" / "mark")
    world.watcher.fail_at = "verifying"
    world.watcher.hooks["interrupted"] = _full
    assert await code_of(world.run("count", mark=mark)) is Code.CANNOT_RECORD
    heard, later = Watcher(), Watcher()
    await world.desk.states(world.credentials, heard)
    await world.desk.states(world.credentials, later)
    assert (heard.states, later.states) == (["interrupted"], [])


async def test_a_fix_cut_short_by_a_stop_is_journalled_at_once(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    running = asyncio.create_task(world.run("count", mark=str(tmp_path / "ground" / "mark")))
    world.watcher.hooks["verifying"] = lambda: _cancel(running)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert world.watcher.states[-1] == "interrupted"


def _cancel(task: asyncio.Task[object]) -> None:
    task.cancel()


def _full() -> None:
    raise RelevoError(Code.CANNOT_RECORD, "the journal is full")
