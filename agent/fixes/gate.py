"""What must hold before anything is done about a fix: papers, person, fix and request.

The desk that runs a fix and the one that hands it to the root helper ask the same gate, each its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agent.fixes import catalogue
from agent.fixes.catalogue import Approved, Trusted
from agent.fixes.checks import Allowed, Challenge, Machine, verify_fix, verify_request, verify_session
from agent.fixes.own import OwnAllowed, verify_order, verify_own_fix, verify_own_request
from protocol.documents import FixRequest
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation

RunAs = Literal["user", "root"]


@dataclass(frozen=True)
class Credentials:
    """The session's signed papers, as they came."""

    grant: Envelope
    consent: Envelope


@dataclass(frozen=True)
class OwnPapers:
    """What stands for a session's papers where the user of the machine runs a fix alone."""

    order: Envelope
    """A ``SelfServiceOrder``."""


Papers = Credentials | OwnPapers


@dataclass(frozen=True)
class Admitted:
    """A session, or a run of self-service, that may ask for fixes now."""

    organisation: Organisation
    allowed: Allowed | OwnAllowed


class Gate:
    """Args: ``trusted`` is this process's own verified repository; ``now`` the clock, with a zone."""

    def __init__(
        self, run_as: RunAs, trusted: Trusted, machine: Machine, now: Callable[[], datetime]
    ) -> None:
        self._run_as = run_as
        self._trusted = trusted
        self._machine = machine
        self._now = now

    async def admit(self, papers: Papers) -> Admitted:
        """Raises RelevoError: ``stale-trust``; as ``checks.verify_session`` or ``own.verify_order``."""
        organisation = await self._trusted.for_fixes()
        if isinstance(papers, OwnPapers):
            return Admitted(
                organisation, verify_order(papers.order, self._machine, organisation, self._now())
            )
        allowed = verify_session(papers.grant, papers.consent, self._machine, organisation, self._now())
        return Admitted(organisation, allowed)

    async def approved(self, fix: str, version: int | None) -> Approved:
        """Raises RelevoError: ``not-found``, ``revoked``, ``hash-mismatch``; the repository's own."""
        return await self._trusted.with_repository(
            lambda repository: catalogue.read(repository, catalogue.choose(repository.fixes(), fix, version))
        )

    async def fix_for(self, admitted: Admitted, fix: str, version: int | None) -> Approved:
        """The fix, if this person may run it here and now as what it runs as.

        Raises:
            RelevoError: as ``approved`` and ``checks.verify_fix``; ``refused`` for the other kind of fix, or
                one that users may not run themselves where there is no technician.
        """
        approved = await self.approved(fix, version)
        local = self._now().astimezone()
        if isinstance(admitted.allowed, OwnAllowed):
            verify_own_fix(approved.manifest, sys.platform, local)
        else:
            verify_fix(admitted.allowed, approved.manifest, sys.platform, local)
        if approved.manifest.run_as != self._run_as:
            raise RelevoError(Code.REFUSED, f"{approved.manifest.id} runs as {approved.manifest.run_as}")
        return approved

    async def planned_fix(self, admitted: Admitted, challenge: Challenge) -> Approved:
        """The very fix that was planned. Raises RelevoError: as ``fix_for``; ``hash-mismatch``."""
        approved = await self.fix_for(admitted, challenge.fix, challenge.fix_version)
        if approved.ref.sha256 != challenge.fix_sha256:
            raise RelevoError(Code.HASH_MISMATCH, "the fix is another one than was planned")
        return approved

    def request(
        self, envelope: Envelope, admitted: Admitted, challenge: Challenge, approved: Approved, params: str
    ) -> FixRequest:
        """Raises RelevoError: as ``checks.verify_request`` or ``own.verify_own_request``."""
        if isinstance(admitted.allowed, OwnAllowed):
            return verify_own_request(envelope, admitted.allowed, challenge, params, self._now())
        return verify_request(
            envelope,
            admitted.allowed,
            challenge,
            approved.manifest,
            params,
            admitted.organisation,
            self._now(),
        )
