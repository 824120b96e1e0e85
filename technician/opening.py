"""Opening a session: ask, wait for the user, verify, hand over to a holder process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from protocol.api import (
    InvitationView,
    Leg,
    SessionEnd,
    SessionGranted,
    SessionRequest,
    SessionView,
    TicketDetail,
)
from protocol.documents import Consent, Grant
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.errors import Code, Exit, RelevoError
from protocol.scopes import Scope
from protocol.sshkeys import PublicKey
from protocol.wire import Wire
from technician.grants import new_grant, verify_consent
from technician.login import Api

_POLL_S = 25
_STILL_WAITING = (Code.TIMEOUT,)


@dataclass(frozen=True)
class Opened:
    """A consented session, verified; the leg is ready to be joined."""

    grant: Grant
    grant_envelope: Envelope
    consent: Consent
    consent_envelope: Envelope
    machine: PublicKey
    leg: Leg


class _Nothing(Wire, frozen=True):
    """An empty JSON object."""


def ask_for_session(
    api: Api,
    ticket: str,
    *,
    scopes: tuple[Scope, ...],
    minutes: int,
    reason: str,
    wait_s: int,
    waiting: Callable[[], None],
) -> Opened:
    """Ask the broker and the user; returns once the user agreed.

    Args:
        wait_s: how long the user has to answer, seconds.
        waiting: called every now and then while nobody has answered.

    Raises:
        RelevoError: the broker's refusal; ``agent-offline``; ``consent-denied``; ``consent-timeout``;
            what ``verify_consent`` finds. The request is withdrawn when we stop waiting.
    """
    detail = api.get_json(f"/v1/tickets/{quote(ticket, safe='')}", TicketDetail)
    if detail.ticket.ticket != ticket:
        raise RelevoError(Code.IDENTITY_MISMATCH, f"the broker answered with {detail.ticket.ticket}")
    require_within_invitation(
        [one for one in detail.invitations if one.expert == api.config.technician],
        minutes,
        datetime.now(UTC),
    )
    organisation = api.repository().refresh(datetime.now(UTC))
    signer = api.signer()
    grant = new_grant(
        org=api.config.org,
        ticket=detail.ticket,
        technician=api.config.technician,
        key=signer.public_key,
        scopes=scopes,
        reason=reason,
        minutes=minutes,
        wait_s=wait_s,
        now=datetime.now(UTC),
    )
    asked = seal(grant, signer)
    api.post_json("/v1/sessions", SessionRequest(grant=asked), SessionView)
    try:
        granted = _wait_for_consent(api, grant.grant, wait_s, waiting)
        verified, consent, machine = verify_consent(asked, granted, organisation)
    except (RelevoError, KeyboardInterrupt) as error:
        _withdraw(api, grant.grant, error)
        raise
    leg = api.post_json(f"/v1/sessions/{grant.grant}/legs", _Nothing(), Leg)
    return Opened(verified, granted.grant, consent, granted.consent, machine, leg)


def require_within_invitation(theirs: Iterable[InvitationView], minutes: int, now: datetime) -> None:
    """An outside expert's session ends before the invitation does; broker and machine hold to that.

    Raises:
        RelevoError: ``usage``, with what may be asked for.
    """
    untils = [one.until for one in theirs if one.ended is None]
    if not untils:
        return
    left = int((max(untils) - now).total_seconds() // 60)
    if minutes > left:
        raise RelevoError(
            Code.USAGE, f"the invitation ends in {left} minutes: --minutes {max(left, 1)} at most"
        )


def _wait_for_consent(api: Api, grant: str, wait_s: int, waiting: Callable[[], None]) -> SessionGranted:
    deadline = time.monotonic() + wait_s
    while True:
        left = max(0, deadline - time.monotonic())
        step = max(1, min(_POLL_S, round(left)))
        try:
            return api.get_json(
                f"/v1/sessions/{grant}/consent?wait={step}", SessionGranted, deadline_s=step + 10
            )
        except RelevoError as error:
            if error.code not in _STILL_WAITING:
                raise
        waiting()
        if time.monotonic() >= deadline:
            raise RelevoError(Code.CONSENT_TIMEOUT, grant)


def _withdraw(api: Api, grant: str, error: BaseException) -> None:
    """Nobody should be asked, or stay open, on behalf of somebody who no longer waits or was lied to."""
    if isinstance(error, RelevoError) and not _leaves_open(error):
        return
    unanswered = isinstance(error, RelevoError) and error.code is Code.CONSENT_TIMEOUT
    said = SessionEnd(reason="not waited for", unanswered=unanswered)
    try:
        api.post_json(f"/v1/sessions/{grant}/end", said, SessionView)
    except RelevoError as problem:
        error.add_note(f"and could not be withdrawn: {problem}")


def _leaves_open(error: RelevoError) -> bool:
    """Whether the request may live on at the broker and the machine after this error."""
    return (
        error.code in (Code.CONSENT_TIMEOUT, Code.UNREACHABLE)
        or error.exit_status is Exit.VERIFICATION_FAILED
        or error.code in (Code.MALFORMED, Code.SCOPE_NOT_ALLOWED)
    )
