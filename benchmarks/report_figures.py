"""Reports over 100,000 tickets that all lie in the period, from the database to JSON.

There is no peer; the goal is ours (issue 3): a few seconds. ``python -m benchmarks.report_figures`` also draws
how its processor time grows, which other work on the machine changes little.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import true

from benchmarks import seeding
from benchmarks.lab import Lab
from benchmarks.measure import Row, quantile, spread
from benchmarks.sla_recompute import desk
from broker.artifact_files import ArtifactFiles
from broker.keys import NoteSigner
from broker.reports.figures import Period
from broker.reports.loading import Budget, Reader, Wanted
from broker.reports.making import Sources, make
from broker.sla.promises import Promises
from broker.store import schema
from broker.store.engine import Store
from broker.tickets import rows
from protocol.calendars import to_us
from protocol.reports import ReportName
from protocol.wire import to_json
from technician.reports.plot import Chart, Line, decades, nice_axis, svg

TICKETS = 100_000
GROWTH = (1_000, 10_000, 30_000, 100_000)
DAYS = 90
Clock = Callable[[], float]
N = 3
GOAL_S = 5.0
PAGE, PAUSE_S = 50, 0.01
WAIT_MS = 50.0
ROWS = (ReportName.SLA, ReportName.TIERS, ReportName.QUALITY, ReportName.BACKLOG)


async def _measured(
    folder: Path, count: int, n: int, names: Sequence[ReportName], clock: Clock
) -> dict[str, list[float]]:
    now, database = datetime.now(UTC), folder / "broker.db"
    schema.upgrade(f"sqlite:///{database}")
    seeding.fill(database, count, now, spread=timedelta(days=DAYS))
    store = Store(f"sqlite:///{database}", NoteSigner("bench/log", Ed25519PrivateKey.generate()), lambda: now)
    period = Period(to_us(now - timedelta(days=DAYS + 1)), to_us(now), to_us(now))
    wanted = Wanted(period, visible=lambda _customer: true(), readable=lambda *_row: True)
    promised = desk()
    promises = Promises(promised)
    found: dict[str, list[float]] = {}
    await store.start()
    try:
        for name in names:
            for _ in range(n):
                began = clock()
                reader = Reader(store, Budget(seconds=600))
                sources = Sources(reader, wanted, promised, promises, ArtifactFiles(folder))
                to_json(await make(name, sources))
                found.setdefault(name.value, []).append(clock() - began)
    finally:
        await store.close()
    return found


async def _waits(folder: Path, count: int) -> dict[bool, list[float]]:
    """Seconds of a page of a list, again and again: while the report ``sla`` is made (True) and for as long without."""
    now = datetime.now(UTC)
    store = Store(
        f"sqlite:///{folder / f'reports-{count}' / 'broker.db'}",
        NoteSigner("bench/log", Ed25519PrivateKey.generate()),
        lambda: now,
    )
    period = Period(to_us(now - timedelta(days=DAYS + 1)), to_us(now), to_us(now))
    wanted = Wanted(period, visible=lambda _customer: true(), readable=lambda *_row: True)
    promised = desk()
    found: dict[bool, list[float]] = {True: [], False: []}
    await store.start()
    try:
        reader = Reader(store, Budget(seconds=600))
        sources = Sources(reader, wanted, promised, Promises(promised), ArtifactFiles(folder))
        began = time.perf_counter()
        await _pages(store, asyncio.create_task(make(ReportName.SLA, sources)), found[True])
        alone = asyncio.create_task(asyncio.sleep(time.perf_counter() - began))
        await _pages(store, alone, found[False])
    finally:
        await store.close()
    return found


async def _pages(store: Store, until: asyncio.Task[Any], found: list[float]) -> None:
    while not until.done():
        began = time.perf_counter()
        assert len(await store.read(lambda conn: rows.page(conn, [], None, PAGE))) == PAGE
        found.append(time.perf_counter() - began)
        await asyncio.sleep(PAUSE_S)
    await until


def waits(folder: Path, count: int) -> dict[bool, list[float]]:
    """Of the database that ``measured`` left."""
    return asyncio.run(_waits(folder, count))


def measured(
    folder: Path,
    count: int,
    n: int,
    names: Sequence[ReportName] = tuple(ReportName),
    clock: Clock = time.perf_counter,
) -> dict[str, list[float]]:
    place = folder / f"reports-{count}"
    place.mkdir()
    return asyncio.run(_measured(place, count, n, names, clock))


def measure(lab: Lab) -> list[Row]:
    found = measured(lab.folder, TICKETS, N, ROWS)
    told = []
    for name in ROWS:
        seconds = quantile(found[name.value], 0.95)
        note = f"{DAYS} days, all tickets in the period, about 9 events each; p95"
        told.append(
            Row(f"report {name.value} of {TICKETS:,} tickets", seconds, None, "-", "s", N, spread(found[name.value]), f"<= {GOAL_S:g} s", seconds <= GOAL_S, note)
        )  # fmt: skip
    waited = waits(lab.folder, TICKETS)
    beside, alone = (quantile(waited[busy], 0.99) * 1e3 for busy in (True, False))
    note = f"store.read of {PAGE} tickets in the same process; p99"
    told.append(
        Row("a page of a list while report sla is made", beside, alone, "without a report", "ms", len(waited[True]), spread(waited[True]), f"<= {WAIT_MS:g} ms", beside <= WAIT_MS, note)
    )  # fmt: skip
    return told


def _processor() -> float:
    """Seconds of this process and of those that it started and waited for."""
    return sum(os.times()[:4])


def main() -> int:
    points: dict[str, list[tuple[float, float | None]]] = {name.value: [] for name in ReportName}
    with tempfile.TemporaryDirectory(prefix="relevo-bench-") as folder:
        for count in GROWTH:
            for name, seconds in measured(Path(folder), count, 1, clock=_processor).items():
                points[name].append((count, min(seconds)))
                print(f"{count:>8} tickets  {name:<13} {min(seconds):7.2f} s", flush=True)
    highest = max(value or 0.0 for line in points.values() for _, value in line)
    chart = Chart(
        title="A report over all tickets of the period: time of the processor",
        description="; ".join(f"{name}: {line}" for name, line in points.items()),
        x=decades("tickets in the period", GROWTH[0], GROWTH[-1]),
        y=nice_axis("processor seconds", highest),
        lines=[Line(name, line) for name, line in points.items()],
    )
    out = Path(__file__).parent / "plots" / "reports.svg"
    out.write_text(svg(chart))
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
