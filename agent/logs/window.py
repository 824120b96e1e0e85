"""The part of a file that a time range can be in, found by bisection: logs are written in order."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from agent.logs.times import time_of

_PROBE = 16 << 10
_SLACK = timedelta(seconds=5)
"""Programs write to one log from several threads; their lines may be this much out of order."""
_SMALL = 1 << 20


def window(
    descriptor: int, size: int, modified: datetime, since: datetime | None, until: datetime | None
) -> tuple[int, int]:
    """Byte offsets between which lines of the range stand, at starts of lines. The whole file where
    it is small, has no times, or is not in order at the places that were looked at."""
    if size <= _SMALL or (since is None and until is None):
        return 0, size
    first, last = _time_at(descriptor, 0, size, modified), _time_at(descriptor, size - _PROBE, size, modified)
    if first is None or last is None or first[0] > last[0]:
        return 0, size
    start, end = 0, size
    if since is not None:
        below = _bisect(descriptor, size, modified, since - _SLACK)
        start = below[0] if below else 0
    if until is not None:
        above = _bisect(descriptor, size, modified, until + _SLACK)
        end = above[1] if above else size
    return (start, end) if start <= end else (0, size)


def _bisect(descriptor: int, size: int, modified: datetime, wanted: datetime) -> tuple[int, int] | None:
    """Starts of two lines: one older than ``wanted`` and one that is not, close together; 0 and the
    size where there is none. None when some part of the file has no times."""
    low, high = 0, size
    older, newer = 0, size
    while high - low > _PROBE:
        middle = (low + high) // 2
        probe = _time_at(descriptor, middle, size, modified)
        if probe is None:
            return None
        if probe[0] >= wanted:
            high, newer = middle, probe[1]
        else:
            low = older = probe[1]
    return older, newer


def _time_at(descriptor: int, offset: int, size: int, modified: datetime) -> tuple[datetime, int] | None:
    """The first time named in a line that starts in the window at ``offset``, and where that is."""
    offset = max(0, offset)
    data = os.pread(descriptor, min(_PROBE, size - offset), offset)
    at = 0 if offset == 0 else data.find(b"\n") + 1
    if offset and not at:
        return None
    while 0 <= at < len(data):
        found = time_of(data[at : at + 400], modified)
        if found is not None:
            return found, offset + at
        at = data.find(b"\n", at) + 1
        if not at:
            break
    return None
