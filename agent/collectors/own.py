"""Collector ``agent``: this agent itself: version, link, journal, memory."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import sys
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import psutil

from agent.collectors.base import Context
from protocol.diagnosis import NamedFact, Output, Status, fact, table

_MAX_FILES = 20_000
_BUSY_S = 1.0


def agent(context: Context) -> Output:
    """Facts about the agent that runs this session; the link's state as the main process wrote it."""
    folder = Path(context.settings.data) if context.settings.data else None
    link = _link(context, folder) if folder else ()
    journal = _journal(folder / "journal.db") if folder else ()
    rows = _processes()
    return Output(
        status=Status.OK if folder and link and journal else Status.PARTIAL,
        reason="" if folder and link and journal else "agent-not-running",
        facts=(
            fact("version", context.settings.version),
            fact("python", ".".join(str(part) for part in sys.version_info[:3])),
            fact("process_count", len(rows)),
            fact("rss_bytes", sum(row[2] for row in rows)),
            *link,
            *journal,
            *(_folder(folder) if folder else ()),
        ),
        tables=(table("processes", ("pid", "name", "rss_bytes", "age_s", "thread_count"), rows),),
    )


def _link(context: Context, folder: Path) -> tuple[NamedFact, ...]:
    """``run/state.json``, the ``LinkState`` of the main process."""
    try:
        state = json.loads(context.read(folder / "run" / "state.json", 64 << 10) or "{}")
    except ValueError:
        return ()
    if not isinstance(state, dict) or "online" not in state:
        return ()
    pid = state.get("pid")
    since = state.get("since")
    changed = None
    if isinstance(since, str):
        with contextlib.suppress(ValueError):
            changed = round(max(0.0, time.time() - datetime.fromisoformat(since).timestamp()), 1)
    return (
        fact("online", bool(state["online"])),
        fact("link_age_s", changed),
        fact("last_error", str(state["last_error"])[:80] if state.get("last_error") else None),
        fact("main_running", isinstance(pid, int) and psutil.pid_exists(pid)),
    )


def _journal(path: Path) -> tuple[NamedFact, ...]:
    """Length of the journal and what of it the broker does not have yet. Opened for reading only."""
    try:
        database = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY_S)
    except sqlite3.Error:
        return ()
    try:
        length = database.execute("SELECT COALESCE(MAX(sequence), 0) FROM entry").fetchone()[0]
        sent = database.execute("SELECT COALESCE(MAX(upto), 0) FROM sent").fetchone()[0]
        size = path.stat().st_size
    except (sqlite3.Error, OSError):
        return ()
    finally:
        database.close()
    return (
        fact("journal_entry_count", length),
        fact("journal_unsent_count", max(0, length - sent)),
        fact("journal_bytes", size),
    )


def _folder(folder: Path) -> tuple[NamedFact, ...]:
    """Room for the journal: what the data folder takes, and what is free where it lies."""
    used = 0
    for count, path in enumerate(folder.rglob("*")):
        if count >= _MAX_FILES:
            break
        with contextlib.suppress(OSError):
            used += path.lstat().st_blocks * 512
    free = shutil.disk_usage(folder).free if folder.is_dir() else None
    return (fact("data_bytes", used), fact("data_free_bytes", free))


def _processes() -> list[tuple[int, str, int, float, int]]:
    """The host this collector was forked from, and its parents that are ours: worker and main process."""
    rows = []
    with contextlib.suppress(psutil.Error):
        host = psutil.Process(os.getppid())
        for process in (host, *host.parents()[:2]):
            if process.pid == 1 or ("python" not in process.name() and "relevo" not in process.name()):
                break
            age = round(time.time() - process.create_time(), 1)
            rows.append((process.pid, process.name(), process.memory_info().rss, age, process.num_threads()))
    return rows
