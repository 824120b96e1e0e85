"""Reports one after another: they must not take every reader, nor pile up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from protocol.errors import Code, RelevoError

MAX_WAITING = 16
WAIT_S = 60.0


class Gate:
    """Lets one report be made at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises RelevoError: ``rate-limited`` when too many wait, or for too long."""
        if self._waiting >= MAX_WAITING:
            raise RelevoError(Code.RATE_LIMITED, f"{self._waiting} reports are waiting")
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._turn.acquire()
        except TimeoutError as error:
            raise RelevoError(Code.RATE_LIMITED, "other reports are being made") from error
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turn.release()
