"""Records of self-service from the outbox to the broker, whenever there is a link. Light to import."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.folder import Folder
from agent.selfservice import outbox
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError

_logger = logging.getLogger(__name__)
_LOOK_S = 600.0
_TRIES = 4
"""A record over which the link was lost so often is set aside: it may be what the broker hangs up on."""
_LATER = frozenset({Code.UNREACHABLE, Code.TIMEOUT, Code.CANNOT_RECORD, Code.RATE_LIMITED, Code.INTERNAL})


class Records:
    """Sends one record after the other; the broker takes each in once, however often it is sent."""

    def __init__(self, folder: Folder, tell: Callable[[Envelope], Awaitable[None]]) -> None:
        """``tell`` returns once the broker has it; raises RelevoError otherwise."""
        self.news = asyncio.Event()
        """Set when there is a link, or a record."""
        self._folder = folder
        self._tell = tell
        self._lost: Counter[str] = Counter()
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self.news.wait()
            except TimeoutError:
                _logger.debug("a look without news")
            self.news.clear()
            await self.send_all()

    async def send_all(self) -> int:
        """Send what waits; how many records still do."""
        async with self._turn:
            for path in outbox.waiting(self._folder):
                record = outbox.read(path)
                if record is not None and not await self._sent(path, record):
                    break
            return len(outbox.waiting(self._folder))

    async def _sent(self, path: Path, record: Envelope) -> bool:
        """Whether to go on with the next one."""
        try:
            await self._tell(record)
        except RelevoError as error:
            if error.code in _LATER:
                self._lost[path.name] += (
                    error.code is Code.UNREACHABLE and error.detail == "the link went down"
                )
                if self._lost[path.name] < _TRIES:
                    return False
            _logger.warning("record %s given up: %s", path.name, error)
        outbox.done(path)
        return True
