"""The conversation on a ticket: what was said and what happened, one row for each entry of the log.

The row's ``index`` is its place in the log: whoever reads on from the last index that they saw misses
nothing and sees nothing twice.
"""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from protocol.errors import Code
from protocol.ids import ArtifactId, TicketId
from protocol.scopes import Clearance
from protocol.tickets import State
from protocol.wire import Count, Fact, Line, Moment, Size, Text, Wire

HEARTBEAT_S = 15.0
"""An idle stream says this often that it is there; its reader gives up after 2.5 times as long."""
MAX_PAGE = 100
"""Rows of one answer on a link."""


class Side(enum.StrEnum):
    """Who speaks."""

    USER = "user"
    TECHNICIAN = "technician"
    SYSTEM = "system"


class Kind(enum.StrEnum):
    """What of a conversation people read; any other kind is something that happened."""

    REPLY = "ticket.reply"
    NOTE = "ticket.note"
    ATTACHED = "ticket.attached"


class Attached(Wire, frozen=True):
    """A file that somebody put on the ticket."""

    artifact: ArtifactId
    name: Line
    media_type: Annotated[str, Meta(max_length=80)]
    size_bytes: Size
    clearance: Clearance
    as_is: bool = False
    """Nothing was taken out of it, for a reason that is on record."""
    redaction: Annotated[tuple[Fact, ...], Meta(max_length=64)] = ()
    """How many of each class were taken out."""


class Said(Wire, frozen=True):
    """One row. ``kind`` is of ``Kind``, ``ticket.<move>``, or an audit action."""

    index: Count
    ticket: TicketId
    at: Moment
    by: Line
    side: Side
    kind: Annotated[str, Meta(max_length=40)]
    text: Text = ""
    public: bool = False
    """True when the requester sees it."""
    state: State | None = None
    """The ticket's, after it; None for what changed nothing of the ticket."""
    attached: Attached | None = None
    withheld: Clearance | None = None
    """The text is left out: it needs this clearance."""


class Marks(Wire, frozen=True):
    """How far the requester's machine got the conversation, and how far the requester saw it."""

    ticket: TicketId
    delivered: Count | None = None
    delivered_at: Moment | None = None
    read: Count | None = None
    read_at: Moment | None = None


class Happened(Wire, frozen=True):
    """One row of the stream over all tickets: enough to keep a list current, without texts."""

    index: Count
    ticket: TicketId
    at: Moment
    by: Line
    kind: Annotated[str, Meta(max_length=40)]
    state: State
    tier: Annotated[int, Meta(ge=0, le=3)]
    priority: Annotated[int, Meta(ge=1, le=5)]
    queue: Annotated[str, Meta(max_length=64)]
    assignee: Annotated[str, Meta(max_length=64)] | None = None
    public: bool = False


class Begun(Wire, frozen=True):
    """First event of a stream: it goes on after ``index``."""

    index: Count
    ticket: TicketId | None = None
    title: Line | None = None
    state: State | None = None


class Over(Wire, frozen=True):
    """Last event of a stream that the broker ends: why. No code: it goes down, come back."""

    code: Code | None = None
