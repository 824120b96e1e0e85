"""A minimal real relay: pairs two legs, copies binary frames blindly, and can be made to fail.

It keeps the contract of ``broker/relay.py`` that the driver relies on: one-time tokens, the next token in
``RelayReady``, frames copied while both ends are attached, close code 4403 for a token it does not know.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from protocol.api import RelayHello, RelayReady
from protocol.drivers.leg import LegAddress
from protocol.wire import from_json, to_json


def certificate() -> tuple[ssl.SSLContext, str, str]:
    """Server context, SHA-256 of the certificate's DER, and the CA as PEM."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    der = ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())
    return context, hashlib.sha256(der).hexdigest(), authority.cert_pem.bytes().decode()


@dataclass
class Relay:
    """A running relay. ``port`` stays the same when it is stopped and started again."""

    tls: ssl.SSLContext
    pin: str
    ca_pem: str
    port: int = 0
    tokens: dict[str, tuple[str, int]] = field(default_factory=dict)
    ends: dict[tuple[str, int], ServerConnection] = field(default_factory=dict)
    forwarded: int = 0
    kill_after: list[int] = field(default_factory=list)
    """Byte counts after which every connection is cut, in rising order."""
    watch: Callable[[bytes], None] | None = None
    change: Callable[[bytes], bytes] | None = None
    hellos: int = 0
    requests: int = 0
    """HTTP requests that reached us: TLS was accepted by the client."""
    _server: object = None
    _met: dict[str, asyncio.Event] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"wss://127.0.0.1:{self.port}"

    def new_leg(self) -> tuple[LegAddress, LegAddress]:
        """Addresses of the two ends of a new leg."""
        name = secrets.token_hex(8)
        out = []
        for side in (0, 1):
            token = secrets.token_hex(32)
            self.tokens[token] = (name, side)
            out.append(LegAddress(self.url, token, self.pin))
        return out[0], out[1]

    async def start(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            ssl=self.tls,
            process_request=self._count_request,
            compression=None,
            max_size=1 << 20,
            write_limit=1 << 20,
            close_timeout=0.2,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            self.cut()
            for met in self._met.values():
                met.set()
            self._met.clear()
            server.close()
            await server.wait_closed()

    def cut(self) -> None:
        """Break every connection at once, as a killed process or a cable would."""
        for socket in list(self.ends.values()):
            socket.transport.abort()

    async def end(self) -> None:
        """Forget all tokens and close all legs as the broker does when the session is over."""
        self.tokens.clear()
        for socket in list(self.ends.values()):
            await socket.close(4410)

    def _count_request(self, _socket: ServerConnection, _request: object) -> None:
        self.requests += 1

    async def _serve(self, socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            hello = from_json(await socket.recv(), RelayHello)
            self.hellos += 1
            place = self.tokens.pop(hello.token, None)
            if place is None:
                await socket.close(4403)
                return
            token = secrets.token_hex(32)
            self.tokens[token] = place
            await socket.send(to_json(RelayReady(next_token=token)).decode())
            await self._copy(socket, place)

    async def _copy(self, socket: ServerConnection, place: tuple[str, int]) -> None:
        name, side = place
        met = self._met.setdefault(name, asyncio.Event())
        self.ends[place] = socket
        if (name, 1 - side) in self.ends:
            met.set()
        try:
            async for received in socket:
                frame = received
                await met.wait()
                there = self.ends.get((name, 1 - side))
                self.forwarded += len(frame)
                if self.kill_after and self.forwarded >= self.kill_after[0]:
                    self.kill_after.pop(0)
                    self.cut()
                if self.watch is not None:
                    self.watch(frame)
                if self.change is not None:
                    frame = self.change(frame)
                if there is not None:
                    with suppress(ConnectionClosed):
                        await there.send(frame)
        finally:
            if self.ends.get(place) is socket:
                del self.ends[place]
                met.clear()


@asynccontextmanager
async def running_relay() -> AsyncIterator[Relay]:
    tls, pin, ca_pem = certificate()
    relay = Relay(tls, pin, ca_pem)
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop()
