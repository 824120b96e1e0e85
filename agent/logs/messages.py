"""What the worker and the child that searches logs say to each other, in frames over its pipes."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.assist import Failed, LogLine, Logs, LogSummary, Progress
from protocol.scopes import Clearance
from protocol.wire import Wire

MAX_LINE = 16_384
"""Characters of one line that are sent; longer lines are cut with ``CUT``."""
CUT = " …[line cut]"
BATCH_BYTES = 256 << 10
BATCH_LINES = 1_000


class Search(Wire, frozen=True, tag="search"):
    """Worker to child, once. ``folders`` are the only places where files are read."""

    request: Logs
    folders: tuple[str, ...]
    clearance: Clearance
    key: Annotated[bytes, Meta(min_length=16, max_length=64)]
    """Pseudonym key of the ticket."""
    requester: str | None = None
    journal_folder: str | None = None
    """A folder with journal files; None means the system's journal."""


class Lines(Wire, frozen=True, tag="lines"):
    """Redacted lines in the order of their time. ``r1`` are the same texts (and sources) for R1
    where the clearance is higher, else empty."""

    lines: tuple[LogLine, ...]
    r1: tuple[LogLine, ...] = ()


Said = Lines | Progress | LogSummary | Failed
