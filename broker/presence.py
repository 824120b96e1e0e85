"""Which agents have a control link now, and how a message reaches them.

An idle link costs one task (its reader) and this small object; a writer task exists only while
something is being written (8-promises.md: at most 64 KiB a link).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from protocol.errors import Code
from protocol.link import HEARTBEAT_S, FromBroker
from protocol.wire import to_msgpack

MAX_OUTBOX = 256
MAX_OUTBOX_BYTES = 4 << 20
WRITE_S = 30.0
"""A link that takes no message for so long is dropped."""
SILENCE_S = 2.5 * HEARTBEAT_S

MESSAGE_BURST = 200.0
MESSAGES_PER_S = 50.0
"""What one agent may say; beyond that it is read more slowly, which costs nobody else."""

CLOSE_MALFORMED = 4400
CLOSE_REFUSED = 4403
CLOSE_SILENT = 4408
CLOSE_REPLACED = 4409
CLOSE_SLOW = 4413
CLOSE_GOING_DOWN = 1012
CLOSE_FAULT = 1011

_log = logging.getLogger(__name__)


class Link:
    """One proved control link. Made by its own handler task."""

    __slots__ = (
        "_allowance",
        "_bytes",
        "_closed",
        "_outbox",
        "_task",
        "_writer",
        "agent",
        "customer",
        "dropped",
        "heard",
        "key",
        "socket",
        "source",
    )

    def __init__(self, socket: WebSocket, agent: str, customer: str, key: str, source: str) -> None:
        self.socket = socket
        self.agent = agent
        self.customer = customer
        self.key = key
        """The agent's public key line."""
        self.source = source
        self.heard = asyncio.get_running_loop().time()
        self.dropped: int | None = None
        """Close code, once the broker itself decided to end the link."""
        self._allowance = MESSAGE_BURST
        self._task = asyncio.current_task()
        self._outbox: deque[bytes] = deque()
        self._bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._closed = False

    def post(self, message: FromBroker) -> bool:
        """Send ``message`` when the link takes it, in order. False: the link is going or was too slow."""
        if self._closed or self.dropped is not None:
            return False
        data = to_msgpack(message)
        if len(self._outbox) >= MAX_OUTBOX or self._bytes + len(data) > MAX_OUTBOX_BYTES:
            _log.warning("link of %s does not keep up", self.agent)
            self.drop(CLOSE_SLOW)
            return False
        self._outbox.append(data)
        self._bytes += len(data)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return True

    def heard_now(self, now: float) -> float:
        """Note a message at loop time ``now``; how many seconds to wait before the next is read."""
        gained = (now - self.heard) * MESSAGES_PER_S
        self._allowance = min(MESSAGE_BURST, self._allowance + gained) - 1
        self.heard = now
        return max(0.0, -self._allowance / MESSAGES_PER_S)

    def drop(self, code: int) -> None:
        """End the link from the broker's side; its handler closes the socket with ``code``."""
        if self._closed or self.dropped is not None or self._task is None:
            return
        self.dropped = code
        self._task.cancel()

    def closed(self) -> None:
        """The handler is done with the link: nothing is sent any more."""
        self._closed = True
        self._outbox.clear()
        if self._writer is not None:
            self._writer.cancel()

    async def flush(self) -> None:
        """Wait until what was posted is written, or the link fails. Cancelling stops only the wait."""
        if self._writer is not None:
            await asyncio.wait([self._writer])

    async def _write(self) -> None:
        try:
            while self._outbox:
                data = self._outbox.popleft()
                self._bytes -= len(data)
                async with asyncio.timeout(WRITE_S):
                    await self.socket.send({"type": "websocket.send", "bytes": data})
        except TimeoutError:
            self.drop(CLOSE_SLOW)
        except (WebSocketDisconnect, WebSocketDisconnected):
            self._outbox.clear()
        finally:
            self._writer = None


class Links:
    """All control links of this broker, one an agent."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}

    def online(self, agent: str) -> bool:
        return agent in self._links

    def count(self) -> int:
        return len(self._links)

    def enter(self, link: Link) -> None:
        """From now on this is the agent's link; an older one is dropped."""
        old = self._links.get(link.agent)
        self._links[link.agent] = link
        if old is not None:
            old.drop(CLOSE_REPLACED)

    def leave(self, link: Link) -> bool:
        """False: a newer link has taken its place."""
        link.closed()
        if self._links.get(link.agent) is not link:
            return False
        del self._links[link.agent]
        return True

    def post(self, agent: str, message: FromBroker) -> bool:
        """False when the agent has no link that takes it."""
        link = self._links.get(agent)
        return link is not None and link.post(message)

    def broadcast(self, message: FromBroker) -> None:
        for link in tuple(self._links.values()):
            link.post(message)

    def drop(self, agent: str, code: int) -> None:
        link = self._links.get(agent)
        if link is not None:
            link.drop(code)

    def drop_all(self, code: int) -> None:
        for link in tuple(self._links.values()):
            link.drop(code)

    def drop_silent(self, now: float) -> None:
        """Drop the links that have said nothing for ``SILENCE_S``; ``now`` is the loop's time."""
        for link in tuple(self._links.values()):
            if now - link.heard > SILENCE_S:
                link.drop(CLOSE_SILENT)

    def agents(self) -> tuple[str, ...]:
        return tuple(self._links)


def close_code(code: Code) -> int:
    """The WebSocket close code that goes with a refusal."""
    if code in (Code.MALFORMED, Code.TOO_LARGE):
        return CLOSE_MALFORMED
    if code in (Code.CANNOT_RECORD, Code.INTERNAL, Code.TIMEOUT, Code.RATE_LIMITED):
        return CLOSE_FAULT
    return CLOSE_REFUSED
