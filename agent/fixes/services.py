"""The fix desks of one session worker: its own for fixes that run as the user, the root helper's for the rest.

The worker makes one ``FixServices`` per session with ``make_fix_services``, puts it into the ``Session`` that
actions get, and closes it when the session ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from agent.fixes import catalogue
from agent.fixes.catalogue import Trusted
from agent.fixes.checks import Machine
from agent.fixes.desk import Desk
from agent.fixes.engine import Observer
from agent.fixes.gate import Papers
from agent.fixes.runs import Run
from agent.folder import Membership
from agent.helper.client import HelperDesk
from protocol.assist import FixPlan, FixRun, FixUndoPlan, Planned
from protocol.errors import Code, RelevoError
from protocol.fixes import read_manifest
from protocol.wording import LANGUAGE_VARIABLE, Language


class FixDesk(Protocol):
    """See ``agent.fixes.desk.Desk``."""

    async def plan(self, credentials: Papers, wanted: FixPlan, observer: Observer) -> Planned: ...

    async def plan_undo(self, credentials: Papers, wanted: FixUndoPlan, observer: Observer) -> Planned: ...

    async def run(self, credentials: Papers, wanted: FixRun, observer: Observer) -> Run: ...

    async def states(self, credentials: Papers, observer: Observer) -> tuple[Run, ...]: ...


@dataclass(frozen=True)
class FixServices:
    """Attributes: ``user`` runs fixes as this process's user, ``root`` has the root helper run them."""

    user: Desk
    root: HelperDesk
    trusted: Trusted
    language: Language

    async def desk_for(self, fix: str, version: int | None) -> FixDesk:
        """Who runs this fix. Raises RelevoError: ``not-found``; the repository's own."""
        await self.trusted.for_fixes()

        def reads(source: catalogue.Source) -> str:
            ref = catalogue.choose(source.fixes(), fix, version)
            return read_manifest(source.fix_manifest(ref)).run_as

        return self.root if await self.trusted.with_repository(reads) == "root" else self.user

    async def require_unrevoked(self, run: Run) -> None:
        """What was approved when a run began may not be any more once the user has answered.

        Raises:
            RelevoError: ``revoked``, also for other bytes under its name; ``stale-trust``.
        """
        await self.trusted.for_fixes()
        named = await self.trusted.with_repository(
            lambda source: [
                ref.sha256 for ref in source.fixes() if (ref.id, ref.version) == (run.fix, run.fix_version)
            ]
        )
        if run.fix_sha256 not in named:
            raise RelevoError(Code.REVOKED, f"fix {run.fix}/{run.fix_version}")

    async def states(self, credentials: Papers, observer: Observer) -> tuple[Run, ...]:
        """The ticket's runs of both kinds, oldest first; the helper's only where there is one."""
        runs = await self.user.states(credentials, observer)
        try:
            runs += await self.root.states(credentials, observer)
        except RelevoError as error:
            if error.code is not Code.NOT_APPLICABLE:
                raise
        return tuple(sorted(runs, key=lambda run: run.started))

    async def close(self) -> None:
        await self.root.close()
        self.user.close()


def make_fix_services(
    data: Path,
    membership: Membership,
    trusted: Trusted,
    now: Callable[[], datetime],
    environment: Mapping[str, str] = os.environ,
) -> FixServices:
    """The desks of a worker.

    Args:
        data: the agent's data folder.
        trusted: ``agent.worker.trust.Trust`` of this worker.

    Raises:
        RelevoError: ``cannot-record`` when the store of runs cannot be opened.
    """
    machine = Machine(org=membership.org, agent=membership.agent, customer=membership.customer)
    language: Language = "es" if environment.get(LANGUAGE_VARIABLE) == "es" else "en"
    user = Desk("user", data / "fixes", trusted, machine, now, language=language)
    root = HelperDesk(data, membership, trusted, machine, now, language=language)
    return FixServices(user, root, trusted, language)
