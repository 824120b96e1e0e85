"""The control link: one outbound WebSocket that carries typed messages and costs little when idle.

Reads, pings and reconnects; what messages mean is decided in ``agent.main``.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from agent.backoff import full_jitter
from agent.folder import Membership
from protocol import link
from protocol.drivers.tls import certificate_sha256, pinned_context
from protocol.envelope import Envelope
from protocol.errors import Code, RelevoError
from protocol.wire import from_msgpack

_logger = logging.getLogger(__name__)
_HANDSHAKE_S = 20.0
_BASE_S = 0.5
_CAP_S = 30.0
_QUEUE = 256
_SETTLED_S = 2.0
"""A link that held this long was a good one. A broker that hangs up sooner is met with growing waits:
each connection costs this machine a signature in a process of its own."""

ProveNonce = Callable[[str, str], Awaitable[tuple[str, Envelope]]]
"""``(nonce, tls_sha256) -> (public key line, LinkProof envelope)``."""


class Handler(Protocol):
    """What the link tells its owner."""

    def sessions(self) -> tuple[str, ...]: ...

    async def connected(self, welcome: link.Welcome) -> None: ...

    async def received(self, message: link.FromBroker) -> None: ...

    def lost(self, code: Code) -> None: ...


class Link:
    """Keeps one connection up for as long as ``run`` is not cancelled."""

    def __init__(
        self, membership: Membership, version: str, platform: str, prove: ProveNonce, handler: Handler
    ) -> None:
        self._membership = membership
        self._version = version
        self._platform = platform
        self._prove = prove
        self._handler = handler
        self._outgoing: asyncio.Queue[link.FromAgent] = asyncio.Queue(_QUEUE)
        self._connected = asyncio.Event()
        self._settled = False

    @property
    def up(self) -> bool:
        return self._connected.is_set()

    async def until_up(self, seconds: float) -> None:
        """Give a link that is just coming up a moment. Raises RelevoError: ``unreachable`` if it does not."""
        try:
            async with asyncio.timeout(seconds):
                await self._connected.wait()
        except TimeoutError as error:
            raise RelevoError(Code.UNREACHABLE, "the link to the broker is down") from error

    def send(self, message: link.FromAgent) -> None:
        """Queue one message.

        Raises:
            RelevoError: ``unreachable`` while the link is down or cannot keep up.
        """
        if not self.up:
            raise RelevoError(Code.UNREACHABLE, "the link to the broker is down")
        try:
            self._outgoing.put_nowait(message)
        except asyncio.QueueFull as error:
            raise RelevoError(Code.UNREACHABLE, "the link to the broker does not keep up") from error

    async def run(self) -> None:
        """Connect, serve, and connect again with full jitter, until cancelled."""
        waits = full_jitter(random.uniform, _BASE_S, _CAP_S)
        while True:
            try:
                await self._once()
                code = Code.UNREACHABLE
            except RelevoError as error:
                code = error.code
                _logger.warning("link refused: %s", error)
            except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake) as error:
                code = Code.UNREACHABLE
                _logger.info("link down: %s", error)
            self._connected.clear()
            self._handler.lost(code)
            if self._settled:
                self._settled = False
                waits = full_jitter(random.uniform, _BASE_S, _CAP_S)
            await asyncio.sleep(next(waits))

    async def _once(self) -> None:
        """One connection, from handshake to loss."""
        url = self._membership.url.rstrip("/") + "/v1/agent"
        context = pinned_context(self._membership.tls_sha256)
        async with connect(
            url,
            ssl=context,
            compression=None,
            max_size=link.MAX_MESSAGE,
            open_timeout=_HANDSHAKE_S,
            close_timeout=2,
            ping_interval=None,  # our own heartbeat: the broker's silence is what counts
            max_queue=8,
            write_limit=64 << 10,
            proxy=None,
        ) as socket:
            welcome = await asyncio.wait_for(self._introduce(socket), _HANDSHAKE_S)
            self._connected.set()
            self._outgoing = asyncio.Queue(_QUEUE)
            began = asyncio.get_running_loop().time()
            try:
                await self._handler.connected(welcome)
                await self._serve(socket, welcome.heartbeat_s)
            finally:
                self._settled = asyncio.get_running_loop().time() - began >= _SETTLED_S

    async def _introduce(self, socket: ClientConnection) -> link.Welcome:
        """Prove who we are. Nothing is said before the certificate was checked against the pin."""
        shown = certificate_sha256(socket.transport.get_extra_info("ssl_object"))
        challenge = await _next(socket)
        if not isinstance(challenge, link.Challenge):
            raise RelevoError(Code.MALFORMED, "the broker did not begin with a challenge")
        key, proof = await self._prove(challenge.nonce, shown)
        hello = link.Hello(
            agent=self._membership.agent,
            key=key,
            proof=proof,
            version=self._version,
            platform=self._platform,
            sessions=self._handler.sessions(),
        )
        await socket.send(msgspec.msgpack.encode(hello))
        answer = await _next(socket)
        if isinstance(answer, link.Failure):
            raise RelevoError(answer.code, "the broker refused this machine")
        if not isinstance(answer, link.Welcome):
            raise RelevoError(Code.MALFORMED, "the broker did not welcome")
        return answer

    async def _serve(self, socket: ClientConnection, heartbeat_s: float) -> None:
        writer = asyncio.create_task(self._write(socket, heartbeat_s), name="link writer")
        try:
            while True:
                async with asyncio.timeout(heartbeat_s * 2.5):
                    message = await _next(socket)
                if not isinstance(message, link.Pong):
                    await self._handler.received(message)
        except (ConnectionClosed, TimeoutError) as error:
            _logger.info("link lost: %s", error)
        finally:
            writer.cancel()
            await asyncio.wait([writer])

    async def _write(self, socket: ClientConnection, heartbeat_s: float) -> None:
        while True:
            try:
                async with asyncio.timeout(heartbeat_s * random.uniform(0.8, 1.0)):  # noqa: S311 - spread, not secret
                    message: link.FromAgent = await self._outgoing.get()
            except TimeoutError:
                message = link.Ping()
            try:
                await socket.send(msgspec.msgpack.encode(message))
            except ConnectionClosed:
                return


async def _next(socket: ClientConnection) -> link.FromBroker:
    data = await socket.recv()
    if isinstance(data, str):
        raise RelevoError(Code.MALFORMED, "text on the control link")
    message: link.FromBroker = from_msgpack(data, link.FromBroker)
    return message
