"""The helper's own view of the organisation: from its own pin, out of bytes that were handed to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from protocol.drivers.repository import Repository
from protocol.drivers.sources import from_files
from protocol.errors import Code, RelevoError
from protocol.organisation import Organisation
from protocol.publication import RepositoryFile

FRESH_FOR = timedelta(minutes=5)
T = TypeVar("T")


class HandedTrust:
    """``agent.fixes.catalogue.Trusted`` over files that a worker handed over.

    Verified against the helper's own pinned root, with its own memory of versions and time: what the worker
    leaves out or holds back can only make it refuse.
    """

    def __init__(self, folder: Path, root_sha256: str, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._root_sha256 = root_sha256
        self._now = now
        self._repository: Repository | None = None
        self._lock = asyncio.Lock()

    async def feed(self, files: Sequence[RepositoryFile]) -> None:
        """Verify what was handed over.

        Raises:
            RelevoError: as ``Repository.refresh``; what was verified before stays.
        """
        repository = Repository(self._folder, self._root_sha256, from_files(files))
        async with self._lock:
            await asyncio.to_thread(repository.refresh, self._now())
            self._repository = repository

    async def for_fixes(self) -> Organisation:
        """Raises RelevoError: ``stale-trust`` when the broker last vouched over five minutes ago."""
        repository = self._known()
        if self._now() - repository.fresh_as_of > FRESH_FOR:
            raise RelevoError(Code.STALE_TRUST, "the organisation repository handed over is too old")
        return repository.organisation

    async def with_repository(self, use: Callable[[Repository], T]) -> T:
        repository = self._known()
        async with self._lock:
            return await asyncio.to_thread(use, repository)

    def _known(self) -> Repository:
        if self._repository is None:
            raise RelevoError(Code.STALE_TRUST, "no repository was handed over yet")
        return self._repository
