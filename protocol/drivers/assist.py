"""The two ends of a session's SSH over a relay leg: ``serve_assist`` on the agent, ``connect_assist`` for
the technician. Both own their leg: when the session ends, nothing of it is left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh

from protocol.assist import SUBSYSTEM, Failed
from protocol.drivers.assistchannel import AssistChannel, why
from protocol.drivers.leg import LegTunnel
from protocol.drivers.ssh import (
    ENDED,
    AssistClient,
    AssistServer,
    SftpFactory,
    SignerKeyPair,
    client_options,
    server_options,
)
from protocol.errors import Code, RelevoError
from protocol.ids import GrantId
from protocol.link import EndReason
from protocol.sshkeys import PublicKey, Signer
from protocol.wire import to_msgpack

_log = logging.getLogger(__name__)

_STOP_S = 5.0
_REASON_S = 1.0

Handle = Callable[[AssistChannel], Awaitable[None]]


class _Session:
    """What both ends have in common: a connection, its leg, and why it ended."""

    def __init__(self, leg: LegTunnel) -> None:
        self._leg = leg
        self._connection: Any = None
        self._owner: AssistClient | AssistServer | None = None
        self._said: RelevoError | None = None

    @property
    def up(self) -> bool:
        """False while the ends are apart and the leg tries to resume, and after the end."""
        return self._leg.up

    def end(self, reason: EndReason) -> None:
        """Tell the other side why, and close. ``wait_closed`` returns shortly after."""
        if self._said is None:
            self._said = RelevoError(Code.SESSION_ENDED, reason.value)
        if self._connection is not None and self._leg.up:
            self._connection.disconnect(ENDED, reason.value)
        else:
            self._leg.abort()

    async def wait_closed(self) -> RelevoError:
        """Why the session ended, once nothing of it is left. Cancelling it ends the session.

        ``session-ended`` (with an ``EndReason`` as detail where a side named one), ``session-lost``
        or what else befell the leg.
        """
        try:
            if self._connection is not None:
                await self._connection.wait_closed()
        finally:
            self._leg.abort()
            await self._leg.wait_closed()
        return self._ended()

    def _ended(self) -> RelevoError:
        lost = self._owner.lost if self._owner is not None else None
        return self._said or why(lost, self._leg)

    async def _open(self, connecting: Awaitable[Any]) -> None:
        """Wait for the login; undo everything if it fails or is cancelled.

        Raises:
            RelevoError: see ``connect_assist``.
        """
        try:
            self._connection = await connecting
        except BaseException as error:
            self._leg.abort()
            await self._leg.wait_closed()
            if isinstance(error, (asyncssh.Error, RelevoError, OSError)):
                raise why(error, self._leg) from error
            raise


class AssistServing(_Session):
    """The agent's end of an open session; made by ``serve_assist``."""

    def __init__(self, leg: LegTunnel, handle: Handle) -> None:
        super().__init__(leg)
        self._handle = handle
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, server: AssistServer, host_key: Signer) -> None:
        self._owner = server
        options = server_options(server, SignerKeyPair(host_key, may_block=False))
        await self._open(
            asyncssh.connect_reverse("relevo", 22, tunnel=self._leg, config=None, options=options)
        )

    async def wait_closed(self) -> RelevoError:
        """As for the technician's end; the handlers of open channels are cancelled and waited for."""
        try:
            return await super().wait_closed()
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=_STOP_S)

    def opened(
        self,
        reader: asyncssh.SSHReader[bytes],
        writer: asyncssh.SSHWriter[bytes],
        _stderr: asyncssh.SSHWriter[bytes],
    ) -> None:
        channel = AssistChannel(self._leg, reader, writer, _closed_by_technician)
        task = asyncio.create_task(self._serve(channel), name="assist channel")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, channel: AssistChannel) -> None:
        """Run the handler; what it raises reaches the other side as ``Failed``."""
        try:
            failure = await self._handled(channel)
            if failure is not None:
                await channel.send(to_msgpack(failure))
        except RelevoError as error:
            _log.info("assist channel: %s", error.code)
        finally:
            channel.close()

    async def _handled(self, channel: AssistChannel) -> Failed | None:
        try:
            await self._handle(channel)
        except RelevoError as error:
            return Failed(code=error.code, detail=error.detail[:1_000])
        except Exception:
            _log.exception("assist channel: the handler failed")
            return Failed(code=Code.INTERNAL)
        return None


