"""A broker's database full of tickets, fast: rows go straight into SQLite, in the shape that the broker writes.

The mix is that of a desk that works: two of a hundred tickets are open, a third reached L2 or L3, some waited
for the user, some were reopened.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from protocol.calendars import to_us

SEED = 20_261_122
CUSTOMERS = 20
CATEGORIES = ("printing", "mail", "network", "accounts", "disk", "sound", "updates", "other")
PRIORITIES = (1, 2, 2, 3, 3, 3, 3, 4, 4, 5)
TIERS = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3)
OPEN = 0.02
MINUTE = 60_000_000
_AT_ONCE = 20_000
_TICKET = (
    "number", "title", "description", "state", "customer", "agent", "requester", "tier", "assignee", "impact",
    "urgency", "created", "updated", "version", "resolution", "cause", "resolved_by_tier", "article",
    "no_article_reason", "reopen_count", "priority", "category", "queue", "language", "channel", "resolved",
    "closed",
)  # fmt: skip
_EVENT = (
    "log_index", "ticket", "at", "by", "kind", "text", "public", "from_state", "to_state", "party", "reason",
    "tier", "priority", "assignee", "queue", "clearance",
)  # fmt: skip

Row = tuple[Any, ...]


def customer(number: int) -> str:
    return f"k{number % CUSTOMERS}"


def fill(database: Path, count: int, now: datetime, *, spread: timedelta, events_of_all: bool = True) -> None:
    """``count`` tickets opened evenly over ``spread`` before ``now``.

    Args:
        events_of_all: False writes events of open tickets and the newest only, which is what lists read.
    """
    conn = sqlite3.connect(database)
    try:
        conn.executescript(
            "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; PRAGMA cache_size = -400000"
        )
        rows = _made(count, now, spread)
        for first in range(0, count, _AT_ONCE):
            block = [next(rows) for _ in range(min(_AT_ONCE, count - first))]
            conn.executemany(_insert("tickets", _TICKET), [ticket for ticket, _ in block])
            told = (
                event
                for ticket, events in block
                if events_of_all or ticket[26] is None or ticket[0] > count - 2_000
                for event in events
            )
            conn.executemany(_insert("ticket_events", _EVENT), told)
        conn.execute("insert or replace into counters (name, value) values ('ticket', ?)", (count,))
        conn.commit()
        conn.execute("PRAGMA journal_mode = DELETE")
    finally:
        conn.close()


def _insert(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f"insert into {table} ({names}) values ({', '.join('?' * len(columns))})"


def _made(count: int, now: datetime, spread: timedelta) -> Iterator[tuple[Row, list[Row]]]:
    chance, end, index = random.Random(SEED), to_us(now.astimezone(UTC)), 1_000_000_000
    step = spread / timedelta(microseconds=1) / count
    for number in range(1, count + 1):
        created = int(end - (count - number + 1) * step)
        ticket, events = _ticket(number, created, end, index, chance, still=number > count * (1 - OPEN))
        index += len(events)
        yield ticket, events


def _ticket(
    number: int, created: int, end: int, index: int, chance: random.Random, *, still: bool
) -> tuple[Row, list[Row]]:
    tier, priority = chance.choice(TIERS), chance.choice(PRIORITIES)
    steps: list[tuple[str, str, str, str | None, bool, int]] = [
        ("ticket.create", "new", "user", None, True, 1),
        ("ticket.take", "assigned", "technician", None, True, 1),
        ("ticket.start", "in-progress", "technician", None, True, 1),
        ("ticket.reply", "in-progress", "technician", None, True, 1),
    ]
    if tier > 1:
        steps += [
            ("ticket.escalate", "assigned", "technician", "no_kb_match", False, tier),
            ("ticket.accept", "in-progress", "technician", None, True, tier),
        ]
    if chance.random() < 0.3:
        steps += [
            ("ticket.pend", "pending", "technician", "awaiting_user", True, tier),
            ("ticket.reply", "pending", "user", None, True, tier),
            ("ticket.resume", "in-progress", "user", None, True, tier),
        ]
    if still:
        steps = steps[: chance.randrange(1, len(steps) + 1)]
    else:
        steps.append(("ticket.resolve", "resolved", "technician", "software", True, tier))
        if chance.random() < 0.05:
            steps += [
                ("ticket.reopen", "in-progress", "user", None, True, tier),
                ("ticket.resolve", "resolved", "technician", "software", True, tier),
            ]
        steps.append(("ticket.close", "closed", "timer", None, True, tier))
    at, assignee, told, before = created, None, [], None
    for kind, state, party, reason, public, of_tier in steps:
        if kind == "ticket.take":
            assignee = f"tech{number % 40}"
        said = "Hecho: la cola estaba parada" if public else ""
        told.append(
            (index, number, at, party, kind, said, public, before, state, party, reason, of_tier, priority,
             assignee, "desk", "R1")
        )  # fmt: skip
        before, index = state, index + 1
        at = min(end - MINUTE, at + chance.randrange(1, 600) * MINUTE)
    last = told[-1]
    over = last[8] == "closed"
    row = (
        number, f"La impresora {number} no imprime", "Desde esta mañana no sale nada por la impresora.", last[8],
        customer(number), None, f"persona{number % 500}", last[11], assignee, 2, 2, created, last[2], len(told),
        "Cola reiniciada" if over else None, "software" if over else None, tier if over else None, None,
        "una vez" if over else None, sum(event[4] == "ticket.reopen" for event in told), priority,
        chance.choice(CATEGORIES), "desk", "es", "agent", last[2] if over else None, last[2] if over else None,
    )  # fmt: skip
    return row, told
