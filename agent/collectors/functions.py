"""From a collector's name to its code: a literal table (house style 4)."""

from __future__ import annotations

from agent.collectors import machine
from agent.collectors.base import Collect

FUNCTIONS: dict[str, Collect] = {
    "uptime": machine.uptime,
    "system": machine.system,
}
