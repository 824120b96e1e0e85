"""What a row of `make bench` is, how ours and the peer are timed side by side, and the table.

The machine may be busy with other work, so ours and the peer always take turns within one run: the ratio
of the two medians is what counts, not either figure.
"""

from __future__ import annotations

import json
import os
import platform
import ssl
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results.jsonl"


class PeerMissingError(Exception):
    """The program to compare with is not installed; the row says so and goes on without it."""


@dataclass(frozen=True)
class Row:
    """One line of ``results.jsonl``.

    Attributes:
        name: what was measured.
        ours: median of ours, in ``unit``.
        peer: median of the peer, or None where there is none to run here.
        peer_name: what it was compared with.
        unit: of ``ours`` and ``peer``.
        n: how many times each was measured.
        spread: half the distance between the quartiles of ours, as a share of the median.
        goal: from 8-promises.md, in words; empty where there is none.
        met: whether it was reached; None where there is no goal.
        note: what a reader has to know to trust the figure.
    """

    name: str
    ours: float
    peer: float | None
    peer_name: str
    unit: str
    n: int
    spread: float
    goal: str = ""
    met: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.peer else None


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of them lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(values: Sequence[float]) -> float:
    """Half the interquartile range over the median."""
    middle = statistics.median(values)
    return (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / middle if middle else 0.0


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def take_turns(
    works: dict[str, Callable[[], object]], *, n: int, warm: int = 1, block: int = 1
) -> dict[str, list[float]]:
    """Seconds of each of ``works``, ``n`` times each, in blocks of ``block`` that alternate.

    Args:
        warm: rounds that are run first and not counted.
    """
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(warm + -(-n // block)):
        for name, work in works.items():
            seconds = [timed(work) for _ in range(block)]
            if turn >= warm:
                found[name] += seconds
    return found


def compared(
    name: str,
    ours: Sequence[float],
    peer: Sequence[float] | None,
    peer_name: str,
    *,
    unit: str,
    scale: float = 1.0,
    at_most: float | None = None,
    at_least: float | None = None,
    note: str = "",
) -> Row:
    """Medians of the two, times ``scale``; the goal is a bound on their ratio."""
    mine = statistics.median(ours) * scale
    theirs = statistics.median(peer) * scale if peer else None
    ratio = mine / theirs if theirs else None
    met = None
    goal = ""
    if at_most is not None:
        goal, met = f"<= {at_most:g}x", None if ratio is None else ratio <= at_most
    elif at_least is not None:
        goal, met = f">= {at_least:g}x", None if ratio is None else ratio >= at_least
    return Row(name, mine, theirs, peer_name, unit, len(ours), spread(ours), goal, met, note)


def machine_facts() -> dict[str, object]:
    """What the figures were taken on."""
    cpu = ""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        cpu = platform.processor()
    return {
        "name": "machine",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "load_1m": round(os.getloadavg()[0], 2),
    }


def write_results(facts: dict[str, object], rows: Iterable[Row], path: Path = RESULTS) -> None:
    """Replace the machine's facts and the rows that were measured now; other rows stay with their own."""
    now = {row.name: row for row in rows}
    kept = []
    if path.exists():
        kept = [json.loads(line) for line in path.read_text().splitlines() if line]
    lines = [facts] + [old for old in kept if old["name"] != "machine" and old["name"] not in now]
    for row in now.values():
        ratio = None if row.ratio is None else round(row.ratio, 3)
        rounded = {"ours": _short(row.ours), "peer": _short(row.peer), "spread": round(row.spread, 3)}
        lines.append({**asdict(row), **rounded, "ratio": ratio, "at": facts["at"]})
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


_TITLES = ("row", "ours", "peer", "unit", "ratio", "goal", "", "n", "spread", "beside")


def show(rows: Sequence[Row]) -> None:
    """The table, then the notes."""
    cells = [_TITLES, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(_TITLES))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    for row in rows:
        if row.note:
            print(f"  {row.name}: {row.note}")
    sys.stdout.flush()


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.ours:.4g}",
        "-" if row.peer is None else f"{row.peer:.4g}",
        row.unit,
        "-" if row.ratio is None else f"{row.ratio:.2f}",
        row.goal,
        {True: "met", False: "MISSED", None: ""}[row.met],
        str(row.n),
        f"{row.spread:.0%}",
        row.peer_name,
    )
