"""The local socket: how `relevo-agent allow`, `stop` and the others reach the running agent.

Only the same user can open it: mode 0600 in a 0700 folder, and the kernel's word on who is calling.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable

from agent import framing, messages
from agent.folder import Folder
from protocol.drivers.files import socket_address
from protocol.errors import Code, RelevoError
from protocol.frames import MAX_FRAME

_logger = logging.getLogger(__name__)
_CALL_S = 60.0
_MOST_CALLERS = 32

Answer = Callable[[messages.LocalRequest], Awaitable[messages.LocalAnswer]]
Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Takes a connection over until its end."""


class LocalServer:
    """One request, one answer, per connection; self-service takes its connection over (``converse``)."""

    def __init__(self, folder: Folder, answer: Answer, converse: Converse) -> None:
        self._path = folder.socket
        self._answer = answer
        self._converse = converse
        self._callers = 0

    async def start(self) -> asyncio.Server:
        """Listen. Whoever calls this is the folder's only agent; a socket that is there is a dead one's."""
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o177)
        try:
            with socket_address(self._path) as address:
                listening.bind(address)
        finally:
            os.umask(old)
        return await asyncio.start_unix_server(self._serve, sock=listening, limit=MAX_FRAME + 4)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._callers += 1
        try:
            if self._callers > _MOST_CALLERS or not _same_user(writer):
                return
            async with asyncio.timeout(_CALL_S):
                request = await self._request(reader)
                if not isinstance(request, messages.SelfServe):
                    framing.send(writer, await self._one(request))
                    await writer.drain()
                    return
            await self._take_over(reader, writer)
        except (TimeoutError, ConnectionError) as error:
            _logger.info("local caller went away: %s", error)
        finally:
            self._callers -= 1
            writer.close()

    @staticmethod
    async def _request(reader: asyncio.StreamReader) -> messages.LocalRequest | messages.LocalFailure:
        try:
            request: messages.LocalRequest | None = await framing.receive(reader, messages.LocalRequest)
        except RelevoError as error:
            return messages.LocalFailure(code=error.code, detail=error.detail)
        return request or messages.LocalFailure(code=Code.MALFORMED, detail="no request")

    async def _take_over(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except RelevoError as error:
            framing.send(writer, messages.LocalFailure(code=error.code, detail=error.detail))

    async def _one(self, request: messages.LocalRequest | messages.LocalFailure) -> messages.LocalAnswer:
        try:
            if isinstance(request, messages.LocalFailure):
                return request
            return await self._answer(request)
        except RelevoError as error:
            return messages.LocalFailure(code=error.code, detail=error.detail)
        except Exception:
            _logger.exception("local request failed")
            return messages.LocalFailure(code=Code.INTERNAL, detail="")


def _same_user(writer: asyncio.StreamWriter) -> bool:
    """SO_PEERCRED (unix(7)): process id, user id, group id of the caller."""
    peer = writer.get_extra_info("socket")
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", raw)
    return uid in (os.geteuid(), 0)
