"""The quick diagnosis: what it reads, and its facts as they are, for the machine's own eyes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from agent.actions.bundle import RunOf
from agent.actions.diagnose import os_name, zone
from agent.collectors.messages import Settings
from agent.collectors.runner import CollectorHost
from protocol.diagnosis import Clock, CollectorResult

QUICK = (
    "system", "cpu", "memory", "disks", "caches", "processes", "services", "network", "dns", "hosts-file",
    "reachability", "time", "accounts", "printing", "locks", "logs-summary", "certificates", "packages",
)  # fmt: skip
"""What the quick diagnosis reads; the user is told before (``self.reads`` in the words of the agent)."""


class Looked(NamedTuple):
    of: RunOf
    results: tuple[CollectorResult, ...]


async def look(
    collectors: CollectorHost,
    settings: Settings,
    run: str,
    whose: tuple[str, str],
    said: Callable[[CollectorResult, int], None],
) -> Looked:
    """Run the quick collectors; ``said`` hears of each as it ends, and how many have.

    Args:
        run: 16 hex digits.
        whose: the run of self-service, and the agent.
    """
    clock = Clock(wall=datetime.now(UTC), mono_s=round(time.monotonic(), 3), zone=zone())
    done = 0

    async def on_done(result: CollectorResult) -> None:
        nonlocal done
        done += 1
        said(result, done)

    results = await collectors.collect(QUICK, settings, on_done)
    of = RunOf(
        run=run,
        ticket=None,
        grant=whose[0],
        agent=whose[1],
        os=os_name(),
        started=clock.wall,
        ended=max(datetime.now(UTC), clock.wall),
        clock=clock,
    )
    return Looked(of, results)
