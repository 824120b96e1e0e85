"""Grants as the technician makes them, and what must hold of the answer before anything is opened."""

from __future__ import annotations

from datetime import datetime, timedelta

from protocol.api import SessionGranted, TicketView
from protocol.documents import PROTOCOL_VERSION, Consent, Grant
from protocol.dsse import open_envelope, unsafe_peek
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.ids import agent_id, new_grant_id
from protocol.organisation import Organisation
from protocol.scopes import Mode, Scope
from protocol.sshkeys import PublicKey

ESTABLISH_MARGIN = timedelta(seconds=60)
"""Time after the user's answer for SSH to be established (2-architecture.md, "Session grant")."""


def new_grant(
    *,
    org: str,
    ticket: TicketView,
    technician: str,
    key: PublicKey,
    scopes: tuple[Scope, ...],
    reason: str,
    minutes: int,
    wait_s: int,
    now: datetime,
) -> Grant:
    """The grant to ask for.

    Raises:
        RelevoError: ``not-applicable`` when the ticket names no machine; ``usage`` without a reason.
    """
    if ticket.agent is None:
        raise RelevoError(Code.NOT_APPLICABLE, f"{ticket.ticket} names no machine")
    if not reason.strip():
        raise RelevoError(Code.USAGE, "--reason must say why")
    return Grant(
        version=PROTOCOL_VERSION,
        org=org,
        grant=new_grant_id(),
        ticket=ticket.ticket,
        customer=ticket.customer,
        agent=ticket.agent,
        technician=technician,
        technician_key=key.text,
        scopes=scopes,
        reason=reason.strip()[:500],
        issued=now,
        establish_by=now + timedelta(seconds=wait_s) + ESTABLISH_MARGIN,
        ends=now + timedelta(minutes=minutes),
        mode=Mode.ATTENDED,
    )


def verify_consent(
    asked: Envelope, granted: SessionGranted, organisation: Organisation
) -> tuple[Grant, Consent, PublicKey]:
    """The grant, the consent and the machine's key, once they fit together.

    The consent must be by the very key whose hash is the agent's id in our own grant, so a broker
    cannot put another machine in its place.

    Raises:
        RelevoError: ``identity-mismatch``, ``signature-invalid``, ``scope-not-allowed``, or ``revoked`` for
            a machine that the organisation has given up.
    """
    if granted.grant.payload != asked.payload:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the broker answered for another grant")
    broker = organisation.roster.broker
    if broker is None:
        raise RelevoError(Code.SIGNATURE_INVALID, "the organisation has no broker")
    claimed = unsafe_peek(asked, Grant)
    own, issuer = PublicKey.from_text(claimed.technician_key), PublicKey.from_text(broker.issuer_key)
    grant = open_envelope(granted.grant, Grant, [own, issuer])
    if grant.agent in organisation.revoked.agents:
        raise RelevoError(Code.REVOKED, grant.agent)
    machine = PublicKey.from_text(unsafe_peek(granted.consent, Consent).agent_key)
    if agent_id(machine.blob) != grant.agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "consent was signed by another machine")
    consent = open_envelope(granted.consent, Consent, [machine])
    if (consent.grant, consent.grant_sha256, consent.agent) != (grant.grant, asked.digest, grant.agent):
        raise RelevoError(Code.IDENTITY_MISMATCH, "consent is for another grant")
    if not set(consent.scopes) <= set(grant.scopes) or consent.until > grant.ends:
        raise RelevoError(Code.SCOPE_NOT_ALLOWED, "consent is for more than was asked")
    return grant, consent, machine
