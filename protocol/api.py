"""Bodies of the broker's HTTP API (``/v1``), used by the broker, its OpenAPI document and clients."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.addresses import Email
from protocol.conversation import Marks
from protocol.desk import FALLBACK_QUEUE, Language
from protocol.envelope import Envelope
from protocol.escalation import Escalation, HandBack
from protocol.ids import AgentId, ArtifactId, GrantId, OrgId, TicketId
from protocol.scopes import Clearance, Mode, Role, Scope
from protocol.sla_views import SlaView
from protocol.tickets import CauseCode, PendingReason, State
from protocol.wire import Count, Line, Moment, Name, Nonce, Sha256, Size, Text, Wire

Level = Annotated[int, Meta(ge=1, le=3)]
AnyTier = Annotated[int, Meta(ge=0, le=3)]
"""0 is self-service."""


class Problem(Wire, frozen=True):
    """RFC 9457 problem details; ``code`` is from ``protocol.errors.Code``."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    reference: str


# --- login, enrolment --------------------------------------------------------------------------


class LoginChallenge(Wire, frozen=True):
    nonce: Nonce
    org: OrgId


class LoginRequest(Wire, frozen=True):
    key: Annotated[str, Meta(max_length=300)]
    proof: Envelope
    """A ``LoginProof``."""


class Login(Wire, frozen=True):
    token: str
    technician: Name
    name: Line
    roles: tuple[Role, ...]
    expires: Moment


class EnrolRequest(Wire, frozen=True):
    token: Envelope
    """An ``EnrolmentToken``."""
    enrolment: Envelope
    """An ``Enrolment``."""


class Enrolled(Wire, frozen=True):
    agent: AgentId
    customer: Name
    mode: Mode
    org: OrgId


# --- agents ------------------------------------------------------------------------------------


class AgentView(Wire, frozen=True):
    agent: AgentId
    key: Annotated[str, Meta(max_length=300)]
    """Its hash is the id: nobody has to believe the broker here."""
    hostname: str
    platform: str
    customer: Name
    mode: Mode
    online: bool
    version: str
    enrolled: Moment
    last_seen: Moment | None


class Agents(Wire, frozen=True):
    rows: tuple[AgentView, ...]
    next: str | None = None


# --- tickets -----------------------------------------------------------------------------------


class TicketNew(Wire, frozen=True):
    title: Line
    description: Text = ""
    agent: AgentId | None = None
    customer: Name | None = None
    """Taken from the agent where one is named."""
    impact: Level = 2
    urgency: Level = 2
    category: Name | None = None
    language: Language | None = None
    """None: the customer's."""
    duplicate_of: TicketId | None = None
    """It is merged into that ticket at once: kept with its words, cancelled, in no figure."""
    follow_up_of: TicketId | None = None
    """A later complaint about a closed ticket."""
    contact_email: Email | None = None
    """Where the requester is told of answers."""


class TicketView(Wire, frozen=True):
    ticket: TicketId
    title: Line
    description: Text
    state: State
    customer: Name
    agent: AgentId | None
    requester: Line
    tier: Level
    assignee: Name | None
    impact: Level
    urgency: Level
    priority: Annotated[int, Meta(ge=1, le=5)]
    created: Moment
    updated: Moment
    version: Count
    """Optimistic version: send it back with a change; the loser of a race gets ``stale-version``."""
    resolution: Text | None = None
    cause: CauseCode | None = None
    resolved_by_tier: AnyTier | None = None
    resolved: Moment | None = None
    closed: Moment | None = None
    article: str | None = None
    no_article_reason: str | None = None
    hand_back: HandBack | None = None
    reopen_count: Count = 0
    category: Name | None = None
    queue: Name = FALLBACK_QUEUE
    language: Language = "en"
    channel: str = "technician"
    """``technician``, ``agent``, ``monitor`` or the name of an outside system."""
    priority_reason: str | None = None
    """Why the priority is not what the customer's matrix says."""
    pending_reason: PendingReason | None = None
    resume_at: Moment | None = None
    follow_up_of: TicketId | None = None
    merged_into: TicketId | None = None
    sla: tuple[SlaView, ...] = ()
    """One clock of each kind that is promised: the latest message's, the present tier's."""


class Duplicate(Wire, frozen=True):
    """A ticket that may be about the same."""

    ticket: TicketId
    title: Line
    state: State
    percent: Annotated[int, Meta(ge=0, le=100)]
    words: tuple[str, ...]
    """Why: the words that both have."""


class TicketCreated(TicketView, frozen=True):
    """The new ticket, and others that it may repeat."""

    duplicates: tuple[Duplicate, ...] = ()


class Tickets(Wire, frozen=True):
    rows: tuple[TicketView, ...]
    next: str | None = None


class TicketEvent(Wire, frozen=True):
    """One line of a ticket's timeline. ``kind`` is an audit action or ``ticket.<move>``."""

    at: Moment
    by: Line
    kind: Annotated[str, Meta(max_length=40)]
    text: Text
    public: bool
    """True when the requester sees it."""
    log_index: Count | None = None
    withheld: Clearance | None = None
    """The text is left out: it needs this clearance."""


