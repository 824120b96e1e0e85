"""How often a source that proves nothing may be refused before it is only turned away."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import NamedTuple

BURST = 100.0
PER_SECOND = 1.0
MAX_SOURCES = 10_000


class _Bucket(NamedTuple):
    left: float
    at: float


class SourceLimiter:
    """A token bucket per source address (IPv6: per /64), for at most ``MAX_SOURCES`` sources.

    Times are seconds of any clock that never goes back.
    """

    def __init__(self, burst: float = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._rate = per_second
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def blocked(self, source: str, now: float) -> bool:
        """True while the source has no refusals left."""
        return self._left(source, now) < 1

    def spend(self, source: str, now: float) -> None:
        """One refusal."""
        self._buckets[source] = _Bucket(max(0.0, self._left(source, now) - 1), now)
        self._buckets.move_to_end(source)
        while len(self._buckets) > MAX_SOURCES:
            self._buckets.popitem(last=False)

    def _left(self, source: str, now: float) -> float:
        bucket = self._buckets.get(source)
        if bucket is None:
            return self._burst
        return min(self._burst, bucket.left + max(0.0, now - bucket.at) * self._rate)


def source_of(client: tuple[str, int] | None) -> str:
    """The part of the peer's address that one party controls."""
    if client is None:
        return "unknown"
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return client[0][:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
