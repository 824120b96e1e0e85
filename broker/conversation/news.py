"""Who is woken when something of a ticket is durable: streams, and the machine that the ticket is about."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator

import structlog

from broker.context import Broker
from broker.conversation import rows
from broker.tickets.rows import number_of
from protocol.errors import RelevoError
from protocol.link import TicketNews
from protocol.organisation import Organisation

_log = structlog.get_logger("broker.conversation")
AT_ONCE = 200
_REMEMBERED = 10_000
_AGAIN_S = 1.0


@contextlib.asynccontextmanager
async def keeping_news(broker: Broker) -> AsyncIterator[None]:
    """Ring after each commit until the block ends."""
    machines = _Machines(broker)

    def committed(tickets: frozenset[str]) -> None:
        broker.news.ring(tickets)
        machines.tell(tickets)

    def organisation_changed(_organisation: Organisation) -> None:
        broker.news.ring_all()

    broker.store.listeners.append(committed)
    broker.organisation.listeners.append(organisation_changed)
    broker.drain.listeners.append(broker.news.end)
    task = asyncio.create_task(machines.run(), name="news")
    try:
        yield
    finally:
        broker.news.end()
        broker.store.listeners.remove(committed)
        broker.organisation.listeners.remove(organisation_changed)
        broker.drain.listeners.remove(broker.news.end)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Machines:
    """Tells machines that are linked of news on their tickets. One that is not asks when it comes back."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._waiting: set[str] = set()
        self._bell = asyncio.Event()
        self._told: OrderedDict[str, rows.Bell] = OrderedDict()

    def tell(self, tickets: frozenset[str]) -> None:
        self._waiting |= tickets
        self._bell.set()

    async def run(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            try:
                while self._waiting:
                    await self._some()
            except RelevoError as error:
                _log.error("machines-not-told", code=error.code.value)
                await asyncio.sleep(_AGAIN_S)
                self._bell.set()
            except Exception:
                _log.exception("bug")

    async def _some(self) -> None:
        some = [self._waiting.pop() for _ in range(min(AT_ONCE, len(self._waiting)))]
        try:
            numbers = [number for ticket in some if (number := _number(ticket)) is not None]
            found = await self._broker.store.read(lambda conn: rows.bells(conn, numbers))
        except RelevoError:
            self._waiting.update(some)
            raise
        for bell in found:
            if self._told.get(bell.ticket) == bell:
                continue
            self._broker.presence.post(
                bell.agent, TicketNews(ticket=bell.ticket, index=bell.newest, state=bell.state)
            )
            self._told[bell.ticket] = bell
            self._told.move_to_end(bell.ticket)
            if len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)


def _number(ticket: str) -> int | None:
    """None for what only claimed to be a ticket: a record of a refusal may name anything."""
    try:
        return number_of(ticket)
    except RelevoError:
        return None
