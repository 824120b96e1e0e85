"""Sockets that have not yet proved anything: they get little time and never crowd out the next one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PROOF_S = 10.0
"""To say the first word."""
MAX_WAITING = 1_024


class Doorstep:
    """At most ``limit`` callers wait at a time; one more turns the longest waiting away.

    An honest caller proves itself in milliseconds, so the one that waits longest is hardly honest.
    """

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self._limit = limit
        self._waiting: dict[asyncio.Timeout, None] = {}

    def count(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def wait(self, seconds: float = PROOF_S) -> AsyncIterator[None]:
        """The block may take ``seconds``. Raises TimeoutError after that, or when turned away."""
        async with asyncio.timeout(seconds) as timer:
            if len(self._waiting) >= self._limit:
                self._turn_away()
            self._waiting[timer] = None
            try:
                yield
            finally:
                self._waiting.pop(timer, None)

    def _turn_away(self) -> None:
        oldest = next(iter(self._waiting))
        del self._waiting[oldest]
        if not oldest.expired():
            oldest.reschedule(asyncio.get_running_loop().time())
