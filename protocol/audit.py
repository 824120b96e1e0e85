"""Audit: who did what, as one closed list of actions and one record type.

A record becomes a leaf of the broker's Merkle log as the hash of a *salted* envelope, so that the
record itself can be erased later without breaking the tree (2-architecture.md, "Write before act").
"""

from __future__ import annotations

import enum
import hashlib
from typing import Annotated

from msgspec import Meta

from protocol.ids import AgentId, GrantId, TicketId
from protocol.wire import Fact, Moment, Wire


class Action(enum.StrEnum):
    """Everything that is recorded, by broker or agent."""

    BROKER_STARTED = "broker.started"
    BROKER_STOPPED = "broker.stopped"
    ORG_PAIRED = "org.paired"
    ORG_PUBLISHED = "org.published"
    LOGIN = "login"
    LOGIN_REFUSED = "login.refused"
    AGENT_ENROLLED = "agent.enrolled"
    ENROLMENT_REFUSED = "agent.enrolment-refused"
    AGENT_LINK_REFUSED = "agent.link-refused"
    TICKET_CREATED = "ticket.created"
    TICKET_CHANGED = "ticket.changed"
    TICKET_NOTE = "ticket.note"
    TICKET_REPLY = "ticket.reply"
    TICKET_ATTACHED = "ticket.attached"
    TICKET_RATED = "ticket.rated"
    TICKET_NOTICE = "ticket.notice"
    OUTGOING_CHANGED = "outgoing.changed"
    OUTGOING_FAILED = "outgoing.failed"
    OUTGOING_RETRIED = "outgoing.retried"
    WARNING_RAISED = "trend.warning-raised"
    WARNING_JUDGED = "trend.warning-judged"
    CONNECTOR_CHANGED = "connector.changed"
    CONNECTOR_RECEIVED = "connector.received"
    CONNECTOR_SENT = "connector.sent"
    CONNECTOR_KEPT = "connector.kept"
    KNOWN_ERROR_MATCHED = "known-error.matched"
    KNOWN_ERROR_SAID = "known-error.said"
    """What a technician's program saw in a bundle that the broker cannot read."""
    KNOWN_ERROR_JUDGED = "known-error.judged"
    KNOWN_ERROR_IN_REVIEW = "known-error.in-review"
    ARTICLE_CREATED = "article.created"
    ARTICLE_CHANGED = "article.changed"
    EXPERT_INVITED = "ticket.expert-invited"
    INVITATION_ENDED = "ticket.invitation-ended"
    SESSION_REQUESTED = "session.requested"
    SESSION_REFUSED = "session.refused"
    SESSION_CONSENTED = "session.consented"
    SESSION_DENIED = "session.denied"
    SESSION_OPENED = "session.opened"
    SESSION_ENDED = "session.ended"
    REQUEST_REFUSED = "request.refused"
    ARTIFACT_STORED = "artifact.stored"
    ARTIFACT_READ = "artifact.read"
    ARTIFACT_REFUSED = "artifact.refused"
    AUDIT_READ = "audit.read"
    ACCESS_REFUSED = "access.refused"
    JOURNAL_REFUSED = "journal.refused"
    SELF_SERVICE_RECORDED = "self-service.recorded"
    """By the broker: what a machine tells of a run."""
    # Written by agents in their journal, relayed into the log inside their signed envelope.
    SESSION_SHOWN = "agent.session-shown"
    CONSENT_GIVEN = "consent.given"
    CONSENT_DENIED = "consent.denied"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    FLOOR_CHANGED = "consent.floor-changed"
    AGENT_SESSION_OPENED = "agent.session-opened"
    AGENT_SESSION_ENDED = "agent.session-ended"
    AGENT_REFUSED = "agent.refused"
    HELP_ASKED = "agent.help-asked"
    ATTACHMENT_SENT = "agent.attachment-sent"
    ATTACHMENT_FETCHED = "agent.attachment-fetched"
    DIAGNOSE_STARTED = "diagnose.started"
    DIAGNOSE_DONE = "diagnose.done"
    LOGS_STARTED = "logs.started"
    LOGS_DONE = "logs.done"
    SCREENSHOT_STARTED = "screenshot.started"
    SCREENSHOT_DONE = "screenshot.done"
    FILES_OPENED = "files.opened"
    FILE_READ = "files.read"
    FILE_WRITTEN = "files.written"
    FIX_PLANNED = "fix.planned"
    FIX_STARTED = "fix.started"
    FIX_STEP = "fix.step"
    FIX_DONE = "fix.done"
    FIX_UNDO_STARTED = "fix.undo-started"
    FIX_UNDONE = "fix.undone"
    FIX_INTERRUPTED = "fix.interrupted"
    SELF_SERVICE_STARTED = "self-service.started"
    SELF_SERVICE_ENDED = "self-service.ended"
    SELF_SERVICE_SHARED = "self-service.shared"
    """What the user let go with a ticket, artifact by artifact."""


