"""The session that a holder keeps, and its local clients."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from protocol.drivers.assist import AssistConnection
from protocol.drivers.assistchannel import AssistChannel
from protocol.drivers.files import write_private
from protocol.drivers.ssh import MAX_CHANNELS
from protocol.errors import Code, RelevoError
from protocol.frames import FrameReader, frame
from protocol.link import EndReason
from protocol.wire import from_msgpack, to_json, to_msgpack
from technician.held import (
    ASSIST,
    CONTROL,
    Control,
    End,
    HeldRecord,
    Published,
    PublishedNow,
    remove_files,
)
from technician.passing import pass_through, refuse

_log = logging.getLogger(__name__)

Asked = Callable[[], int | None]
"""Asks the broker for the snapshot's version, within seconds; runs in a thread."""

MAX_CLIENTS = 64
_MAX_CONTROL = 4_096
_CLOCK_S = 20.0
_FIRST_BYTES_S = 10.0
_OPEN_S = 150.0
"""For a new channel: longer than a leg may be apart."""
_SPARES = 4
"""Channels that are open ahead of need, as far as the requests that run leave room for them."""
_FEW_SPARES = 1
_STOP_S = 2.0


class Keeper:
    """Keeps ``connection`` until it ends; hands each local client an assist channel."""

    def __init__(
        self, folder: Path, record: HeldRecord, connection: AssistConnection, published: Asked
    ) -> None:
        """``record`` is on disk already; ``folder`` is ``HOME/run``."""
        self._published = published
        self._folder = folder
        self._record = record
        self._connection = connection
        self._spares: deque[asyncio.Task[AssistChannel]] = deque()
        self._clients: set[asyncio.Task[None]] = set()

    async def run(self, listening: socket.socket) -> RelevoError:
        """Serve until the session ends; gives why. Its files are gone afterwards."""
        self._prepare_spares()
        server = await asyncio.start_unix_server(self._client, sock=listening)
        clock = asyncio.create_task(self._watch_clock(), name="session clock")
        try:
            return await self._connection.wait_closed()
        finally:
            remove_files(self._folder, self._record.grant)
            server.close()
            clock.cancel()
            await self._stop_clients()
            for spare in self._spares:
                spare.cancel()

    def end(self, reason: EndReason) -> None:
        self._connection.end(reason)

    def set_up(self, up: bool) -> None:
        """Write the link's state where ``session show`` reads it."""
        self._record = msgspec.structs.replace(self._record, up=up)
        with contextlib.suppress(RelevoError):  # a full disk must not end the session
            write_private(self._folder / f"{self._record.grant}.json", to_json(self._record))

    async def _watch_clock(self) -> None:
        """By the wall clock, looked at often: a suspended machine must not prolong a session."""
        while (left := (self._record.ends - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, _CLOCK_S))
        self.end(EndReason.TIME_UP)

    # --- channels ------------------------------------------------------------------------------------

    def _prepare_spares(self) -> None:
        """Open the next channels ahead of need: a request then costs one round trip.

        Several at once, as their messages then share frames, and between requests, as both ends have one
        thread for the answer and for this.
        """
        if len(self._spares) > _FEW_SPARES:
            return
        while len(self._spares) < min(_SPARES, MAX_CHANNELS - len(self._clients)):
            spare = asyncio.create_task(self._connection.open_channel(), name="spare channel")
            spare.add_done_callback(_look_at)
            self._spares.append(spare)

    async def _channel(self) -> AssistChannel:
        """A spare channel if it is good, else a new one.

        Raises:
            RelevoError: as ``AssistConnection.open_channel``; ``timeout``.
        """
        spare = self._spares.popleft() if self._spares else None
        try:
            async with asyncio.timeout(_OPEN_S):
                if spare is not None:
                    with contextlib.suppress(RelevoError):
                        channel = await spare
                        if not channel.closed:
                            return channel
                return await self._connection.open_channel()
        except TimeoutError as error:
            raise RelevoError(Code.TIMEOUT, "no channel") from error

    # --- local clients -------------------------------------------------------------------------------

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)
        try:
            if len(self._clients) > MAX_CLIENTS:
                await refuse(writer, RelevoError(Code.RATE_LIMITED, "too many requests at once"))
                return
            async with asyncio.timeout(_FIRST_BYTES_S):
                kind = await reader.readexactly(1)
            if kind == ASSIST:
                await self._assist(reader, writer)
            elif kind == CONTROL:
                await self._control(reader, writer)
        except (asyncio.IncompleteReadError, TimeoutError, OSError, RelevoError) as error:
            _log.info("local client: %s", type(error).__name__)
        finally:
            writer.close()

    async def _assist(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            channel = await self._channel()
        except RelevoError as error:
            await refuse(writer, error)
            return
        await pass_through(reader, writer, channel)
        self._prepare_spares()

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader(_MAX_CONTROL)
        async with asyncio.timeout(_FIRST_BYTES_S):
            bodies: list[bytes] = []
            while not bodies:
                data = await reader.read(4_096)
                if not data:
                    return
                bodies = frames.feed(data)
        message = from_msgpack(bodies[0], Control)
        if isinstance(message, Published):
            version = await asyncio.to_thread(self._published)
            writer.write(frame(to_msgpack(PublishedNow(snapshot_version=version))))
            await writer.drain()
            return
        if isinstance(message, End):
            self.end(EndReason.TECHNICIAN)
            await self._connection.wait_closed()
            remove_files(self._folder, self._record.grant)
        writer.write(frame(to_msgpack(self._record)))
        await writer.drain()

    async def _stop_clients(self) -> None:
        """Clients learn from their channel that the session is over; who does not read is cut off."""
        clients = [task for task in self._clients if not task.done()]
        if clients:
            _, slow = await asyncio.wait(clients, timeout=_STOP_S)
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)


def _look_at(task: asyncio.Task[AssistChannel]) -> None:
    """A spare that nobody took may have failed; whoever takes the next one learns why."""
    if not task.cancelled() and task.exception() is not None:
        _log.info("spare channel: %s", task.exception())
