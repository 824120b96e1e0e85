"""A leg of the relay: a byte stream to the other end of a session, kept over broken connections.

``LegTunnel`` opens ``wss://…/v1/relay``, proves itself with a one-time token, runs the resumable stream
(``protocol.stream``) over the binary messages and attaches again with the token for the next time when
the connection breaks. asyncssh takes it as ``tunnel=``; ``open_streams`` and ``pipe_stdio`` use it plainly.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from protocol.api import RelayHello, RelayReady
from protocol.drivers.legtransport import LegTransport
from protocol.drivers.tls import pinned_context
from protocol.errors import Code, RelevoError
from protocol.stream import MAX_FRAME, WINDOW, ResetReason, Stream
from protocol.wire import from_json, to_json

_log = logging.getLogger(__name__)

PATH = "/v1/relay"
GIVE_UP_S = 120.0
"""A session whose ends have not met for this long is over."""
CLOSE_REFUSED = 4403
"""WebSocket close code: this token opens nothing (used, expired, or the session is over)."""
_FINAL = {
    CLOSE_REFUSED: Code.SESSION_ENDED,
    4410: Code.SESSION_ENDED,
    4408: Code.SESSION_LOST,
}
"""Close codes of the relay after which attaching again is useless; 4408: the other end stayed away."""
_ATTACH_S = 15.0
_BACKOFF_CAP_S = 3.0
_BACKOFF_BASE_S = 0.1
_PING_S = 20.0
_LINGER_S = 5.0
"""After ``close``: for the other end to acknowledge the rest."""
_LAST_WORDS_S = 1.0
"""After ``abort`` or a broken rule: for RESET to get out."""
_WRITE_LIMIT = 1 << 20


@dataclass(frozen=True)
class LegAddress:
    """Where a leg leads.

    Attributes:
        url: the broker, ``wss://HOST:PORT`` (``https://`` is the same); there is no plaintext.
        token: one-time token of this leg.
        tls_sha256: pin of the broker's certificate; None checks name and authorities instead.
        ca_pem: authorities instead of the system's, only where there is no pin.
    """

    url: str
    token: str
    tls_sha256: str | None = None
    ca_pem: str | None = None

    def relay_url(self) -> str:
        """Raises RelevoError: ``usage`` for anything but TLS."""
        base = self.url.rstrip("/")
        if base.startswith("https://"):
            base = "wss://" + base.removeprefix("https://")
        if not base.startswith("wss://"):
            raise RelevoError(Code.USAGE, "a broker's address starts with wss://")
        return base + PATH


def _nothing(up: bool) -> None:
    """Default ``on_state``."""


class LegTunnel:
    """One leg. Make it, open it once with ``create_connection``, then ``await wait_closed()``.

    Args:
        on_state: called with True when both ends have met (again), with False when they are apart.
        window: credit for the other end, bytes.
        give_up_s: how long the ends may be apart before the leg ends with ``session-lost``.
        rng: jitter source, a value from 0 to 1.
    """

    def __init__(
        self,
        address: LegAddress,
        *,
        on_state: Callable[[bool], None] = _nothing,
        window: int = WINDOW,
        give_up_s: float = GIVE_UP_S,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._url = address.relay_url()
        self._tls = pinned_context(address.tls_sha256, ca_pem=address.ca_pem)
        self._token = address.token
        self._on_state = on_state
        self._stream = Stream(window)
        self._give_up_s = give_up_s
        self._rng = rng
        self._wake = asyncio.Event()
        self._transport = LegTransport(self._stream, self._wake.set, self._leave)
        self._runner: asyncio.Task[None] | None = None
        self._timer: asyncio.Timeout | None = None
        self._deadline = 0.0
        self._leave_by: float | None = None
        self._up = False
        self._error: RelevoError | None = None

    @property
    def up(self) -> bool:
        return self._up

    @property
    def error(self) -> RelevoError | None:
        """Why the leg ended, once it has; None for an orderly end."""
        return self._error

    async def create_connection(
        self, session_factory: Callable[[], Any], host: str = "", port: int = 0
    ) -> tuple[LegTransport, Any]:
        """Attach for the first time and connect the protocol that ``session_factory`` makes.

        ``host`` and ``port`` are asyncssh's and mean nothing here: the token says where it goes.
        If it is cancelled or fails, nothing is left open.

        Raises:
            RelevoError: ``identity-mismatch`` (pin or certificate), ``refused`` (token),
                ``unreachable``, ``malformed`` (not a relay).
        """
        self._deadline = self._now() + self._give_up_s
        socket = await self._attach()
        protocol = session_factory()
        self._transport.start(protocol)
        self._runner = asyncio.create_task(self._run(socket), name="relay leg")
        return self._transport, protocol

    async def open_streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The leg as asyncio streams; raises as ``create_connection``."""
        reader = asyncio.StreamReader(limit=256 << 10)
        protocol = asyncio.StreamReaderProtocol(reader)
        await self.create_connection(lambda: protocol)
        writer = asyncio.StreamWriter(self._transport, protocol, reader, asyncio.get_running_loop())
        return reader, writer

    async def writable(self) -> None:
        """Wait until the write buffer is below its high-water mark (or the leg is over).

        asyncssh ignores ``pause_writing``; whoever sends bulk through it waits here as well.
        """
        await self._transport.writable()

    def abort(self) -> None:
        """End at once; the other end is told if it can be reached within moments."""
        self._transport.abort()

    async def wait_closed(self) -> None:
        """Return when nothing of the leg is left; ``error`` says why. Cancelling it ends the leg."""
        if self._runner is None:
            return
        try:
            await asyncio.shield(self._runner)
        except asyncio.CancelledError:
            self._runner.cancel()
            raise

    # --- attaching ---------------------------------------------------------------------------------

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _attach(self) -> ClientConnection:
        """One attempt: connect, show the token, keep the next one."""
        socket: ClientConnection | None = None
        try:
            async with asyncio.timeout(_ATTACH_S):
                socket = await connect(
                    self._url,
                    ssl=self._tls,
                    compression=None,
                    proxy=None,
                    max_size=MAX_FRAME,
                    max_queue=64,
                    write_limit=_WRITE_LIMIT,
                    open_timeout=_ATTACH_S,
                    close_timeout=1.0,
                    ping_interval=_PING_S,
                    ping_timeout=_PING_S,
                    user_agent_header=None,
                )
                await socket.send(to_json(RelayHello(token=self._token)).decode())
                answer = await socket.recv()
            if not isinstance(answer, str):
                raise RelevoError(Code.MALFORMED, "the relay answered with a binary frame")
            self._token = from_json(answer, RelayReady).next_token
            return socket
        except BaseException as error:
            if socket is not None:
                socket.transport.abort()
            problem = _attach_problem(error)
            if problem is None:
                raise
            raise problem from error

    async def _attach_again(self) -> ClientConnection:
        """Attempts with full jitter until the deadline.

        Raises:
            RelevoError: ``refused`` at once if the token is; ``session-lost`` at the deadline.
        """
        attempt = 0
        while True:
            pause = self._rng() * min(_BACKOFF_CAP_S, _BACKOFF_BASE_S * 2 ** min(attempt, 10))
            await asyncio.sleep(pause)
            attempt += 1
            try:
                return await self._attach()
            except RelevoError as error:
                if error.code is Code.REFUSED:
                    raise RelevoError(Code.SESSION_ENDED, "the relay no longer knows this leg") from error
                _log.info("relay leg: attempt %s to attach again failed: %s", attempt, error.code)

    # --- carrying ----------------------------------------------------------------------------------

    async def _run(self, socket: ClientConnection) -> None:
        try:
            await self._keep(socket)
        except RelevoError as error:
            self._error = error
            _log.info("relay leg ended: %s", error)
        except asyncio.CancelledError:
            self._error = RelevoError(Code.SESSION_LOST, "the leg was given up")
            raise
        finally:
            self._timer = None
            self._set_up(False)
            self._transport.finished(self._error)

    async def _keep(self, socket: ClientConnection) -> None:
        """Carry until the stream is over, on as many connections as it takes."""
        try:
            async with asyncio.timeout_at(self._deadline) as self._timer:
                while True:
                    await self._carry(socket)
                    if self._stream.over:
                        return
                    self._stream.detach()
                    if self._up:
                        self._deadline = self._now() + self._give_up_s
                        self._set_up(False)
                    self._reschedule()
                    socket = await self._attach_again()
        except TimeoutError as error:
            if self._leave_by is None:
                raise RelevoError(Code.SESSION_LOST, f"apart for {self._give_up_s:.0f} s") from error

    def _reschedule(self) -> None:
        """The one deadline: of leaving, else of being apart, else none."""
        if self._timer is not None and not self._timer.expired():
            apart = None if self._stream.joined else self._deadline
            self._timer.reschedule(apart if self._leave_by is None else self._leave_by)

    def _leave(self, at_once: bool) -> None:
        linger = (_LAST_WORDS_S if self._stream.joined else 0.0) if at_once else _LINGER_S
        by = self._now() + linger
        self._leave_by = by if self._leave_by is None else min(by, self._leave_by)
        self._reschedule()

    def _set_up(self, up: bool) -> None:
        if up != self._up:
            self._up = up
            self._on_state(up)

    async def _carry(self, socket: ClientConnection) -> None:
        """One connection, until it breaks or the stream is over; the connection is closed then."""
        self._stream.attach()
        sender = asyncio.create_task(self._send(socket), name="relay leg sender")
        last_words = False
        try:
            await self._receive(socket)
            last_words = True
        except ConnectionClosed as closed:
            final = _FINAL.get(closed.rcvd.code) if closed.rcvd is not None else None
            if final is not None and not self._stream.over:
                raise RelevoError(final, "the relay closed this leg") from closed
        except RelevoError:
            self._stream.reset(ResetReason.MALFORMED)
            last_words = True
            raise
        finally:
            self._wake.set()
            await _finish(sender, socket, _LAST_WORDS_S if last_words else 0.0)

    async def _receive(self, socket: ClientConnection) -> None:
        while not self._stream.over:
            message = await socket.recv()
            if not isinstance(message, bytes):
                raise RelevoError(Code.MALFORMED, "text on an attached leg")
            events = self._stream.frame_received(message)
            if self._stream.joined and not self._up:
                self._reschedule()
                self._set_up(True)
            self._transport.deliver(events)
            self._wake.set()

    async def _send(self, socket: ClientConnection) -> None:
        """Frames out, as fast as the connection takes them. Ends quietly when it breaks."""
        with contextlib.suppress(ConnectionClosed):
            while not self._stream.over:
                frame = self._stream.next_frame()
                if frame is None:
                    self._wake.clear()
                    await self._wake.wait()
                else:
                    await socket.send(frame)
                    self._transport.sent()
            await socket.close()


async def _finish(sender: asyncio.Task[None], socket: ClientConnection, patience_s: float) -> None:
    """Let the last frame and the closing handshake out, then drop the connection."""
    try:
        await asyncio.wait([sender], timeout=patience_s)
    finally:
        sender.cancel()
        socket.transport.abort()
        await asyncio.wait([sender], timeout=_LAST_WORDS_S)
    if sender.done() and not sender.cancelled():
        sender.result()


def _attach_problem(error: BaseException) -> RelevoError | None:
    """The typed form of a failed attempt; None for what is not ours to translate."""
    if isinstance(error, RelevoError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return RelevoError(Code.IDENTITY_MISMATCH, "the broker's certificate is not the expected one")
    if isinstance(error, InvalidStatus) and error.response.status_code in (401, 403):
        return RelevoError(Code.REFUSED, f"relay answered {error.response.status_code}")
    if isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code == CLOSE_REFUSED:
        return RelevoError(Code.REFUSED, "the relay refused the token")
    if isinstance(error, (OSError, TimeoutError, InvalidHandshake, ConnectionClosed)):
        return RelevoError(Code.UNREACHABLE, f"relay: {type(error).__name__}")
    return None
