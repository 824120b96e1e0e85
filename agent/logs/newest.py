"""The newest lines of a search, within a number and a budget of memory."""

from __future__ import annotations

import heapq
from datetime import UTC, datetime

from protocol.assist import LogLine

BUDGET = 64 << 20
"""Bytes of text kept; beyond it the oldest go, and the result says that it is cut."""
_OVERHEAD = 200


class Newest:
    """Keeps the ``limit`` newest lines; equal times keep the order in which they were added."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._heap: list[tuple[float, int, LogLine, int]] = []
        self._added = 0
        self._bytes = 0

    @property
    def truncated(self) -> bool:
        return self._added > len(self._heap)

    @property
    def added(self) -> int:
        return self._added

    def wants(self, at: datetime) -> bool:
        """Whether a line of this time would be kept: saves redacting what would be thrown away."""
        return len(self._heap) < self.limit or at.timestamp() >= self._heap[0][0]

    def skip(self, count: int = 1) -> None:
        """Lines that match and are known to be too old to be kept."""
        self._added += count

    def add(self, at: datetime, line: LogLine, secrets: int) -> None:
        """``at`` orders the line (``line.at`` may be None); ``secrets`` were removed from it."""
        self._added += 1
        self._bytes += len(line.text) + _OVERHEAD
        heapq.heappush(self._heap, (at.timestamp(), self._added, line, secrets))
        while len(self._heap) > self.limit or self._bytes > BUDGET:
            self._bytes -= len(heapq.heappop(self._heap)[2].text) + _OVERHEAD

    def lines(self) -> list[LogLine]:
        """Oldest first."""
        return [entry[2] for entry in sorted(self._heap)]

    @property
    def secrets(self) -> int:
        return sum(entry[3] for entry in self._heap)


def moment(timestamp: float) -> datetime:
    """A file's time, whatever the file system says, as an instant."""
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (OverflowError, OSError, ValueError):
        return datetime(1970, 1, 1, tzinfo=UTC)
