"""May this fix run, for this request, now? Pure decisions over verified values.

The session's worker and the root helper each ask all of it, from their own copy of the organisation; the
broker's and the other process's word count for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from protocol.documents import Consent, FixRequest, Grant
from protocol.dsse import open_envelope, unsafe_peek
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.fixes import Manifest
from protocol.ids import agent_id
from protocol.organisation import (
    Organisation,
    Technician,
    TierPolicy,
    covers_risk,
    require_active_key,
    require_scopes,
    tier_for,
)
from protocol.scopes import Role, Scope
from protocol.sshkeys import PublicKey
from protocol.wire import Name, Sha256, Wire

CHALLENGE_LIFE = timedelta(minutes=10)
CLOCK_SKEW = timedelta(seconds=90)

RunMode = Literal["apply", "undo"]


class Machine(Wire, frozen=True):
    """Who this machine is: what grants and consents must be about."""

    org: str
    agent: str
    customer: Name


@dataclass(frozen=True)
class Allowed:
    """A session that covers fixes on this machine, as far as signatures, roster and policy go."""

    grant: Grant
    technician: Technician
    policy: TierPolicy
    until: datetime

    @property
    def session(self) -> str:
        return self.grant.grant

    @property
    def ticket(self) -> str | None:
        return self.grant.ticket

    @property
    def person(self) -> str | None:
        """Who asks for the fix; None: the machine's own user."""
        return self.technician.id


@dataclass(frozen=True)
class Challenge:
    """What one plan showed; the request must repeat every word of it."""

    nonce: str
    sequence: int
    grant: str
    fix: str
    fix_version: int
    fix_sha256: Sha256
    params_sha256: Sha256
    plan_sha256: Sha256
    mode: RunMode
    subject: str
    """The run that an undo is about; empty for ``apply``."""
    made: datetime


def verify_session(
    grant_envelope: Envelope,
    consent_envelope: Envelope,
    machine: Machine,
    organisation: Organisation,
    now: datetime,
) -> Allowed:
    """The session, once technician, issuer and this machine's user all stand behind it.

    Raises:
        RelevoError: ``signature-invalid``, ``not-in-roster``, ``revoked``, ``identity-mismatch``,
            ``scope-not-granted``, ``scope-not-allowed``, ``session-ended``, ``malformed``.
    """
    claimed = unsafe_peek(grant_envelope, Grant)
    technician = organisation.roster.technician(claimed.technician)
    key = PublicKey.from_text(claimed.technician_key)
    require_active_key(organisation, technician, key)
    grant = open_envelope(grant_envelope, Grant, [key, _issuer(organisation)])
    if (grant.org, grant.agent, grant.customer) != (machine.org, machine.agent, machine.customer):
        raise RelevoError(Code.IDENTITY_MISMATCH, "grant is for another organisation, machine or customer")
    if grant.grant in organisation.revoked.grants or grant.agent in organisation.revoked.agents:
        raise RelevoError(Code.REVOKED, grant.grant)
    consent = _verify_consent(consent_envelope, grant_envelope, grant)
    if Scope.FIX not in grant.scopes or Scope.FIX not in consent.scopes:
        raise RelevoError(Code.SCOPE_NOT_GRANTED, Scope.FIX)
    if not consent.given - CLOCK_SKEW <= now < min(consent.until, grant.ends):
        raise RelevoError(Code.SESSION_ENDED, grant.grant)
    policy = require_scopes(organisation, technician, grant.customer, (Scope.FIX,))
    return Allowed(grant, technician, policy, min(consent.until, grant.ends))


def verify_fix(allowed: Allowed, manifest: Manifest, platform: str, local: datetime) -> None:
    """This person may run this fix on this machine at this time of its day.

    Args:
        platform: ``sys.platform``.
        local: now, in the machine's own zone.

    Raises:
        RelevoError: ``tier-too-low`` or ``not-applicable``.
    """
    if not covers_risk(allowed.policy.max_risk, manifest.risk):
        raise RelevoError(Code.TIER_TOO_LOW, f"{manifest.id} is of risk {manifest.risk}")
    if allowed.policy.tier < manifest.approval.min_tier:
        raise RelevoError(Code.TIER_TOO_LOW, f"{manifest.id} is for tier {manifest.approval.min_tier}")
    require_here_and_now(manifest, platform, local)


def require_here_and_now(manifest: Manifest, platform: str, local: datetime) -> None:
    """Raises RelevoError: ``not-applicable`` on another platform or outside the fix's hours."""
    if {"linux": "linux", "darwin": "macos", "win32": "windows"}.get(platform) not in manifest.platforms:
        raise RelevoError(Code.NOT_APPLICABLE, f"{manifest.id} is not for {platform}")
    if manifest.approval.window is not None and not _in_window(manifest.approval.window, local):
        raise RelevoError(Code.NOT_APPLICABLE, f"{manifest.id} may run in {manifest.approval.window} only")


