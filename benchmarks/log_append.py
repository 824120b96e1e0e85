"""Durable appends to the broker's log (signed, Merkle, committed in groups) beside SQLite's own limit."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.lab import Lab
from benchmarks.measure import Row, spread
from broker.keys import NoteSigner
from broker.store import schema
from broker.store.engine import Store
from protocol.audit import Action, Actor, ActorKind, AuditRecord

EVENTS = 4_000
CALLERS = 256
ROWS = 1_000
N = 3
_RECORD = AuditRecord(
    at=datetime(2026, 11, 21, tzinfo=UTC),
    actor=Actor(kind=ActorKind.BROKER, id="broker"),
    action=Action.TICKET_NOTE,
    ticket="T-1",
    customer="acme",
)


def measure(lab: Lab) -> list[Row]:
    folder = lab.folder / "log-append"
    folder.mkdir()
    ours, limit = [], []
    for turn in range(N):
        ours.append(asyncio.run(_store(folder / f"store-{turn}.db")))
        limit.append(_sqlite(folder / f"sqlite-{turn}.db"))
    rate, single = sorted(ours)[N // 2], sorted(limit)[N // 2]
    note = f"{CALLERS} callers at once, {EVENTS} events, on the disk of the temporary folder"
    name = "SQLite FULL, one row a commit (the limit)"
    return [
        Row("log append", rate, single, name, "events/s", N, spread(ours), ">= 2000/s", rate >= 2_000, note)
    ]


async def _store(path: Path) -> float:
    """Events a second; each caller goes on when its event is durable."""
    url = f"sqlite:///{path}"
    schema.upgrade(url)
    store = Store(url, NoteSigner("bench/log", Ed25519PrivateKey.generate()), lambda: datetime.now(UTC))
    await store.start()

    async def caller(count: int) -> None:
        for _ in range(count):
            await store.write(lambda tx: tx.audit(_RECORD))

    began = time.perf_counter()
    await asyncio.gather(*(caller(EVENTS // CALLERS) for _ in range(CALLERS)))
    seconds = time.perf_counter() - began
    done = store.log_size
    await store.close()
    return done / seconds


def _sqlite(path: Path) -> float:
    with sqlite3.connect(path, isolation_level=None) as db:
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, salt BLOB, record BLOB)")
        began = time.perf_counter()
        for _ in range(ROWS):
            db.execute("INSERT INTO log (salt, record) VALUES (?, ?)", (b"s" * 16, b"r" * 200))
        seconds = time.perf_counter() - began
    db.close()
    return ROWS / seconds
