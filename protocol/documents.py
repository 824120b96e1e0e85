"""The signed documents. Each is JSON inside a DSSE envelope, and means only what its kind says.

Who signs what: 2-architecture.md, "Session grant". ``KIND`` is both the payload type's name and the
SSHSIG namespace, so a signature for one kind can never serve as another.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from protocol.audit import Action
from protocol.ids import AgentId, ArtifactId, GrantId, OrgId, TicketId, TokenId
from protocol.scopes import Clearance, Mode, Scope
from protocol.wire import Count, Fact, Line, Moment, Name, Nonce, Sha256, Size, Text, Wire

PROTOCOL_VERSION = 1

Version = Annotated[int, Meta(ge=PROTOCOL_VERSION, le=PROTOCOL_VERSION)]
PublicKeyText = Annotated[str, Meta(max_length=300)]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]
Scopes = Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=len(Scope))]


class Document(Wire, frozen=True):
    """Base of everything that is signed."""

    KIND: ClassVar[str] = ""


class Grant(Document, frozen=True):
    """The session credential: signed by the technician, then by the broker's issuer key."""

    KIND: ClassVar[str] = "relevo.grant.v1"

    version: Version
    org: OrgId
    grant: GrantId
    ticket: TicketId
    customer: Name
    agent: AgentId
    technician: Name
    technician_key: PublicKeyText
    scopes: Scopes
    reason: Reason
    issued: Moment
    establish_by: Moment
    """Consent must be given and SSH established by then (issued + wait + 60 s)."""
    ends: Moment
    mode: Mode


class Basis(Wire, frozen=True):
    """How consent came about: a local act of the user, or the machine's own floor (``notify``)."""

    act: Annotated[str, Meta(pattern=r"^(user|floor)$(?!\n)")]
    channel: Annotated[str, Meta(pattern=r"^(command|page|floor)$(?!\n)")]


class Consent(Document, frozen=True):
    """Signed by the agent's key after the local act: what of the grant the user agreed to."""

    KIND: ClassVar[str] = "relevo.consent.v1"

    version: Version
    grant: GrantId
    grant_sha256: Sha256
    agent: AgentId
    agent_key: PublicKeyText
    scopes: Scopes
    given: Moment
    until: Moment
    basis: Basis


class Refusal(Document, frozen=True):
    """Signed by the agent's key: the user, the floor or a check said no, or consent was withdrawn."""

    KIND: ClassVar[str] = "relevo.refusal.v1"

    version: Version
    grant: GrantId
    grant_sha256: Sha256
    agent: AgentId
    at: Moment
    code: Annotated[str, Meta(max_length=40)]


class FixRequest(Document, frozen=True):
    """One fix run asked for by the technician; approvers sign the same bytes."""

    KIND: ClassVar[str] = "relevo.fix-request.v1"

    version: Version
    grant: GrantId
    sequence: Count
    challenge: Nonce
    fix: Name
    fix_version: Annotated[int, Meta(ge=1, le=1_000_000)]
    fix_sha256: Sha256
    """SHA-256 of the signed manifest's bytes."""
    params_sha256: Sha256
    plan_sha256: Sha256
    mode: Annotated[str, Meta(pattern=r"^(apply|undo)$(?!\n)")]


class EnrolmentToken(Document, frozen=True):
    """Signed offline by an administrator's roster key; consumed once by the broker."""

    KIND: ClassVar[str] = "relevo.enrolment-token.v1"

    version: Version
    token: TokenId
    org: OrgId
    customer: Name
    mode: Mode
    issued: Moment
    expires: Moment


class Enrolment(Document, frozen=True):
    """Signed by the new agent's own key: proof that it holds the key it registers."""

    KIND: ClassVar[str] = "relevo.enrolment.v1"

    version: Version
    token: TokenId
    org: OrgId
    agent: AgentId
    agent_key: PublicKeyText
    hostname: Annotated[str, Meta(max_length=200)]
    platform: Annotated[str, Meta(max_length=200)]
    at: Moment


