"""Daemons that nobody manages but that leave ``/run/NAME.pid``."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

from agent.services.model import Outcome, Service, State, checked_name
from protocol.errors import Code, RelevoError

FOLDER = Path("/run")
_PID_FILE_BYTES = 64
_SLACK_S = 2.0
"""A process writes its file after it started; clocks of both are rounded."""


class Pidfile:
    name = "pidfile"

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    def status(self, service: str) -> Service | None:
        path = self._folder / f"{checked_name(service)}.pid"
        if not path.is_file():
            return None
        pid = _owner(path)
        return Service(
            name=service,
            manager=self.name,
            state=State.RUNNING if pid else State.STOPPED,
            pid=pid,
            detail=str(path) if pid else f"{path} names no process that wrote it",
        )

    def start(self, service: str) -> Outcome:
        """A pid file does not say how its daemon is started.

        Raises:
            RelevoError: ``not-applicable``, always.
        """
        raise RelevoError(Code.NOT_APPLICABLE, f"{checked_name(service)} has a pid file and no manager")

    def stop(self, service: str) -> Outcome:
        """Ask the daemon to end (SIGTERM); only one that certainly wrote the file."""
        pid = _owner(self._folder / f"{checked_name(service)}.pid")
        if pid is None:
            return Outcome(ok=False, output="no such process")
        try:
            os.kill(pid, signal.SIGTERM)
        except OSError as error:
            return Outcome(ok=False, output=error.strerror or "cannot signal it")
        return Outcome(ok=True, output=f"asked process {pid} to end")

    def list(self) -> tuple[Service, ...]:
        names = sorted(path.stem for path in self._folder.glob("*.pid"))
        return tuple(found for name in names if (found := self._named(name)) is not None)

    def _named(self, name: str) -> Service | None:
        try:
            return self.status(name)
        except RelevoError:
            return None


def _owner(path: Path) -> int | None:
    """The process that wrote the file: alive, and started before the file was (else the id was reused)."""
    try:
        with path.open("rb") as file:
            text = file.read(_PID_FILE_BYTES).split(b"\n")[0].strip()
        written = path.stat().st_mtime
        if not text.isdigit() or not 0 < int(text) < 1 << 22:
            return None
        process = psutil.Process(int(text))
        if process.status() == psutil.STATUS_ZOMBIE or process.create_time() > written + _SLACK_S:
            return None
        return int(text)
    except (OSError, psutil.Error):
        return None
