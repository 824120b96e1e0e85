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


class LocalServer:
    """One request, one answer, per connection."""

    def __init__(self, folder: Folder, answer: Answer) -> None:
        self._path = folder.socket
        self._answer = answer
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
                framing.send(writer, await self._one(reader))
                await writer.drain()
        except (TimeoutError, ConnectionError) as error:
            _logger.info("local caller went away: %s", error)
        finally:
            self._callers -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader) -> messages.LocalAnswer:
        try:
            request = await framing.receive(reader, messages.LocalRequest)
            if request is None:
                return messages.LocalFailure(code=Code.MALFORMED, detail="no request")
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
