"""May this grant be shown to the user at all? A pure decision over verified values.

The broker's word counts for nothing here: the technician's and the issuer's signatures are checked
against the organisation repository, and everything that will be shown comes out of the grant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.folder import Membership
from protocol.documents import Grant
from protocol.dsse import open_envelope, unsafe_peek
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.invitations import policy_by_invitation
from protocol.organisation import Organisation, Technician, TierPolicy, require_active_key, require_scopes
from protocol.scopes import Mode, Scope
from protocol.sshkeys import PublicKey

CLOCK_SKEW = timedelta(seconds=90)
LONGEST_WAIT = timedelta(minutes=15)


@dataclass(frozen=True)
class VerifiedOffer:
    grant: Grant
    technician: Technician
    policy: TierPolicy
    invitation: Envelope | None = None
    invited_by: Technician | None = None
    """Set for an outside expert, who looks by invitation and has no tier."""


def verify(
    envelope: Envelope,
    membership: Membership,
    organisation: Organisation,
    now: datetime,
    invitation: Envelope | None = None,
) -> VerifiedOffer:
    """The grant, once both signatures and every field hold for this machine at this moment.

    Raises:
        RelevoError: ``not-in-roster``, ``revoked``, ``signature-invalid``, ``identity-mismatch``,
            ``document-expired``, ``scope-not-allowed``, ``customer-not-allowed``, ``role-missing``,
            ``malformed``.
    """
    claimed = unsafe_peek(envelope, Grant)
    technician = organisation.roster.technician(claimed.technician)
    key = PublicKey.from_text(claimed.technician_key)
    require_active_key(organisation, technician, key)
    grant = open_envelope(envelope, Grant, [key, _issuer(organisation)])
    _require_meant_for_us(grant, membership)
    _require_times(grant, organisation.policy.max_session_minutes, now)
    if grant.grant in organisation.revoked.grants or grant.agent in organisation.revoked.agents:
        raise RelevoError(Code.REVOKED, grant.grant)
    if invitation is None:
        policy = require_scopes(organisation, technician, grant.customer, grant.scopes)
        return VerifiedOffer(grant, technician, policy)
    by, policy = policy_by_invitation(organisation, grant, invitation, now)
    return VerifiedOffer(grant, technician, policy, invitation, organisation.roster.technician(by.by))


def require_still_good(offer: VerifiedOffer, organisation: Organisation, now: datetime) -> None:
    """Called again whenever the organisation changed during a session.

    Raises:
        RelevoError: ``not-in-roster``, ``revoked``, ``role-missing``, ``customer-not-allowed`` or
            ``scope-not-allowed``: the session must end.
    """
    grant = offer.grant
    technician = organisation.roster.technician(grant.technician)
    require_active_key(organisation, technician, PublicKey.from_text(grant.technician_key))
    if grant.grant in organisation.revoked.grants or grant.agent in organisation.revoked.agents:
        raise RelevoError(Code.REVOKED, grant.grant)
    if offer.invitation is None:
        require_scopes(organisation, technician, grant.customer, grant.scopes)
    else:
        policy_by_invitation(organisation, grant, offer.invitation, now)


def require_consentable(
    offer: VerifiedOffer,
    askable: tuple[Scope, ...],
    scopes: tuple[Scope, ...],
    until: datetime,
    now: datetime,
) -> None:
    """What the user agreed to must lie inside what was asked and what the floor lets through.

    Raises:
        RelevoError: ``scope-not-allowed``, ``usage`` or ``consent-timeout``.
    """
    outside = [scope for scope in scopes if scope not in askable or scope not in offer.grant.scopes]
    if outside or not scopes:
        raise RelevoError(Code.SCOPE_NOT_ALLOWED, ", ".join(outside) or "no scope")
    if now > offer.grant.establish_by:
        raise RelevoError(Code.CONSENT_TIMEOUT, offer.grant.grant)
    if not now < until <= offer.grant.ends:
        raise RelevoError(Code.USAGE, "consent must end after now and not after the grant")


def _issuer(organisation: Organisation) -> PublicKey:
    broker = organisation.roster.broker
    if broker is None:
        raise RelevoError(Code.SIGNATURE_INVALID, "the organisation has no broker")
    return PublicKey.from_text(broker.issuer_key)


def _require_meant_for_us(grant: Grant, membership: Membership) -> None:
    named = (grant.org, grant.agent, grant.customer)
    if named != (membership.org, membership.agent, membership.customer):
        raise RelevoError(Code.IDENTITY_MISMATCH, "grant is for another organisation, machine or customer")
    if grant.mode is Mode.STANDING and membership.mode is not Mode.STANDING:
        raise RelevoError(Code.REFUSED, "a standing grant for an attended machine")


def _require_times(grant: Grant, longest_minutes: int, now: datetime) -> None:
    in_order = grant.issued < grant.establish_by and grant.issued < grant.ends
    if not in_order or grant.issued > now + CLOCK_SKEW:
        raise RelevoError(Code.DOCUMENT_EXPIRED, "times out of order")
    if now > grant.establish_by or now > grant.ends or grant.establish_by - grant.issued > LONGEST_WAIT:
        raise RelevoError(Code.DOCUMENT_EXPIRED, "grant is no longer valid")
    if grant.ends - grant.issued > timedelta(minutes=longest_minutes) + LONGEST_WAIT:
        raise RelevoError(Code.DOCUMENT_EXPIRED, "grant is valid for longer than the policy allows")
