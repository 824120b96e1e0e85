"""Passing bytes between a local client and an assist channel, with back-pressure both ways."""

from __future__ import annotations

import asyncio
import struct

from protocol.assist import Failed
from protocol.drivers.assistchannel import AssistChannel
from protocol.errors import RelevoError
from protocol.frames import frame
from protocol.wire import to_msgpack

_READ = 256 << 10
_HEADER = struct.Struct(">I")


class Boundary:
    """Knows, of a stream of frames seen in any pieces, whether it is between two frames."""

    def __init__(self) -> None:
        self._left = 0
        self._header = b""

    def saw(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
            else:
                step = min(_HEADER.size - len(self._header), len(data) - at)
                self._header += data[at : at + step]
                if len(self._header) == _HEADER.size:
                    (self._left,) = _HEADER.unpack(self._header)
                    self._header = b""
            at += step

    @property
    def between_frames(self) -> bool:
        return not self._left and not self._header


async def pass_through(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, channel: AssistChannel
) -> None:
    """Until either side is done. A client that leaves closes the channel; a channel that is cut becomes a
    ``Failed`` event for the client, if it was not cut inside one.

    The channel is closed afterwards, the client's socket is the caller's.
    """
    upwards = asyncio.create_task(_from_client(reader, channel), name="to the agent")
    downwards = asyncio.create_task(_from_agent(channel, writer), name="from the agent")
    try:
        await asyncio.wait([upwards, downwards], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (upwards, downwards):
            task.cancel()
        channel.close()
        await asyncio.gather(upwards, downwards, return_exceptions=True)


async def _from_client(reader: asyncio.StreamReader, channel: AssistChannel) -> None:
    """Ends when the client hangs up. A broken channel shows in the other direction as well."""
    try:
        while data := await reader.read(_READ):
            await channel.write(data)
    except RelevoError:
        await asyncio.Event().wait()  # the other direction tells the client and ends us
    except OSError:
        return


async def _from_agent(channel: AssistChannel, writer: asyncio.StreamWriter) -> None:
    boundary = Boundary()
    try:
        try:
            while data := await channel.read():
                boundary.saw(data)
                writer.write(data)
                await writer.drain()
        except RelevoError as error:
            if boundary.between_frames:
                await refuse(writer, error)
    except OSError:
        return


async def refuse(writer: asyncio.StreamWriter, error: RelevoError) -> None:
    """Tell a local client that its request failed."""
    writer.write(frame(to_msgpack(Failed(code=error.code, detail=error.detail[:1_000]))))
    await writer.drain()
