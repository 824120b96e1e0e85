"""The children that take pictures, seen from the session's worker: one for each request, the next one ready.

Starting an interpreter and loading the X libraries takes longer than the picture. A child that waits has done
that, and looks at nothing before it is told which monitor: ``python -m agent.screen``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator

from agent import processes
from protocol.errors import RelevoError

_DESKTOP = ("HOME", "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR")


class ScreenChildren:
    """``keep_ready`` when the user agreed to pictures, ``close`` when the session ends."""

    def __init__(self) -> None:
        self._ready = False
        self._next: asyncio.Task[asyncio.subprocess.Process] | None = None

    def keep_ready(self) -> None:
        """From now on a child waits. Without it each is started by the request that needs it."""
        self._ready = True
        if self._next is None:
            self._next = asyncio.create_task(_start(), name="screen child")

    async def close(self) -> None:
        """End the child that waits. Idempotent."""
        self._ready = False
        waiting, self._next = self._next, None
        if waiting is not None:
            with contextlib.suppress(RelevoError):
                await _end(await waiting)

    @contextlib.asynccontextmanager
    async def child(self) -> AsyncGenerator[asyncio.subprocess.Process]:
        """A child for one request; it is gone afterwards.

        Raises:
            RelevoError: ``internal`` when none can be started.
        """
        child = await self._take()
        try:
            yield child
        finally:
            await _end(child)
            if self._ready:
                self.keep_ready()

    async def _take(self) -> asyncio.subprocess.Process:
        """The child that waits if it is well, else a new one."""
        waiting, self._next = self._next, None
        if waiting is not None:
            with contextlib.suppress(RelevoError):
                child = await waiting
                if child.returncode is None:
                    return child
        return await _start()


async def _start() -> asyncio.subprocess.Process:
    desktop = {name: os.environ[name] for name in _DESKTOP if name in os.environ}
    return await processes.spawn(processes.own_program("agent.screen"), env=desktop)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        processes.kill_session(child.pid)
    await child.wait()
