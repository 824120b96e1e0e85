"""Messages inside the machine: command line to agent (Unix socket), agent to worker (pipes).

Both are msgpack in length-prefixed frames (protocol.frames), typed and closed like those on the wire.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.addresses import Email
from protocol.conversation import Said
from protocol.documents import Basis, Grant
from protocol.envelope import Envelope
from protocol.errors import Code
from protocol.ids import GrantId, TicketId
from protocol.link import EndReason, ShownArticle, TicketRow
from protocol.scopes import Scope
from protocol.tickets import State
from protocol.wire import Count, Line, Moment, Nonce, Sha256, Text, Wire

RequestId = Annotated[str, Meta(pattern=r"^[0-9a-f-]{4,40}$(?!\n)")]


class RequestView(Wire, frozen=True):
    """Something that the user is asked."""

    id: RequestId
    kind: Annotated[str, Meta(pattern=r"^(session|fix)$(?!\n)")]
    grant: GrantId
    ticket: TicketId
    ticket_title: Line
    organisation: Line
    technician: str
    technician_name: Line
    reason: str
    scopes: tuple[Scope, ...]
    refused_scopes: tuple[Scope, ...]
    """Asked for, but this machine's floor never allows them."""
    ends: Moment
    answer_by: Moment
    question: Text = ""
    """For ``fix``: what would be done, in plain words."""
    invited_by: Line | None = None
    """Set for an outside expert: who invited them."""


class SessionRow(Wire, frozen=True):
    grant: GrantId
    ticket: TicketId
    technician_name: Line
    scopes: tuple[Scope, ...]
    until: Moment
    open: bool


# --- command line to agent ---------------------------------------------------------------------


class StatusQuery(Wire, frozen=True, tag="status"):
    pass


class RequestsQuery(Wire, frozen=True, tag="requests"):
    pass


class Allow(Wire, frozen=True, tag="allow"):
    request: RequestId
    scopes: tuple[Scope, ...] | None
    minutes: Annotated[int, Meta(ge=1, le=24 * 60)] | None


class Deny(Wire, frozen=True, tag="deny"):
    request: RequestId


class Stop(Wire, frozen=True, tag="stop"):
    """End every session; with ``requests`` also refuse what is being asked."""

    requests: bool


class AskHelp(Wire, frozen=True, tag="ask-help"):
    request: Envelope
    contact: Email | None = None


class SendReply(Wire, frozen=True, tag="send-reply"):
    reply: Envelope


class SendMove(Wire, frozen=True, tag="send-move"):
    move: Envelope


class SendRating(Wire, frozen=True, tag="send-rating"):
    rating: Envelope


class TicketsWanted(Wire, frozen=True, tag="tickets-wanted"):
    pass


class ChatWanted(Wire, frozen=True, tag="chat-wanted"):
    """The conversation on a ticket after an index; with ``wait_s``, what comes if there is nothing yet."""

    ticket: TicketId
    after: Count | None = None
    wait_s: Annotated[float, Meta(ge=0, le=20)] = 0.0


class ChatSeen(Wire, frozen=True, tag="chat-seen"):
    """The user has it in front of them, up to ``index``."""

    ticket: TicketId
    index: Count


class SelfServe(Wire, frozen=True, tag="self-serve"):
    """From here on the connection carries ``agent.selfservice.messages``, to a worker and back."""


class ArticlesWanted(Wire, frozen=True, tag="articles-wanted"):
    words: Annotated[str, Meta(min_length=1, max_length=500)]
    language: Annotated[str, Meta(pattern=r"^(en|es)$(?!\n)")]


class SendRecords(Wire, frozen=True, tag="send-records"):
    """Tell the broker what became of self-service, now; ``Ok`` counts what could not be told."""


