"""The conversations of this machine's tickets, as far as the running agent has to do with them: it asks the
broker, and wakes whoever waits when the broker says that there is news.

The news itself is never kept here: it is asked for from the last index that was seen, so a link that was
down loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from agent.messages import ChatPage, ChatSeen, ChatWanted
from protocol import link
from protocol.errors import Code, RelevoError

MAX_WAITING = 8
"""Command lines that wait for news; the local socket must stay free for `allow` and `stop`."""

Ask = Callable[[link.ConversationQuery | link.Seen], Awaitable[link.FromBroker]]


class Conversations:
    """All methods run in the agent's one event loop."""

    def __init__(self, ask: Ask, next_ref: Callable[[], int]) -> None:
        self._ask = ask
        self._next_ref = next_ref
        self._bells: dict[asyncio.Event, str] = {}

    def news(self, message: link.TicketNews) -> None:
        for bell, ticket in self._bells.items():
            if ticket == message.ticket:
                bell.set()

    def reconnected(self) -> None:
        """While the link was down nobody could say what happened."""
        for bell in self._bells:
            bell.set()

    async def page(self, wanted: ChatWanted) -> ChatPage:
        """What came after an index; where nothing did, what comes within ``wait_s``, or an empty page.

        Raises:
            RelevoError: ``not-found``; ``unreachable`` or ``timeout`` while the link is down;
                ``rate-limited`` when too many wait.
        """
        with self._bell(wanted.ticket) as bell:
            page = await self._query(wanted)
            if page.rows or not wanted.wait_s:
                return page
            try:
                async with asyncio.timeout(wanted.wait_s):
                    await bell.wait()
            except TimeoutError:
                return page
            return await self._query(wanted)

    async def seen(self, said: ChatSeen) -> None:
        """Raises RelevoError: as ``page``."""
        await self._ask(link.Seen(ref=self._next_ref(), ticket=said.ticket, index=said.index))

    async def _query(self, wanted: ChatWanted) -> ChatPage:
        asked = link.ConversationQuery(ref=self._next_ref(), ticket=wanted.ticket, after=wanted.after)
        found = await self._ask(asked)
        if not isinstance(found, link.Conversation) or found.ticket != wanted.ticket:
            raise RelevoError(Code.MALFORMED, "no conversation in the answer")
        return ChatPage(
            ticket=found.ticket,
            title=found.title,
            state=found.state,
            rows=found.rows,
            more=found.more,
            read=found.read,
        )

    @contextmanager
    def _bell(self, ticket: str) -> Iterator[asyncio.Event]:
        if len(self._bells) >= MAX_WAITING:
            raise RelevoError(Code.RATE_LIMITED, f"{MAX_WAITING} conversations are followed already")
        bell = asyncio.Event()
        self._bells[bell] = ticket
        try:
            yield bell
        finally:
            del self._bells[bell]
