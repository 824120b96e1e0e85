"""What an action gets: the verified session it runs in, and the only ways out of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from agent.collectors.runner import CollectorHost
from agent.fixes.services import FixServices
from agent.journal import Journal
from agent.screen.children import ScreenChildren
from protocol.assist import Event
from protocol.audit import Action
from protocol.documents import Consent, Grant
from protocol.envelope import Envelope
from protocol.organisation import Organisation, Technician
from protocol.scopes import Clearance, Risk
from protocol.sshkeys import KeySigner
from protocol.wire import facts

Emit = Callable[[Event], Awaitable[None]]
"""Send one event to the technician; waits while the channel is full (back-pressure). Raises
RelevoError ``session-ended`` once the channel is gone, and the action then stops."""


class ArtifactSink(Protocol):
    """Stores results on the ticket."""

    async def store(
        self, *, kind: str, name: str, media_type: str, clearance: Clearance, content: bytes, seal: bool
    ) -> str:
        """Upload one artifact and give its id. ``content`` is already redacted for ``clearance``;
        with ``seal`` it is encrypted to the technicians of that clearance before it leaves.

        Raises:
            RelevoError: as the broker answers; ``unreachable``.
        """


class AskUser(Protocol):
    """A further question to the user inside a session: the consent for one fix."""

    async def __call__(self, question: str, detail: str) -> None:
        """Returns once the user allowed it.

        Raises:
            RelevoError: ``consent-denied`` or ``consent-timeout``.
        """


@dataclass(frozen=True)
class Session:
    """A consented session inside the worker. Everything in it was verified by this machine."""

    grant: Grant
    grant_envelope: Envelope
    consent: Consent
    consent_envelope: Envelope
    technician: Technician
    clearance: Clearance
    """Highest redaction level this technician may see at this customer."""
    max_risk: Risk
    data: Path
    """The agent's data folder."""
    work: Path
    """A private folder of this session, removed when it ends."""
    signer: KeySigner
    journal: Journal
    artifacts: ArtifactSink
    ask_user: AskUser
    pseudonym_key: bytes
    """Per-ticket HMAC key for pseudonyms; never leaves this machine."""
    organisation: Callable[[], Awaitable[Organisation]]
    """The organisation as verified now; raises ``stale-trust`` when it is too old to act on."""
    now: Callable[[], datetime]
    collectors: CollectorHost = field(default_factory=CollectorHost)
    """Runs the collectors; ``start`` it while the user reads, ``close`` it when the session ends."""
    screen: ScreenChildren = field(default_factory=ScreenChildren)
    """Takes the pictures; ``close`` it when the session ends."""
    fixes: FixServices | None = None
    """Runs fixes (``agent.fixes.services.make_fix_services``), ``close`` it when the session ends. None where
    the fix scope was not granted: fix actions then refuse."""

    def record(self, action: Action, **values: object) -> int:
        """Write a journal entry of this session; the effect may follow once this returned.

        Raises:
            RelevoError: ``cannot-record``: do not act.
        """
        return self.journal.append(
            self.signer, action, grant=self.grant.grant, ticket=self.grant.ticket, facts=facts(**values)
        )
