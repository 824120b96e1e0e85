"""Collector ``processes``: who uses the machine, and what is stuck."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

from agent.collectors.base import Context, number
from protocol.diagnosis import Cell, FactClass, Output, Status, fact, table

_SAMPLE_S = 0.3
_TOP = 15
_MAX_PROCESSES = 20_000
_HELD_BYTES = 1 << 20
"""Deleted files smaller than this do not explain a full disk."""


@dataclass
class _Seen:
    """What is known of one process; its command line may hold secrets and is never read."""

    process: psutil.Process
    name: str
    user: str
    state: str
    parent: int
    rss_bytes: int
    threads: int
    started_unix_s: float
    cpu_s: float
    cpu_percent: float = 0.0
    fds: int | None = None


def processes(context: Context) -> Output:
    """Top users of CPU and memory, states, file descriptors near their limit, deleted files held open."""
    seen = _scan()
    _sample(seen)
    states = Counter(one.state for one in seen.values())
    zombies = [one for one in seen.values() if one.state == psutil.STATUS_ZOMBIE]
    stuck = [one for one in seen.values() if one.state == psutil.STATUS_DISK_SLEEP]
    unseen, held = _descriptors(seen)
    names = {pid: one.name for pid, one in seen.items()}
    allocated, _, most = ((context.read("/proc/sys/fs/file-nr") or "0 0 0").split() + ["0"] * 3)[:3]
    by_cpu = sorted(seen.values(), key=lambda one: one.cpu_percent, reverse=True)
    by_memory = sorted(seen.values(), key=lambda one: one.rss_bytes, reverse=True)
    return Output(
        status=Status.PARTIAL if unseen else Status.OK,
        reason=f"needs-privilege: open files of {unseen} processes" if unseen else "",
        facts=(
            fact("process_count", len(seen)),
            fact("thread_count", sum(one.threads for one in seen.values())),
            fact("pid_limit", number(context.read("/proc/sys/kernel/pid_max"))),
            fact("running_count", states[psutil.STATUS_RUNNING]),
            fact("stopped_count", states[psutil.STATUS_STOPPED]),
            fact("zombie_count", len(zombies)),
            fact("uninterruptible_count", len(stuck)),
            fact("open_file_count", number(allocated)),
            fact("open_file_limit", number(most)),
            fact("deleted_held_count", len(held)),
            fact("deleted_held_bytes", sum(row[2] for row in held)),
        ),
        tables=(
            table("top_cpu", _COLUMNS, (_row(one) for one in by_cpu[:_TOP] if one.cpu_percent)),
            table("top_memory", _COLUMNS, (_row(one) for one in by_memory[:_TOP] if one.rss_bytes)),
            table(
                "zombies",
                ("pid", "name", "parent_pid", "parent_name"),
                ((one.process.pid, one.name, one.parent, names.get(one.parent, "")) for one in zombies),
                limit=50,
            ),
            table(
                "uninterruptible", ("pid", "name"), ((one.process.pid, one.name) for one in stuck), limit=50
            ),
            table(
                "deleted_held",
                ("pid", "name", "size_bytes", ("path", FactClass.PATH)),
                held,
                limit=50,
            ),
            table(
                "near_file_limit",
                ("pid", "name", "open_file_count", "open_file_limit", "used_percent"),
                _near_limit(seen),
                limit=50,
            ),
        ),
    )


_COLUMNS = (
    "pid",
    "name",
    ("user", FactClass.PERSON),
    "state",
    "cpu_percent",
    "rss_bytes",
    "thread_count",
    "open_file_count",
    "age_s",
)


def _row(one: _Seen) -> tuple[Cell, ...]:
    age = max(0.0, time.time() - one.started_unix_s)
    return (
        one.process.pid,
        one.name,
        one.user,
        one.state,
        one.cpu_percent,
        one.rss_bytes,
        one.threads,
        one.fds,
        round(age, 1),
    )


def _scan() -> dict[int, _Seen]:
    found: dict[int, _Seen] = {}
    wanted = ["name", "username", "status", "ppid", "memory_info", "num_threads", "create_time", "cpu_times"]
    own = _own_family()
    for process in psutil.process_iter(wanted):
        info = process.info
        if process.pid in own or info["status"] is None:
            continue
        if len(found) >= _MAX_PROCESSES:
            break
        times = info["cpu_times"]
        found[process.pid] = _Seen(
            process=process,
            name=(info["name"] or "")[:100],
            user=info["username"] or "",
            state=info["status"],
            parent=info["ppid"] or 0,
            rss_bytes=info["memory_info"].rss if info["memory_info"] else 0,
            threads=info["num_threads"] or 0,
            started_unix_s=info["create_time"] or 0.0,
            cpu_s=times.user + times.system if times else 0.0,
        )
    return found


def _own_family() -> set[int]:
    """The collectors that run beside this one and what they started: looking is not the machine's load."""
    host = psutil.Process(os.getppid())
    return {process.pid for process in host.children(recursive=True)}


def _sample(seen: dict[int, _Seen]) -> None:
    """CPU use of each over a short while, percent of one CPU."""
    began = time.monotonic()
    time.sleep(_SAMPLE_S)
    for one in seen.values():
        try:
            times = one.process.cpu_times()
        except psutil.Error:
            continue
        seconds = time.monotonic() - began
        one.cpu_percent = round(100 * max(0.0, times.user + times.system - one.cpu_s) / seconds, 1)


def _descriptors(seen: dict[int, _Seen]) -> tuple[int, list[tuple[int, str, int, str]]]:
    """Count everybody's descriptors; how many could not be looked at, and deleted files still open.

    Follows proc(5): a deleted file's link ends in " (deleted)", and stat through it gives its size.
    """
    unseen = 0
    held: dict[tuple[int, int], tuple[int, str, int, str]] = {}
    for pid, one in seen.items():
        try:
            entries = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208 - names only, for every process
        except PermissionError:
            unseen += 1
            continue
        except OSError:
            continue
        one.fds = len(entries)
        for entry in entries:
            found = _deleted(f"/proc/{pid}/fd/{entry}")
            if found is not None:
                key, size, path = found
                held.setdefault(key, (pid, one.name, size, path))
    return unseen, sorted(held.values(), key=lambda row: -row[2])


def _deleted(link: str) -> tuple[tuple[int, int], int, str] | None:
    try:
        target = os.readlink(link)  # noqa: PTH115
        if not target.endswith(" (deleted)") or target.startswith(("/memfd:", "/dev/shm", "/SYSV")):  # noqa: S108
            return None
        status = os.stat(link)  # noqa: PTH116
    except OSError:
        return None
    size = status.st_blocks * 512
    if size < _HELD_BYTES:
        return None
    return (status.st_dev, status.st_ino), size, target.removesuffix(" (deleted)")[:500]


def _near_limit(seen: dict[int, _Seen]) -> list[tuple[Cell, ...]]:
    """Processes that use more than 80 % of the descriptors they may have (``/proc/PID/limits``)."""
    rows: list[tuple[Cell, ...]] = []
    for pid, one in seen.items():
        if not one.fds or one.fds < 64:
            continue
        try:
            limits = Path(f"/proc/{pid}/limits").read_text()
        except OSError:
            continue
        line = next((line for line in limits.splitlines() if line.startswith("Max open files")), "")
        soft = number(line.removeprefix("Max open files"))
        if soft and one.fds / soft > 0.8:
            rows.append((pid, one.name, one.fds, soft, round(100 * one.fds / soft, 1)))
    return rows
