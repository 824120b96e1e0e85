"""Reports of many tickets are counted in a process that ends: with its work, its time or its broker."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import true

from benchmarks import seeding
from benchmarks.sla_recompute import desk
from broker.artifact_files import ArtifactFiles
from broker.keys import NoteSigner
from broker.reports import child
from broker.reports.counting import About, Order
from broker.reports.figures import Period
from broker.reports.loading import Budget, Reader, Wanted
from broker.reports.making import Sources, make
from broker.reports.process import COMMAND, counted_apart, environment, framed
from broker.sla.promises import Promises
from broker.store import schema
from broker.store.engine import Store
from protocol.calendars import to_us
from protocol.errors import Code, RelevoError
from protocol.reports import ReportName
from protocol.wire import to_json

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PERIOD = Period(to_us(NOW - timedelta(days=20)), to_us(NOW - timedelta(days=1)), to_us(NOW))
DESK = desk()
TICKETS = 400


def filled(folder: Path) -> str:
    database = folder / "broker.db"
    schema.upgrade(f"sqlite:///{database}")
    seeding.fill(database, TICKETS, NOW, spread=timedelta(days=30))
    return f"sqlite:///{database}"


@asynccontextmanager
async def stored(url: str) -> AsyncIterator[Store]:
    store = Store(url, NoteSigner("tests/log", Ed25519PrivateKey.generate()), lambda: NOW)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


def order(url: str, name: ReportName = ReportName.SLA) -> Order:
    return Order(
        about=About(name=name, period=PERIOD), desk=DESK, url=url, numbers=tuple(range(1, TICKETS + 1))
    )


@contextmanager
def nobody_reads(url: str) -> Iterator[None]:
    """The database is locked: whoever reads waits for ten seconds."""
    conn = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        conn.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        conn.close()


def children() -> set[int]:
    """Processes that this one started and that have not ended, or were not waited for."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread may end while it is looked at
            found |= {int(pid) for pid in path.read_text().split()}
    return found


@pytest.mark.parametrize("name", [ReportName.SLA, ReportName.RECURRING, ReportName.BACKLOG])
async def test_a_process_counts_what_a_thread_counts(tmp_path: Path, name: ReportName) -> None:
    url = filled(tmp_path)
    wanted = Wanted(PERIOD, visible=lambda _: true(), readable=lambda *_: True, tier=1)
    told = []
    before = children()
    async with stored(url) as store:
        for apart_from in (0, TICKETS + 1):
            reader = Reader(store, Budget(), apart_from)
            sources = Sources(reader, wanted, DESK, Promises(DESK), ArtifactFiles(tmp_path))
            told.append(to_json(await make(name, sources)))
    assert told[0] == told[1]
    assert b'"tickets":0' not in told[0]
    assert children() <= before


async def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    url, before = filled(tmp_path), children()
    with nobody_reads(url):
        with pytest.raises(RelevoError) as caught:
            await counted_apart(order(url), seconds=1.0)
        assert caught.value.code is Code.TIMEOUT
        assert children() <= before


async def test_a_process_that_fails_is_an_error_and_not_a_report(tmp_path: Path) -> None:
    with pytest.raises(RelevoError) as caught:
        await counted_apart(order(f"sqlite:///{tmp_path / 'nothing' / 'broker.db'}"), seconds=60)
    assert caught.value.code is Code.INTERNAL


@pytest.mark.parametrize("whole", [True, False], ids=["at work", "before its order is there"])
def test_a_process_goes_when_its_broker_has_gone(tmp_path: Path, whole: bool) -> None:
    url = filled(tmp_path)
    said = framed(order(url))
    with (
        nobody_reads(url),
        subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), stderr=sys.stderr
        ) as process,
    ):
        answer, _ = process.communicate(said if whole else said[:-1], timeout=60)
    assert (process.returncode, answer) == (child.ORPHANED, b"")
