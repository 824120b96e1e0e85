"""Fixes that the machine's own user runs, without a technician (docs/adr/0018). Pure, as ``checks``.

The authority is the mark in the manifest that the organisation signed; the papers say which machine, since
when and until when, signed by the machine's key. Worker and root helper each ask all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.fixes.checks import CLOCK_SKEW, Challenge, Machine, require_as_planned, require_here_and_now
from protocol.documents import FixRequest, SelfServiceOrder
from protocol.dsse import open_envelope, unsafe_peek
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.fixes import Manifest
from protocol.ids import agent_id
from protocol.organisation import Organisation
from protocol.sshkeys import PublicKey

LONGEST = timedelta(hours=2)
"""A run of self-service is over after this, whoever forgot it."""


@dataclass(frozen=True)
class OwnAllowed:
    """A run of self-service on this machine. ``checks.Allowed`` is its sibling with a technician."""

    order: SelfServiceOrder
    key: PublicKey
    until: datetime
    ticket: str | None = None
    person: str | None = None

    @property
    def session(self) -> str:
        return self.order.run


def verify_order(
    envelope: Envelope, machine: Machine, organisation: Organisation, now: datetime
) -> OwnAllowed:
    """The run, once this machine's own key stands behind it.

    Raises:
        RelevoError: ``identity-mismatch`` for another machine, organisation or customer;
            ``signature-invalid``; ``revoked``; ``session-ended`` before, after or beyond its time.
    """
    key = PublicKey.from_text(unsafe_peek(envelope, SelfServiceOrder).agent_key)
    if agent_id(key.blob) != machine.agent:
        raise RelevoError(Code.IDENTITY_MISMATCH, "the papers are by another machine")
    order = open_envelope(envelope, SelfServiceOrder, [key])
    if (order.org, order.agent, order.customer) != (machine.org, machine.agent, machine.customer):
        raise RelevoError(Code.IDENTITY_MISMATCH, "the papers are for another organisation or machine")
    if order.agent in organisation.revoked.agents or order.run in organisation.revoked.grants:
        raise RelevoError(Code.REVOKED, order.agent)
    if order.until - order.begun > LONGEST or not order.begun - CLOCK_SKEW <= now < order.until:
        raise RelevoError(Code.SESSION_ENDED, order.run)
    return OwnAllowed(order, key, order.until)


def verify_own_fix(manifest: Manifest, platform: str, local: datetime) -> None:
    """Users may run this fix themselves, on this machine, at this time of its day.

    Raises:
        RelevoError: ``refused`` without the mark; ``not-applicable``.
    """
    if not manifest.self_service:
        raise RelevoError(Code.REFUSED, f"{manifest.id} is not for users to run themselves")
    require_here_and_now(manifest, platform, local)


def verify_own_request(
    envelope: Envelope, allowed: OwnAllowed, challenge: Challenge, params_sha256: str, now: datetime
) -> FixRequest:
    """The request, if the machine's key signed exactly what was planned.

    Raises:
        RelevoError: ``signature-invalid``; as ``checks.require_as_planned``.
    """
    request = open_envelope(envelope, FixRequest, [allowed.key])
    require_as_planned(request, challenge, allowed.session, params_sha256, now)
    return request
