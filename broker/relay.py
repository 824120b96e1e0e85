"""The blind relay: copies binary frames between the two ends of a leg, and can read none of them.

One frame at a time in each direction: a frame is taken from a socket only after the one before went
out on the other, so a reader that stalls stops its sender through TCP and nothing piles up here. While
one end is away the other's first frame waits and nothing more is read. Ends may attach again; the
stream that runs above (``protocol.stream``) makes up for frames that a break swallowed.
"""

from __future__ import annotations

import asyncio
import enum

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

MAX_FRAME = 1 << 20
MAX_HELD = 8 << 20
"""Bytes of frames that wait to be written, over all legs of a session."""
ALONE_S = 120.0

CLOSE_ENDED = 4410
CLOSE_ALONE = 4408
CLOSE_REPLACED = 4409
CLOSE_OVERLOAD = 4413
CLOSE_NOT_BINARY = 1003
CLOSE_TOO_BIG = 1009
CLOSE_GONE = 1001
CLOSE_TIMEOUT_S = 2.0


class Side(enum.StrEnum):
    TECHNICIAN = "technician"
    AGENT = "agent"

    @property
    def other(self) -> Side:
        return Side.AGENT if self is Side.TECHNICIAN else Side.TECHNICIAN


class End:
    """One socket of one side of a leg, while it is attached."""

    __slots__ = ("over", "pump", "sending", "socket")

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.pump: asyncio.Task[None] | None = None
        self.sending = False

    def finish(self, code: int) -> None:
        """The close code that this end gets; the first one counts."""
        if not self.over.done():
            self.over.set_result(code)


class Total:
    """Bytes that were passed on since the start."""

    __slots__ = ("passed",)

    def __init__(self) -> None:
        self.passed = 0


class Flow:
    """What a session has in hand: frames taken from a socket and not yet given to the other."""

    __slots__ = ("held", "legs")

    def __init__(self) -> None:
        self.held = 0
        self.legs: dict[int, Leg] = {}


class Leg:
    """The two sides of one leg. Each may be away."""

    def __init__(self, flow: Flow, total: Total) -> None:
        self._flow = flow
        self._total = total
        self._ends: dict[Side, End] = {}
        self._met = asyncio.Event()
        self._alone: asyncio.TimerHandle | None = None

    @property
    def empty(self) -> bool:
        return not self._ends

    def enter(self, side: Side, end: End) -> None:
        """Attach ``end``; an older socket of the same side is closed."""
        old = self._ends.get(side)
        self._ends[side] = end
        if old is not None:
            self._stop(old, CLOSE_REPLACED)
            self._unblock(side.other)
        self._presence_changed()
        end.pump = asyncio.create_task(self._copy(side, end))

    def leave(self, side: Side, end: End) -> None:
        if end.pump is not None:
            end.pump.cancel()
        if self._ends.get(side) is end:
            del self._ends[side]
            self._unblock(side.other)
            self._presence_changed()

    def finish(self, code: int) -> None:
        for end in self._ends.values():
            self._stop(end, code)

    @staticmethod
    def _stop(end: End, code: int) -> None:
        end.finish(code)
        if end.pump is not None:
            end.pump.cancel()

    def _unblock(self, side: Side) -> None:
        """Whoever is writing to a socket that is gone starts over with the next frame."""
        end = self._ends.get(side)
        if end is not None and end.sending and end.pump is not None and not end.over.done():
            end.pump.cancel()
            end.sending = False
            end.pump = asyncio.create_task(self._copy(side, end))

    def _presence_changed(self) -> None:
        if self._alone is not None:
            self._alone.cancel()
            self._alone = None
        if len(self._ends) == 2:
            self._met.set()
            return
        self._met.clear()
        for end in self._ends.values():
            self._alone = asyncio.get_running_loop().call_later(ALONE_S, self._stop, end, CLOSE_ALONE)

    async def _copy(self, side: Side, end: End) -> None:
        """Frames of ``end`` to the other side until ``end`` is over."""
        flow, size = self._flow, 0
        try:
            while True:
                message = await end.socket.receive()
                data = message.get("bytes")
                if not data:
                    end.finish(CLOSE_GONE if message["type"] == "websocket.disconnect" else CLOSE_NOT_BINARY)
                    return
                size = len(data)
                flow.held += size
                if size > MAX_FRAME or flow.held > MAX_HELD:
                    end.finish(CLOSE_TOO_BIG if size > MAX_FRAME else CLOSE_OVERLOAD)
                    return
                await self._met.wait()
                end.sending = True
                await self._give(side.other, data)
                end.sending = False
                flow.held -= size
                self._total.passed += size
                size = 0
        except (WebSocketDisconnect, WebSocketDisconnected):
            end.finish(CLOSE_GONE)
        finally:
            flow.held -= size

    async def _give(self, side: Side, data: bytes) -> None:
        """Write to the side as it is now. A socket that just broke loses the frame, as a break does."""
        there = self._ends.get(side)
        if there is None:
            return
        try:
            await there.socket.send({"type": "websocket.send", "bytes": data})
        except (WebSocketDisconnect, WebSocketDisconnected):
            there.finish(CLOSE_GONE)


class Relay:
    """All sessions that have an end attached to this broker."""

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}
        self.total = Total()

    def attached(self) -> int:
        """Legs with at least one end."""
        return sum(len(flow.legs) for flow in self._flows.values())

    def held_bytes(self) -> int:
        """Bytes of frames that wait for a reader."""
        return sum(flow.held for flow in self._flows.values())

    async def carry(self, grant: str, number: int, side: Side, socket: WebSocket) -> int:
        """Serve one attached socket until its end is over, then close it; gives the close code.

        The caller has accepted the socket and redeemed its token. Cancelling detaches it.
        """
        flow = self._flows.setdefault(grant, Flow())
        leg = flow.legs.setdefault(number, Leg(flow, self.total))
        end = End(socket)
        leg.enter(side, end)
        try:
            code = await end.over
        finally:
            leg.leave(side, end)
            if leg.empty and flow.legs.get(number) is leg:
                del flow.legs[number]
            if not flow.legs and self._flows.get(grant) is flow:
                del self._flows[grant]
        await close_socket(socket, code)
        return code

    def end(self, grant: str) -> None:
        """Close every socket of the session."""
        self._finish(grant, CLOSE_ENDED)

    def close(self, code: int) -> None:
        """Close every socket: the broker is going down."""
        for grant in tuple(self._flows):
            self._finish(grant, code)

    def _finish(self, grant: str, code: int) -> None:
        flow = self._flows.get(grant)
        if flow is not None:
            for leg in tuple(flow.legs.values()):
                leg.finish(code)


async def close_socket(socket: WebSocket, code: int) -> None:
    """Close, if the peer still takes it. A peer that stalls is cut off by the transport afterwards."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(code)
    except (TimeoutError, WebSocketDisconnect, WebSocketDisconnected, RuntimeError):
        return
