"""A man in the middle who holds the broker's own TLS key: everything passes through, and may be changed.

Agents and technicians cannot tell it from the broker, because it shows the pinned certificate. By default
it passes on every byte; a test sets the hooks of ``Rules`` for the lies it wants told.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import ssl
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import urllib3
import uvicorn
import uvloop
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from broker import tls
from protocol import link
from protocol.api import Leg, RelayHello, RelayReady
from protocol.errors import RelevoError
from protocol.wire import from_json, from_msgpack, to_msgpack
from tests.support.world import wait_until

_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "host", "keep-alive", "date"})

Frame = link.FromBroker | link.FromAgent | bytes | str
"""A message, or raw bytes (a binary frame) or text that is no message at all."""


@dataclass
class Answer:
    """An HTTP answer on its way to a client."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Asked:
    """An HTTP request of a client."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Rules:
    """What the broker lies about; each hook gets what passes and gives what goes on instead."""

    ask: Callable[[Asked], Answer | None] = lambda asked: None
    """Before the broker hears of a request: an answer instead of the broker's, or None."""
    answer: Callable[[Asked, Answer], Answer] = lambda asked, answer: answer
    to_agent: Callable[[str, link.FromBroker], Iterable[Frame]] = lambda agent, message: (message,)
    from_agent: Callable[[str, link.FromAgent], Iterable[Frame]] = lambda agent, message: (message,)
    relay: Callable[[RelayEnd, bytes], Iterable[bytes]] = lambda end, frame: (frame,)
    """Called with each binary frame on its way *to* the broker from ``end``."""
    refuse_links: bool = False
    """Cut every control link as soon as it says hello."""


@dataclass(frozen=True)
class RelayEnd:
    """Who sent a relay frame."""

    side: str
    """``agent``, ``technician`` or ``unknown``."""
    grant: str


@dataclass
class ControlLink:
    """An agent's control link as it passes through."""

    agent: str
    loop: asyncio.AbstractEventLoop
    send_raw: Callable[[Frame], Awaitable[None]]
    heard: deque[link.FromAgent] = field(default_factory=lambda: deque(maxlen=5_000))
    closed: bool = False
    born: float = field(default_factory=time.monotonic)

    def send(self, *frames: Frame) -> None:
        """Say something to the agent in the broker's name."""

        async def work() -> None:
            for frame in frames:
                await self.send_raw(frame)

        asyncio.run_coroutine_threadsafe(work(), self.loop).result(30)