SESSION_ACTS = frozenset(
    {
        Action.AGENT_SESSION_OPENED,
        Action.DIAGNOSE_STARTED,
        Action.DIAGNOSE_DONE,
        Action.LOGS_STARTED,
        Action.LOGS_DONE,
        Action.SCREENSHOT_STARTED,
        Action.SCREENSHOT_DONE,
        Action.FILES_OPENED,
        Action.FILE_READ,
        Action.FILE_WRITTEN,
        Action.FIX_PLANNED,
        Action.FIX_STARTED,
        Action.FIX_STEP,
        Action.FIX_DONE,
        Action.FIX_UNDO_STARTED,
        Action.FIX_UNDONE,
    }
)
"""What an agent does within a session: nothing of it without the consent to that session."""

AGENT_ACTIONS = SESSION_ACTS | frozenset(
    {
        Action.SESSION_SHOWN,
        Action.CONSENT_GIVEN,
        Action.CONSENT_DENIED,
        Action.CONSENT_WITHDRAWN,
        Action.FLOOR_CHANGED,
        Action.AGENT_SESSION_ENDED,
        Action.AGENT_REFUSED,
        Action.HELP_ASKED,
        Action.ATTACHMENT_SENT,
        Action.ATTACHMENT_FETCHED,
        Action.FIX_INTERRUPTED,
        Action.SELF_SERVICE_STARTED,
        Action.SELF_SERVICE_ENDED,
        Action.SELF_SERVICE_SHARED,
    }
)
"""What agents write in their journal; the rest of the list is the broker's to write."""


class ActorKind(enum.StrEnum):
    TECHNICIAN = "technician"
    AGENT = "agent"
    USER = "user"
    BROKER = "broker"
    CONNECTOR = "connector"
    """An outside ticket system, by the connector's name."""
    UNKNOWN = "unknown"
    """Somebody who could not prove who they are; ``id`` holds what they claimed, escaped."""


class Actor(Wire, frozen=True):
    kind: ActorKind
    id: Annotated[str, Meta(max_length=100)]


class AuditRecord(Wire, frozen=True):
    """One record of the broker's log.

    ``evidence`` holds DSSE envelopes as their JSON bytes (grant, consent, journal entry, token …):
    whoever verifies the log verifies them again with keys from the organisation repository.
    """

    at: Moment
    actor: Actor
    action: Action
    customer: Annotated[str, Meta(max_length=64)] | None = None
    ticket: TicketId | None = None
    grant: GrantId | None = None
    agent: AgentId | None = None
    facts: Annotated[tuple[Fact, ...], Meta(max_length=32)] = ()
    evidence: Annotated[tuple[bytes, ...], Meta(max_length=8)] = ()


def leaf_data(salt: bytes, record: bytes) -> bytes:
    """The 32 bytes that go into the tree for a record."""
    return hashlib.sha256(salt + record).digest()
