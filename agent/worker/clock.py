"""Time that passed, whatever is done to the clock."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime

_LOOK_S = 1.0


def passed() -> float:
    """Seconds since some moment, those in suspend included where the system counts them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


async def sleep_until(end: datetime, start: datetime, began_s: float) -> None:
    """Return when the clock says ``end``, or when as much time has passed as lies between ``start`` and
    ``end``: a clock that is set back gives nobody more time.

    Args:
        start: what the clock said at ``began_s``, which is on the scale of ``passed``.
    """
    deadline = began_s + (end - start).total_seconds()
    while (left := min(deadline - passed(), (end - datetime.now(UTC)).total_seconds())) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(_LOOK_S, left))
