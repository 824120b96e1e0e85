"""Collector ``locks``: lock files in the usual places, who holds them, and which are left over."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from agent.collectors.base import Context
from protocol.diagnosis import Cell, FactClass, Output, fact, table

_PLACES = (
    ("/run/lock", "*"),
    ("/run/lock/lockdev", "*"),
    ("/var/spool/uucp", "LCK..*"),
    ("/tmp", ".X*-lock"),  # noqa: S108 - where X servers put them
    ("/tmp", "*.lock"),  # noqa: S108
    ("/var/lib/dpkg", "lock*"),
    ("/var/lib/apt/lists", "lock"),
    ("/var/cache/apt/archives", "lock"),
    ("/var/lib/rpm", ".rpm.lock"),
    ("/run", "*.lock"),
    ("/run", "*.pid"),
)
_MAX_FILES = 300
_CONTENT_BYTES = 64
_SLACK_S = 2.0


def locks(context: Context) -> Output:
    """Every lock file found: its age, the process it names, and whether the kernel knows of a lock on it.

    ``stale``: it names a process that is gone, or one that started after the file was written (the
    number was reused), and nobody holds a lock on it.
    """
    holders = _kernel_locks(context.read("/proc/locks") or "")
    rows = list(_rows(holders))
    return Output(
        facts=(
            fact("lock_count", len(rows)),
            fact("held_count", sum(1 for row in rows if row[6])),
            fact("stale_count", sum(1 for row in rows if row[7])),
            fact(
                "package_manager_locked",
                any(
                    row[6] and str(row[0]).startswith(("/var/lib/dpkg", "/var/lib/apt", "/var/cache/apt"))
                    for row in rows
                ),
            ),
        ),
        tables=(
            table(
                "locks",
                (
                    ("path", FactClass.PATH),
                    "kind",
                    "age_s",
                    "owner_pid",
                    "owner_alive",
                    "owner_name",
                    "held",
                    "stale",
                ),
                sorted(rows, key=lambda row: not row[7]),
            ),
        ),
    )


def _rows(holders: dict[tuple[int, int], int]) -> Iterator[tuple[Cell, ...]]:
    now = time.time()
    seen: set[tuple[int, int]] = set()
    for folder, pattern in _PLACES:
        for path in sorted(Path(folder).glob(pattern))[:_MAX_FILES]:
            try:
                status = path.lstat()
            except OSError:
                continue
            key = (status.st_dev, status.st_ino)
            if not stat.S_ISREG(status.st_mode) or key in seen:
                continue
            seen.add(key)
            named = _named(path)
            holder = holders.get(key)
            alive = _alive(named, status.st_mtime) if named is not None else None
            yield (
                str(path)[:500],
                "pid" if named is not None else "empty" if status.st_size == 0 else "other",
                round(max(0.0, now - status.st_mtime), 1),
                holder or named,
                True if holder else alive,
                _name(holder or (named if alive else None)),
                holder is not None,
                alive is False and holder is None,
            )


def _named(path: Path) -> int | None:
    """The process id that the file holds, as most locks do (FHS: ten characters and a newline)."""
    try:
        with path.open("rb") as file:
            words = file.read(_CONTENT_BYTES).split()
    except OSError:
        return None
    if words and words[0].isdigit() and 0 < int(words[0]) < 1 << 22:
        return int(words[0])
    return None


def _alive(pid: int, written_unix_s: float) -> bool:
    try:
        process = psutil.Process(pid)
        zombie = process.status() == psutil.STATUS_ZOMBIE
        return not zombie and bool(process.create_time() <= written_unix_s + _SLACK_S)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _name(pid: int | None) -> str | None:
    if pid is None:
        return None
    try:
        return str(psutil.Process(pid).name())[:100]
    except psutil.Error:
        return None


def _kernel_locks(text: str) -> dict[tuple[int, int], int]:
    """Holder by device and inode, of ``/proc/locks`` (proc(5)); waiters (``->``) are left out."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 6 or words[1] == "->":
            continue
        try:
            major, minor, inode = words[5].split(":")
            found[os.makedev(int(major, 16), int(minor, 16)), int(inode)] = int(words[4])
        except ValueError:
            continue
    return found