class AssistConnection(_Session):
    """The technician's end of an open session; made by ``connect_assist``."""

    async def start(self, *, user: GrantId, key: Signer, host_key: PublicKey) -> None:
        client = AssistClient(host_key)
        self._owner = client
        pair = SignerKeyPair(key, may_block=True)
        options = client_options(user=user, key=pair, host_key=host_key, client=client)
        await self._open(asyncssh.connect("relevo", 22, tunnel=self._leg, config=None, options=options))

    async def open_channel(self) -> AssistChannel:
        """A new assist channel.

        Raises:
            RelevoError: ``rate-limited`` when all channels are in use, ``refused``, ``session-lost``
                or ``session-ended``.
        """
        try:
            writer, reader, _ = await self._connection.open_session(subsystem=SUBSYSTEM)
        except asyncssh.ChannelOpenError as error:
            if self._connection.is_closed():
                raise self._ended() from error
            code = Code.RATE_LIMITED if error.code == asyncssh.OPEN_RESOURCE_SHORTAGE else Code.REFUSED
            raise RelevoError(code, error.reason) from error
        except (asyncssh.Error, RelevoError, OSError) as error:
            raise why(error, self._leg) from error
        return AssistChannel(self._leg, reader, writer, self._why_cut)

    async def _why_cut(self) -> RelevoError:
        """An ending session closes its channels a moment before it says why."""
        try:
            async with asyncio.timeout(_REASON_S):
                await self._connection.wait_closed()
        except TimeoutError:
            return RelevoError(Code.SESSION_LOST, "the agent closed the channel")
        return self._ended()


async def _closed_by_technician() -> RelevoError:
    return RelevoError(Code.INTERRUPTED, "the technician closed the channel")


async def serve_assist(
    leg: LegTunnel,
    *,
    user: GrantId,
    technician_key: PublicKey,
    host_key: Signer,
    handle: Handle,
    sftp: SftpFactory | None = None,
) -> AssistServing:
    """Open the leg, and return once the technician of this grant has logged in over it.

    Args:
        leg: a leg that was not opened yet; it belongs to the session from now on.
        user: the grant's id.
        technician_key: the one key that may log in.
        host_key: the agent's own key.
        handle: called with each assist channel; when it returns the channel is closed, a RelevoError
            becomes a ``Failed`` event. It is cancelled when the session ends; when the technician only
            closes the channel, reading sees the end and writing fails.
        sftp: serves the sftp subsystem; only with scope ``files``.

    Raises:
        RelevoError: as ``LegTunnel.create_connection``; ``refused`` (nobody with that key, or no
            acceptable algorithms), ``session-lost`` (nobody came, or the leg broke for good).
    """
    serving = AssistServing(leg, handle)
    server = AssistServer(user=user, technician_key=technician_key, opened=serving.opened, sftp=sftp)
    await serving.start(server, host_key)
    return serving


async def connect_assist(
    leg: LegTunnel, *, user: GrantId, key: Signer, host_key: PublicKey
) -> AssistConnection:
    """Open the leg and log in to the agent at its other end.

    Args:
        leg: a leg that was not opened yet; it belongs to the session from now on.
        user: the grant's id.
        key: the technician's signer; it may block (a touch, an agent) and runs in a thread.
        host_key: the key whose hash is the agent's id; no other is accepted.

    Raises:
        RelevoError: as ``LegTunnel.create_connection``; ``identity-mismatch`` (another host key),
            ``refused`` (the agent does not let this key in, or no acceptable algorithms),
            ``session-lost``.
    """
    connection = AssistConnection(leg)
    await connection.start(user=user, key=key, host_key=host_key)
    return connection
