"""Reading server-sent events (WHATWG HTML, section "Server-sent events"), without I/O.

Only what our broker writes: ``id``, ``event``, ``data`` and comments, in UTF-8, lines ended by LF or CRLF.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.errors import Code, RelevoError

MAX_EVENT = 2 << 20
"""Bytes of one event."""


@dataclass(frozen=True)
class ServerEvent:
    """``index`` is the event's id where it has one."""

    name: str
    data: bytes
    index: int | None = None


class EventReader:
    """Feed bytes as they come, in any pieces; get the events that they complete."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._name = ""
        self._index: int | None = None
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that ``data`` completes; comments and unknown fields are passed over.

        Raises:
            RelevoError: ``too-large`` for an event over ``MAX_EVENT``; ``malformed`` for an id that is no
                index or a name that is not ASCII.
        """
        self._rest += data
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        if len(self._rest) + self._size > MAX_EVENT:
            raise RelevoError(Code.TOO_LARGE, "an event of the stream is too large")
        return [event for line in lines if (event := self._line(bytes(line).removesuffix(b"\r"))) is not None]

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._finish()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        self._size += len(line)
        if self._size > MAX_EVENT:
            raise RelevoError(Code.TOO_LARGE, "an event of the stream is too large")
        match field:
            case b"data":
                self._data.append(value)
            case b"event":
                if not value.isascii():
                    raise RelevoError(Code.MALFORMED, "name of an event")
                self._name = value.decode()
            case b"id":
                if not value.isdigit() or len(value) > 16:
                    raise RelevoError(Code.MALFORMED, "id of an event")
                self._index = int(value)
        return None

    def _finish(self) -> ServerEvent | None:
        """An event without data is none (the specification), a comment alone as well."""
        found = ServerEvent(self._name or "message", b"\n".join(self._data), self._index)
        complete = bool(self._data)
        self._name, self._index, self._size = "", None, 0
        self._data.clear()
        return found if complete else None
