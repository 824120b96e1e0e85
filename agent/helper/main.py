"""``relevo-agent helper``: serve workers of one agent on its socket, or one worker on inherited pipes."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import struct
import sys
from datetime import UTC, datetime
from pathlib import Path

from agent import framing
from agent.fixes.checks import Machine
from agent.fixes.desk import Desk
from agent.helper import pin, privileges
from agent.helper.conversation import Conversation
from agent.helper.trust import HandedTrust
from protocol.drivers.files import private_folder, socket_address
from protocol.errors import Code, RelevoError
from protocol.frames import MAX_FRAME
from protocol.wording import Language, language_from

_logger = logging.getLogger(__name__)
_MOST_CONVERSATIONS = 8
SOCKET = "helper.sock"


def run(data: Path, *, inherited: bool = False, language: Language | None = None) -> None:
    """Serve until SIGTERM, or with ``inherited`` until stdin ends. Must be called without other threads.

    Raises:
        RelevoError: ``refused`` when not root or when the network cannot be left; ``not-connected`` when
            nothing was pinned (``agent.helper.pin.write_pin``).
    """
    if os.geteuid() != 0:
        raise RelevoError(Code.REFUSED, "the helper runs as root")
    os.umask(0o077)
    pinned = pin.read_pin(data)
    owner = data.stat().st_uid
    listening = None if inherited else _bind(data / SOCKET, owner)
    spoken = language or language_from(None, os.environ)
    host_network = privileges.leave_network()
    privileges.drop_capabilities()
    try:
        asyncio.run(_serve(data, pinned, owner, host_network, listening, spoken))
    finally:
        if listening is not None:
            (data / SOCKET).unlink(missing_ok=True)


def _bind(path: Path, owner: int) -> socket.socket:
    """The socket, made with the owner's rights: they could swap any name below their folder under our hands,
    so nothing there is done as root, a ``chown`` least of all.

    Raises:
        RelevoError: ``cannot-record`` when the owner may not make it there.
    """
    listening = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    os.seteuid(owner)
    try:
        path.unlink(missing_ok=True)
        with socket_address(path) as address:
            listening.bind(address)
    except OSError as error:
        listening.close()
        raise RelevoError(Code.CANNOT_RECORD, f"{path}: {error.strerror}") from error
    finally:
        os.seteuid(0)
        os.umask(mask)
    return listening


async def _serve(
    data: Path,
    pinned: pin.Pin,
    owner: int,
    host_network: int,
    listening: socket.socket | None,
    language: Language,
) -> None:
    folder = private_folder(pin.helper_folder(data))
    trust = HandedTrust(folder / "repository", pinned.root_sha256, _now)
    machine = Machine(org=pinned.org, agent=pinned.agent, customer=pinned.customer)
    desk = Desk("root", folder, trust, machine, _now, language=language, host_network=host_network)
    try:
        if listening is None:
            reader, writer = await framing.standard_streams()
            await Conversation(reader, writer, desk, trust).serve()
        else:
            await _listen(listening, owner, desk, trust)
    finally:
        desk.close()


async def _listen(listening: socket.socket, owner: int, desk: Desk, trust: HandedTrust) -> None:
    places = asyncio.Semaphore(_MOST_CONVERSATIONS)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = _peer_uid(writer.get_extra_info("socket"))
        if peer not in (0, owner) or places.locked():
            _logger.warning("connection of user %s refused", peer)
            writer.close()
            return
        async with places:
            await Conversation(reader, writer, desk, trust).serve()

    server = await asyncio.start_unix_server(converse, sock=listening, limit=MAX_FRAME + 4)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stopped.wait()


def _peer_uid(connection: socket.socket) -> int:
    """User of the process at the other end (unix(7), SO_PEERCRED: pid, uid, gid)."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def _now() -> datetime:
    return datetime.now(UTC)
