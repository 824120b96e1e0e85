"""A resumable byte stream between two endpoints, over a carrier that may break at any point.

Events in, commands out, no I/O: the driver calls ``attach`` when it has a carrier, gives it each frame
``next_frame`` returns, hands each frame that arrives to ``frame_received`` and calls ``detach`` when
the carrier is gone. What the application wrote is kept until the other end has it, so nothing is lost
or doubled by a break. The sender holds no more than the other end's credit; the receiver never refuses
a frame within the credit it gave, so a stalled application does not stop the reader of frames.

Wire format (big endian; one frame is one binary WebSocket message):

======= ==== ===========================================================================
RESUME  3    epoch u32, version u8, seen u32, received u64, limit u64
DATA    1    epoch u32, offset u64, 1 .. 256 KiB of content
ACK     2    epoch u32, received u64, limit u64
FIN     4    epoch u32, offset u64: the direction is complete; counts as one more received
RESET   5    epoch u32, reason u16: the stream is over at once
======= ==== ===========================================================================

``epoch`` counts the sender's attachments. A frame means something only between two epochs that know
each other: RESUME names the sender's epoch and the one it has ``seen`` of the other side, and is sent
first on each attachment and once in answer to each new epoch of the peer. An end is *joined* when the
peer has seen its present epoch; until then it sends and accepts nothing but RESUME and RESET. So it
does not matter which frames the relay drops, holds or delivers late when one leg or both break.
"""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

from protocol.errors import Code, RelevoError
from protocol.unacknowledged import Unacknowledged

VERSION = 1
MAX_DATA = 256 << 10
"""Largest content of one DATA frame, bytes."""
WINDOW = 1 << 20
"""Default credit, bytes. Larger windows were not faster on loopback; see ``MAX_WINDOW`` for long paths."""
MAX_WINDOW = 4 << 20
_MAX_EPOCH = (1 << 32) - 1

_DATA = struct.Struct(">BIQ")
_ACK = struct.Struct(">BIQQ")
_RESUME = struct.Struct(">BIBIQQ")
_FIN = struct.Struct(">BIQ")
_RESET = struct.Struct(">BIH")
MAX_FRAME = _DATA.size + MAX_DATA


class Kind(enum.IntEnum):
    DATA = 1
    ACK = 2
    RESUME = 3
    FIN = 4
    RESET = 5


class ResetReason(enum.IntEnum):
    """Why an end gave the stream up."""

    ABORTED = 1
    MALFORMED = 2
    OVERFLOW = 3


class Joined(NamedTuple):
    """Both ends know each other's present carrier: bytes flow."""


class Received(NamedTuple):
    """Content in order. The application must report it with ``consumed`` to get more."""

    data: memoryview


class Finished(NamedTuple):
    """The other end has sent all it will send."""


class Reset(NamedTuple):
    """The other end gave up; ``reason`` is a ``ResetReason`` or a number this version does not know."""

    reason: int


Event = Joined | Received | Finished | Reset


