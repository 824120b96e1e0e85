"""What several rows share: one open session of a whole Relevo, and the OpenSSH pair. Made when first asked for."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks import openssh
from technician.assist import HeldSession, find_session
from tests.support.world import Machine, Person, World

MEMORY = Path("/dev/shm")
SCREEN = "1920x1080x24"


@dataclass
class Open:
    """A session that a holder keeps."""

    world: World
    person: Person
    machine: Machine
    ticket: str

    @property
    def held(self) -> HeldSession:
        return find_session(self.person.home, self.ticket)


class Lab:
    """Everything is below one temporary folder and gone after ``close``."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="relevo-bench-")))
        memory = MEMORY if os.access(MEMORY, os.W_OK) else None
        self.memory = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="relevo-bench-", dir=memory))
        )

    def close(self) -> None:
        self._stack.close()

    @cached_property
    def world(self) -> World:
        """Organisation and broker; a technician ``ana`` is in the roster."""
        world = World(self.folder / "world")
        self._stack.callback(world.close)
        world.found(fixes=False)
        return world

    @cached_property
    def technician(self) -> Person:
        return self.world.technician("ana", tier=3)

    @cached_property
    def display(self) -> str:
        """A virtual screen of 1920 x 1080 with something on it."""
        return self._stack.enter_context(_screen())

    @cached_property
    def session(self) -> Open:
        """An open session with every scope that there is a row for."""
        person = self.technician
        machine = self.world.machine(env={"DISPLAY": self.display})
        ticket = machine.ask("it is slow")
        person("ticket", "take", ticket)
        self.world.open_session(person, machine, ticket, "diagnose,logs,screenshot,files", minutes=30)
        return Open(self.world, person, machine, ticket)

    @cached_property
    def openssh(self) -> openssh.Pair:
        """Raises PeerMissingError."""
        return self._stack.enter_context(openssh.pair(self.folder / "openssh"))

    @cached_property
    def master(self) -> openssh.Master:
        """Raises PeerMissingError."""
        master = openssh.Master(self.openssh)
        self._stack.callback(master.close)
        return master


@contextlib.contextmanager
def _screen() -> Iterator[str]:
    if shutil.which("Xvfb") is None:
        yield os.environ.get("DISPLAY", "")
        return
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", SCREEN, "-nolisten", "tcp"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    window = None
    try:
        with os.fdopen(read) as number:
            name = f":{number.readline().strip()}"
        if shutil.which("xterm"):
            window = subprocess.Popen(
                ["xterm", "-geometry", "200x60+40+40", "-e", "top -b -n 1; sleep 3600"],
                env={**os.environ, "DISPLAY": name},
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        yield name
    finally:
        for process in (window, server):
            if process is not None:
                process.terminate()
                process.wait(10)