class LinkProof(Document, frozen=True):
    """Signed by the agent on each connection; the nonce is the broker's, the pin is what TLS showed."""

    KIND: ClassVar[str] = "relevo.link.v1"

    version: Version
    agent: AgentId
    nonce: Nonce
    tls_sha256: Sha256


class LoginProof(Document, frozen=True):
    """Signed by a roster key to open an API login; bound to the broker's certificate."""

    KIND: ClassVar[str] = "relevo.login.v1"

    version: Version
    org: OrgId
    technician: Name
    nonce: Nonce
    tls_sha256: Sha256
    at: Moment


class HelpRequest(Document, frozen=True):
    """``relevo-agent ask``: the user's own words, signed by the machine that asks."""

    KIND: ClassVar[str] = "relevo.help-request.v1"

    version: Version
    agent: AgentId
    nonce: Nonce
    text: Annotated[str, Meta(min_length=1, max_length=20_000)]
    urgency: Annotated[int, Meta(ge=1, le=3)]
    language: Annotated[str, Meta(pattern=r"^(en|es)$(?!\n)")]
    at: Moment
    follow_up_of: TicketId | None = None
    """A closed ticket of the same machine that this is about again."""
    category: Name | None = None
    """What the user's own guide took it for; the ticket gets it where the organisation has such a category."""


class UserReply(Document, frozen=True):
    """``relevo-agent reply``."""

    KIND: ClassVar[str] = "relevo.user-reply.v1"

    version: Version
    agent: AgentId
    nonce: Nonce
    ticket: TicketId
    text: Text
    at: Moment


class UserMove(Document, frozen=True):
    """``relevo-agent solved|reopen|close|cancel``: what the user says becomes of their own ticket."""

    KIND: ClassVar[str] = "relevo.user-move.v1"

    version: Version
    agent: AgentId
    nonce: Nonce
    ticket: TicketId
    move: Annotated[str, Meta(pattern=r"^(resolve|reopen|close|cancel)$(?!\n)")]
    text: Text
    at: Moment


class UserRating(Document, frozen=True):
    """``relevo-agent rate``: the user's answer to the one question asked when a ticket is resolved."""

    KIND: ClassVar[str] = "relevo.user-rating.v1"

    version: Version
    agent: AgentId
    nonce: Nonce
    ticket: TicketId
    score: Annotated[int, Meta(ge=1, le=5)]
    text: Annotated[str, Meta(max_length=4_000)]
    at: Moment


class Invitation(Document, frozen=True):
    """The assignee invites an outside expert to look at one ticket (``protocol.invitations``)."""

    KIND: ClassVar[str] = "relevo.invitation.v1"

    version: Version
    org: OrgId
    invitation: GrantId
    """128 random bits; may be listed among the revoked grants."""
    ticket: TicketId
    customer: Name
    agent: AgentId
    expert: Name
    scopes: Scopes
    reason: Reason
    by: Name
    by_key: PublicKeyText
    issued: Moment
    until: Moment


class ArtifactManifest(Document, frozen=True):
    """Signed by the agent for each result it stores on the ticket."""

    KIND: ClassVar[str] = "relevo.artifact.v1"

    version: Version
    artifact: ArtifactId
    agent: AgentId
    grant: GrantId
    ticket: TicketId
    kind: Annotated[str, Meta(pattern=r"^(bundle|logs|screenshot|fix-run)$(?!\n)")]
    name: Line
    clearance: Clearance
    sealed: bool
    """True when the content is an age file for the technicians of that clearance."""
    media_type: Annotated[str, Meta(max_length=80)]
    size_bytes: Size
    sha256: Sha256
    made: Moment


