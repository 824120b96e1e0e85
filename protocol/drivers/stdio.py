"""A relay leg on stdin and stdout: what OpenSSH's ``ProxyCommand`` runs."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import BinaryIO

from protocol.drivers.leg import LegTunnel

_READ = 256 << 10
_HIGH_WATER = 256 << 10
_PIPE = 1 << 20


async def pipe_stdio(
    leg: LegTunnel, *, incoming: BinaryIO | None = None, outgoing: BinaryIO | None = None
) -> None:
    """Copy ``incoming`` (stdin) to the leg and the leg to ``outgoing`` (stdout) until both are finished.

    They have to be pipes, sockets or terminals. When the reader of ``outgoing`` goes away, the leg ends.

    Raises:
        RelevoError: as ``LegTunnel.create_connection``, and how the leg ended if not orderly.
    """
    loop = asyncio.get_running_loop()
    for pipe in (incoming or sys.stdin.buffer, outgoing or sys.stdout.buffer):
        _widen(pipe)
    reader, writer = await leg.open_streams()
    source = asyncio.StreamReader(limit=_HIGH_WATER)
    reading, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(source), incoming or sys.stdin.buffer
    )
    writing, flow = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop), outgoing or sys.stdout.buffer
    )
    sink = asyncio.StreamWriter(writing, flow, None, loop)
    upwards = asyncio.create_task(_copy(source, writer), name="stdin")
    downwards = asyncio.create_task(_copy(reader, sink), name="stdout")
    gone = asyncio.create_task(leg.wait_closed(), name="leg")
    try:
        await asyncio.wait([downwards, gone], return_when=asyncio.FIRST_COMPLETED)
        if gone.done():  # what arrived before the end still goes out
            await downwards
    finally:
        upwards.cancel()
        downwards.cancel()
        for transport in (reading, writing):
            transport.close()
        writer.close()
        await asyncio.gather(upwards, downwards, return_exceptions=True)
        await gone
    if leg.error is not None:
        raise leg.error


def _widen(pipe: BinaryIO) -> None:
    """A pipe of Linux takes 64 KiB unless it is told otherwise, and frames would be no larger."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # no pipe, or the user's allowance is used up
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until the source ends, then finish the sink; a sink that breaks ends it too."""
    try:
        while data := await source.read(_READ):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
    except OSError:
        return
