"""Messages on an agent's control link: one WebSocket, msgpack, one message a binary frame.

Order: the broker says ``Challenge``, the agent ``Hello``, the broker ``Welcome`` or ``Failure``.
After that either side speaks when it has something to say. ``ref`` ties an answer to a question.
"""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta

from protocol.addresses import Email
from protocol.conversation import MAX_PAGE, Said
from protocol.envelope import Envelope
from protocol.errors import Code
from protocol.ids import AgentId, GrantId, TicketId
from protocol.tickets import State
from protocol.trends import MAX_BATCH, Sample
from protocol.wire import Count, Line, Moment, Name, Nonce, Text, Wire

MAX_MESSAGE = 1 << 20
HEARTBEAT_S = 60.0
"""An idle agent pings this often; the broker drops a link that is silent for 2.5 times as long."""

MAX_ARTICLES = 6
MAX_ARTICLE = 12_000
"""Characters of an article for the user of a machine; a longer one is cut."""

Ref = Annotated[int, Meta(ge=0, le=1 << 31)]


class EndReason(enum.StrEnum):
    """Why a session ended."""

    TECHNICIAN = "technician"
    USER_STOP = "user-stop"
    DENIED = "denied"
    NO_ANSWER = "no-answer"
    TIME_UP = "time-up"
    TICKET_CLOSED = "ticket-closed"
    REVOKED = "revoked"
    LINK_LOST = "link-lost"
    AGENT_FAILED = "agent-failed"
    REFUSED = "refused"


# --- broker to agent ---------------------------------------------------------------------------


class Challenge(Wire, frozen=True, tag="challenge"):
    nonce: Nonce


class Welcome(Wire, frozen=True, tag="welcome"):
    at: Moment
    journal_sequence: Count
    """Last journal entry of this agent that is durably in the broker's log."""
    heartbeat_s: Annotated[float, Meta(ge=1, le=3600)] = HEARTBEAT_S


class Offer(Wire, frozen=True, tag="offer"):
    """A session is asked for. Everything the agent believes comes out of the verified grant; the
    ticket's title is shown as the user's own words, escaped."""

    grant: Envelope
    ticket_title: Line
    invitation: Envelope | None = None
    """What an outside expert may ask by (``protocol.invitations``); the agent verifies it itself."""


class Join(Wire, frozen=True, tag="join"):
    """Open relay leg number ``leg`` of the session with this one-time token."""

    grant: GrantId
    leg: Annotated[int, Meta(ge=1, le=64)]
    token: Nonce


class End(Wire, frozen=True, tag="end"):
    grant: GrantId
    why: EndReason


class RepositoryChanged(Wire, frozen=True, tag="repository-changed"):
    """Fetch the organisation repository again (roster, policy or revocations may be new)."""


class JournalAck(Wire, frozen=True, tag="journal-ack"):
    """Every journal entry up to ``sequence`` is durably in the broker's log."""

    sequence: Count


class TicketRow(Wire, frozen=True):
    """A ticket as its requester's machine may see it."""

    ticket: TicketId
    title: Line
    state: State
    updated: Moment
    replies: tuple[TicketReplyRow, ...] = ()
    rating_asked: bool = False
    """The user was asked how it went, and has not answered."""
    merged_into: TicketId | None = None


class TicketReplyRow(Wire, frozen=True):
    at: Moment
    by: Line
    text: Text


class TicketMade(Wire, frozen=True, tag="ticket-made"):
    ref: Ref
    ticket: TicketId
    similar: Annotated[tuple[TicketId, ...], Meta(max_length=20)] = ()
    """The machine's own tickets that this may repeat."""


class Tickets(Wire, frozen=True, tag="tickets"):
    ref: Ref
    rows: Annotated[tuple[TicketRow, ...], Meta(max_length=100)]


class TicketNews(Wire, frozen=True, tag="ticket-news"):
    """Something that the user may see happened on a ticket; up to ``index``. What it was is asked for."""

    ticket: TicketId
    index: Count
    state: State


class Conversation(Wire, frozen=True, tag="conversation"):
    """What the user may see of a ticket after the index that was asked for, oldest first."""

    ref: Ref
    ticket: TicketId
    title: Line
    state: State
    rows: Annotated[tuple[Said, ...], Meta(max_length=MAX_PAGE)]
    more: bool
    """There is more after the last of ``rows``."""
    read: Count | None = None
    """How far the user saw it before."""


class TrendsAck(Wire, frozen=True, tag="trends-ack"):
    """Samples up to ``sequence`` are durably taken in, or were refused: none of them is wanted again."""

    sequence: Count


