"""The broker's time: that of the machine, but never before what the log was last written at.

A broker that starts with its clock set back would take for valid what was over when it stopped: logins,
invitations, requests. So it goes on from the last checkpoint's time, as fast as time passes, until the machine's
clock has caught up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta


class SteadyClock:
    """A clock with a floor.

    Args:
        clock: the machine's.
        elapsed: seconds of a clock that nobody can set.
    """

    def __init__(self, clock: Callable[[], datetime], elapsed: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._floor: tuple[datetime, float] | None = None

    def hold(self, floor: datetime) -> timedelta:
        """From now on it is not before ``floor``; how far the machine's clock is behind that (0: it is not)."""
        behind = max(timedelta(0), floor - self._clock())
        if behind:
            self._floor = (floor, self._elapsed())
        return behind

    def __call__(self) -> datetime:
        now = self._clock()
        if self._floor is None:
            return now
        floor, since = self._floor
        return max(now, floor + timedelta(seconds=self._elapsed() - since))
