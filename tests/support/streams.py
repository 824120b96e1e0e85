"""A reader of the broker's event streams inside the process: what it takes, and when, is the test's to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from protocol.sse import EventReader, ServerEvent
from tests.support.broker_world import World

DEADLINE_S = 60.0


@dataclass
class Reader:
    """One open stream."""

    status: int = 0
    events: list[ServerEvent] = field(default_factory=list)
    raw: bytes = b""
    ended: bool = False
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: the reader takes nothing more."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, name: str, count: int = 1) -> list[ServerEvent]:
        """The events called ``name`` once there are ``count`` of them."""
        async with asyncio.timeout(DEADLINE_S):
            while len(found := [e for e in self.events if e.name == name]) < count:
                self.news.clear()
                await self.news.wait()
        return found

    async def until_ended(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not self.ended:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def reading(
    world: World, path: str, token: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> AsyncIterator[Reader]:
    reader, parser, hung_up = Reader(), EventReader(), asyncio.Event()
    reader.open.set()
    path, _, query = path.partition("?")
    sent = {"authorization": f"Bearer {token}", **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in sent.items()],
        "client": ("192.0.2.1", 1),
        "extensions": {},
    }
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        await reader.open.wait()
        if message["type"] == "http.response.start":
            reader.status = message["status"]
        else:
            data = message.get("body", b"")
            reader.raw += data
            reader.events += parser.feed(data)
            reader.ended = not message.get("more_body", False)
        reader.news.set()

    async def serve() -> None:
        await world.app(scope, receive, send)

    task = asyncio.create_task(serve())
    try:
        yield reader
    finally:
        hung_up.set()
        reader.open.set()
        async with asyncio.timeout(DEADLINE_S):
            await task
