"""From a collector's name to its code: a literal table (house style 4)."""

from __future__ import annotations

from agent.collectors import (
    accounts,
    activity,
    caches,
    certificates,
    clock,
    load,
    locks,
    logsummary,
    machine,
    managed,
    names,
    network,
    own,
    printing,
    reach,
    software,
    storage,
)
from agent.collectors.base import Collect

FUNCTIONS: dict[str, Collect] = {
    "uptime": machine.uptime,
    "system": machine.system,
    "cpu": load.cpu,
    "memory": load.memory,
    "disks": storage.disks,
    "caches": caches.caches,
    "disk-io": storage.disk_io,
    "processes": activity.processes,
    "services": managed.services_,
    "network": network.network,
    "dns": names.dns,
    "hosts-file": names.hosts_file,
    "reachability": reach.reachability,
    "packages": software.packages,
    "time": clock.time_,
    "logs-summary": logsummary.logs_summary,
    "certificates": certificates.certificates,
    "accounts": accounts.accounts,
    "printing": printing.printing,
    "locks": locks.locks,
    "agent": own.agent,
}