class Front:
    """The man in the middle, in a thread of its own."""

    def __init__(self, port: int, backend: int, certificate: Path, key: Path) -> None:
        self.rules = Rules()
        self.links: dict[str, ControlLink] = {}
        self.links_made = 0
        self.forged: set[str] = set()
        """Grants that the honest part of the broker knows nothing of, and does not hear about either."""
        self.asked: deque[Asked] = deque(maxlen=5_000)
        self.tokens: dict[str, RelayEnd] = {}
        self.relayed: deque[tuple[RelayEnd, bytes]] = deque(maxlen=20_000)
        """Every relay frame that passed, as its end sent it."""
        self.problems: queue.Queue[BaseException] = queue.Queue()
        self._port, self._backend = port, backend
        self._context = tls.server_context(certificate, key)
        self._threads = ThreadPoolExecutor(64, thread_name_prefix="front")
        self._pool = urllib3.PoolManager(
            maxsize=64, cert_reqs="CERT_NONE", assert_fingerprint=tls.fingerprint(certificate)
        )
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=self._run, name="front", daemon=True)

    def start(self) -> None:
        self._thread.start()
        wait_until("the front to listen", lambda: self._server is not None and self._server.started)

    def close(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
            self._server.force_exit = True
        self._thread.join(30)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._pool.clear()

    @contextlib.contextmanager
    def lying(self, **hooks: Any) -> Any:
        """These hooks within the block, honest again afterwards."""
        before = self.rules
        self.rules = Rules(**hooks)
        try:
            yield self
        finally:
            self.rules = before

    def link(self, agent: str, *, seconds: float = 60.0) -> ControlLink:
        """The agent's living link."""

        def living() -> ControlLink | None:
            found = self.links.get(agent)
            return found if found is not None and not found.closed else None

        found = wait_until(f"a link of {agent}", living, seconds=seconds)
        assert isinstance(found, ControlLink)
        return found

    # --- the server ----------------------------------------------------------------------------

    def _run(self) -> None:
        config = uvicorn.Config(
            self._app, host="127.0.0.1", port=self._port, http="httptools", ws="websockets-sansio",
            interface="asgi3", ws_max_size=64 << 20, ws_ping_interval=None, ws_per_message_deflate=False, lifespan="off",
            log_config=None, access_log=False, server_header=False, date_header=False,
            ssl_context_factory=lambda _config, _default: self._context, timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(self._server))

    async def _serve(self, server: uvicorn.Server) -> None:
        await server.serve()
        for connection in list(server.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)  # an aborted transport lets go of its socket in the loop's next round

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            if scope["type"] == "http":
                await self._http(scope, receive, send)
            elif scope["type"] == "websocket":
                socket = WebSocket(scope, receive, send)
                await (self._control if scope["path"] == "/v1/agent" else self._relay)(socket)
        except (WebSocketDisconnect, ConnectionClosed, OSError, RuntimeError):
            return  # one side has gone
        except BaseException as error:
            self.problems.put(error)
            raise

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        body = bytearray()
        while True:
            event = await receive()
            body += event.get("body", b"")
            if event["type"] == "http.disconnect" or not event.get("more_body"):
                break
        query = scope["query_string"].decode()
        path = scope["path"] + (f"?{query}" if query else "")
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        asked = Asked(scope["method"], path, headers, bytes(body))
        self.asked.append(asked)
        loop = asyncio.get_running_loop()
        answer = self.rules.ask(asked)
        if answer is None:
            real = await loop.run_in_executor(self._threads, self._forward, asked)
            answer = self.rules.answer(asked, real)
            self._learn_leg(asked, answer)
        sent = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
        length = (b"content-length", str(len(answer.body)).encode())
        await send({"type": "http.response.start", "status": answer.status, "headers": [*sent, length]})
        await send({"type": "http.response.body", "body": answer.body})

    def _forward(self, asked: Asked) -> Answer:
        headers = {name: value for name, value in asked.headers.items() if name not in _HOP_BY_HOP}
        try:
            got = self._pool.request(
                asked.method, f"https://127.0.0.1:{self._backend}{asked.path}", body=asked.body or None,
                headers=headers, retries=False, redirect=False, timeout=120, decode_content=False,
            )  # fmt: skip
        except urllib3.exceptions.HTTPError:
            return Answer(503, {"content-type": "text/plain"}, b"")
        kept = {k.lower(): v for k, v in got.headers.items() if k.lower() not in _HOP_BY_HOP}
        return Answer(got.status, kept, got.data)

    def _learn_leg(self, asked: Asked, answer: Answer) -> None:
        if asked.path.endswith("/legs") and answer.status < 300:
            with contextlib.suppress(RelevoError):
                leg = from_json(answer.body, Leg)
                self.tokens.setdefault(leg.token, RelayEnd("technician", leg.grant))

    @contextlib.asynccontextmanager
    async def _behind(self, path: str) -> AsyncIterator[ClientConnection]:
        """A socket to the broker; its transport is gone after the block, also when the loop ends in it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        broker = await connect(
            f"wss://127.0.0.1:{self._backend}{path}", ssl=context, compression=None, max_size=64 << 20,
            ping_interval=None, proxy=None, close_timeout=1,
        )  # fmt: skip
        try:
            async with broker:
                yield broker
        finally:
            broker.transport.abort()

    # --- control links -------------------------------------------------------------------------

    async def _control(self, socket: WebSocket) -> None:
        await socket.accept()
        self.links_made += 1
        async with self._behind("/v1/agent") as broker:
            passing = ControlLink("", asyncio.get_running_loop(), lambda frame: _send(socket, frame))
            await self._both(
                self._from_agent(socket, broker, passing), self._to_agent(socket, broker, passing)
            )
            passing.closed = True
        with contextlib.suppress(RuntimeError):
            await socket.close()

    async def _from_agent(self, socket: WebSocket, broker: ClientConnection, passing: ControlLink) -> None:
        while True:
            event = await socket.receive()
            if event["type"] == "websocket.disconnect":
                return
            message = from_msgpack(event["bytes"], link.FromAgent)
            if isinstance(message, link.Hello):
                passing.agent = message.agent
                self.links[message.agent] = passing
                if self.rules.refuse_links:
                    return
            passing.heard.append(message)
            if getattr(message, "grant", None) in self.forged:
                continue
            for frame in self.rules.from_agent(passing.agent, message):
                await broker.send(_raw(frame))

    async def _to_agent(self, socket: WebSocket, broker: ClientConnection, passing: ControlLink) -> None:
        async for data in broker:
            message = from_msgpack(data, link.FromBroker)  # type: ignore[arg-type]
            if isinstance(message, link.Join):
                self.tokens[message.token] = RelayEnd("agent", message.grant)
            if getattr(message, "grant", None) in self.forged:
                continue
            for frame in self.rules.to_agent(passing.agent, message):
                await _send(socket, frame)

    # --- relay legs ----------------------------------------------------------------------------

    async def _relay(self, socket: WebSocket) -> None:
        await socket.accept()
        event = await socket.receive()
        if event.get("text") is None:
            await socket.close(4403)
            return
        end = self.tokens.get(from_json(event["text"], RelayHello).token, RelayEnd("unknown", ""))
        async with self._behind("/v1/relay") as broker:
            await broker.send(event["text"])
            await self._both(self._leg_up(socket, broker, end), self._leg_down(socket, broker, end))
            code = broker.close_code or 1001
        with contextlib.suppress(RuntimeError):
            await socket.close(code if 1000 <= code != 1005 and code != 1006 else 1001)

    async def _leg_up(self, socket: WebSocket, broker: ClientConnection, end: RelayEnd) -> None:
        while True:
            event = await socket.receive()
            if event["type"] == "websocket.disconnect":
                return
            if event.get("bytes") is None:
                await broker.send(event["text"])
                continue
            self.relayed.append((end, event["bytes"]))
            for frame in self.rules.relay(end, event["bytes"]):
                await broker.send(frame)

    async def _leg_down(self, socket: WebSocket, broker: ClientConnection, end: RelayEnd) -> None:
        async for data in broker:
            if isinstance(data, str):
                with contextlib.suppress(RelevoError):
                    self.tokens[from_json(data, RelayReady).next_token] = end
                await socket.send_text(data)
            else:
                await socket.send_bytes(data)

    async def _both(self, *work: Any) -> None:
        tasks = [asyncio.create_task(one) for one in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                with contextlib.suppress(WebSocketDisconnect, ConnectionClosed, OSError, RuntimeError):
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _raw(frame: Frame) -> bytes | str:
    return to_msgpack(frame) if isinstance(frame, msgspec.Struct) else frame


async def _send(socket: WebSocket, frame: Frame) -> None:
    raw = _raw(frame)
    if isinstance(raw, str):
        await socket.send_text(raw)
    else:
        await socket.send_bytes(raw)
