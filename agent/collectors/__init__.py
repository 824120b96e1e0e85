"""The collectors: what each may use, as one literal table.

Their code is named by the table of ``agent.collectors.functions``, which only the host imports.
"""

from __future__ import annotations

from agent.collectors.base import Collector

_TABLE: tuple[Collector, ...] = (
    Collector("uptime", 1, timeout_s=5, platforms=("linux", "darwin", "win32")),
    Collector("system", 1),
    Collector("cpu", 1),
    Collector("memory", 1),
    Collector("disks", 1),
    Collector("caches", 1),
    Collector("disk-io", 1),
    Collector("processes", 1, timeout_s=20),
    Collector("services", 1, timeout_s=30),
    Collector("network", 1),
    Collector("dns", 1),
    Collector("hosts-file", 1),
    Collector("reachability", 1, timeout_s=12),
    Collector("packages", 1, timeout_s=30),
    Collector("time", 1),
    Collector("logs-summary", 2, timeout_s=20),
    Collector("certificates", 1, timeout_s=15),
    Collector("accounts", 1),
    Collector("printing", 1, timeout_s=20),
    Collector("locks", 1),
    Collector("agent", 1),
)

COLLECTORS: dict[str, Collector] = {collector.name: collector for collector in _TABLE}
"""Every collector by name, in the order of a bundle. All of them are the standard set."""
