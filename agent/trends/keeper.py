"""When to sample and when to send: in the idle process, which does neither the reading nor any waiting.

Whether it is allowed is looked up each time anew, in the file that the command line writes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from agent import processes
from agent.folder import Folder
from agent.trends.consent import allowed
from agent.trends.ring import PLAUSIBLE, Ring
from agent.trends.wanted import Sampled, SampleWanted
from protocol import link
from protocol.errors import RelevoError
from protocol.scopes import Mode
from protocol.trends import MAX_BATCH, SAMPLE_EVERY, SEND_EVERY, Sample
from protocol.wire import from_json, to_json

FIRST_AFTER_S = (60.0, 300.0)
"""A machine that just started is busy with that, and many start at the same time."""
LOOK_S = 600.0
"""A clock that was set, or a machine that slept, is noticed after this at the latest."""
ANSWER = timedelta(minutes=2)
"""After this a batch without answer may be sent again."""
_CHILD_S = 60.0

_logger = logging.getLogger(__name__)


def sample_due(newest: datetime | None, now: datetime) -> bool:
    """An hour after the last one; at once if the clock was set back behind it."""
    return newest is None or now < newest or now - newest >= SAMPLE_EVERY


def send_due(unsent: list[Sample], now: datetime, *, urgent: bool) -> bool:
    """When the oldest waited six hours, when there is more than a batch, or when something should not wait."""
    if not unsent:
        return False
    oldest = unsent[0].at
    return urgent or len(unsent) >= MAX_BATCH or now < oldest or now - oldest >= SEND_EVERY


class Trends:
    """The trend facts of one running agent. Does nothing at all on a machine that was enrolled attended."""

    def __init__(
        self,
        folder: Folder,
        mode: Mode,
        send: Callable[[link.FromAgent], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``send`` raises RelevoError ``unreachable`` while the link is down."""
        self._folder = folder
        self._possible = mode is Mode.STANDING
        self._send = send
        self._clock = clock
        self._in_flight: tuple[int, datetime] | None = None
        """Last number of the batch that has no answer yet, and when it went."""
        self._sending = asyncio.Lock()
        self._urgent = False

    async def run(self) -> None:
        """Until cancelled."""
        if not self._possible:
            return
        wait_s = random.uniform(*FIRST_AFTER_S)  # noqa: S311 - spread, not secret
        while True:
            await asyncio.sleep(wait_s)
            wait_s = LOOK_S * random.uniform(0.8, 1.0)  # noqa: S311
            try:
                await self.look(sample=True)
            except RelevoError as error:
                _logger.warning("trends not told: %s", error)

    async def look(self, *, sample: bool) -> None:
        """Sample if it is time, and send if it is time.

        Raises:
            RelevoError: ``cannot-record`` and what else keeps a sample from being taken.
        """
        if not self._possible or not await asyncio.to_thread(allowed, self._folder):
            return
        newest = await asyncio.to_thread(self._newest)
        if sample and sample_due(newest, self._clock()):
            await self._sample()
        await self._send_batch()

    async def connected(self) -> None:
        """The link is up: what was on its way when it broke goes again."""
        self._in_flight = None
        await self._try_sending()

    async def acknowledged(self, sequence: int) -> None:
        """The broker has everything up to ``sequence``; the next batch may go. An answer to nothing is
        passed over: a broker cannot make us send, and not use up our numbers."""
        if self._in_flight is None or not self._in_flight[0] <= sequence <= PLAUSIBLE:
            return
        self._in_flight, self._urgent = None, False
        await asyncio.to_thread(self._acknowledge, sequence)
        await self._try_sending()

    async def _try_sending(self) -> None:
        try:
            await self.look(sample=False)
        except RelevoError as error:
            _logger.warning("trends not sent: %s", error)

    async def _sample(self) -> None:
        wanted = to_json(SampleWanted(folder=str(self._folder.root), at=self._clock()))
        done = await asyncio.to_thread(
            processes.run,
            processes.own_program("agent.trends"),
            stdin=wanted,
            timeout_s=_CHILD_S,
            output_limit_bytes=16 << 10,
            confinement=processes.Confinement(low_priority=True),
        )
        if done.rc != 0:
            _logger.warning("no sample: %s", done.error_text[-200:])
            return
        self._urgent = self._urgent or from_json(done.stdout, Sampled).urgent

    async def _send_batch(self) -> None:
        async with self._sending:
            now = self._clock()
            if self._in_flight is not None and abs(now - self._in_flight[1]) < ANSWER:
                return
            unsent = await asyncio.to_thread(self._unsent)
            if not send_due(unsent, now, urgent=self._urgent):
                return
            if not allowed(self._folder):  # the owner may have said no while we looked
                return
            try:
                self._send(link.Trends(samples=tuple(unsent)))
            except RelevoError as error:
                _logger.info("trends wait: %s", error)
                return
            self._in_flight = (unsent[-1].sequence, now)

    # --- the ring, each time opened anew: nobody keeps a file open for an hour -----------------

    def _newest(self) -> datetime | None:
        ring = Ring(self._folder)
        try:
            newest = ring.newest()
            return newest.at if newest else None
        finally:
            ring.close()

    def _unsent(self) -> list[Sample]:
        ring = Ring(self._folder)
        try:
            return ring.unsent(MAX_BATCH)
        finally:
            ring.close()

    def _acknowledge(self, sequence: int) -> None:
        ring = Ring(self._folder)
        try:
            ring.acknowledged(sequence)
        finally:
            ring.close()