class TicketDetail(Wire, frozen=True):
    ticket: TicketView
    timeline: tuple[TicketEvent, ...]
    sessions: tuple[SessionView, ...]
    artifacts: tuple[ArtifactView, ...]
    escalations: tuple[Escalation, ...] = ()
    looking: tuple[Looker, ...] = ()
    """Who else has the ticket in front of them now."""
    rating: RatingView | None = None
    invitations: tuple[InvitationView, ...] = ()
    external: tuple[Line, ...] = ()
    """Its numbers in outside ticket systems: ``RT#12``."""
    contact_email: str | None = None
    """The requester's; only for readers of R2 (4-domain.md, person identifiers)."""
    marks: Marks | None = None
    """How far the user got and read the conversation."""


class Looker(Wire, frozen=True):
    technician: Name
    name: Line
    since: Moment


class RatingView(Wire, frozen=True):
    """The question put to the user at the first Resolved, and the answer once there is one."""

    asked: Moment
    score: Annotated[int, Meta(ge=1, le=5)] | None = None
    text: str = ""
    answered: Moment | None = None


class InvitationView(Wire, frozen=True):
    invitation: GrantId
    expert: Name
    by: Name
    scopes: tuple[Scope, ...]
    until: Moment
    ended: Moment | None = None


class TicketMove(Wire, frozen=True):
    """Body of ``POST /v1/tickets/{id}/take|start|close|cancel|reopen``."""

    version: Count | None = None
    reason: Annotated[str, Meta(max_length=500)] = ""


class TicketText(Wire, frozen=True):
    """Body of ``POST /v1/tickets/{id}/notes`` (internal) and ``/replies`` (the user sees it)."""

    text: Annotated[str, Meta(min_length=1, max_length=20_000)]
    clearance: Clearance | None = None
    """Of a note: who may read it. None: the writer's own; a reply is for the user, hence R1."""
    nonce: Nonce | None = None
    """Sent again with the same one, it was said once."""


class TicketResolve(Wire, frozen=True):
    resolution: Annotated[str, Meta(min_length=1, max_length=20_000)]
    cause: CauseCode = CauseCode.UNKNOWN
    article: Annotated[str, Meta(max_length=100)] | None = None
    no_article_reason: Annotated[str, Meta(max_length=500)] | None = None
    hand_back: HandBack | None = None
    """Needed where tier 3 resolves."""
    version: Count | None = None


# --- sessions ----------------------------------------------------------------------------------


class SessionView(Wire, frozen=True):
    grant: GrantId
    ticket: TicketId
    agent: AgentId
    technician: Name
    scopes: tuple[Scope, ...]
    """Asked for; after consent, what was granted."""
    state: Annotated[str, Meta(pattern=r"^(requested|shown|consented|open|ended)$(?!\n)")]
    reason: str
    requested: Moment
    ends: Moment
    why_ended: str | None = None


class Sessions(Wire, frozen=True):
    rows: tuple[SessionView, ...]


class SessionRequest(Wire, frozen=True):
    """Body of ``POST /v1/sessions``: a ``Grant`` signed by the technician."""

    grant: Envelope


class SessionGranted(Wire, frozen=True):
    """Answer of ``GET /v1/sessions/{grant}/consent?wait=S`` once the user agreed."""

    session: SessionView
    grant: Envelope
    consent: Envelope


class LegRequest(Wire, frozen=True):
    """Body of ``POST /v1/sessions/{grant}/legs``: nothing is to be chosen."""


class Leg(Wire, frozen=True):
    """Answer of ``POST /v1/sessions/{grant}/legs``: open the relay with this one-time token."""

    grant: GrantId
    leg: Annotated[int, Meta(ge=1, le=64)]
    token: Nonce


class SessionEnd(Wire, frozen=True):
    reason: Annotated[str, Meta(max_length=500)] = ""
    unanswered: bool = False
    """The technician waited as long as the user was given; it counts only while nobody has answered."""


# --- relay (first frame of each leg; JSON text) ------------------------------------------------


class RelayHello(Wire, frozen=True):
    """First frame of a leg, in both directions of time: attach, or attach again after a break."""

    token: Nonce


class RelayReady(Wire, frozen=True):
    """The leg is attached. ``next_token`` replaces the token for the next attachment."""

    next_token: Nonce


# --- artifacts ---------------------------------------------------------------------------------


class ArtifactView(Wire, frozen=True):
    artifact: ArtifactId
    ticket: TicketId
    grant: GrantId | None
    """The session that it comes from; None for what somebody attached."""
    kind: str
    name: Line
    clearance: Clearance
    sealed: bool
    media_type: str
    size_bytes: Size
    sha256: Sha256
    made: Moment


class Artifacts(Wire, frozen=True):
    rows: tuple[ArtifactView, ...]


# --- audit -------------------------------------------------------------------------------------


class AuditEntries(Wire, frozen=True):
    """``GET /v1/audit/entries?start=&count=`` or ``?ticket=``; entries in index order."""

    entries: tuple[AuditEntryView, ...]
    size: Count
    """Size of the tree when this was read."""


class AuditEntryView(Wire, frozen=True):
    index: Count
    salt: bytes
    record: bytes | None
    leaf: bytes


class AuditCheckpoints(Wire, frozen=True):
    """``GET /v1/audit/checkpoints?after=SIZE``: signed notes of trees larger than SIZE, oldest first."""

    notes: tuple[str, ...]


class Health(Wire, frozen=True):
    status: Annotated[str, Meta(pattern=r"^(ok|degraded|draining)$(?!\n)")]
    org: OrgId | None
    version: str
    log_size: Count
    agents_online: Count