class Stream:
    """One end of the stream.

    Args:
        window: bytes the other end may send ahead of what the application consumed,
            ``MAX_DATA`` .. ``MAX_WINDOW``.
    """

    def __init__(self, window: int = WINDOW) -> None:
        if not MAX_DATA <= window <= MAX_WINDOW:
            raise ValueError(f"window {window}")
        self._window = window
        self._out = Unacknowledged()
        self._epoch = 0
        self._seen = 0  # the peer's epoch
        self._joined = False
        self._attached = False
        self._peer_limit = 0
        self._received = 0  # with the peer's FIN counted as one
        self._peer_finished = False
        self._consumed = 0
        self._told = (0, 0)  # received and limit as last sent
        self._closing = False
        self._fin_sent = False
        self._fin_acked = False
        self._resume_due = False
        self._ack_due = False
        self._reset: int | None = None
        self._over = False

    @property
    def joined(self) -> bool:
        return self._joined

    @property
    def over(self) -> bool:
        """Nothing will be sent or accepted any more: both directions complete and acknowledged, or reset."""
        return self._over

    @property
    def unsent(self) -> int:
        """Bytes written and never sent or to be sent again: what an asyncio write buffer holds."""
        return self._out.unsent_bytes

    @property
    def unacknowledged(self) -> int:
        """Bytes kept because the other end may still need them; 0 once everything has arrived."""
        return self._out.unsent_bytes + self._out.sent - self._out.acked

    # --- the application ---------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queue ``data``. The caller bounds how much it queues (see ``unsent``).

        Raises:
            RelevoError: ``session-ended`` after ``close``, ``reset`` or the end of the stream.
        """
        if self._closing or self._over or self._reset is not None:
            raise RelevoError(Code.SESSION_ENDED, "write after close")
        if data:
            self._out.append(data if isinstance(data, bytes) else bytes(data))

    def close(self) -> None:
        """Finish this direction after what was written."""
        self._closing = True

    def reset(self, reason: ResetReason) -> None:
        """Give up: what the credit still allows goes out, then RESET, then the stream is over."""
        if not self._over and self._reset is None:
            self._reset = reason

    def consumed(self, count: int) -> None:
        """The application took ``count`` received bytes: that much new credit for the other end."""
        self._consumed += count
        limit = self._consumed + self._window
        step = self._window // 4
        if limit - self._told[1] >= step or self._received - self._told[0] >= step:
            self._ack_due = True

    # --- the carrier -------------------------------------------------------------------------------

    def attach(self) -> None:
        """A new carrier is there (the old one, if any, is forgotten); RESUME goes out first."""
        if self._epoch == _MAX_EPOCH:
            raise RelevoError(Code.SESSION_LOST, "too many attachments")
        self.detach()
        self._epoch += 1
        self._attached = True
        self._resume_due = True

    def detach(self) -> None:
        """The carrier is gone. What was written meanwhile is kept for the next one."""
        self._attached = False
        self._joined = False
        self._ack_due = False
        self._resume_due = False

    def next_frame(self) -> bytes | None:
        """The next frame for the carrier, or None while there is nothing to send."""
        if self._over or not self._attached:
            return None
        if self._resume_due:
            self._resume_due = False
            self._told = (self._received, self._consumed + self._window)
            return _RESUME.pack(Kind.RESUME, self._epoch, VERSION, self._seen, *self._told)
        if self._joined:
            frame = self._next_joined()
            if frame is not None:
                return frame
        if self._reset is not None:
            reason = self._reset
            self._end()
            return _RESET.pack(Kind.RESET, self._epoch, reason)
        return None

    def _next_joined(self) -> bytes | None:
        if self._ack_due:
            self._ack_due = False
            self._told = (self._received, self._consumed + self._window)
            frame = _ACK.pack(Kind.ACK, self._epoch, *self._told)
            self._end_if_complete()
            return frame
        size = min(MAX_DATA, self._out.unsent_bytes, self._peer_limit - self._out.sent)
        if size > 0:
            return self._out.take(size, _DATA.pack(Kind.DATA, self._epoch, self._out.sent))
        if self._closing and not self._out.unsent_bytes and not self._fin_sent:
            self._fin_sent = True
            return _FIN.pack(Kind.FIN, self._epoch, self._out.sent)
        return None

    def frame_received(self, frame: bytes) -> list[Event]:
        """What ``frame`` means for the application. Nothing if it is left over from an old carrier.

        Raises:
            RelevoError: ``malformed`` for anything the other end may not send; reset the stream then.
        """
        if self._over or not self._attached:
            return []
        if not 0 < len(frame) <= MAX_FRAME:
            raise RelevoError(Code.MALFORMED, f"frame of {len(frame)} bytes")
        if frame[0] == Kind.DATA:
            return self._on_data(frame)
        if frame[0] == Kind.ACK:
            return self._on_ack(*_unpack(_ACK, frame))
        if frame[0] == Kind.RESUME:
            return self._on_resume(*_unpack(_RESUME, frame))
        if frame[0] == Kind.FIN:
            return self._on_fin(*_unpack(_FIN, frame))
        if frame[0] == Kind.RESET:
            return self._on_reset(*_unpack(_RESET, frame))
        raise RelevoError(Code.MALFORMED, f"frame of kind {frame[0]}")

    # --- frames, one by one ------------------------------------------------------------------------

    def _current(self, epoch: int) -> bool:
        """Whether a frame of the peer's ``epoch`` counts. Without a RESUME no epoch may be new."""
        if epoch > self._seen:
            raise RelevoError(Code.MALFORMED, f"epoch {epoch} was never announced")
        return epoch == self._seen and self._joined

    def _on_resume(self, epoch: int, version: int, seen: int, received: int, limit: int) -> list[Event]:
        if version != VERSION:
            raise RelevoError(Code.MALFORMED, f"stream version {version}")
        if seen > self._epoch or epoch == 0:
            raise RelevoError(Code.MALFORMED, "resume names an attachment that never was")
        if epoch < self._seen:
            return []
        new = epoch > self._seen
        knows_us = seen == self._epoch
        if not new and knows_us and self._joined:
            raise RelevoError(Code.MALFORMED, "resume repeated on the same carrier")
        if new and self._joined and not knows_us:
            raise RelevoError(Code.MALFORMED, "resume forgets an attachment it had seen")
        if not new and not knows_us:
            return []
        self._acknowledged(received, limit)
        if new:
            self._seen = epoch
            self._resume_due = True
        self._joined = knows_us
        self._ack_due = False
        if not knows_us:
            return []
        self._out.rewind()
        self._fin_sent = self._fin_acked
        return [Joined()]

    def _on_data(self, frame: bytes) -> list[Event]:
        if len(frame) <= _DATA.size:
            raise RelevoError(Code.MALFORMED, "data frame without content")
        _, epoch, offset = _DATA.unpack_from(frame)
        if not self._current(epoch):
            return []
        size = len(frame) - _DATA.size
        if offset != self._received or self._peer_finished:
            raise RelevoError(Code.MALFORMED, f"data at {offset}, expected {self._received}")
        if offset + size > self._told[1]:
            raise RelevoError(Code.MALFORMED, f"data to {offset + size}, credit to {self._told[1]}")
        self._received += size
        return [Received(memoryview(frame)[_DATA.size :])]

    def _on_ack(self, epoch: int, received: int, limit: int) -> list[Event]:
        if self._current(epoch):
            self._acknowledged(received, limit)
            self._end_if_complete()
        return []

    def _on_fin(self, epoch: int, offset: int) -> list[Event]:
        if not self._current(epoch):
            return []
        if offset != self._received or self._peer_finished:
            raise RelevoError(Code.MALFORMED, f"end at {offset}, expected {self._received}")
        self._peer_finished = True
        self._received += 1
        self._ack_due = True
        return [Finished()]

    def _on_reset(self, epoch: int, reason: int) -> list[Event]:
        if epoch < self._seen:
            return []
        self._end()
        return [Reset(reason)]

    def _acknowledged(self, received: int, limit: int) -> None:
        fin = self._fin_sent and received == self._out.sent + 1
        if fin:
            received -= 1
        if not self._out.acked <= received <= self._out.sent or (self._fin_acked and not fin):
            raise RelevoError(
                Code.MALFORMED, f"{received} acknowledged, {self._out.acked} .. {self._out.sent} possible"
            )
        if not self._peer_limit <= limit <= received + MAX_WINDOW:
            raise RelevoError(Code.MALFORMED, f"credit to {limit} at {received}")
        self._out.acknowledge(received)
        self._peer_limit = limit
        self._fin_acked = fin

    def _end_if_complete(self) -> None:
        """Over once both directions are complete and the peer has been told so."""
        if self._fin_acked and self._peer_finished and not self._ack_due:
            self._end()

    def _end(self) -> None:
        self._over = True
        self._joined = False
        self._out.clear()


def _unpack(layout: struct.Struct, frame: bytes) -> tuple[int, ...]:
    """The fields after the kind.

    Raises:
        RelevoError: ``malformed`` unless the frame has exactly this layout.
    """
    if len(frame) != layout.size:
        raise RelevoError(Code.MALFORMED, f"frame of kind {frame[0]} with {len(frame)} bytes")
    fields: tuple[int, ...] = layout.unpack(frame)
    return fields[1:]