LocalAct = Allow | Deny | SendReply | SendMove | SendRating | ChatSeen
"""Requests that are answered by their being done."""
LocalRequest = (
    LocalAct
    | StatusQuery
    | RequestsQuery
    | Stop
    | AskHelp
    | TicketsWanted
    | ChatWanted
    | SelfServe
    | ArticlesWanted
    | SendRecords
)


class Status(Wire, frozen=True, tag="status-is"):
    online: bool
    since: Moment | None
    last_error: Code | None
    sessions: tuple[SessionRow, ...]
    requests: int
    journal_waiting: int
    pid: int


class RequestList(Wire, frozen=True, tag="request-list"):
    rows: tuple[RequestView, ...]


class TicketList(Wire, frozen=True, tag="ticket-list"):
    rows: tuple[TicketRow, ...]


class ChatPage(Wire, frozen=True, tag="chat-page"):
    """Rows in order; ``more``: ask again after the last of them."""

    ticket: TicketId
    title: Line
    state: State
    rows: tuple[Said, ...]
    more: bool
    read: Count | None = None
    """How far the user saw it before."""


class TicketOpened(Wire, frozen=True, tag="ticket-opened"):
    ticket: TicketId
    similar: tuple[TicketId, ...] = ()


class ArticleList(Wire, frozen=True, tag="article-list"):
    rows: tuple[ShownArticle, ...]


class Ok(Wire, frozen=True, tag="ok"):
    count: int = 0


class LocalFailure(Wire, frozen=True, tag="local-failure"):
    code: Code
    detail: str


LocalAnswer = Status | RequestList | TicketList | ChatPage | TicketOpened | ArticleList | Ok | LocalFailure


# --- agent to worker ---------------------------------------------------------------------------


class Start(Wire, frozen=True, tag="start"):
    data: str
    grant: Envelope
    ticket_title: Line
    invitation: Envelope | None = None


class Decide(Wire, frozen=True, tag="decide"):
    """The user's answer. Empty ``scopes`` means no."""

    scopes: tuple[Scope, ...]
    until: Moment | None
    basis: Basis | None
    code: Code | None
    """Why not, when the answer is no."""


class JoinLeg(Wire, frozen=True, tag="join-leg"):
    leg: int
    token: Nonce


class Refresh(Wire, frozen=True, tag="refresh"):
    pass


class Answer(Wire, frozen=True, tag="answer"):
    question: RequestId
    allowed: bool
    code: Code | None


class Finish(Wire, frozen=True, tag="finish"):
    why: EndReason


ToWorker = Start | Decide | JoinLeg | Refresh | Answer | Finish


# --- worker to agent ---------------------------------------------------------------------------


class Verified(Wire, frozen=True, tag="verified"):
    """The grant holds. What follows came out of it and of the verified organisation."""

    grant: Grant
    organisation: Line
    technician_name: Line
    askable: tuple[Scope, ...]
    automatic: bool
    invited_by: Line | None = None
    """Name of the technician who invited this outside expert."""


class Refused(Wire, frozen=True, tag="refused"):
    """This session will not be. ``refusal`` is signed where the worker came that far."""

    code: Code
    refusal: Envelope | None


class Consented(Wire, frozen=True, tag="consented"):
    consent: Envelope
    scopes: tuple[Scope, ...]
    until: Moment


class Opened(Wire, frozen=True, tag="opened"):
    pass


class Question(Wire, frozen=True, tag="question"):
    id: RequestId
    question: Text
    answer_by: Moment


class JournalGrew(Wire, frozen=True, tag="journal-grew"):
    pass


class Finished(Wire, frozen=True, tag="finished"):
    why: EndReason


FromWorker = Verified | Refused | Consented | Opened | Question | JournalGrew | Finished


# --- agent to the child that signs its hello (agent.prove), JSON on stdin and stdout -------------


class ProofWanted(Wire, frozen=True):
    folder: str
    nonce: Nonce
    tls_sha256: Sha256


class Proof(Wire, frozen=True):
    key: str
    envelope: Envelope
