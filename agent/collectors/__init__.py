"""The collectors: what each may use, as one literal table.

Their code is named by the table of ``agent.collectors.functions``, which only the host imports.
"""

from __future__ import annotations

from agent.collectors.base import Collector

_TABLE: tuple[Collector, ...] = (
    Collector("uptime", 1, timeout_s=5, platforms=("linux", "darwin", "win32")),
    Collector("system", 1),
)

COLLECTORS: dict[str, Collector] = {collector.name: collector for collector in _TABLE}
"""Every collector by name, in the order of a bundle. All of them are the standard set."""
