"""Collector ``caches``: how much the usual cache folders hold, and how full the disks are that they lie on.

Only sizes are looked at, of folders that programs make anew: what could be cleaned before anything else.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

from agent.collectors.base import Context
from protocol.diagnosis import Cell, FactClass, Output, Status, fact, table

_SYSTEM = ("/var/cache/apt/archives", "/var/cache/dnf", "/var/cache/yum", "/var/cache/pacman/pkg")
_MAX_ENTRIES = 30_000
_LOOK_S = 2.0


def caches(context: Context) -> Output:
    """Each cache folder that is there: bytes, files, and its file system."""
    end = time.monotonic() + _LOOK_S
    rows: list[tuple[Cell, ...]] = []
    for folder in (_own(), *map(Path, _SYSTEM)):
        if folder.is_dir() and not folder.is_symlink():
            size, files, complete = measure(folder, end)
            usage = shutil.disk_usage(folder)
            percent = (
                round(100 * usage.used / (usage.used + usage.free), 1) if usage.used + usage.free else None
            )
            rows.append((str(folder), size, files, complete, percent, usage.free))
    partial = any(row[3] is False for row in rows)
    return Output(
        status=Status.PARTIAL if partial else Status.OK,
        reason="time-limit" if partial else "",
        facts=(fact("cache_count", len(rows)), fact("caches_bytes", sum(int(row[1] or 0) for row in rows))),
        tables=(
            table(
                "caches",
                (
                    ("folder", FactClass.PATH),
                    "cache_bytes",
                    "file_count",
                    "complete",
                    "used_percent",
                    "available_bytes",
                ),
                rows,
            ),
        ),
    )


def _own() -> Path:
    """The user's (XDG Base Directory Specification)."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if named.startswith("/") else Path.home() / ".cache"


def measure(folder: Path, deadline: float) -> tuple[int, int, bool]:
    """Bytes and files below ``folder`` on its own file system; False when there were more than it looked at.

    Args:
        deadline: ``time.monotonic()``.
    """
    size, files, seen = 0, 0, 0
    device = folder.lstat().st_dev
    waiting = [folder]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                seen += 1
                if seen > _MAX_ENTRIES or time.monotonic() > deadline:
                    return size, files, False
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if stat.S_ISREG(status.st_mode):
                    size, files = size + status.st_blocks * 512, files + 1
                elif stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                    waiting.append(Path(entry.path))
    return size, files, True
