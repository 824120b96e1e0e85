"""What is wrong, from a bundle's facts alone: pure rules with their thresholds and reasons.

A rule looks at one collector's result. Where a collector gave no answer there is a finding that says
so: a missing fact is unknown, never healthy.
"""

from __future__ import annotations

from collections.abc import Iterator

from protocol import findings_network, findings_system
from protocol.diagnosis import Bundle, CollectorResult, Status
from protocol.findings_model import Finding, Rule, Severity, found

__all__ = ["RULES", "Finding", "Severity", "findings"]

RULES: dict[str, Rule] = {
    "disks": findings_system.disks,
    "memory": findings_system.memory,
    "cpu": findings_system.cpu,
    "disk-io": findings_system.disk_io,
    "processes": findings_system.processes,
    "services": findings_system.services,
    "packages": findings_system.packages,
    "accounts": findings_system.accounts,
    "locks": findings_system.locks,
    "network": findings_network.network,
    "dns": findings_network.dns,
    "hosts-file": findings_network.hosts_file,
    "reachability": findings_network.reachability,
    "time": findings_network.time,
    "certificates": findings_network.certificates,
    "logs-summary": findings_network.logs_summary,
    "printing": findings_network.printing,
    "agent": findings_network.agent,
}
_ANSWERED = (Status.OK, Status.PARTIAL)
_SILENT = (Status.FAILED, Status.TIMEOUT, Status.DENIED)
_ORDER = tuple(Severity)


def findings(bundle: Bundle) -> tuple[Finding, ...]:
    """Everything that the rules find, the worst first, in the order of the bundle within a severity."""
    every = [finding for result in bundle.results for finding in _of(result)]
    return tuple(sorted(every, key=lambda finding: _ORDER.index(finding.severity)))


def _of(result: CollectorResult) -> Iterator[Finding]:
    if result.status in _SILENT:
        yield found(result, "not-looked", Severity.NOTICE, status=result.status, reason=result.reason or "-")
        return
    rule = RULES.get(result.collector)
    if rule is None or result.status not in _ANSWERED:
        return
    try:
        yield from rule(result)
    except (KeyError, ValueError, TypeError):
        # Another version of the collector, or a machine that lies: it does not break the report.
        yield found(result, "not-understood", Severity.NOTICE, version=result.version)
