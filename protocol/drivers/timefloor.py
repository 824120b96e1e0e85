"""The time floor: the newest time seen in anything verified, kept across restarts.

A clock set back to before it would revive expired metadata, so such a clock is refused; within the slack
(clocks differ) the floor stands in for the clock.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from protocol.drivers.files import read_file, write_private
from protocol.errors import Code, RelevoError
from protocol.layout import CLOCK_SLACK
from protocol.times import rfc3339
from protocol.wire import Moment, Wire, from_json, to_json


class _Floor(Wire, frozen=True):
    floor: Moment


class TimeFloor:
    """The floor kept in the file ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> datetime | None:
        """None before anything was verified. Raises RelevoError: ``malformed`` for a damaged file."""
        try:
            return from_json(read_file(self._path, 1_000), _Floor).floor
        except RelevoError as error:
            if error.code is Code.NOT_FOUND:
                return None
            raise

    def effective(self, now: datetime) -> datetime:
        """The moment to judge expiry by: the later of ``now`` and the floor.

        Raises:
            RelevoError: ``stale-trust`` when ``now`` is more than the slack before the floor.
        """
        floor = self.read()
        if floor is None:
            return now
        if now < floor - CLOCK_SLACK:
            raise RelevoError(
                Code.STALE_TRUST, f"the clock says {rfc3339(now)}, but {rfc3339(floor)} has already been seen"
            )
        return max(now, floor)

    def learn(self, verified: datetime, now: datetime) -> None:
        """Raise the floor to a time found in verified data; it never sinks.

        Raises:
            RelevoError: ``stale-trust`` when ``verified`` is further in the future than the slack: the clock
                is wrong or the broker's is, and a floor in the future would lock everything out;
                ``cannot-record``.
        """
        if verified > now + CLOCK_SLACK:
            raise RelevoError(
                Code.STALE_TRUST, f"signed at {rfc3339(verified)}, but the clock says {rfc3339(now)}"
            )
        floor = self.read()
        if floor is None or verified > floor:
            write_private(self._path, to_json(_Floor(floor=verified)))
