"""What an outside ticket system has to offer to be connected. The next one is one file that does this.

A connector moves values and decides nothing: which tickets take part, what a state means here, what is told
and what is kept is ``inward`` and ``outward``'s to say, and those write it down (docs/connectors.md).

Every method may raise RelevoError. ``HOLD_UP`` are about the system as a whole (down, slow, token refused,
nonsense): the keeper waits and tries again from where it was. Any other code is about the one thing at hand,
which is set aside and tried again later while the rest goes on, and so is what is ``BROKEN``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from protocol.errors import Code, RelevoError
from protocol.tickets import State

HOLD_UP = frozenset(
    {
        Code.UNREACHABLE,
        Code.TIMEOUT,
        Code.UNAUTHENTICATED,
        Code.RATE_LIMITED,
        Code.MALFORMED,
        Code.TOO_LARGE,
        Code.CANNOT_RECORD,
        Code.PROOF_INVALID,
        Code.INTERNAL,
    }
)

BROKEN = frozenset({Code.UNREACHABLE, Code.TIMEOUT, Code.MALFORMED, Code.TOO_LARGE})
"""Of those, what one thing that the system itself cannot serve looks like: a 500, half an answer, nonsense. When
the same thing fails so again and again while the system answers otherwise, it is set aside like any other."""


class Wish(enum.Enum):
    """What a state that somebody set over there asks of the ticket here."""

    NOTHING = "nothing"
    GO_ON = "go-on"
    """Work goes on: a waiting ticket is resumed, a resolved one reopened."""
    WAIT = "wait"
    """It waits for the requester."""
    SOLVED = "solved"
    DROPPED = "dropped"


@dataclass(frozen=True)
class Person:
    """Somebody over there. ``staff``: one who answers, as opposed to one who asks."""

    name: str
    email: str | None = None
    staff: bool = False


@dataclass(frozen=True, kw_only=True)
class Happened:
    """Something that somebody else than this connector did over there.

    ``event`` is unique for ever; ``position`` never decreases as time goes on (a serial number, or
    microseconds) and is what cursors are made of.
    """

    event: str
    position: int
    remote: str
    at: datetime
    by: Person


@dataclass(frozen=True, kw_only=True)
class Opened(Happened):
    """A new ticket. Its words come from ``RemoteTicket``."""


@dataclass(frozen=True, kw_only=True)
class Said(Happened):
    """A message; ``internal`` ones are not for the requester. Its words come from ``words``."""

    internal: bool


@dataclass(frozen=True, kw_only=True)
class StateSet(Happened):
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Moved(Happened):
    """It changed its queue."""


Event = Opened | Said | StateSet | Moved


@dataclass(frozen=True)
class Torn:
    """Something happened, and the system serves it broken: nothing but its place is known."""

    event: str
    position: int
    error: RelevoError
    remote: str = "?"


@dataclass(frozen=True)
class Changes:
    """Events in order of position, some perhaps offered before.

    Whatever lies at or before ``cursor`` is not offered again once the caller asks from there.
    """

    events: tuple[Event, ...]
    cursor: int
    more: bool = False
    """Ask again at once."""
    torn: tuple[Torn, ...] = ()
    """Between the events, what could not be read; in order of position."""


@dataclass(frozen=True)
class RemoteTicket:
    """A ticket as it is over there now."""

    remote: str
    queue: str
    status: str
    title: str
    requesters: tuple[Person, ...]
    own: bool
    """This connector made it."""
    ours: str | None
    """Our id, where this connector wrote it there."""


@dataclass(frozen=True)
class NewTicket:
    queue: str
    title: str
    text: str
    ours: str
    status: str


@dataclass(frozen=True)
class Attachment:
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Message:
    """``marker`` is unique for ever: the system must be able to find the message by it again."""

    marker: str
    title: str
    text: str
    internal: bool
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Capabilities:
    """What the system can do; what it cannot is left out of what is told there."""

    replies: bool = True
    internal_notes: bool = True
    attachments: bool = True
    states: bool = True


@dataclass(frozen=True)
class Identity:
    """Whom the token belongs to, and what answers there."""

    user: str
    system: str
    queues: tuple[str, ...]
    """The configured queues that exist there and may be seen."""


class Connector(Protocol):
    """One outside system, as its configured user."""

    capabilities: Capabilities
    tells: Mapping[State, tuple[str, ...]]
    """For each state here those over there that go with it: the first is what is set, the last is what a
    new ticket begins with. Literal."""
    wishes: Mapping[str, Wish]
    """For each state over there what it asks for here; one that is not listed asks for nothing. Literal."""

    async def identify(self) -> Identity: ...

    async def newest(self) -> int:
        """The cursor from which on only what happens later is offered."""

    async def changes(self, cursor: int) -> Changes:
        """What others did after ``cursor`` in the configured queues, a bounded number of events. What the
        connector's own user did, and what the system did by itself because of that, is left out. What of it is
        served broken is named in ``torn``, where the system answers otherwise."""

    async def event(self, event: str) -> Event | None:
        """One event again; None when it is the connector's own, or of no kind that matters."""

    async def ticket(self, remote: str) -> RemoteTicket: ...

    async def opening(self, remote: str) -> str:
        """The first words of a ticket, as plain text."""

    async def words(self, event: Said) -> str:
        """The words of a message, as plain text."""

    async def find(self, ours: str) -> str | None:
        """The ticket that this connector made for ours, if it got as far as that."""

    async def create(self, new: NewTicket) -> str:
        """A ticket that ``find`` finds by ``new.ours`` as soon as it exists."""

    async def mark(self, remote: str, ours: str) -> None:
        """Write our id there. Doing it twice changes nothing."""

    async def say(self, remote: str, message: Message, after: int) -> int:
        """Add a message, unless one with its marker is there after position ``after``; its position."""

    async def set_state(self, remote: str, status: str) -> None:
        """Raises RelevoError: ``invalid-transition`` when it is not what was asked for afterwards."""

    async def aclose(self) -> None: ...
