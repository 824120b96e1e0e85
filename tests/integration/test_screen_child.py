"""The child that takes pictures ends with the worker that wanted them, whatever the display does, and with the
session that it waits for."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys

import psutil
import pytest

from agent.screen.children import ScreenChildren
from tests.support.world import ROOT, wait_until

pytestmark = pytest.mark.timeout(180)

WORKER = """
import asyncio
from agent import processes

async def main():
    child = await processes.spawn(processes.own_program("agent.screen"), env={"DISPLAY": "127.0.0.1:%d"})
    child.stdin.write(b"0\\n")
    print(child.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_display_that_never_answers_does_not_keep_the_child_of_a_killed_worker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as display:
        number = display.getsockname()[1] - 6_000
        with subprocess.Popen(
            [sys.executable, "-c", WORKER % number], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as worker:
            assert worker.stdout is not None
            child = psutil.Process(int(worker.stdout.readline()))
            connection, _ = display.accept()  # it waits for the display's first word from now on
            worker.kill()
            with connection:
                wait_until("the child to be gone", lambda: not child.is_running())


def _children() -> list[int]:
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # what another test left may end while it is looked at
            if "agent.screen" in child.cmdline():
                found.append(child.pid)
    return found


async def test_the_next_child_waits_until_the_session_ends() -> None:
    children = ScreenChildren()
    children.keep_ready()
    async with children.child() as first:
        assert _children() == [first.pid]
    async with children.child() as second:
        assert second.pid != first.pid
    await children.close()
    assert _children() == []


async def test_without_consent_to_pictures_no_child_waits() -> None:
    children = ScreenChildren()
    async with children.child() as only:
        assert _children() == [only.pid]
    assert _children() == []
    await children.close()
