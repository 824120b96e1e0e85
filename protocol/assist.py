"""The ``assist`` subsystem: typed requests inside the end-to-end SSH session.

One SSH channel carries one request. The technician sends one frame (protocol.frames) with a
``Request``; the agent answers with ``Event`` frames and closes the channel after ``Completed`` or
``Failed``. No request has a free-form command, path or script.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.envelope import Envelope
from protocol.errors import Code
from protocol.ids import ArtifactId
from protocol.wire import Count, Line, Moment, Name, Nonce, Sha256, Size, Text, Wire

SUBSYSTEM = "assist"
MAX_EVENT = 1 << 20
CHUNK = 256 << 10
"""Largest piece of content in one ``Chunk`` event."""

Param = Annotated[str, Meta(max_length=4_096)]


class Parameter(Wire, frozen=True):
    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$(?!\n)")]
    value: Param


# --- requests ----------------------------------------------------------------------------------


class Diagnose(Wire, frozen=True, tag="diagnose"):
    """Run collectors; ``only`` empty means the standard set. Scope ``diagnose``."""

    only: Annotated[tuple[Name, ...], Meta(max_length=64)] = ()


class Logs(Wire, frozen=True, tag="logs"):
    """Search or follow logs. Scope ``logs``."""

    since: Moment | None = None
    until: Moment | None = None
    source: Annotated[str, Meta(max_length=200)] | None = None
    """``journal``, ``journal:UNIT`` or a file's name below the log folders; None means all."""
    pattern: Annotated[str, Meta(max_length=1_000)] | None = None
    """RE2 regular expression."""
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 1_000
    follow: bool = False


class Screenshot(Wire, frozen=True, tag="screenshot"):
    """PNG of each monitor, or of one (1 = first). Scope ``screenshot``."""

    monitor: Annotated[int, Meta(ge=1, le=16)] | None = None


class FixPlan(Wire, frozen=True, tag="fix-plan"):
    """Check and plan; changes nothing. Scope ``fix``."""

    fix: Name
    fix_version: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """None means the newest approved version."""
    params: Annotated[tuple[Parameter, ...], Meta(max_length=32)] = ()


class FixRun(Wire, frozen=True, tag="fix-run"):
    """Apply or undo what was planned: the signed request names the plan's hash and challenge."""

    request: Envelope
    """A ``FixRequest`` signed by the technician (and by approvers where the fix wants them)."""
    params: Annotated[tuple[Parameter, ...], Meta(max_length=32)] = ()


class FixUndoPlan(Wire, frozen=True, tag="fix-undo-plan"):
    """What undoing the last run of this fix on this machine would do."""

    fix: Name


class FixStates(Wire, frozen=True, tag="fix-states"):
    """The runs of fixes on this machine that belong to this ticket. Scope ``fix``."""


class About(Wire, frozen=True, tag="about"):
    """Who and what the other side is: the cheapest request, allowed in every session."""


Request = Diagnose | Logs | Screenshot | FixPlan | FixRun | FixUndoPlan | FixStates | About


# --- events ------------------------------------------------------------------------------------


class Progress(Wire, frozen=True, tag="progress"):
    """``total`` None: unknown. ``unit`` is ``bytes``, ``steps`` or ``lines``."""

    step: Line
    done: Count = 0
    total: Count | None = None
    unit: Annotated[str, Meta(pattern=r"^(bytes|steps|lines)$(?!\n)")] = "steps"


class AboutAgent(Wire, frozen=True, tag="about-agent"):
    version: Annotated[str, Meta(max_length=40)]
    at: Moment
    ends: Moment
    scopes: tuple[str, ...]
    collectors: tuple[Name, ...]


class CollectorDone(Wire, frozen=True, tag="collector-done"):
    collector: Name
    status: Annotated[str, Meta(max_length=20)]
    seconds: float


class LogLine(Wire, frozen=True):
    at: Moment | None
    source: Line
    text: Annotated[str, Meta(max_length=16_384)]


class LogLines(Wire, frozen=True, tag="log-lines"):
    lines: Annotated[tuple[LogLine, ...], Meta(max_length=2_000)]


class LogSummary(Wire, frozen=True, tag="log-summary"):
    matched: Count
    sent: Count
    scanned_bytes: Size
    truncated: bool
    secrets_removed: Count
    sources: tuple[Line, ...]
    unreadable: tuple[Line, ...] = ()


class ContentStart(Wire, frozen=True, tag="content-start"):
    """``size_bytes`` of content named ``name`` follow as ``Chunk`` events, then ``ContentEnd``."""

    name: Line
    media_type: Annotated[str, Meta(max_length=80)]
    size_bytes: Size


class Chunk(Wire, frozen=True, tag="chunk"):
    data: Annotated[bytes, Meta(max_length=CHUNK)]


class ContentEnd(Wire, frozen=True, tag="content-end"):
    sha256: Sha256
    seal: Envelope | None = None
    """``BundleSeal`` for bundles."""


class Stored(Wire, frozen=True, tag="stored"):
    """The agent stored this result on the ticket."""

    artifact: ArtifactId
    name: Line


class Planned(Wire, frozen=True, tag="planned"):
    """The fault was looked for, and this is what would change. Sign ``challenge`` to go on."""

    fix: Name
    fix_version: Annotated[int, Meta(ge=1, le=1_000_000)]
    fix_sha256: Sha256
    params_sha256: Sha256
    plan_sha256: Sha256
    challenge: Nonce
    sequence: Count
    check: Annotated[str, Meta(pattern=r"^(present|absent|unknown)$(?!\n)")]
    plan: Text
    risk: Annotated[str, Meta(max_length=20)]
    reversible: Annotated[str, Meta(max_length=10)]
    asks_user: bool


class FixOutcome(Wire, frozen=True, tag="fix-outcome"):
    """Where a run stands; the last one of a channel is final."""

    run: Annotated[str, Meta(max_length=40)]
    fix: Name
    fix_version: Annotated[int, Meta(ge=1, le=1_000_000)]
    state: Annotated[str, Meta(max_length=20)]
    message: Text = ""
    output: Text = ""
    at: Moment | None = None


class Completed(Wire, frozen=True, tag="completed"):
    pass


class Failed(Wire, frozen=True, tag="failed"):
    code: Code
    detail: Annotated[str, Meta(max_length=1_000)] = ""


Event = (
    Progress
    | AboutAgent
    | CollectorDone
    | LogLines
    | LogSummary
    | ContentStart
    | Chunk
    | ContentEnd
    | Stored
    | Planned
    | FixOutcome
    | Completed
    | Failed
)
