"""Session workers as processes: started per session, told what the user decided, ended for certain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent import framing, messages, processes
from agent.folder import Folder
from protocol.drivers.files import read_file, write_private
from protocol.errors import RelevoError
from protocol.frames import MAX_FRAME
from protocol.wire import Wire, from_json, to_json
from protocol.wording import LANGUAGE_VARIABLE, language_from

_logger = logging.getLogger(__name__)
_LOGS_KEPT = 32
GRACE_S = 0.5
"""Time a worker has to say goodbye before it is killed (8-promises: local stop <= 1 s)."""


class WorkerMark(Wire, frozen=True):
    """Written to the run folder, so that `stop` finds workers without the agent."""

    pid: int
    started: float
    """Start time in seconds since boot: a reused process id shows."""


def start_time(pid: int) -> float | None:
    """When this process started (clock ticks since boot, /proc/PID/stat field 22), None if gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return float(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


class Worker:
    """One running session worker."""

    def __init__(self, grant: str, process: asyncio.subprocess.Process, mark: Path) -> None:
        self.grant = grant
        self._process = process
        self._mark = mark

    def send(self, message: messages.ToWorker) -> None:
        assert self._process.stdin is not None  # noqa: S101 - started with pipes
        framing.send(self._process.stdin, message)

    async def pump(self, received: Callable[[messages.FromWorker], Awaitable[None]]) -> None:
        """Hand on every message until the worker is gone."""
        assert self._process.stdout is not None  # noqa: S101
        try:
            while (message := await framing.receive(self._process.stdout, messages.FromWorker)) is not None:
                await received(message)
        except RelevoError as error:
            _logger.warning("worker of %s spoke nonsense: %s", self.grant, error)
        finally:
            await self.end()

    async def end(self) -> None:
        """Wait briefly, then kill the worker; what it started ends with it. Safe to call twice."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), GRACE_S)
        except TimeoutError:
            _logger.warning("worker of %s had to be killed", self.grant)
            kill_group(self._process.pid)  # still ours: nobody has waited for it, so its id is not used again
            await self._process.wait()
        self._mark.unlink(missing_ok=True)


def desktop() -> dict[str, str]:
    """What a worker needs of our environment to see the user's screen and speak to their session."""
    wanted = ("HOME", "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "TZ")
    environment = {name: os.environ[name] for name in wanted if name in os.environ}
    return {**environment, LANGUAGE_VARIABLE: language_from(None, os.environ)}


async def start(folder: Folder, start_message: messages.Start, grant: str) -> Worker:
    """A worker process for this offer.

    Raises:
        RelevoError: ``cannot-record`` when it cannot be marked or started.
    """
    _forget_old_logs(folder.run)
    log = folder.run / f"worker-{grant}.log"
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as errors:
        process = await processes.spawn(
            processes.own_program("agent.worker"), stderr=errors, env=desktop(), limit=MAX_FRAME + 4
        )
    mark = folder.worker(grant)
    try:
        write_private(mark, to_json(WorkerMark(pid=process.pid, started=start_time(process.pid) or 0.0)))
    except RelevoError:
        process.kill()
        await process.wait()
        raise
    worker = Worker(grant, process, mark)
    worker.send(start_message)
    return worker


def _forget_old_logs(run: Path) -> None:
    """Keep the newest; offers, good and bad, must not fill the disk."""
    logs = sorted(run.glob("worker-*.log"), key=lambda path: path.stat().st_mtime)
    for log in logs[: -_LOGS_KEPT + 1]:
        log.unlink(missing_ok=True)


def kill_group(pid: int) -> None:
    """SIGKILL the process group that the worker leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_marked(folder: Folder) -> list[str]:
    """Kill every marked worker that still runs, without the agent; gives the grants it ended."""
    ended = []
    for mark in sorted(folder.run.glob("worker-*.json")):
        try:
            worker = from_json(read_file(mark, 4_096), WorkerMark)
        except RelevoError as error:
            _logger.warning("unreadable %s: %s", mark, error)
            continue
        if start_time(worker.pid) == worker.started:
            kill_group(worker.pid)
            ended.append(mark.stem.removeprefix("worker-"))
        mark.unlink(missing_ok=True)
    return ended
