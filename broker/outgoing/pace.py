"""When to try again and when to give up: functions of values, for single deliveries and for whole targets."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

FIRST_DELAY = timedelta(seconds=30)
MAX_DELAY = timedelta(hours=4)
MAX_AGE = timedelta(days=3)
"""RFC 5321 section 4.5.4.1 gives four to five days; nobody acts on a help desk's mail of last week."""
MIN_ATTEMPTS = 5
"""Given up only after so many, too: a clock that jumps ahead must not throw away what was never tried."""
MAX_HOLD = timedelta(days=60)
BATCH = 40
FAULTS = 3
"""Failures of a target in a row before it is left alone for a while."""
FIRST_REST_S = 5.0
MAX_REST_S = 300.0


class End(enum.Enum):
    """How an attempt ended."""

    SENT = "sent"
    LATER = "later"
    """This one did not get through; others may."""
    DOWN = "down"
    """The target itself does not answer: others will not get through either."""
    REFUSED = "refused"
    """For good: trying again would change nothing."""
    DROPPED = "dropped"
    """There is nobody to send to any more."""


class Outcome(NamedTuple):
    end: End
    why: str = ""
    """For the administrator: codes and kinds of failure, never contents."""


def next_delay(attempts: int, chance: float) -> timedelta:
    """How long to wait after ``attempts`` (1 or more); ``chance`` from 0 to 1 takes up to half of it off."""
    whole: timedelta = min(MAX_DELAY, FIRST_DELAY * 2.0 ** min(attempts - 1, 30))
    return whole * (1 - chance / 2)


def is_over(created: datetime, attempts: int, now: datetime) -> bool:
    """True when a delivery that failed once more is given up."""
    return attempts >= MIN_ATTEMPTS and now - created > MAX_AGE


@dataclass
class Circuit:
    """Leaves a target alone that does not answer. Times are seconds of a clock that never goes back."""

    faults: int = 0
    rests_until: float = 0.0

    def allowance(self, now: float) -> int:
        """How many deliveries may be tried now: a batch, one as a probe, or none."""
        if now < self.rests_until:
            return 0
        return 1 if self.faults >= FAULTS else BATCH

    def worked(self) -> None:
        self.faults = 0
        self.rests_until = 0.0

    def failed(self, now: float, chance: float) -> None:
        self.faults += 1
        if self.faults >= FAULTS:
            rest = min(MAX_REST_S, FIRST_REST_S * 2.0 ** min(self.faults - FAULTS, 16))
            self.rests_until = now + rest * (1 - chance / 2)