class ShownArticle(Wire, frozen=True):
    """A public article for the user of a machine. Its text is shown escaped; nothing in it is an instruction
    to the machine, and the fixes it names are looked up in the machine's own verified catalogue."""

    article: Name
    title: Line
    text: Annotated[str, Meta(max_length=MAX_ARTICLE)]
    fixes: Annotated[tuple[Name, ...], Meta(max_length=8)] = ()


class ArticlesFound(Wire, frozen=True, tag="articles-found"):
    ref: Ref
    rows: Annotated[tuple[ShownArticle, ...], Meta(max_length=MAX_ARTICLES)]


class Done(Wire, frozen=True, tag="done"):
    ref: Ref


class Failure(Wire, frozen=True, tag="failure"):
    ref: Ref
    code: Code


class Pong(Wire, frozen=True, tag="pong"):
    at: Moment


# --- agent to broker ---------------------------------------------------------------------------


class Hello(Wire, frozen=True, tag="hello"):
    agent: AgentId
    key: Annotated[str, Meta(max_length=300)]
    proof: Envelope
    """A ``LinkProof``."""
    version: Annotated[str, Meta(max_length=40)]
    platform: Annotated[str, Meta(max_length=200)]
    sessions: Annotated[tuple[GrantId, ...], Meta(max_length=16)]
    """Sessions that live on the agent: the broker ends those it no longer knows."""


class Journal(Wire, frozen=True, tag="journal"):
    """Journal entries (``JournalEntry`` envelopes) in sequence order."""

    entries: Annotated[tuple[Envelope, ...], Meta(min_length=1, max_length=256)]


class OfferShown(Wire, frozen=True, tag="offer-shown"):
    """The grant verified and the user can see the request."""

    grant: GrantId


class OfferRefused(Wire, frozen=True, tag="offer-refused"):
    grant: GrantId
    code: Code
    refusal: Envelope | None
    """A signed ``Refusal``, unless the agent could not even start a worker."""


class ConsentGiven(Wire, frozen=True, tag="consent-given"):
    grant: GrantId
    consent: Envelope


class SessionEnded(Wire, frozen=True, tag="session-ended"):
    grant: GrantId
    why: EndReason


class Ask(Wire, frozen=True, tag="ask"):
    ref: Ref
    request: Envelope
    """A ``HelpRequest``."""
    contact: Email | None = None
    """Where the user wants to be told of answers. Not part of what is signed, hence not in the log."""


class Reply(Wire, frozen=True, tag="reply"):
    ref: Ref
    reply: Envelope
    """A ``UserReply``."""


class Move(Wire, frozen=True, tag="move"):
    ref: Ref
    move: Envelope
    """A ``UserMove``."""


class Rate(Wire, frozen=True, tag="rate"):
    ref: Ref
    rating: Envelope
    """A ``UserRating``."""


class TicketsQuery(Wire, frozen=True, tag="tickets-query"):
    ref: Ref


class ConversationQuery(Wire, frozen=True, tag="conversation-query"):
    ref: Ref
    ticket: TicketId
    after: Count | None = None


class Seen(Wire, frozen=True, tag="seen"):
    """The user saw the conversation up to ``index``."""

    ref: Ref
    ticket: TicketId
    index: Count


class ArticlesQuery(Wire, frozen=True, tag="articles-query"):
    """Public articles for these words, which the machine has redacted. Nobody keeps them."""

    ref: Ref
    words: Annotated[str, Meta(min_length=1, max_length=500)]
    language: Annotated[str, Meta(pattern=r"^(en|es)$(?!\n)")]


class SelfServed(Wire, frozen=True, tag="self-served"):
    ref: Ref
    record: Envelope
    """A ``SelfServiceRecord``."""


class Trends(Wire, frozen=True, tag="trends"):
    """Samples of a machine with standing consent, in order of their sequence."""

    samples: Annotated[tuple[Sample, ...], Meta(min_length=1, max_length=MAX_BATCH)]


class Ping(Wire, frozen=True, tag="ping"):
    pass


Question = Ask | Reply | Move | Rate | TicketsQuery | ConversationQuery | Seen | ArticlesQuery | SelfServed
"""What an agent says with a ``ref`` and gets an answer to."""

FromBroker = (
    Challenge
    | Welcome
    | Offer
    | Join
    | End
    | RepositoryChanged
    | JournalAck
    | TicketMade
    | Tickets
    | TicketNews
    | Conversation
    | ArticlesFound
    | TrendsAck
    | Done
    | Failure
    | Pong
)
FromAgent = (
    Hello
    | Journal
    | OfferShown
    | OfferRefused
    | ConsentGiven
    | SessionEnded
    | Ask
    | Reply
    | Move
    | Rate
    | TicketsQuery
    | ConversationQuery
    | Seen
    | ArticlesQuery
    | SelfServed
    | Trends
    | Ping
)
