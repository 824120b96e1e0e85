"""What the session worker and the collector host say to each other (framed msgpack on pipes)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol.wire import Count, Moment, Name, Sha256, Wire


class Settings(Wire, frozen=True):
    """What collectors know besides the machine itself."""

    data: str = ""
    """The agent's data folder; empty: unknown."""
    version: str = ""
    broker_host: str = ""
    broker_port: Annotated[int, Meta(ge=0, le=65_535)] = 0
    broker_tls_sha256: tuple[Sha256, ...] = ()


class Run(Wire, frozen=True, tag="run"):
    run: Count
    names: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=64)]
    settings: Settings


class Ended(Wire, frozen=True, tag="ended"):
    """One collector's process is gone. ``output`` is what it wrote, untouched and untrusted."""

    run: Count
    collector: Name
    how: Annotated[str, Meta(pattern=r"^(exit|timeout|overflow|stopped)$(?!\n)")]
    rc: int
    output: bytes
    started: Moment
    ended: Moment
    cpu_ms: Count
    rss_peak_bytes: Count
    read_bytes: Count
