"""SLA clocks of 100,000 open tickets: one recomputation of all, a page of a list, and how it grows.

There is no peer: the goal is ours (issue 3). ``python -m benchmarks.sla_recompute`` also draws the growth.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from benchmarks.lab import Lab
from benchmarks.measure import Row, quantile, spread
from broker.sla import keeper
from broker.sla.clocks import Subject, clocks_of, due_of, load_told, shown
from broker.sla.promises import Promises
from broker.store import schema
from broker.store.databases import make_engine
from broker.store.sla_tables import sla_due
from broker.store.ticket_tables import ticket_events, tickets
from broker.tickets import rows
from protocol.calendars import Calendar
from protocol.desk import CustomerDesk, Desk, OlaTarget, SlaTarget
from protocol.sla_views import view
from technician.reports import plot
from technician.reports.plot import Axis, Chart, Line, Tick, nice_axis, svg

TICKETS = 100_000
GROWTH = (5_000, 10_000, 25_000, 50_000, 100_000)
N = 3
PAGE, PAGES = 50, 200
SEED = 20_261_122
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CUSTOMERS = 20
EVENTS = 4

ZONES = ("Europe/Madrid", "America/Mexico_City", "Europe/Berlin", "America/New_York")


def desk() -> Desk:
    """Twenty customers with five calendars, four clocks promised for each priority."""
    calendars = tuple(
        Calendar(id=f"c{i}", zone=zone, hours=("mon-fri 09:00-14:00", "mon-fri 15:30-18:30"))
        for i, zone in enumerate(ZONES)
    )
    customers = tuple(
        CustomerDesk(
            customer=f"k{i}",
            calendar=f"c{i % len(ZONES)}",
            sla=tuple(
                SlaTarget(priority=p, first_response=30 * p, resolution=480 * p, next_response=60 * p)
                for p in range(1, 6)
            ),
            ola=tuple(OlaTarget(tier=t, priority=p, minutes=120 * p) for t in (1, 2, 3) for p in range(1, 6)),
        )
        for i in range(CUSTOMERS)
    )
    return Desk(customers=customers, calendars=calendars)


def fill(conn: Connection, count: int) -> None:
    """Open tickets of the last three weeks with four events each: asked, replied, waiting, going on."""
    chance = random.Random(SEED)
    common = {"by": "x", "text": "", "from_state": "new", "queue": "desk", "clearance": "R1"}
    for first in range(1, count + 1, 5_000):
        made, happened = [], []
        for number in range(first, min(first + 5_000, count + 1)):
            created = NOW - timedelta(minutes=chance.randrange(30_000))
            priority = chance.randrange(1, 6)
            made.append(
                {
                    "number": number, "title": "t", "description": "", "state": "in-progress",
                    "customer": f"k{number % CUSTOMERS}", "requester": "r", "tier": 1, "impact": 2, "urgency": 2,
                    "created": created, "updated": created, "version": 4, "priority": priority,
                    "queue": "desk", "language": "en", "channel": "agent",
                }
            )  # fmt: skip
            steps = (
                ("ticket.create", "new", "user", None, True),
                ("ticket.reply", "in-progress", "technician", None, True),
                ("ticket.pend", "pending", "technician", "awaiting_user", True),
                ("ticket.resume", "in-progress", "user", None, True),
            )
            for i, (kind, state, party, reason, public) in enumerate(steps):
                happened.append(
                    {
                        **common, "log_index": number * EVENTS + i, "ticket": number, "kind": kind,
                        "at": created + timedelta(minutes=i * chance.randrange(1, 300)), "public": public,
                        "to_state": state, "party": party, "reason": reason, "tier": 1, "priority": priority,
                    }
                )  # fmt: skip
        conn.execute(insert(tickets), made)
        conn.execute(insert(ticket_events), happened)


def recompute(conn: Connection, promises: Promises) -> Iterator[float]:
    """Every open ticket anew and stored, as after a change of the desk; the seconds of each part."""
    after = 0
    while True:
        began = time.perf_counter()
        c = tickets.c
        wanted = select(c.number, c.customer, c.priority).where(c.number > after, c.state.in_(keeper._OPEN))
        subjects = [Subject(*row) for row in conn.execute(wanted.order_by(c.number).limit(keeper.AT_ONCE))]
        if not subjects:
            return
        numbers = [subject.number for subject in subjects]
        clocks, told = clocks_of(conn, promises, subjects, NOW), load_told(conn, numbers)
        found = [due_of(promises, s, clocks[s.number], NOW, told.get(s.number, {})) for s in subjects]
        conn.execute(sla_due.delete().where(sla_due.c.ticket.in_(numbers)))
        conn.execute(insert(sla_due), [row._asdict() for row in found if row is not None])
        conn.commit()
        after = numbers[-1]
        yield time.perf_counter() - began


def page(conn: Connection, promises: Promises, before: int) -> float:
    """Seconds for the clocks of one page of a list."""
    found = rows.page(conn, [], before, PAGE)
    began = time.perf_counter()
    subjects = [Subject(rows.number_of(t.ticket), t.customer, t.priority) for t in found]
    clocks = clocks_of(conn, promises, subjects, NOW)
    shown_ = [[view(clock) for clock in shown(clocks[s.number], 1)] for s in subjects]
    assert len(shown_) == PAGE
    return time.perf_counter() - began


class Figures(NamedTuple):
    """Seconds. ``cpu`` is what the machine worked for a whole one, however busy it was with other things."""

    whole: list[float]
    cpu: list[float]
    parts: list[float]
    pages: list[float]


def measured(folder: Path, count: int, n: int) -> Figures:
    """``n`` recomputations of ``count`` tickets, and pages of their list."""
    url = f"sqlite:///{folder / f'sla-{count}.db'}"
    schema.upgrade(url)
    engine = make_engine(url, writer=True)
    found = Figures([], [], [], [])
    try:
        with engine.connect() as conn:
            fill(conn, count)
            conn.commit()
            promises = Promises(desk())
            list(recompute(conn, promises))
            for _ in range(n):
                before = time.process_time()
                spent = list(recompute(conn, promises))
                found.cpu.append(time.process_time() - before)
                found.whole.append(sum(spent))
                found.parts.extend(spent)
            chance = random.Random(SEED)
            found.pages.extend(
                page(conn, promises, chance.randrange(PAGE + 1, count + 1)) for _ in range(PAGES)
            )
        return found
    finally:
        engine.dispose()


def measure(lab: Lab) -> list[Row]:
    found = measured(lab.folder, TICKETS, N)
    whole, cpu, part, list_ = (quantile(seconds, 0.95) for seconds in found)
    note = f"{EVENTS} events each, 4 clocks, {CUSTOMERS} customers, 4 calendars; p95; CPU {cpu:.1f} s"
    return [
        Row("sla-recompute, 100,000 tickets", whole, None, "-", "s", N, spread(found.whole), "<= 30 s", whole <= 30, note),
        Row("sla-recompute, one transaction", part * 1e3, None, "-", "ms", len(found.parts), spread(found.parts), "<= 100 ms", part <= 0.1, f"{keeper.AT_ONCE} tickets; what others wait for the writer; p95"),
        Row("sla on a page of 50 of 100,000", list_ * 1e3, None, "-", "ms", PAGES, spread(found.pages), "<= 20 ms", list_ <= 0.02, "added to a list's answer; p95"),
    ]  # fmt: skip


def growth(folder: Path) -> list[tuple[int, float]]:
    """Tickets and the CPU seconds of one recomputation, the least of two."""
    points = []
    for count in GROWTH:
        found = measured(folder, count, 2)
        points.append((count, min(found.cpu)))
        print(f"{count:>8} tickets  CPU {min(found.cpu):6.2f} s  wall {min(found.whole):6.2f} s", flush=True)
    return points


def chart(points: list[tuple[int, float]]) -> Chart:
    """Seconds over tickets, beside the straight line to the last point."""
    most, longest = points[-1]
    ticks = [Tick(count, plot.number(count)) for count, _ in points if count >= most / 10]
    return Chart(
        title="SLA clocks of all open tickets, computed and stored",
        description="; ".join(f"{count} tickets: {seconds:.2f} s" for count, seconds in points),
        x=Axis("open tickets", 0, most, ticks),
        y=nice_axis("CPU seconds", longest),
        lines=[Line("measured", points), Line("linear", [(0, 0.0), (most, longest)], guide=True)],
    )


def main() -> int:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="relevo-bench-") as folder:
        points = growth(Path(folder))
    out = Path(__file__).parent / "plots" / "sla-recompute.svg"
    out.parent.mkdir(exist_ok=True)
    out.write_text(svg(chart(points)))
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
