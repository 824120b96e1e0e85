"""The ``asyncio.Transport`` face of a relay leg: what asyncssh and asyncio streams write to and read from.

It does no I/O: bytes go into and come out of the resumable stream, ``protocol.drivers.leg`` carries the
frames. Writes of one loop iteration leave together in one frame.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from protocol.errors import RelevoError
from protocol.stream import Event, Finished, Received, Reset, ResetReason, Stream

_log = logging.getLogger(__name__)

HIGH_WATER = 512 << 10
"""Unsent bytes above which the protocol is asked to pause."""
MAX_UNSENT = 32 << 20
"""Unsent bytes at which the leg is given up: asyncssh ignores pause_writing and is bounded only by the
windows of its channels (8 x 2 MiB here), so more than this is a peer that grants and does not read."""
_PIECE = 64 << 10
"""Largest piece handed to the protocol at once: asyncssh's receive buffer is copied for each packet in it."""


class LegTransport(asyncio.Transport):
    """See ``asyncio.Transport``. ``get_extra_info`` knows nothing: a relay leg has no socket of its own."""

    def __init__(self, stream: Stream, wake: Callable[[], None], leave: Callable[[bool], None]) -> None:
        """
        Args:
            stream: the bytes.
            wake: there is something to send.
            leave: the application closed (False) or aborted (True); called once for each.
        """
        super().__init__()
        self._stream = stream
        self._wake = wake
        self._leave = leave
        self._protocol: asyncio.BaseProtocol | None = None
        self._inbox: deque[memoryview] = deque()
        self._eof = False
        self._reading = True
        self._closing = False
        self._lost = False
        self._paused_writing = False
        self._high = HIGH_WATER
        self._low = HIGH_WATER // 4
        self._writable = asyncio.Event()
        self._writable.set()

    # --- for the driver ----------------------------------------------------------------------------

    def start(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol
        protocol.connection_made(self)

    def deliver(self, events: Sequence[Event]) -> None:
        """What arrived, to the protocol, or kept (at most the stream's window) while it pauses."""
        for event in events:
            if isinstance(event, Received):
                self._inbox.append(event.data)
            elif isinstance(event, Finished):
                self._eof = True
            elif isinstance(event, Reset):
                _log.info("relay leg: the other end reset the stream, reason %s", event.reason)
        if self._inbox or self._eof:
            self._drain_inbox()

    def sent(self) -> None:
        """Frames went out: let the protocol write again if there is room."""
        if self._stream.unsent <= self._low:
            self._writable.set()
            if self._paused_writing and isinstance(self._protocol, asyncio.Protocol):
                self._paused_writing = False
                self._protocol.resume_writing()

    def finished(self, error: RelevoError | None) -> None:
        """The leg is over: the protocol's ``connection_lost``, once."""
        self._closing = True
        self._writable.set()
        if not self._lost:
            self._lost = True
            self._inbox.clear()
            if self._protocol is not None:
                self._protocol.connection_lost(error)

    async def writable(self) -> None:
        """Wait until the unsent bytes are below the low-water mark, if they were above the high one."""
        await self._writable.wait()

    # --- asyncio.Transport: reading ------------------------------------------------------------------

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            if self._inbox or self._eof:
                asyncio.get_running_loop().call_soon(self._drain_inbox)

    def _drain_inbox(self) -> None:
        while self._inbox and (self._reading or self._closing):
            data = self._inbox.popleft()
            if len(data) > _PIECE:
                self._inbox.appendleft(data[_PIECE:])
                data = data[:_PIECE]
            # After close() the rest is thrown away, as a socket would, but still makes room for the peer.
            if not self._closing and isinstance(self._protocol, asyncio.Protocol):
                self._protocol.data_received(bytes(data))
            self._stream.consumed(len(data))
        if self._eof and not self._inbox and not self._closing:
            self._eof = False
            if isinstance(self._protocol, asyncio.Protocol) and not self._protocol.eof_received():
                self.close()
        self._wake()

    # --- asyncio.Transport: writing ------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._closing or self._stream.over:
            return
        self._stream.write(data)
        unsent = self._stream.unsent
        if unsent > self._high:
            self._writable.clear()
            if not self._paused_writing and isinstance(self._protocol, asyncio.Protocol):
                self._paused_writing = True
                self._protocol.pause_writing()
            if unsent > MAX_UNSENT:
                _log.warning("relay leg: %s unsent bytes, giving the leg up", unsent)
                self._stream.reset(ResetReason.OVERFLOW)
                self.abort()
        self._wake()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._stream.close()
        self._wake()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high}) must be >= low ({low}) must be >= 0")
        self._high, self._low = high, low

    def get_write_buffer_size(self) -> int:
        return self._stream.unsent

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    # --- asyncio.Transport: the end ------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Send what was written, then finish. Nothing more is read."""
        if self._closing:
            return
        self._closing = True
        self._stream.close()
        self._drain_inbox()
        self._leave(False)

    def abort(self) -> None:
        """End now. What the other end's credit allows still goes out, so that its SSH learns the reason."""
        self._closing = True
        self._stream.reset(ResetReason.ABORTED)
        self._wake()
        self._leave(True)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        if self._protocol is None:
            raise RuntimeError("the leg was not opened")
        return self._protocol
