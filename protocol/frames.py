"""Length-prefixed frames (4 bytes big endian, then the body) for pipes, sockets and SSH channels."""

from __future__ import annotations

import struct

from protocol.errors import Code, RelevoError

MAX_FRAME = 4 << 20
_HEADER = struct.Struct(">I")


def frame(body: bytes) -> bytes:
    """Raises RelevoError: ``too-large`` over MAX_FRAME."""
    if len(body) > MAX_FRAME:
        raise RelevoError(Code.TOO_LARGE, f"frame of {len(body)} bytes")
    return _HEADER.pack(len(body)) + body


class FrameReader:
    """Bytes in, whole frames out. Never holds more than one frame and one read beyond it."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames completed by ``data``, in order.

        Raises:
            RelevoError: ``too-large`` as soon as a header announces more than the limit.
        """
        self._buffer += data
        done: list[bytes] = []
        at = 0
        while len(self._buffer) - at >= _HEADER.size:
            (size,) = _HEADER.unpack_from(self._buffer, at)
            if size > self._limit:
                raise RelevoError(Code.TOO_LARGE, f"announced frame of {size} bytes")
            if len(self._buffer) - at - _HEADER.size < size:
                break
            start = at + _HEADER.size
            done.append(bytes(self._buffer[start : start + size]))
            at = start + size
        del self._buffer[:at]
        return done

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame; more than 0 at end of input means it was cut."""
        return len(self._buffer)
