"""An outside expert on one ticket: an invitation that the assignee signs, verified by broker and agent.

The expert is in the roster (so that key and name are the organisation's word) with the role ``expert`` and
no tier anywhere: without an invitation there is nothing they may see or ask for. With one they may look,
for as long as it says, at the least clearance, and the user is still asked by name.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from protocol.documents import Grant, Invitation
from protocol.dsse import open_envelope, unsafe_peek
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation, Technician, TierPolicy, require_active_key, require_scopes
from protocol.scopes import Clearance, Risk, Role, Scope
from protocol.sshkeys import PublicKey

LONGEST = timedelta(days=14)
SKEW = timedelta(minutes=5)
VIEW_ONLY = frozenset({Scope.DIAGNOSE, Scope.LOGS, Scope.SCREENSHOT, Scope.VIEW})
"""What an outside expert may be invited to: looking, never changing."""


def verify_invitation(envelope: Envelope, organisation: Organisation, now: datetime) -> Invitation:
    """The invitation, once its signature, both people and its limits hold.

    Raises:
        RelevoError: ``not-in-roster``, ``revoked``, ``signature-invalid``, ``identity-mismatch``,
            ``role-missing``, ``customer-not-allowed``, ``scope-not-allowed``, ``document-expired``.
    """
    claimed = unsafe_peek(envelope, Invitation)
    inviter = organisation.roster.technician(claimed.by)
    key = PublicKey.from_text(claimed.by_key)
    require_active_key(organisation, inviter, key)
    invitation = open_envelope(envelope, Invitation, [key])
    if invitation.org != organisation.roster.org:
        raise RelevoError(Code.IDENTITY_MISMATCH, "an invitation of another organisation")
    if invitation.invitation in organisation.revoked.grants:
        raise RelevoError(Code.REVOKED, invitation.invitation)
    _require_expert(organisation, invitation)
    _require_view_only(organisation, inviter, invitation)
    if not invitation.issued < invitation.until <= invitation.issued + LONGEST:
        raise RelevoError(Code.DOCUMENT_EXPIRED, f"an invitation lasts {LONGEST} at most")
    if invitation.issued > now + SKEW or now >= invitation.until:
        raise RelevoError(Code.DOCUMENT_EXPIRED, "the invitation does not hold now")
    return invitation


def _require_expert(organisation: Organisation, invitation: Invitation) -> None:
    expert = organisation.roster.technician(invitation.expert)
    if Role.EXPERT not in expert.roles:
        raise RelevoError(Code.ROLE_MISSING, f"{expert.id} is not an outside expert")


def _require_view_only(organisation: Organisation, inviter: Technician, invitation: Invitation) -> None:
    outside = [scope for scope in invitation.scopes if scope not in VIEW_ONLY]
    if outside:
        raise RelevoError(Code.SCOPE_NOT_ALLOWED, ", ".join(outside))
    require_scopes(organisation, inviter, invitation.customer, invitation.scopes)


def policy_by_invitation(
    organisation: Organisation, grant: Grant, envelope: Envelope, now: datetime
) -> tuple[Invitation, TierPolicy]:
    """What an expert may do in a session of ``grant``, by the invitation that came with it.

    Raises:
        RelevoError: as ``verify_invitation``; ``identity-mismatch`` when it is for somebody or something
            else; ``scope-not-allowed``; ``document-expired`` for a grant that outlives it.
    """
    invitation = verify_invitation(envelope, organisation, now)
    named = (grant.technician, grant.ticket, grant.customer, grant.agent)
    if named != (invitation.expert, invitation.ticket, invitation.customer, invitation.agent):
        raise RelevoError(Code.IDENTITY_MISMATCH, "the invitation is for another person or ticket")
    more = [scope for scope in grant.scopes if scope not in invitation.scopes]
    if more or not grant.scopes:
        raise RelevoError(Code.SCOPE_NOT_ALLOWED, ", ".join(more) or "no scope")
    if grant.ends > invitation.until:
        raise RelevoError(Code.DOCUMENT_EXPIRED, "the grant outlives the invitation")
    policy = TierPolicy(tier=1, scopes=invitation.scopes, clearance=Clearance.R1, max_risk=Risk.READ_ONLY)
    return invitation, policy
