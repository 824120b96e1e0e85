"""Redaction throughput: rules behind triggers beside the same rules run one after another.

Run: ``python -m benchmarks.redaction [MEGABYTES]``. Prints one JSON line a clearance:
``{name, ours, peer, peer_name, ratio, unit, n, spread}`` (8-promises.md).
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable

from agent.redaction import Known, Person, Redactor
from protocol.scopes import Clearance

_KNOWN = Known(people=(Person("ana", "Ana García López"),), hosts=("pc-ana", "pc-ana.example.com"))
_LINES = (
    "Nov 21 10:00:{s:02d} pc-ana systemd[1]: Started session-{i}.scope - Session {i} of User.",
    "Nov 21 10:00:{s:02d} pc-ana kernel: [{i}.123456] usb 1-{s}: new high-speed USB device number {i} using xhci_hcd",
    "2026-11-21T10:00:{s:02d}.123456+01:00 pc-ana app[{i}]: INFO worker finished job {i} in 0.{i} s, 12 rows, cache hit",
    "Nov 21 10:00:{s:02d} pc-ana CRON[{i}]: pam_unix(cron:session): session closed for user root",
    "Nov 21 10:00:{s:02d} pc-ana dbus-daemon[{i}]: [system] Successfully activated service 'org.freedesktop.nm_dispatcher'",
    "Nov 21 10:00:{s:02d} pc-ana NetworkManager[{i}]: <info>  [1763719200.{i}] manager: state is now CONNECTED_GLOBAL",
    "Nov 21 10:00:{s:02d} pc-ana rsyslogd: rsyslogd was HUPed, action 'action-{i}-builtin:omfile' resumed",
    "Nov 21 10:00:{s:02d} pc-ana kernel: EXT4-fs (sda{s}): mounted filesystem with ordered data mode. Quota mode: none.",
    "10.1.2.{s} - - [21/Nov/2026:10:00:{s:02d} +0100] \"GET /api/v1/item/{i} HTTP/1.1\" 200 {i} \"-\" \"curl/8.5\"",
    "Nov 21 10:00:{s:02d} pc-ana sshd[{i}]: Accepted publickey for ana from 192.168.1.{s} port 5{s} ssh2",
    "Nov 21 10:00:{s:02d} pc-ana app[{i}]: connecting with password=hunter{i} to db{s}.example.com",
)  # fmt: skip
_WEIGHTS = (8, 8, 8, 8, 6, 6, 6, 6, 2, 1, 1)
"""About one line in ten holds something to hide besides the host name, as in the syslog of a server."""


def sample(size: int) -> str:
    """About ``size`` characters of log lines."""
    mix = list(
        itertools.chain.from_iterable([line] * weight for line, weight in zip(_LINES, _WEIGHTS, strict=True))
    )
    lines: list[str] = []
    length = 0
    while length < size:
        i = len(lines)
        lines.append(mix[(i * 37) % len(mix)].format(i=i, s=i % 60))
        length += len(lines[-1]) + 1
    return "\n".join(lines)


def _seconds(work: Callable[[], object], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return taken


def main() -> None:
    size = int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 4_000_000
    text = sample(size)
    for clearance in Clearance:
        redactor = Redactor(clearance, b"k" * 32, known=_KNOWN)
        redactor.text(text[:10_000])
        ours = _seconds(lambda r=redactor: r.text(text), 3)  # type: ignore[misc]
        engine, replace = redactor._engine, redactor._replace
        part = text[: len(text) // 4]
        naive = [4 * s for s in _seconds(lambda e=engine, r=replace, p=part: e.apply_naively(p, r), 1)]  # type: ignore[misc]
        rates = [len(text) / 1e6 / s for s in ours]
        peer = len(text) / 1e6 / statistics.median(naive)
        row = {
            "name": f"redaction-{clearance}",
            "ours": round(statistics.median(rates), 1),
            "peer": round(peer, 2),
            "peer_name": "the same rules without triggers",
            "ratio": round(statistics.median(rates) / peer, 1),
            "unit": "MB/s",
            "n": len(rates),
            "spread": round(max(rates) - min(rates), 1),
        }
        print(json.dumps(row))


if __name__ == "__main__":
    main()
