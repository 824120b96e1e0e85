"""The wanted lines of one file: their times, and whether they belong to a private key."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from agent.logs.clean import key_spans
from agent.logs.matcher import Matcher
from agent.logs.newest import BUDGET
from agent.logs.times import time_of

_LOOK_BACK_LINES = 200
_HEAD = 400
_NAME_ENDS = (b":", b"=", b">", b"|", b"-", "\uff1a".encode())
"""With the fullwidth colon."""


class RawLine(NamedTuple):
    """One line as read, without its end. ``at`` is inherited where the line has none."""

    raw: bytes
    at: datetime | None
    in_key: bool
    before: bytes = b""
    """The line above, where it ends as a name without its value does (YAML, XML)."""


_Held = tuple[bytes, bytes]
"""A block and the one before it."""


class FileLines:
    """Finds the wanted lines block by block.

    Args:
        written: when the file was last written.
        only_last: where set, at most about this many lines from the end matter (and every line is
            wanted): blocks that hold older ones are counted and let go.
    """

    def __init__(self, matcher: Matcher, written: datetime, only_last: int | None = None) -> None:
        self._matcher = matcher
        self._written = written
        self._only_last = only_last
        self._before = b""
        self._last: datetime | None = None
        self._held: deque[tuple[_Held, int]] = deque()
        self._held_lines = self._held_bytes = 0
        self.passed_over = 0

    def after(self, before: bytes) -> None:
        """What stands before the first block, in the same file: a private key may have begun there."""
        self._before = before

    def add(self, block: bytes) -> Iterator[RawLine]:
        """The wanted lines of the next block; none yet where only the last ones matter."""
        held = (block, self._before)
        self._before = block
        if self._only_last is None:
            yield from self._lines(held)
            return
        count = block.count(b"\n")
        self._held.append((held, count))
        self._held_lines += count
        self._held_bytes += len(block)
        while len(self._held) > 1 and (
            self._held_lines - self._held[0][1] > self._only_last
            or self._held_bytes - len(self._held[0][0][0]) > BUDGET
        ):
            (old, _), lines = self._held.popleft()
            self._held_lines -= lines
            self._held_bytes -= len(old)
            self.passed_over += lines
            self._last = self._inherited(old, 0, len(old))

    def rest(self) -> Iterator[RawLine]:
        """What was held back, once the file is at its end."""
        while self._held:
            yield from self._lines(self._held.popleft()[0])

    def _lines(self, held: _Held) -> Iterator[RawLine]:
        block, before = held
        seen = 0
        keys: list[tuple[int, int]] | None = None
        for start, end in self._hits(block):
            own = time_of(block[start : start + _HEAD], self._written)
            self._last = own or self._inherited(block, seen, start)
            seen = end
            if keys is None:
                keys = key_spans(before, block)
            # A key inside one line (JSON) is the redactor's: the rest of that line stays.
            in_key = any(
                first < end and start < stop and (first < start or stop > end) for first, stop in keys
            )
            above = _name_above(block, start) if start else _name_above(before, len(before))
            yield RawLine(block[start:end], self._last, in_key, above)
        self._last = self._inherited(block, seen, len(block))

    def _hits(self, block: bytes) -> Iterator[tuple[int, int]]:
        at = 0
        while 0 <= (hit := self._matcher.find(block, at)) < len(block):
            start = block.rfind(b"\n", 0, hit) + 1
            end = block.find(b"\n", hit)
            end = len(block) if end < 0 else end
            yield start, end
            at = end + 1

    def _inherited(self, block: bytes, floor: int, before: int) -> datetime | None:
        """The time of the nearest line above, not above ``floor``; else that of the last line before."""
        end = before - 1
        for _ in range(_LOOK_BACK_LINES):
            if end <= floor:
                break
            start = max(block.rfind(b"\n", floor, end) + 1, floor)
            found = time_of(block[start : start + _HEAD], self._written)
            if found is not None:
                return found
            end = start - 1
        return self._last


def _name_above(block: bytes, start: int) -> bytes:
    end = start - 1
    line = block[max(block.rfind(b"\n", 0, max(end, 0)) + 1, end - _HEAD) : max(end, 0)].rstrip(b" \t\r")
    return line if line.endswith(_NAME_ENDS) else b""
