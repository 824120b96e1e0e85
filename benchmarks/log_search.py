"""Log search beside grep on one generated file (8-promises.md: at most 1.5 times grep).

Run: ``python -m benchmarks.log_search [MEGABYTES]`` (at most 1,000; the file is deleted afterwards).
Both are whole processes: ``grep -c PATTERN FILE`` and our child ``python -m agent.logs``.
"""

from __future__ import annotations

import asyncio
import functools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from agent import framing, processes
from agent.logs.messages import Said, Search
from benchmarks.measure import Row, compared, take_turns
from benchmarks.redaction import sample
from protocol.assist import Failed, Logs, LogSummary
from protocol.scopes import Clearance

_MAX_MB = 1_000
_CASES = (
    ("rare literal", "needle in the hay"),
    ("rare expression", "needle (in|of) the h[a-z]y"),
    ("nothing", "zqxzqx"),
)
_RUNS = 5
_BENCH_MB = 1_000


def _write(path: Path, size: int) -> None:
    block = (sample(1_000_000) + "\n").encode()
    with path.open("wb") as file:
        for i in range(size):
            file.write(block)
            if i % 10 == 0:
                file.write(b"Nov 21 10:00:00 pc-ana app[1]: a needle in the hay\n")


async def _ours(folder: Path, pattern: str) -> int:
    child = await processes.spawn(processes.own_program("agent.logs"), limit=5 << 20)
    assert child.stdin is not None
    assert child.stdout is not None
    search = Search(
        request=Logs(source="big.log", pattern=pattern),
        folders=(str(folder),),
        clearance=Clearance.R1,
        key=b"k" * 32,
    )
    framing.send(child.stdin, search)
    await child.stdin.drain()
    matched = -1
    while (said := await framing.receive(child.stdout, Said)) is not None:
        if isinstance(said, LogSummary):
            matched = said.matched
        elif isinstance(said, Failed):
            raise SystemExit(f"search failed: {said}")
    child.stdin.close()
    await child.wait()
    return matched


def _grep(path: Path, pattern: str) -> int:
    done = subprocess.run(["grep", "-cE", pattern, str(path)], capture_output=True, check=False)
    return int(done.stdout)


def measure(_lab: object) -> list[Row]:
    """The rows of ``make bench``."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="relevo-bench-") as folder:
        path = Path(folder) / "big.log"
        _write(path, _BENCH_MB)
        for name, pattern in _CASES:
            works = {
                "ours": functools.partial(_search, Path(folder), pattern),
                "grep": functools.partial(_grep, path, pattern),
            }
            found = take_turns(works, n=_RUNS)
            rows.append(
                compared(
                    f"log search, {name}",
                    found["ours"],
                    found["grep"],
                    "grep -c, same file (the limit)",
                    unit="ms",
                    scale=1e3,
                    at_most=1.5,
                    note=f"{_BENCH_MB} MB, both whole processes",
                )
            )
    return rows


def _search(folder: Path, pattern: str) -> int:
    return asyncio.run(_ours(folder, pattern))


def main() -> None:
    size = min(_MAX_MB, int(sys.argv[1]) if len(sys.argv) > 1 else _MAX_MB)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "big.log"
        _write(path, size)
        for title, pattern in _CASES:
            ours, peer = [], []
            for _ in range(_RUNS):
                began = time.perf_counter()
                found = asyncio.run(_ours(path.parent, pattern))
                ours.append(time.perf_counter() - began)
                began = time.perf_counter()
                expected = _grep(path, pattern)
                peer.append(time.perf_counter() - began)
                if found != expected:
                    raise SystemExit(f"{title}: {found} lines, grep {expected}")
            row = {
                "name": f"log-search {title} {size} MB",
                "ours": round(statistics.median(ours), 3),
                "peer": round(statistics.median(peer), 3),
                "peer_name": "grep -E",
                "ratio": round(statistics.median(ours) / statistics.median(peer), 2),
                "unit": "s",
                "n": _RUNS,
                "spread": round(max(ours) - min(ours), 3),
            }
            print(json.dumps(row))


if __name__ == "__main__":
    main()
