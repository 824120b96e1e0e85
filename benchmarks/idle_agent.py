"""A real agent that nobody asks anything: memory, CPU time, bytes on its control link.

Watched in the background while other rows run, for two minutes at least; an hour's figures are extrapolated.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.bare import bare_server
from benchmarks.lab import Lab
from benchmarks.measure import Row
from tests.support.world import ROOT

WATCH_S = 125.0
"""Two heartbeats."""
SETTLE_S = 3.0
HEADERS = 52
"""IPv4 and TCP headers with timestamps, bytes a segment."""
_SEGMENTS = re.compile(r"\b(bytes_sent|bytes_received|segs_out|segs_in):(\d+)")


@dataclass(frozen=True)
class Reading:
    at: float
    cpu_s: float
    bytes_on_wire: int


class Watch:
    """One agent, from ``begin`` until ``rows``."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        machine = lab.world.machine()
        assert machine.running is not None
        self._pid = machine.running.process.pid
        self._port = lab.world.port
        time.sleep(SETTLE_S)
        self._first = self._read()

    def _read(self) -> Reading:
        times = psutil.Process(self._pid).cpu_times()
        return Reading(time.monotonic(), times.user + times.system, wire_bytes(self._pid, self._port))

    def rows(self) -> list[Row]:
        """Waits for the rest of the time, if there is any."""
        time.sleep(max(0.0, WATCH_S - (time.monotonic() - self._first.at)))
        last = self._read()
        seconds = last.at - self._first.at
        pss = pss_mib(self._pid)
        limit = _limit(self._lab)
        cpu = 100 * (last.cpu_s - self._first.cpu_s) / seconds
        kib = (last.bytes_on_wire - self._first.bytes_on_wire) / 1024 / seconds * 3600
        bare = "CPython with asyncio and ssl (the limit)"
        note = f"watched for {seconds:.0f} s while other rows ran"
        return [
            Row("idle agent PSS", pss, limit, bare, "MiB", 1, 0.0, "<= 24 MiB", pss <= 24, note),
            Row("idle agent CPU", cpu, None, "-", "% of a core", 1, 0.0, "< 0.05 %", cpu < 0.05, note),
            Row("idle agent link", kib, None, "-", "KiB/hour", 1, 0.0, "< 20 KiB", kib < 20,
                f"{note}; extrapolated, TCP and IP headers and acknowledgements included"),
        ]  # fmt: skip


def wire_bytes(pid: int, port: int) -> int:
    """Bytes both ways of the connections of ``pid`` to ``port``, as the kernel counts them."""
    told = subprocess.run(
        ["ss", "-tinpHO", "dport", "=", f":{port}"], check=True, capture_output=True, text=True
    ).stdout
    total = 0
    for line in told.splitlines():
        if f"pid={pid}," in line:
            found = {name: int(value) for name, value in _SEGMENTS.findall(line)}
            total += found.get("bytes_sent", 0) + found.get("bytes_received", 0)
            total += HEADERS * (found.get("segs_out", 0) + found.get("segs_in", 0))
    return total


def pss_mib(pid: int) -> float:
    """Proportional set size: private memory and this process's share of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no Pss in smaps_rollup")


def _limit(lab: Lab) -> float:
    with bare_server(lab.folder / "bare-client") as bare:
        client = subprocess.Popen([sys.executable, "-m", "benchmarks.bare_client", str(bare.port)], cwd=ROOT)
        try:
            time.sleep(1.0)
            return pss_mib(client.pid)
        finally:
            client.terminate()
            client.wait(10)
