"""Mail and webhooks of a running broker: one task that follows what happens, and a lane for each target."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from broker.context import Broker
from broker.outgoing import queue
from broker.outgoing.book import Book
from broker.outgoing.figures import Figures
from broker.outgoing.follower import begin, follow
from broker.outgoing.lanes import Lane, make_lane
from broker.outgoing.requests import take
from protocol.errors import RelevoError

TICK_S = 1.0
CLEAN_EVERY = 600
"""Rounds between two looks for what may be forgotten."""
COUNT_EVERY = 5
_log = structlog.get_logger("broker.outgoing")


class Keeper:
    """Everything that is outgoing, in one place."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.book = Book(broker)
        self.figures = Figures(broker)
        self._lanes: dict[str, tuple[Lane, asyncio.Task[None]]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._round = 0

    async def look(self) -> None:
        """One round: settings, requests, new events, lanes.

        Raises:
            RelevoError: as ``Store.write``; the next round does what is left.
        """
        if self._broker.organisation.current is None or self._broker.store.degraded:
            return
        changed = await self.book.refresh()
        asked = await take(self._broker)
        made = await follow(self._broker, self.book.current) if self.book.readable else 0
        self._keep_lanes()
        if changed or asked or made:
            for lane, _ in self._lanes.values():
                if changed or asked:
                    lane.circuit.worked()  # the administrator did something about it
                lane.wake.set()
        if self._round % COUNT_EVERY == 0 or made:
            await self.figures.refresh()
        if self._round % CLEAN_EVERY == 0:
            await self._broker.store.write(lambda tx: queue.clean(tx.conn, self._broker.clock()))
        self._round += 1

    def _keep_lanes(self) -> None:
        current = self.book.current
        wanted = {webhook.id for webhook in current.webhooks} | ({queue.MAIL} if current.mail else set())
        for target in self._lanes.keys() - wanted:
            task = self._lanes.pop(target)[1]
            task.cancel()
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        for target in wanted - self._lanes.keys():
            lane = make_lane(self._broker, self.book, self.figures, target)
            self._lanes[target] = lane, asyncio.create_task(lane.run(), name=f"outgoing {target}")

    async def close(self) -> None:
        """End every lane; what was being sent is sent again after the next start."""
        tasks = [*self._leaving, *(task for _, task in self._lanes.values())]
        self._lanes.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def keeping_outgoing(broker: Broker) -> AsyncIterator[Keeper]:
    """Look every second until the block ends."""
    keeper = Keeper(broker)
    try:
        await begin(broker)
    except RelevoError as error:
        _log.error("outgoing-not-kept", code=error.code.value)
    task = asyncio.create_task(_tick(keeper), name="outgoing")
    try:
        yield keeper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await keeper.close()


async def _tick(keeper: Keeper) -> None:
    while True:
        try:
            await keeper.look()
        except RelevoError as error:
            _log.error("outgoing-not-kept", code=error.code.value)
        except Exception:
            _log.exception("bug")
        await asyncio.sleep(TICK_S)
