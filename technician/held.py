"""Sessions that a background holder keeps open: their files below ``HOME/run``, and who is alive.

``<grant>.json`` (what is held, by which process), ``<grant>.sock`` (where it listens), ``<grant>.log``.
Light to import: every quick command goes through here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.ids import AgentId, GrantId, TicketId
from protocol.scopes import Scope
from protocol.wire import Moment, Nonce, Sha256, Wire, from_json

_MAX_RECORD = 64 << 10

SnapshotVersion = Annotated[int, Meta(ge=1, le=(1 << 53) - 1)]

ASSIST = b"A"
"""First byte on the local socket: an assist channel follows, bytes as the agent speaks them."""
CONTROL = b"C"
"""First byte on the local socket: one frame with a ``Control`` follows; the answer is a ``HeldRecord``."""


class HolderParameters(Wire, frozen=True):
    """What ``python -m technician.holder`` reads from stdin."""

    home: str
    url: str
    tls_sha256: Sha256 | None
    token: Nonce
    """Of relay leg 1."""
    grant: Envelope
    consent: Envelope
    host_key: str
    """The agent's public key line; its hash has to be the agent's id."""
    key: str
    """The technician's key, as ``technician.keys.load_signer`` takes it."""


class HeldRecord(Wire, frozen=True):
    """``<grant>.json``."""

    grant: GrantId
    ticket: TicketId
    agent: AgentId
    host_key: str
    """The agent's public key line."""
    scopes: tuple[Scope, ...]
    ends: Moment
    pid: Annotated[int, Meta(ge=1)]
    process: str
    """Start of the process in the kernel's own count: with the pid it names one process for good."""
    up: bool
    """False while the ends are apart and the holder tries to resume."""


class Held(Wire, frozen=True, tag="held"):
    """The holder's first line on stdout: the session is open."""

    record: HeldRecord


class NotHeld(Wire, frozen=True, tag="not-held"):
    """The holder's first line on stdout: it is not, and the holder has gone."""

    code: Code
    detail: str = ""


class Status(Wire, frozen=True, tag="status"):
    """Answered with the present ``HeldRecord``."""


class End(Wire, frozen=True, tag="end"):
    """End the session and leave; answered with the last ``HeldRecord``."""


class Published(Wire, frozen=True, tag="published"):
    """Which publication of the organisation the broker serves now; answered with ``PublishedNow``."""


class PublishedNow(Wire, frozen=True):
    snapshot_version: SnapshotVersion | None
    """What the timestamp file names, verified by nobody; None when the broker did not give it."""


Report = Held | NotHeld
Control = Status | End | Published


@dataclass(frozen=True)
class HeldSession:
    """A session that a living holder keeps.

    Attributes:
        folder: ``HOME/run``.
    """

    folder: Path
    record: HeldRecord

    @property
    def socket(self) -> Path:
        return self.folder / f"{self.record.grant}.sock"


def run_folder(home: Path) -> Path:
    return home / "run"


def process_start(pid: int) -> str:
    """When ``pid`` started, as the system counts; empty when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return "" if Path("/proc/self/stat").exists() else _process_start_elsewhere(pid)
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return "" if fields[0] in ("Z", "X") else fields[19]


def _process_start_elsewhere(pid: int) -> str:
    import psutil

    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return ""


def is_alive(record: HeldRecord) -> bool:
    return bool(record.process) and process_start(record.pid) == record.process


def held_sessions(home: Path) -> list[HeldSession]:
    """The sessions held now, newest last. Files that dead holders left behind are removed."""
    folder = run_folder(home)
    found: list[tuple[float, HeldSession]] = []
    for path in folder.glob("*.json"):
        try:
            made = path.stat().st_mtime
            with path.open("rb") as file:
                record = from_json(file.read(_MAX_RECORD), HeldRecord)
        except (OSError, RelevoError):
            continue
        if path.stem != record.grant:
            continue
        if is_alive(record):
            found.append((made, HeldSession(folder, record)))
        else:
            remove_files(folder, record.grant)
    return [held for _, held in sorted(found, key=lambda pair: pair[0])]


def find_session(home: Path, ticket: str) -> HeldSession:
    """The session held for ``ticket``.

    Raises:
        RelevoError: ``no-session``.
    """
    for held in reversed(held_sessions(home)):
        if held.record.ticket == ticket:
            return held
    raise RelevoError(Code.NO_SESSION, ticket)


def remove_files(folder: Path, grant: str) -> None:
    """Remove what a holder and ``ssh-config`` leave, besides the log."""
    for suffix in ("sock", "json", "known_hosts", "pub"):
        (folder / f"{grant}.{suffix}").unlink(missing_ok=True)


def own_process() -> tuple[int, str]:
    pid = os.getpid()
    return pid, process_start(pid)
