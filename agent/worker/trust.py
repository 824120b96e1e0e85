"""The organisation as this worker knows it: verified by TUF, refreshed, and never acted on when stale."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from agent.folder import Folder, Membership
from agent.worker.clock import passed
from protocol.drivers import sources
from protocol.drivers.http import BrokerHttp
from protocol.drivers.repository import Repository
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation

FRESH_FOR_FIXES = timedelta(minutes=5)
FRESH_FOR_READING = timedelta(minutes=30)
REFRESH_EVERY_S = 120.0

T = TypeVar("T")


class Trust:
    """One repository, used from one thread (python-tuf is synchronous)."""

    def __init__(self, folder: Folder, membership: Membership) -> None:
        http = BrokerHttp(membership.url, membership.tls_sha256)
        self._repository = Repository(folder.repository, membership.root_sha256, sources.from_broker(http))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="trust")
        self._vouched_s = 0.0
        """When the broker vouched, on the scale of ``passed``."""

    async def refresh(self) -> Organisation:
        """Raises RelevoError: as ``Repository.refresh``; what was verified before stays."""
        organisation = await self._call(lambda: self._repository.refresh(datetime.now(UTC)))
        age = datetime.now(UTC) - self._repository.fresh_as_of
        self._vouched_s = passed() - max(0.0, age.total_seconds())
        return organisation

    def age(self) -> timedelta:
        """How long ago the broker vouched, by the clock or by the time that passed, whichever is longer: a
        clock that is set back makes nothing fresh again. Raises RelevoError: ``stale-trust``."""
        by_clock = datetime.now(UTC) - self._repository.fresh_as_of
        return max(by_clock, timedelta(seconds=passed() - self._vouched_s))

    async def for_reading(self) -> Organisation:
        """Raises RelevoError: ``stale-trust`` when the broker could not vouch for 30 minutes."""
        return await self._recent(FRESH_FOR_READING)

    async def for_fixes(self) -> Organisation:
        """Raises RelevoError: ``stale-trust`` when the broker could not vouch for 5 minutes."""
        return await self._recent(FRESH_FOR_FIXES)

    async def with_repository(self, use: Callable[[Repository], T]) -> T:
        """Run ``use`` in the repository's own thread."""
        return await self._call(lambda: use(self._repository))

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _recent(self, longest: timedelta) -> Organisation:
        if self.age() > longest / 2:
            try:
                return await self.refresh()
            except RelevoError as error:
                if self.age() > longest:
                    raise RelevoError(Code.STALE_TRUST, str(error)) from error
        return self._repository.organisation

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
