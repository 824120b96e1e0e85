"""The agent's part in self-service: a worker for the user who called, and their frames to and fro, unread.

Light to import. The worker is a session of its own: when the caller goes away (Ctrl-C, a closed window), its
stdin ends, it finishes a fix that has begun, and exits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os

from agent import processes
from agent.folder import Folder
from agent.supervisor import desktop
from protocol.errors import Code, RelevoError
from protocol.frames import MAX_FRAME

_LONGEST_S = 2 * 3600.0
"""As long as the papers of a run are good (``agent.fixes.own.LONGEST``)."""
_FINISH_S = 2 * 3600.0
"""A fix that has begun may take an hour a step; it is never cut."""
_GRACE_S = 3.0
_PIECE = 64 << 10
_LOG = 1 << 20


class Bridge:
    """One run at a time on this machine: a second caller is told so."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._busy = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the caller or the worker ends it.

        Raises:
            RelevoError: ``conflict`` while another run is going on; ``internal`` without a worker.
        """
        if self._busy:
            raise RelevoError(Code.CONFLICT, "somebody is being helped by this machine already")
        self._busy = True
        try:
            await self._run(reader, writer)
        finally:
            self._busy = False

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        process = await self._start()
        assert process.stdin is not None  # noqa: S101 - started with pipes
        assert process.stdout is not None  # noqa: S101
        inward = asyncio.create_task(_copy(reader, process.stdin), name="self-service in")
        try:
            async with asyncio.timeout(_LONGEST_S):
                await _copy(process.stdout, writer)
        except TimeoutError:
            return
        finally:
            inward.cancel()
            process.stdin.close()
            task = asyncio.current_task()
            # An agent that is told to stop does not wait for it: what was cut short is settled by recovery.
            await self._finish(process, _GRACE_S if task is not None and task.cancelling() else _FINISH_S)

    async def _start(self) -> asyncio.subprocess.Process:
        log = self._folder.run / "self-service.log"
        if log.exists() and log.stat().st_size > _LOG:
            log.unlink()
        descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        argv = processes.own_program("agent.selfservice", str(self._folder.root))
        with os.fdopen(descriptor, "ab") as errors:
            return await processes.spawn(argv, stderr=errors, env=desktop(), limit=MAX_FRAME + 4)

    @staticmethod
    async def _finish(process: asyncio.subprocess.Process, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            processes.kill_session(process.pid)
            await process.wait()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Bytes until the source ends; then the target is closed, so that its reader sees the end."""
    try:
        with contextlib.suppress(ConnectionError):  # the other side has gone: the end is passed on below
            while piece := await source.read(_PIECE):
                target.write(piece)
                await target.drain()
    finally:
        with contextlib.suppress(ConnectionError, RuntimeError):
            target.close()
