"""What is the same about services whoever manages them."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Protocol

from agent.processes import Finished
from protocol.errors import Code, RelevoError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._:+-]{0,127}")
QUERY_S = 10.0
CHANGE_S = 90.0
"""systemd itself gives a unit 90 s to start or stop by default."""
OUTPUT_BYTES = 1 << 20


class State(enum.StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    """Its manager tried to run it and gave up."""
    CHANGING = "changing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Service:
    """A service as its manager sees it now."""

    name: str
    manager: str
    state: State
    enabled: bool | None = None
    """Started with the machine; None where the manager does not say."""
    pid: int | None = None
    restarts: int | None = None
    detail: str = ""
    """The manager's own words for the state, one line."""


@dataclass(frozen=True)
class Outcome:
    """What a manager said to a start or stop. ``ok`` is its word: look at the state to be sure."""

    ok: bool
    output: str


class Manager(Protocol):
    """One way of running services."""

    @property
    def name(self) -> str: ...

    def status(self, service: str) -> Service | None:
        """The service, or None when this manager does not know it."""

    def start(self, service: str) -> Outcome: ...

    def stop(self, service: str) -> Outcome: ...

    def list(self) -> tuple[Service, ...]:
        """Every service it knows, by name."""


def checked_name(name: str) -> str:
    """``name`` if it can be a service's name on any manager.

    Raises:
        RelevoError: ``parameter-invalid``; such a name never reaches a command line.
    """
    if not _NAME.fullmatch(name):
        raise RelevoError(Code.PARAMETER_INVALID, f"service name {name[:80]!r}")
    return name


def outcome(done: Finished) -> Outcome:
    """Of a command whose exit status says whether it worked."""
    output = f"{done.text}{done.error_text}".strip()
    if done.timed_out:
        output = f"{output}\nno answer within {done.seconds:.0f} s".strip()
    return Outcome(ok=done.rc == 0, output=output[-4_000:])