class Attachment(Document, frozen=True):
    """A file put on a ticket by its user (signed by the machine) or by a technician, sealed before it left."""

    KIND: ClassVar[str] = "relevo.attachment.v1"

    version: Version
    attachment: ArtifactId
    ticket: TicketId
    agent: AgentId | None
    """The machine that it comes from, or is meant for; None where the ticket is about none."""
    technician: Name | None
    """Who put it there; None: the user."""
    key: PublicKeyText
    name: Line
    media_type: Annotated[str, Meta(max_length=80)]
    clearance: Clearance
    size_bytes: Size
    """Of the sealed content, as ``sha256``."""
    sha256: Sha256
    redaction: Annotated[tuple[Fact, ...], Meta(max_length=64)]
    """How many of each class were taken out."""
    as_is: Annotated[str, Meta(max_length=500)] | None
    """Why it is sent although nothing could be taken out of it."""
    made: Moment


class AttachmentFetch(Document, frozen=True):
    """``relevo-agent fetch``: the machine asks for a file that a technician put on one of its tickets."""

    KIND: ClassVar[str] = "relevo.attachment-fetch.v1"

    version: Version
    agent: AgentId
    attachment: ArtifactId
    tls_sha256: Sha256
    at: Moment


class JournalEntry(Document, frozen=True):
    """One act of an agent, written to its journal before the effect and then to the broker's log.

    ``sequence`` counts from 1 without gaps and ``previous`` is the SHA-256 of the entry before
    (its signed payload), so a missing or reordered entry shows.
    """

    KIND: ClassVar[str] = "relevo.journal.v1"

    version: Version
    agent: AgentId
    sequence: Count
    previous: Sha256
    at: Moment
    action: Action
    grant: GrantId | None
    ticket: TicketId | None
    facts: Annotated[tuple[Fact, ...], Meta(max_length=32)]


class BundleSeal(Document, frozen=True):
    """The agent's signature over a diagnostic bundle's exact bytes."""

    KIND: ClassVar[str] = "relevo.bundle.v1"

    version: Version
    agent: AgentId
    grant: GrantId | None
    ticket: TicketId | None
    clearance: Clearance
    sha256: Sha256
    size_bytes: Size
    made: Moment


class SelfServiceOrder(Document, frozen=True):
    """The machine's own papers for approved fixes without a technician: signed by the agent's key after its
    user began a run of self-service. It opens only fixes whose signed manifest allows that."""

    KIND: ClassVar[str] = "relevo.self-service.v1"

    version: Version
    org: OrgId
    customer: Name
    agent: AgentId
    agent_key: PublicKeyText
    run: GrantId
    """128 random bits, used once; stands where a session has its grant."""
    begun: Moment
    until: Moment


class TriedFix(Wire, frozen=True):
    """A fix that a user ran by themselves, and how it ended."""

    fix: Name
    fix_version: Annotated[int, Meta(ge=1, le=1_000_000)]
    state: Annotated[str, Meta(pattern=r"^[a-z_]{1,20}$(?!\n)")]
    """A ``protocol.fix_states.RunState``."""


class GuideVisit(Wire, frozen=True):
    step: Name
    outcome: Name


class SelfServiceRecord(Document, frozen=True):
    """What became of a run of self-service, signed by the machine; told once, whenever there is a link.

    Without ``ticket`` nothing of the machine is in it: which guide, which articles, which fixes.
    """

    KIND: ClassVar[str] = "relevo.self-service-record.v1"

    version: Version
    agent: AgentId
    nonce: Nonce
    run: GrantId
    category: Name
    language: Annotated[str, Meta(pattern=r"^(en|es)$(?!\n)")]
    started: Moment
    ended: Moment
    outcome: Annotated[str, Meta(pattern=r"^(solved|ticket|abandoned)$(?!\n)")]
    ticket: TicketId | None = None
    """Only with the outcome ``ticket``: the machine's own."""
    diagnosed: bool = False
    articles: Annotated[tuple[Name, ...], Meta(max_length=30)] = ()
    known_errors: Annotated[tuple[Name, ...], Meta(max_length=20)] = ()
    fixes: Annotated[tuple[TriedFix, ...], Meta(max_length=20)] = ()
    guide: Name | None = None
    path: Annotated[tuple[GuideVisit, ...], Meta(max_length=64)] = ()
