"""The child that takes pictures ends with the worker that wanted them, whatever the display does."""

from __future__ import annotations

import socket
import subprocess
import sys

import psutil
import pytest

from tests.support.world import ROOT, wait_until

pytestmark = pytest.mark.timeout(60)

WORKER = """
import asyncio
from agent import processes

async def main():
    child = await processes.spawn(processes.own_program("agent.screen"), env={"DISPLAY": "127.0.0.1:%d"})
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
