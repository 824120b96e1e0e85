"""One assist channel: whole frames for whoever speaks ``protocol.assist``, plain bytes for whoever passes
them on; and why a session's SSH ended, as our own errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncssh

from protocol.assist import MAX_EVENT
from protocol.drivers.leg import LegTunnel
from protocol.drivers.ssh import ENDED
from protocol.errors import Code, RelevoError
from protocol.frames import FrameReader, frame
from protocol.link import EndReason

READ = 256 << 10
_MAX_BODY = MAX_EVENT + (64 << 10)
_REASONS = frozenset(reason.value for reason in EndReason)
_MEANING: tuple[tuple[type[Exception], Code, str], ...] = (
    (asyncssh.HostKeyNotVerifiable, Code.IDENTITY_MISMATCH, "another host key than the agent's"),
    (asyncssh.PermissionDenied, Code.REFUSED, "the agent refused the login"),
    (asyncssh.KeyExchangeFailed, Code.REFUSED, "no acceptable key exchange"),
)


def why(error: BaseException | None, leg: LegTunnel) -> RelevoError:
    """What an exception of asyncssh (None: an orderly close) means to us.

    ``session-ended`` carries an ``EndReason`` as detail where the other side named one.
    """
    if isinstance(error, RelevoError):
        return error
    for kind, code, detail in _MEANING:
        if isinstance(error, kind):
            return RelevoError(code, detail)
    if isinstance(error, asyncssh.DisconnectError) and error.code == ENDED:
        said = error.reason.partition(" ")[0]  # asyncssh adds " (error N)" to codes that are not its own
        return RelevoError(Code.SESSION_ENDED, said if said in _REASONS else "")
    if leg.error is not None:
        return leg.error
    if error is None:
        return RelevoError(Code.SESSION_ENDED)
    return RelevoError(Code.SESSION_LOST, type(error).__name__)


class AssistChannel:
    """One SSH channel of the assist subsystem, for one task that reads and one that writes."""

    def __init__(
        self,
        leg: LegTunnel,
        reader: asyncssh.SSHReader[bytes],
        writer: asyncssh.SSHWriter[bytes],
        cut: Callable[[], Awaitable[RelevoError]],
    ) -> None:
        """``cut`` says why, when the other side closed the channel without having completed it."""
        self._leg = leg
        self._cut = cut
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader(_MAX_BODY)
        self._ready: list[bytes] = []

    async def receive(self) -> bytes | None:
        """The next frame's body, or None when the other side has finished.

        There is no deadline: the technician's side opens a channel ahead of need and may hold it
        without a request for the whole session.

        Raises:
            RelevoError: ``session-lost`` or ``session-ended``; ``too-large``; ``malformed`` if the
                channel ended inside a frame; on the agent's side ``interrupted`` when the technician
                closed the channel, and with it wants no answer any more.
        """
        while not self._ready:
            data = await self.read()
            if not data:
                if self._frames.pending:
                    raise RelevoError(Code.MALFORMED, "the channel ended inside a frame")
                return None
            self._ready = self._frames.feed(data)[::-1]
        return self._ready.pop()

    async def send(self, body: bytes) -> None:
        """Send one frame and wait until there is room for another.

        Raises:
            RelevoError: ``session-lost`` or ``session-ended``; ``too-large``.
        """
        await self.write(frame(body))

    async def read(self, most: int = READ) -> bytes:
        """Some bytes; empty when the other side has finished. Raises as ``receive``."""
        try:
            data = await self._reader.read(most)
        except (asyncssh.Error, RelevoError, OSError) as error:
            raise why(error, self._leg) from error
        if not data and self._was_cut():
            raise await self._cut()
        return data

    def _was_cut(self) -> bool:
        """The technician ends a request by closing, the agent by an exit status: without it, it was cut."""
        channel = self._writer.channel
        if isinstance(channel, asyncssh.SSHClientChannel):
            return channel.is_closing() and channel.get_exit_status() is None
        return channel.is_closing()

    async def write(self, data: bytes) -> None:
        """Write, then wait for room in the channel and in the leg.

        asyncssh knows only the channel's window, which the other side opens as wide as it likes.
        """
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (asyncssh.Error, RelevoError, OSError) as error:
            raise why(error, self._leg) from error
        await self._leg.writable()

    @property
    def closed(self) -> bool:
        return self._writer.channel.is_closing()

    def finish(self) -> None:
        """Nothing more will be sent; receiving goes on."""
        if not self._writer.is_closing():
            self._writer.write_eof()

    def close(self) -> None:
        """Close both directions once what was written is out. The agent's side reports status 0."""
        channel = self._writer.channel
        if channel.is_closing():
            return
        if isinstance(channel, asyncssh.SSHServerChannel):
            channel.exit(0)
        else:
            channel.close()

    async def wait_closed(self) -> None:
        await self._writer.channel.wait_closed()