def verify_request(
    envelope: Envelope,
    allowed: Allowed,
    challenge: Challenge,
    manifest: Manifest,
    params_sha256: str,
    organisation: Organisation,
    now: datetime,
) -> FixRequest:
    """The request, if it is exactly what was planned and everybody it needs signed those bytes.

    Raises:
        RelevoError: ``signature-invalid``; ``replayed`` for another or an old challenge or sequence;
            ``hash-mismatch`` when it names another fix, version, plan or other parameters;
            ``identity-mismatch`` for another session; ``document-expired``; ``approval-missing``.
    """
    request = open_envelope(envelope, FixRequest, [PublicKey.from_text(allowed.grant.technician_key)])
    require_as_planned(request, challenge, allowed.session, params_sha256, now)
    approvers = count_approvers(envelope, allowed, manifest, organisation)
    # What an approved run did may always be taken back: only doing wants the other person.
    if request.mode == "apply" and approvers < manifest.approvers_needed:
        raise RelevoError(Code.APPROVAL_MISSING, f"{approvers} of {manifest.approvers_needed} approvals")
    return request


def require_as_planned(
    request: FixRequest, challenge: Challenge, session: str, params_sha256: str, now: datetime
) -> None:
    """The request repeats every word of the plan that was shown, in the session in which it was.

    Raises:
        RelevoError: ``replayed``, ``hash-mismatch``, ``identity-mismatch``, ``document-expired``.
    """
    if not request.grant == challenge.grant == session:
        raise RelevoError(Code.IDENTITY_MISMATCH, "request or plan belongs to another session")
    if (request.challenge, request.sequence) != (challenge.nonce, challenge.sequence):
        raise RelevoError(Code.REPLAYED, "request answers another challenge")
    if now - challenge.made > CHALLENGE_LIFE or now < challenge.made - CLOCK_SKEW:
        raise RelevoError(Code.DOCUMENT_EXPIRED, "the plan is too old: plan again")
    named = (request.fix, request.fix_version, request.fix_sha256, request.mode)
    if named != (challenge.fix, challenge.fix_version, challenge.fix_sha256, challenge.mode):
        raise RelevoError(Code.HASH_MISMATCH, "request is for another fix than was planned")
    if not request.params_sha256 == challenge.params_sha256 == params_sha256:
        raise RelevoError(Code.HASH_MISMATCH, "parameters are not those that were planned")
    if request.plan_sha256 != challenge.plan_sha256:
        raise RelevoError(Code.HASH_MISMATCH, "plan is not the one that was shown")


def count_approvers(
    envelope: Envelope, allowed: Allowed, manifest: Manifest, organisation: Organisation
) -> int:
    """How many persons other than the requester validly approved these bytes.

    A signature by somebody who cannot approve counts for nothing; a wrong one by somebody who can is an
    attack and refuses the request.

    Raises:
        RelevoError: ``signature-invalid``.
    """
    persons: set[str] = set()
    for signature in envelope.signatures:
        for person in organisation.roster.technicians:
            for key in map(PublicKey.from_text, person.keys):
                if key.fingerprint == signature.keyid and _may_approve(
                    person, key, allowed, manifest, organisation
                ):
                    open_envelope(envelope, FixRequest, [key])
                    persons.add(person.id)
    return len(persons)


def _may_approve(
    person: Technician, key: PublicKey, allowed: Allowed, manifest: Manifest, organisation: Organisation
) -> bool:
    requester_keys = {PublicKey.from_text(text) for text in allowed.technician.keys}
    if person.id == allowed.technician.id or key in requester_keys:
        return False
    if Role.APPROVER not in person.roles or key.fingerprint in organisation.revoked.keys:
        return False
    try:
        return tier_for(person, allowed.grant.customer) >= manifest.approval.approver_tier
    except RelevoError:
        return False


def _verify_consent(envelope: Envelope, grant_envelope: Envelope, grant: Grant) -> Consent:
    claimed = unsafe_peek(envelope, Consent)
    key = PublicKey.from_text(claimed.agent_key)
    if agent_id(key.blob) != grant.agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "consent is by another machine")
    consent = open_envelope(envelope, Consent, [key])
    if (consent.agent, consent.grant, consent.grant_sha256) != (
        grant.agent,
        grant.grant,
        grant_envelope.digest,
    ):
        raise RelevoError(Code.IDENTITY_MISMATCH, "consent is for another grant")
    if not set(consent.scopes) <= set(grant.scopes) or consent.until > grant.ends:
        raise RelevoError(Code.SCOPE_NOT_GRANTED, "consent is wider than the grant")
    if consent.given > grant.establish_by:
        raise RelevoError(Code.DOCUMENT_EXPIRED, "consent came too late")
    return consent


def _issuer(organisation: Organisation) -> PublicKey:
    if organisation.roster.broker is None:
        raise RelevoError(Code.SIGNATURE_INVALID, "the organisation has no broker")
    return PublicKey.from_text(organisation.roster.broker.issuer_key)


def _in_window(window: str, local: datetime) -> bool:
    """Whether a local time lies in ``HH:MM-HH:MM``, end excluded; it may run over midnight."""
    start, _, end = window.partition("-")
    at = f"{local:%H:%M}"
    return start <= at < end if start <= end else at >= start or at < end
