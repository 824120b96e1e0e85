"""A machine that was enrolled honestly and has been turned since: its own key, the real protocol code,
and answers of the attacker's choice."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from websockets.asyncio.client import ClientConnection, connect

from protocol import link
from protocol.documents import Basis, Consent, Grant, LinkProof
from protocol.drivers.assist import serve_assist
from protocol.drivers.assistchannel import AssistChannel
from protocol.drivers.leg import LegAddress, LegTunnel
from protocol.drivers.tls import certificate_sha256, pinned_context
from protocol.dsse import seal
from protocol.envelope import Envelope
from protocol.errors import RelevoError
from protocol.sshkeys import PublicKey
from protocol.wire import from_json, from_msgpack, to_msgpack
from tests.evil.broker import machine_key
from tests.support.world import Machine, wait_until

Handle = Callable[[AssistChannel], Awaitable[None]]


@dataclass
class HostileAgent:
    """Says yes to every offer and serves each channel with ``handle``."""

    machine: Machine
    handle: Handle
    platform: str = "Linux"
    heard: deque[link.FromBroker] = field(default_factory=lambda: deque(maxlen=1_000))
    grants: list[Grant] = field(default_factory=list)
    online: bool = False

    def __enter__(self) -> HostileAgent:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="hostile agent", daemon=True)
        self._thread.start()
        wait_until("the hostile agent to be online", lambda: self.online)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(30)

    def say(self, *messages: link.FromAgent | bytes) -> None:
        async def work() -> None:
            for message in messages:
                await self._socket.send(message if isinstance(message, bytes) else to_msgpack(message))

        asyncio.run_coroutine_threadsafe(work(), self._loop).result(30)

    def _run(self) -> None:
        self._main = self._loop.create_task(self._serve())
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._main)
        rest = asyncio.all_tasks(self._loop)
        for task in rest:
            task.cancel()
        if rest:
            self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # aborted transports let go of their sockets
        self._loop.close()

    async def _serve(self) -> None:
        from agent.folder import Folder

        membership = Folder(self.machine.data).membership()
        self._key = machine_key(self.machine)
        self._url, self._pin = membership.url, membership.tls_sha256
        context = pinned_context(self._pin)
        async with connect(
            f"{self._url}/v1/agent", ssl=context, proxy=None, compression=None, ping_interval=None
        ) as socket:
            self._socket = socket
            try:
                await self._talk(socket, membership.agent)
            finally:
                socket.transport.abort()

    async def _talk(self, socket: ClientConnection, agent: str) -> None:
        await self._introduce(socket, agent)
        self.online = True
        async for data in socket:
            message = from_msgpack(data, link.FromBroker)  # type: ignore[arg-type]
            self.heard.append(message)
            if isinstance(message, link.Offer):
                await self._agree(socket, message.grant)
            elif isinstance(message, link.Join):
                self._loop.create_task(self._leg(message))

    async def _introduce(self, socket: ClientConnection, agent: str) -> None:
        challenge = from_msgpack(await socket.recv(), link.FromBroker)  # type: ignore[arg-type]
        shown = certificate_sha256(socket.transport.get_extra_info("ssl_object"))
        proof = LinkProof(version=1, agent=agent, nonce=challenge.nonce, tls_sha256=shown)
        hello = link.Hello(
            agent=agent, key=self._key.public_key.text, proof=seal(proof, self._key), version="9",
            platform=self.platform, sessions=(),
        )  # fmt: skip
        await socket.send(to_msgpack(hello))
        welcome = from_msgpack(await socket.recv(), link.FromBroker)  # type: ignore[arg-type]
        assert isinstance(welcome, link.Welcome), welcome

    async def _agree(self, socket: ClientConnection, envelope: Envelope) -> None:
        grant = from_json(envelope.payload, Grant)
        self.grants.append(grant)
        consent = Consent(
            version=1, grant=grant.grant, grant_sha256=envelope.digest, agent=grant.agent,
            agent_key=self._key.public_key.text, scopes=grant.scopes, given=datetime.now(UTC),
            until=grant.ends, basis=Basis(act="user", channel="command"),
        )  # fmt: skip
        given = link.ConsentGiven(grant=grant.grant, consent=seal(consent, self._key))
        await socket.send(to_msgpack(link.OfferShown(grant=grant.grant)))
        await socket.send(to_msgpack(given))

    async def _leg(self, join: link.Join) -> None:
        grant = next(g for g in self.grants if g.grant == join.grant)
        with contextlib.suppress(RelevoError):
            serving = await serve_assist(
                LegTunnel(LegAddress(self._url, join.token, self._pin)),
                user=grant.grant,
                technician_key=PublicKey.from_text(grant.technician_key),
                host_key=self._key,
                handle=self.handle,
            )
            await serving.wait_closed()
