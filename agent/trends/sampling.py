"""Taking one sample: may we, what is there, keep it. The moment is given, so that a test may give any."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from agent import identity
from agent.collectors.base import Context
from agent.collectors.messages import Settings
from agent.folder import Folder
from agent.trends import reading, restarts
from agent.trends.consent import allowed
from agent.trends.ring import Ring
from agent.trends.wanted import Sampled
from protocol.errors import Code, RelevoError
from protocol.trends import crossed

TIME_S = 60.0
_PSEUDONYMS = "trends"
"""Stands where a ticket's id does in the derivation of pseudonyms: unrelated to those of any ticket."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def take(folder: Folder, at: datetime) -> Sampled:
    """Read the machine and keep the sample.

    Raises:
        RelevoError: ``refused`` where this machine does not tell trends; ``cannot-record``.
    """
    if not allowed(folder):
        raise RelevoError(Code.REFUSED, "this machine tells no trends")
    key = identity.pseudonym_key(folder, _PSEUDONYMS)
    boot = _BOOT.read_text().strip() if _BOOT.exists() else ""
    context = Context(Settings(), time.monotonic() + TIME_S)
    found = reading.read(context, key, lambda services: restarts.count(folder, boot, services), at)
    ring = Ring(folder)
    try:
        sample = ring.append(at, found)
        return Sampled(sequence=sample.sequence, urgent=crossed(ring.newest(sample.sequence), sample))
    finally:
        ring.close()
