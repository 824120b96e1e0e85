"""Trend facts: the little that a machine with standing consent tells by itself, and its limits.

A machine samples itself once an hour and sends the samples in batches (docs/adr/0016). A sample holds
numbers about things, never names of people or files: mount points other than the usual ones, certificates
and instances of services are pseudonyms that only this machine can make.
"""

from __future__ import annotations

import enum
import math
from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from protocol.wire import Moment, Wire

SAMPLE_EVERY = timedelta(hours=1)
SEND_EVERY = timedelta(hours=6)
KEPT = 336
"""Samples that a machine keeps for a broker it cannot reach: two weeks."""
MAX_BATCH = 48
MAX_READINGS = 48
MAX_SEQUENCE = 1 << 40


class Kind(enum.StrEnum):
    """What is watched. ``value`` and ``limit`` of a reading mean:"""

    DISK = "disk"
    """Bytes used, and bytes that users may fill (df's Used, and Used + Available)."""
    MEMORY = "memory"
    """Bytes that cannot be given out without swapping, and bytes of memory."""
    BATTERY = "battery"
    """Full charge as percent of the design, and 100."""
    CRASH = "crash"
    """Restarts of a service so far, and 0. Starts anew with the machine."""
    CERTIFICATE = "certificate"
    """End of validity in Unix seconds, and 0."""


SHOWN_MOUNTS = (
    *("/", "/boot", "/boot/efi", "/data", "/home", "/media", "/mnt", "/opt", "/srv", "/usr", "/usr/local"),
    *("/var", "/var/lib", "/var/lib/docker", "/var/log"),
    *("/tmp", "/var/tmp"),  # noqa: S108 - names of places, not files
)
"""Mount points that every machine may have. No other path can be written down."""
Subject = Annotated[
    str,
    Meta(pattern=rf"^({'|'.join(SHOWN_MOUNTS)}|[A-Za-z0-9][A-Za-z0-9@._:+-]{{0,79}})$(?!\n)", max_length=80),
]
"""One of the usual mount points, a service's name, or a pseudonym (``mount-…``, ``cert-…``)."""
Amount = Annotated[float, Meta(ge=0, le=1e18)]


class Reading(Wire, frozen=True):
    kind: Kind
    subject: Subject
    value: Amount
    limit: Amount = 0.0

    @property
    def share(self) -> float:
        """``value`` of ``limit``, 0 where there is no limit."""
        return self.value / self.limit if self.limit else 0.0


Sequence = Annotated[int, Meta(ge=1, le=MAX_SEQUENCE)]


class Sample(Wire, frozen=True):
    """What was read at one moment, by the machine's clock.

    ``sequence`` counts from 1 without gaps, so that what is missing shows and what is sent twice counts once.
    """

    sequence: Sequence
    at: Moment
    readings: Annotated[tuple[Reading, ...], Meta(max_length=MAX_READINGS)]


def sane(reading: Reading) -> bool:
    """Numbers that can be: finite, and no more used than there is (with room for a resize in between)."""
    if not (math.isfinite(reading.value) and math.isfinite(reading.limit)):
        return False
    if reading.kind in (Kind.DISK, Kind.MEMORY):
        return reading.limit > 0 and reading.value <= reading.limit
    return reading.kind is not Kind.BATTERY or reading.value <= 200


_FULL = 0.9
_ENDS_SOON_S = 14 * 86_400


def crossed(before: Sample | None, now: Sample) -> bool:
    """Does this sample show something that the one before did not, and that should not wait for its batch?

    A disk or the memory came to 90 %, a service has restarted since, or a certificate came to its last 14 days.
    """
    known = {(row.kind, row.subject): row for row in before.readings} if before else {}
    for row in now.readings:
        old = known.get((row.kind, row.subject))
        if row.kind in (Kind.DISK, Kind.MEMORY) and row.share >= _FULL > (old.share if old else 0.0):
            return True
        if row.kind is Kind.CRASH and old is not None and row.value > old.value:
            return True
        if row.kind is Kind.CERTIFICATE and before is not None:
            line = row.value - _ENDS_SOON_S
            if before.at.timestamp() < line <= now.at.timestamp():
                return True
    return False
