"""Grants, consents, tokens and the other signed documents that entries carry as evidence.

Each is verified again with keys the client knows by itself, and must say what its entry says.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple, TypeVar

from protocol.audit import Action, AuditRecord
from protocol.documents import (
    ArtifactManifest,
    Attachment,
    BundleSeal,
    Consent,
    Document,
    Enrolment,
    EnrolmentToken,
    Grant,
    HelpRequest,
    Invitation,
    LinkProof,
    LoginProof,
    Refusal,
    SelfServiceRecord,
    UserMove,
    UserRating,
    UserReply,
)
from protocol.dsse import machine_key, open_envelope, payload_type, unsafe_peek
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.ids import agent_id
from protocol.scopes import Scope
from protocol.sshkeys import PublicKey, claimed_key
from technician.audit.findings import Fault, Finding
from technician.audit.keys import Keyring

D = TypeVar("D", bound=Document)

_SLACK = timedelta(minutes=10)
"""Clocks of three machines are compared."""

REQUIRED: dict[Action, tuple[type[Document], ...]] = {
    Action.SESSION_REQUESTED: (Grant,),
    Action.SESSION_CONSENTED: (Consent,),
    Action.AGENT_ENROLLED: (EnrolmentToken, Enrolment),
    Action.ARTIFACT_STORED: (ArtifactManifest,),
    Action.LOGIN: (LoginProof,),
    Action.EXPERT_INVITED: (Invitation,),
    Action.TICKET_RATED: (UserRating,),
    Action.SELF_SERVICE_RECORDED: (SelfServiceRecord,),
    Action.TICKET_ATTACHED: (Attachment,),
}
"""What an entry of this kind is worth nothing without."""


class _Granted(NamedTuple):
    digest: str
    agent: str
    scopes: frozenset[Scope]
    grant: Grant
    consented: bool


class Evidence:
    """Feed envelopes in log order. Each method answers the fault, or None."""

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys
        self._granted: dict[str, _Granted] = {}
        self._tokens: set[str] = set()
        self.grants = 0
        self.consents = 0
        self.enrolments = 0
        self.unknown = 0
        self._handlers: dict[str, Callable[[int, AuditRecord, Envelope], Finding | None]] = {
            payload_type(Grant): self._grant,
            payload_type(Consent): self._consent,
            payload_type(Refusal): self._refusal,
            payload_type(EnrolmentToken): self._token,
            payload_type(Enrolment): self._enrolment,
            payload_type(HelpRequest): self._by_agent(HelpRequest),
            payload_type(UserReply): self._by_agent(UserReply),
            payload_type(UserMove): self._by_agent(UserMove),
            payload_type(UserRating): self._by_agent(UserRating),
            payload_type(SelfServiceRecord): self._by_agent(SelfServiceRecord),
            payload_type(Invitation): self._invitation,
            payload_type(ArtifactManifest): self._by_agent(ArtifactManifest),
            payload_type(Attachment): self._attachment,
            payload_type(BundleSeal): self._by_agent(BundleSeal),
            payload_type(LinkProof): self._by_agent(LinkProof),
            payload_type(LoginProof): self._login,
        }

    def check(self, index: int, record: AuditRecord, envelope: Envelope) -> Finding | None:
        """Verify one envelope of ``record`` and remember what later entries rest on."""
        handler = self._handlers.get(envelope.payload_type)
        if handler is None:
            self.unknown += 1
            return None
        return handler(index, record, envelope)

    def has_consent(self, grant: str) -> bool:
        held = self._granted.get(grant)
        return held is not None and held.consented

    def knows(self, grant: str) -> bool:
        return grant in self._granted

    def _grant(self, index: int, record: AuditRecord, envelope: Envelope) -> Finding | None:
        try:
            grant = self._opened_grant(envelope)
        except RelevoError as error:
            return Finding(index, Fault.GRANT_SIGNATURE, str(error))
        if grant.org != self._keys.org or not _agrees(
            record, grant=grant.grant, agent=grant.agent, ticket=grant.ticket, customer=grant.customer
        ):
            return Finding(index, Fault.EVIDENCE_MISMATCH, f"grant {grant.grant}")
        held = self._granted.get(grant.grant)
        if held is None:
            scopes = frozenset(grant.scopes)
            self._granted[grant.grant] = _Granted(envelope.digest, grant.agent, scopes, grant, False)
            self.grants += 1
            return None
        if record.action is Action.SESSION_REQUESTED or held.digest != envelope.digest:
            return Finding(index, Fault.GRANT_REPEATED, grant.grant)
        return None

    def _opened_grant(self, envelope: Envelope) -> Grant:
        claimed = unsafe_peek(envelope, Grant)
        key = PublicKey.from_text(claimed.technician_key)
        if not self._keys.is_persons(key, claimed.technician):
            raise RelevoError(Code.NOT_IN_ROSTER, f"{key.fingerprint} for {claimed.technician}")
        signers = {signature.keyid for signature in envelope.signatures}
        issuers = [issuer for issuer in self._keys.issuers if issuer.fingerprint in signers]
        if not issuers:
            raise RelevoError(Code.SIGNATURE_INVALID, "not signed by the broker's issuer key")
        return open_envelope(envelope, Grant, [key, issuers[0]])

    def _consent(self, index: int, record: AuditRecord, envelope: Envelope) -> Finding | None:
        try:
            claimed = unsafe_peek(envelope, Consent)
            key = PublicKey.from_text(claimed.agent_key)
            if agent_id(key.blob) != claimed.agent:
                raise RelevoError(Code.IDENTITY_MISMATCH, claimed.agent)
            consent = open_envelope(envelope, Consent, [key])
        except RelevoError as error:
            return Finding(index, Fault.CONSENT_SIGNATURE, str(error))
        held = self._granted.get(consent.grant)
        fault = _judge_consent(consent, held, record)
        if fault or held is None:
            return Finding(index, fault or Fault.CONSENT_WITHOUT_GRANT, consent.grant)
        self._granted[consent.grant] = held._replace(consented=True)
        self.consents += 1
        return None

    def _refusal(self, index: int, record: AuditRecord, envelope: Envelope) -> Finding | None:
        finding = self._by_agent(Refusal)(index, record, envelope)
        if finding:
            return finding
        refusal = unsafe_peek(envelope, Refusal)
        held = self._granted.get(refusal.grant)
        if held and (held.digest, held.agent) != (refusal.grant_sha256, refusal.agent):
            return Finding(index, Fault.EVIDENCE_MISMATCH, f"refusal of {refusal.grant}")
        return None

    def _token(self, index: int, record: AuditRecord, envelope: Envelope) -> Finding | None:
        try:
            token = self._opened_token(envelope)
        except RelevoError as error:
            return Finding(index, Fault.TOKEN_SIGNATURE, str(error))
        if token.org != self._keys.org or not _agrees(record, customer=token.customer):
            return Finding(index, Fault.EVIDENCE_MISMATCH, f"token {token.token}")
        if token.token in self._tokens:
            return Finding(index, Fault.TOKEN_REUSED, token.token)
        if record.at > token.expires + _SLACK:
            return Finding(index, Fault.TOKEN_SIGNATURE, f"token {token.token} had expired")
        self._tokens.add(token.token)
        return None

    def _opened_token(self, envelope: Envelope) -> EnrolmentToken:
        for signature in envelope.signatures:
            key = claimed_key(signature.sig)
            if self._keys.is_admins(key):
                return open_envelope(envelope, EnrolmentToken, [key])
        raise RelevoError(Code.SIGNATURE_INVALID, "not signed by an administrator")

    def _enrolment(self, index: int, record: AuditRecord, envelope: Envelope) -> Finding | None:
        finding = self._by_agent(Enrolment)(index, record, envelope)
        if finding:
            return finding
        enrolment = unsafe_peek(envelope, Enrolment)
        if enrolment.org != self._keys.org or enrolment.token not in self._tokens:
            return Finding(index, Fault.EVIDENCE_MISMATCH, f"enrolment with token {enrolment.token}")
        self.enrolments += 1
        return None

    def _login(self, index: int, _record: AuditRecord, envelope: Envelope) -> Finding | None:
        try:
            claimed = unsafe_peek(envelope, LoginProof)
            keys = [claimed_key(signature.sig) for signature in envelope.signatures]
            theirs = [key for key in keys if self._keys.is_persons(key, claimed.technician)]
            open_envelope(envelope, LoginProof, theirs[:1])
        except RelevoError as error:
            return Finding(index, Fault.DOCUMENT_SIGNATURE, f"{LoginProof.KIND}: {error}")
        return None

    def _invitation(self, index: int, record: AuditRecord, envelope: Envelope) -> Finding | None:
        try:
            claimed = unsafe_peek(envelope, Invitation)
            key = PublicKey.from_text(claimed.by_key)
            if not self._keys.is_persons(key, claimed.by):
                raise RelevoError(Code.NOT_IN_ROSTER, f"{key.fingerprint} for {claimed.by}")
            invitation = open_envelope(envelope, Invitation, [key])
        except RelevoError as error:
            return Finding(index, Fault.DOCUMENT_SIGNATURE, f"{Invitation.KIND}: {error}")
        named = {"ticket": invitation.ticket, "customer": invitation.customer, "agent": invitation.agent}
        if invitation.org != self._keys.org or not _agrees(record, **named):
            return Finding(index, Fault.EVIDENCE_MISMATCH, f"invitation {invitation.invitation}")
        return None

    def _attachment(self, index: int, record: AuditRecord, envelope: Envelope) -> Finding | None:
        """Signed by the machine for its user, or by the technician who put it there."""
        try:
            claimed = unsafe_peek(envelope, Attachment)
            key = PublicKey.from_text(claimed.key)
            if claimed.technician is None:
                theirs = agent_id(key.blob) == claimed.agent
            else:
                theirs = self._keys.is_persons(key, claimed.technician)
            if not theirs:
                raise RelevoError(Code.NOT_IN_ROSTER, key.fingerprint)
            open_envelope(envelope, Attachment, [key])
        except RelevoError as error:
            return Finding(index, Fault.DOCUMENT_SIGNATURE, f"{Attachment.KIND}: {error}")
        if record.agent != claimed.agent or not _agrees(record, ticket=claimed.ticket):
            return Finding(index, Fault.EVIDENCE_MISMATCH, f"attachment {claimed.attachment}")
        return None

    def _by_agent(self, kind: type[_AgentDocument]) -> Callable[[int, AuditRecord, Envelope], Finding | None]:
        """A check for documents that an agent signs and that name the agent."""

        def check(index: int, record: AuditRecord, envelope: Envelope) -> Finding | None:
            try:
                agent = unsafe_peek(envelope, kind).agent
                open_envelope(envelope, kind, [machine_key(envelope, agent)])
            except RelevoError as error:
                return Finding(index, Fault.DOCUMENT_SIGNATURE, f"{kind.KIND}: {error}")
            if not _agrees(record, agent=agent):
                return Finding(index, Fault.EVIDENCE_MISMATCH, f"{kind.KIND} of {agent}")
            return None

        return check


_AgentDocument = (
    Refusal
    | Enrolment
    | HelpRequest
    | UserReply
    | UserMove
    | UserRating
    | SelfServiceRecord
    | ArtifactManifest
    | BundleSeal
    | LinkProof
)


def _judge_consent(consent: Consent, held: _Granted | None, record: AuditRecord) -> Fault | None:
    if held is None or held.digest != consent.grant_sha256:
        return Fault.CONSENT_WITHOUT_GRANT
    if held.agent != consent.agent:
        return Fault.CONSENT_SIGNATURE
    if not held.scopes.issuperset(consent.scopes) or consent.until > held.grant.ends + _SLACK:
        return Fault.CONSENT_TOO_WIDE
    if consent.given > held.grant.establish_by + _SLACK:
        return Fault.CONSENT_LATE
    return None if _agrees(record, grant=consent.grant, agent=consent.agent) else Fault.EVIDENCE_MISMATCH


def _agrees(record: AuditRecord, **said: str) -> bool:
    """The record's own columns say what the signed document says, where they say anything."""
    columns = {
        "grant": record.grant,
        "agent": record.agent,
        "ticket": record.ticket,
        "customer": record.customer,
    }
    return all(columns[name] in (None, value) for name, value in said.items())
