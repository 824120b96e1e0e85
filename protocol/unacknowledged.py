"""What one end of a ``protocol.stream`` keeps until the other end has it."""

from __future__ import annotations

from collections import deque


class Unacknowledged:
    """What was written and is not yet acknowledged, by offset: sent from ``acked`` to ``sent``, unsent behind it."""

    def __init__(self) -> None:
        self._unsent: deque[bytes | memoryview] = deque()
        self._unacked: deque[memoryview] = deque()
        self.unsent_bytes = 0
        self.acked = 0
        self.sent = 0

    def append(self, data: bytes) -> None:
        self._unsent.append(data)
        self.unsent_bytes += len(data)

    def take(self, most: int, head: bytes) -> bytes:
        """``head`` and up to ``most`` unsent bytes, which count as sent from now on."""
        pieces: list[bytes | memoryview] = [head]
        left = most
        while left and self._unsent:
            piece = self._unsent.popleft()
            if len(piece) > left:
                view = memoryview(piece)
                self._unsent.appendleft(view[left:])
                piece = view[:left]
            pieces.append(piece)
            left -= len(piece)
        frame = b"".join(pieces)
        self._unacked.append(memoryview(frame)[len(head) :])
        self.unsent_bytes -= most - left
        self.sent += most - left
        return frame

    def acknowledge(self, received: int) -> None:
        """Forget everything before offset ``received`` (within ``acked .. sent``)."""
        left = received - self.acked
        self.acked = received
        while left:
            piece = self._unacked.popleft()
            if len(piece) > left:
                self._unacked.appendleft(piece[left:])
                return
            left -= len(piece)

    def rewind(self) -> None:
        """Everything unacknowledged is to be sent again."""
        self._unsent.extendleft(reversed(self._unacked))
        self._unacked.clear()
        self.unsent_bytes += self.sent - self.acked
        self.sent = self.acked

    def clear(self) -> None:
        self._unsent.clear()
        self._unacked.clear()
        self.unsent_bytes = 0
