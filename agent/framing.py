"""Typed messages over asyncio streams: pipes to workers, the local socket."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import msgspec

from protocol.errors import Code, RelevoError
from protocol.frames import MAX_FRAME, frame
from protocol.wire import from_msgpack

_HEADER = 4


async def receive(reader: asyncio.StreamReader, kind: Any) -> Any:
    """The next message, or None at the end of the stream.

    Raises:
        RelevoError: ``malformed`` or ``too-large``. Cancelling loses no byte that was not taken yet.
    """
    try:
        size = int.from_bytes(await reader.readexactly(_HEADER), "big")
        if size > MAX_FRAME:
            raise RelevoError(Code.TOO_LARGE, f"frame of {size} bytes")
        return from_msgpack(await reader.readexactly(size), kind)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise RelevoError(Code.MALFORMED, "stream cut inside a frame") from error
        return None
    except (ConnectionError, BrokenPipeError):
        return None


def send(writer: asyncio.StreamWriter, message: msgspec.Struct) -> None:
    """Queue one message. A closed peer is noticed by the reader, not here."""
    if not writer.is_closing():
        writer.write(frame(msgspec.msgpack.encode(message)))


async def standard_streams() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """This process's stdin and stdout as streams; stdout then carries frames only."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MAX_FRAME + _HEADER)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    # Whoever prints by mistake must not corrupt the frames: stdout proper goes to stderr.
    frames_out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", 0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, frames_out)
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)
